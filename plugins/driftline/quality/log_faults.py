"""What is wrong between predictions and labels: labels of nothing, labels that change their mind, clocks that differ.

None of it stops a count: such rows are left out or counted once. These findings say how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.quality.expectations import ExpectationType
from driftline.quality.verdicts import severity_of


@dataclass(frozen=True, kw_only=True)
class LabelFaults:
    """The labels that arrived in a span of time, by prediction id.

    Attributes
    ----------
    labels:
        Ids that got a label; a label without an id counts by itself.
    unknown:
        Those of them that no prediction has.
    early:
        Those whose label arrived before their prediction was made, by ``longest_lead`` at most.
    changed_once, changed_again:
        Those whose label has been another before: once, and twice or more often.
    """

    labels: int = 0
    unknown: int = 0
    early: int = 0
    longest_lead: timedelta = timedelta(0)
    changed_once: int = 0
    changed_again: int = 0

    def to_json(self) -> dict[str, int]:
        """The counts that later windows are compared with."""
        return {"labels": self.labels, **{test: getattr(self, fault.count) for test, fault in _LABEL_FAULTS.items()}}


@dataclass(frozen=True, kw_only=True)
class RowsAhead:
    """Rows of a table whose time lies in the future of the log's own clock, and the rows that they are compared with.

    Both ``predictions`` and ``labels`` are counted as far as ``counted_to``.
    """

    predictions: int
    labels: int
    counted_to: int


@dataclass(frozen=True)
class _Fault:
    count: str
    said: str
    advice: str


_LABEL_FAULTS: Mapping[str, _Fault] = MappingProxyType(
    {
        "unknown_prediction": _Fault(
            "unknown",
            "are of no prediction in the log; they count nowhere",
            "Check whether labels and predictions write their ids alike, and whether predictions are deleted before "
            "their labels come. Labels of other models in the same table are kept out by `labels.query`.",
        ),
        "label_before_prediction": _Fault(
            "early",
            "arrived before their prediction was made; they count all the same",
            "Compare the clocks of what writes predictions and labels, and whether labels.time is the time of "
            "arrival: a label that is known before the prediction may also leak into the features.",
        ),
        "changed_twice": _Fault(
            "changed_again",
            "have been changed twice or more often; the one that arrived last counts",
            "Find out what writes the labels again: two sources that contradict each other, or a job that repeats.",
        ),
    }
)
LABEL_TESTS = tuple(_LABEL_FAULTS)


def label_fault_findings(
    faults: LabelFaults, *, tolerated_share: float, usual: Mapping[str, int] | None = None
) -> list[Finding]:
    """Findings on the subject ``labels``, about those that arrived in the window.

    Tests
    -----
    unknown_prediction, label_before_prediction, changed_twice
        Statistic = share of the labels; threshold = the share on the baseline plus ``tolerated_share``. Severity by
        the points beyond it: low; medium from 1; high from 10; critical from 50. ``not_evaluated`` without labels.

    Parameters
    ----------
    usual:
        What `LabelFaults.to_json` had for the baseline's period; without it, none is usual.
    """
    return [_label_finding(test, faults, tolerated_share, usual or {}) for test in LABEL_TESTS]


def rows_ahead_findings(ahead: RowsAhead, *, predictions: int, labels: int, tolerated_share: float) -> list[Finding]:
    """Findings of the test ``future_time`` on the subjects ``rows`` (predictions) and ``labels``.

    Statistic = share of rows ahead among them and those of the window (``predictions``, ``labels``); severity as of
    `label_fault_findings`. Such rows are in no window until their time has come.
    """
    return [
        _ahead_finding("rows", "predictions", (ahead.predictions, predictions), ahead.counted_to, tolerated_share),
        _ahead_finding("labels", "labels", (ahead.labels, labels), ahead.counted_to, tolerated_share),
    ]


def not_compared(reason: str, tests: tuple[tuple[str, str], ...]) -> list[Finding]:
    """Findings (subject, test) that say why predictions and labels were not compared."""
    return [_finding(subject, test, status=Status.NOT_EVALUATED, reason=reason) for subject, test in tests]


def _label_finding(test: str, faults: LabelFaults, tolerated_share: float, usual: Mapping[str, int]) -> Finding:
    if not faults.labels:
        return _finding("labels", test, status=Status.NOT_EVALUATED, reason="No label arrived in the window.")
    fault = _LABEL_FAULTS[test]
    count: int = getattr(faults, fault.count)
    usual_share = usual.get(test, 0) / usual["labels"] if usual.get("labels") else 0.0
    share, threshold = count / faults.labels, usual_share + tolerated_share
    before = f", {usual_share:.2%} on the baseline" if usual_share else ""
    lead = f" The longest lead is {faults.longest_lead}." if test == "label_before_prediction" and count else ""
    return _finding(
        "labels",
        test,
        status=Status.DETECTED if share > threshold else Status.OK,
        statistic=share,
        threshold=threshold,
        current_size=faults.labels,
        reference_size=usual.get("labels"),
        description=(
            f"{count:,} of {faults.labels:,} labels that arrived in the window ({share:.2%}; {tolerated_share:.2%} "
            f"tolerated{before}) {fault.said}.{lead}"
        ),
        recommendation=fault.advice,
        details=_details(test, faults, count),
    )


def _details(test: str, faults: LabelFaults, count: int) -> dict[str, Any]:
    found: dict[str, Any] = {"count": count, "labels": faults.labels}
    if test == "changed_twice":
        found["changed_once"] = faults.changed_once
    if test == "label_before_prediction":
        found["longest_lead_seconds"] = faults.longest_lead.total_seconds()
    return found


def _ahead_finding(subject: str, name: str, rows: tuple[int, int], counted_to: int, tolerated_share: float) -> Finding:
    ahead, here = rows
    if not ahead + here:
        return _finding(subject, "future_time", status=Status.NOT_EVALUATED, reason=f"The window has no {name}.")
    share = ahead / (ahead + here)
    least = "at least " if ahead >= counted_to else ""
    return _finding(
        subject,
        "future_time",
        status=Status.DETECTED if share > tolerated_share else Status.OK,
        statistic=share,
        threshold=tolerated_share,
        current_size=ahead + here,
        description=(
            f"{least.capitalize()}{ahead:,} {name} have a time in the future, beside {here:,} of the window "
            f"({share:.2%}; {tolerated_share:.2%} tolerated): they count when their time has come."
        ),
        recommendation=f"Set the clock of what writes the {name} right, and look for a time zone written wrong.",
        details={"count": ahead, name: here},
    )


def _finding(
    subject: str,
    test: str,
    *,
    status: Status,
    statistic: float | None = None,
    threshold: float | None = None,
    recommendation: str = "",
    **values: Any,
) -> Finding:
    excess = max((statistic or 0.0) - (threshold or 0.0), 0.0)
    is_detected = status is Status.DETECTED
    return Finding(
        check=Check.QUALITY,
        version="",
        subject=subject,
        test=test,
        comparison=Comparison.EXPECTATION,
        status=status,
        severity=severity_of(ExpectationType.NULL_SHARE, excess) if is_detected else Severity.NONE,
        statistic=statistic,
        threshold=threshold,
        effect=None if statistic is None else excess,
        recommendation=recommendation if is_detected else "",
        **values,
    )
