"""From groups' counts to findings: how far apart they are, and who has moved away from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from driftline.fairness.counts import GroupCounts, pooled
from driftline.fairness.criteria import (
    BINARY_CRITERIA,
    CRITERION_RATES,
    MULTICLASS_CRITERIA,
    REGRESSION_CRITERIA,
    Criterion,
    Disparity,
    disparities,
    rates_of,
)
from driftline.fairness.judgement import GroupVerdict, Judge, count_tests
from driftline.fairness.levels import gap_severity, level_severity
from driftline.fairness.rates import Rate, group_rate
from driftline.fairness.thresholds import FairnessThresholds
from driftline.fairness.usual import UsualGaps
from driftline.fairness.wording import gap_advice, gap_description, level_advice, level_description
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.performance.classification import calibration_error
from driftline.profiles import BinaryOutcomeProfile, MulticlassOutcomeProfile, RegressionOutcomeProfile

SHOWN_CONFIDENCE = 0.95
NOTHING_LEARNED = UsualGaps()


@dataclass(frozen=True, kw_only=True)
class Place:
    """What all findings of one call have in common.

    Attributes
    ----------
    attribute:
        The protected attribute, or several joined by `` & ``.
    version:
        The version that the groups' predictions are of.
    comparison:
        What the groups are held against.
    reference_name:
        How that is called in messages: ``the baseline``, ``version v3.1``.
    labels:
        What the findings that rest on labels carry in their details (``is_provisional``, ``coverage``).
    """

    attribute: str
    version: str
    comparison: Comparison = Comparison.BASELINE
    reference_name: str = "the baseline"
    labels: Mapping[str, Any] = field(default_factory=dict)

    def finding(self, subject: str, test: str, status: Status, *, rests_on_labels: bool, **fields: Any) -> Finding:
        details = {"attribute": self.attribute, **(self.labels if rests_on_labels else {}), **fields.pop("details", {})}
        comparison = fields.pop("comparison", self.comparison)
        return Finding(
            check=Check.FAIRNESS,
            version=self.version,
            subject=subject,
            test=test,
            comparison=comparison,
            status=status,
            details=details,
            **fields,
        )


def gap_findings(
    reference: Mapping[str, GroupCounts],
    current: Mapping[str, GroupCounts],
    *,
    thresholds: FairnessThresholds,
    place: Place,
    usual: UsualGaps = NOTHING_LEARNED,
) -> list[Finding]:
    """Which groups have moved away from the others.

    Parameters
    ----------
    reference, current : mapping of str to GroupCounts
        Every group of one attribute (``sex=F``), before and now.
    thresholds : FairnessThresholds
        The limits; the false-alarm budget is shared by all groups, rates and calls (Bonferroni).
    place : Place
        Whom the findings are about, and what ``reference`` is.
    usual : UsualGaps
        How much gaps differ between the reference's own windows, and what of it follows from the groups' base rates:
        that much is expected, and the interval of a gap is at least as wide as what remains.

    Returns
    -------
    list of Finding
        One per group and rate: subject = the group, test = the rate, statistic = the group's rate minus that of the
        other groups, threshold = where that is a finding, effect = how much further the group is from the others than
        was to be expected (points of a share; of errors, shares of the reference's mean absolute error). Detected where
        the increase is the allowed one or more *and* beyond chance and the usual days: medium, from twice the allowed
        one on high, from four times on critical.
    """
    rates = rates_of(_criteria(thresholds, {**reference, **current}))
    tests = count_tests(reference, current, rates, thresholds) * thresholds.calls
    confidence = 1 - thresholds.false_alarm_rate / max(tests, 1)
    judge = Judge(reference, current, thresholds, confidence, usual, f"{place.reference_name} has")
    return [_gap_finding(verdict, place) for rate in rates for verdict in judge.verdicts(rate)]


def level_findings(
    reference: Mapping[str, GroupCounts],
    current: Mapping[str, GroupCounts],
    *,
    thresholds: FairnessThresholds,
    place: Place,
) -> list[Finding]:
    """How far the groups are apart by each criterion, whatever they were before.

    Returns
    -------
    list of Finding
        One per criterion: subject = the attribute, test = ``demographic_parity_difference`` and so on
        (`disparities`), effect = the change since the reference. Detected only beyond an absolute limit that the
        thresholds name, where the whole interval is (all pairs of groups share its level): medium, from twice on high.
    """
    criteria = _criteria(thresholds, {**reference, **current})
    pairs = max(len(current) * (len(current) - 1) // 2, 1)
    confidence = 1 - thresholds.false_alarm_rate / (pairs * len(criteria) * thresholds.calls)
    minimum = thresholds.minimum_rows
    shown = disparities(current, criteria, minimum_rows=minimum)
    judged = disparities(current, criteria, confidence=confidence, minimum_rows=minimum)
    before = disparities(reference, criteria, minimum_rows=minimum)
    return [
        _level_finding(_Level(level, judged[name], before[name], current), thresholds, place)
        for name, level in shown.items()
    ]


def _criteria(thresholds: FairnessThresholds, groups: Mapping[str, GroupCounts]) -> Sequence[Criterion]:
    outcome = pooled(groups.values()).outcome
    if thresholds.criteria is not None:
        return thresholds.criteria
    if isinstance(outcome, MulticlassOutcomeProfile):
        return MULTICLASS_CRITERIA
    return REGRESSION_CRITERIA if isinstance(outcome, RegressionOutcomeProfile) else BINARY_CRITERIA


def _gap_finding(verdict: GroupVerdict, place: Place) -> Finding:
    change, rate = verdict.change, verdict.rate
    if change is None:
        return place.finding(
            verdict.group,
            rate,
            Status.NOT_EVALUATED,
            rests_on_labels=rate.needs_labels,
            reason=verdict.reason,
            description=f"{verdict.group} was not compared with the other groups: {verdict.reason}.",
        )
    severity = gap_severity(change) if verdict.is_unfair else Severity.NONE
    now, before = change.now, change.before
    return place.finding(
        verdict.group,
        rate,
        Status.DETECTED if verdict.is_unfair else Status.OK,
        rests_on_labels=rate.needs_labels,
        severity=severity,
        statistic=now.size,
        threshold=change.limit,
        effect=change.increase,
        interval_low=now.interval[0],
        interval_high=now.interval[1],
        reference_size=before.own.size,
        current_size=now.own.size,
        minimum_detectable_shift=max(change.allowed, (change.interval[1] - change.interval[0]) / 2 / change.scale),
        description=gap_description(verdict, place.version, place.reference_name),
        recommendation=gap_advice(verdict, place.labels.get("is_provisional", False)),
        details={
            "rate": now.own.value,
            "rate_of_others": now.others.value,
            "rate_before": before.own.value,
            "rate_of_others_before": before.others.value,
            "gap_before": before.size,
            "expected_by_base_rates": change.expected,
            "change_low": change.interval[0],
            "change_high": change.interval[1],
            "others_without": list(verdict.follows),
            "harm": max(change.increase, 0.0),
        },
    )


@dataclass(frozen=True)
class _Level:
    """A criterion's disparity as it is shown, as it is judged, and as it was."""

    shown: Disparity
    judged: Disparity
    before: Disparity
    groups: Mapping[str, GroupCounts]


def _level_finding(level: _Level, thresholds: FairnessThresholds, place: Place) -> Finding:
    shown, before = level.shown, level.before
    rests_on_labels = any(rate.needs_labels for rate in CRITERION_RATES[shown.criterion])
    common: dict[str, Any] = {"comparison": Comparison.EXPECTATION, "rests_on_labels": rests_on_labels}
    if shown.value is None:
        description = f"{place.attribute}: the groups were not compared: {shown.reason}."
        return place.finding(
            place.attribute, shown.name, Status.NOT_EVALUATED, reason=shown.reason, description=description, **common
        )
    severity, limit = level_severity(level.judged, thresholds)
    return place.finding(
        place.attribute,
        shown.name,
        Status.OK if severity is Severity.NONE else Status.DETECTED,
        severity=severity,
        statistic=shown.value,
        threshold=limit,
        effect=None if before.value is None else shown.value - before.value,
        interval_low=shown.interval_low,
        interval_high=shown.interval_high,
        current_size=shown.size,
        description=level_description(shown, before, limit, place),
        recommendation=level_advice(severity),
        details={
            "rate": shown.rate.value,
            "lowest": shown.lowest,
            "highest": shown.highest,
            "reference_value": before.value,
            "groups": {name: _of_group(shown, counts) for name, counts in level.groups.items()},
        },
        **common,
    )


def _of_group(level: Disparity, counts: GroupCounts) -> dict[str, Any]:
    """A group's figures, for whoever looks behind a criterion."""
    figures: dict[str, Any] = {"predictions": counts.predictions}
    for rate in CRITERION_RATES[level.criterion]:
        metric = group_rate(rate, counts, SHOWN_CONFIDENCE)
        figures[rate.value] = [metric.value, metric.interval_low, metric.interval_high, metric.size]
    if Rate.CALIBRATION in CRITERION_RATES[level.criterion] and isinstance(counts.outcome, BinaryOutcomeProfile):
        figures["calibration_error"] = calibration_error(counts.outcome, SHOWN_CONFIDENCE).value
    return figures
