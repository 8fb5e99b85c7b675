"""From what a test saw to a finding: all tests of a window share one false-alarm budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.predictions.evidence import ShareChange
from driftline.spread import WindowSpread

Ladder = tuple[tuple[float, Severity], ...]

ROUNDING = 1e-9
"""So that 0.3 - 0.2 reaches the rung 0.1."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One test's outcome before it is judged.

    Attributes
    ----------
    statistic, threshold:
        What is shown, and the value at which the effect reaches the ladder's first rung.
    effect:
        Size of the change, in the unit of `ladder`.
    p_value:
        Of the change, if nothing but chance were at work; ``None`` where no doubt is possible (impossible values).
    ladder:
        Rising effects with their severities; below the first the change does not matter.
    expected, seen:
        The same quantity on the baseline and now.
    change:
        The change of a share that `effect` measures in points, where it does: tells the smallest one to be seen.
    reason:
        Why the test was not evaluated; empty otherwise.
    """

    subject: str
    test: str
    reference_size: int | None = None
    current_size: int | None = None
    statistic: float | None = None
    threshold: float | None = None
    effect: float = 0.0
    p_value: float | None = None
    ladder: Ladder = ()
    expected: float | str | None = None
    seen: float | str | None = None
    interval: tuple[float | None, float | None] = (None, None)
    change: ShareChange | None = None
    text: str = ""
    advice: str = ""
    reason: str = ""
    is_expectation: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_tested(self) -> bool:
        """Whether chance could have made it alarm, so that it takes its part of the false-alarm budget."""
        return not self.reason and self.p_value is not None


def judge(
    candidates: Sequence[Candidate],
    *,
    false_alarm_rate: float,
    version: str,
    segment: str,
    comparison: Comparison,
    spread: WindowSpread,
) -> list[Finding]:
    """One finding per candidate; detected where the change is both beyond chance and large enough to matter.

    Beyond chance: p at most ``false_alarm_rate`` divided by the number of tests run (Bonferroni); p is at least the
    chance that one of the baseline's own windows lies so far off.
    """
    candidates = [_beyond_usual(candidate, spread) for candidate in candidates]
    tests = sum(candidate.is_tested for candidate in candidates)
    significance = false_alarm_rate / max(tests, 1)
    return [
        _finding(candidate, significance, version=version, segment=segment, comparison=comparison)
        for candidate in candidates
    ]


def _beyond_usual(candidate: Candidate, spread: WindowSpread) -> Candidate:
    if not candidate.is_tested or not isinstance(candidate.seen, float) or not isinstance(candidate.expected, float):
        return candidate
    usual = spread.p_value(f"{candidate.subject}/{candidate.test}", candidate.seen - candidate.expected)
    return candidate if usual <= (candidate.p_value or 0.0) else replace(candidate, p_value=usual)


def _finding(
    candidate: Candidate, significance: float, *, version: str, segment: str, comparison: Comparison
) -> Finding:
    severity = _severity(candidate, significance)
    if candidate.reason:
        status, description = Status.NOT_EVALUATED, f"{candidate.test} was not evaluated: {candidate.reason}."
    else:
        status = Status.OK if severity is Severity.NONE else Status.DETECTED
        description = candidate.text + _evidence(candidate, significance)
    return Finding(
        check=Check.PREDICTIONS,
        version=version,
        segment=segment,
        subject=candidate.subject,
        test=candidate.test,
        comparison=Comparison.EXPECTATION if candidate.is_expectation else comparison,
        status=status,
        severity=severity,
        statistic=candidate.statistic,
        p_value=candidate.p_value,
        threshold=candidate.threshold,
        effect=None if candidate.reason else candidate.effect,
        interval_low=candidate.interval[0],
        interval_high=candidate.interval[1],
        reference_size=candidate.reference_size,
        current_size=candidate.current_size,
        minimum_detectable_shift=_detectable(candidate, significance),
        reason=candidate.reason,
        description=description,
        recommendation=candidate.advice if status is Status.DETECTED else "",
        details={
            "expected": candidate.expected,
            "seen": candidate.seen,
            "significance": significance if candidate.is_tested else None,
            **candidate.details,
        },
    )


def _severity(candidate: Candidate, significance: float) -> Severity:
    if candidate.reason or (candidate.p_value is not None and candidate.p_value > significance):
        return Severity.NONE
    reached = [severity for rung, severity in candidate.ladder if candidate.effect >= rung * (1 - ROUNDING)]
    return reached[-1] if reached else Severity.NONE


def _evidence(candidate: Candidate, significance: float) -> str:
    if candidate.p_value is None:
        return ""
    return f" (p = {candidate.p_value:.2g}; evidence from {significance:.2g} down)"


def _detectable(candidate: Candidate, significance: float) -> float | None:
    if candidate.change is None or candidate.reason:
        return None
    return max(candidate.change.detectable(significance), candidate.ladder[0][0])
