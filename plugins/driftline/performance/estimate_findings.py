"""What estimates without labels say about a window, and how wrong they were once the labels came."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.performance.drop import Drop, drop_between, why_incomparable
from driftline.performance.estimate_error import OUTSIDE_TO_DISTRUST, RECENT_ESTIMATES, EstimateError
from driftline.performance.measure import outcome_metrics
from driftline.performance.metric import Metric, OutcomeProfile
from driftline.performance.thresholds import PerformanceThresholds
from driftline.performance.wording import shown, title
from driftline.spread import WindowSpread

Estimator = Callable[[float], Mapping[str, Metric]]
"""The estimated metrics with intervals of a level of confidence."""

NOTHING_LEARNED = WindowSpread(0, {})

ESTIMATE = "estimate"
ESTIMATE_ERROR = "estimate_error"

DISTRUST = (
    f"at least {OUTSIDE_TO_DISTRUST} of its last {RECENT_ESTIMATES} estimates were outside their interval when the "
    "labels came"
)


@dataclass(frozen=True, kw_only=True)
class EstimatedWindow:
    """One version's window (or segment of it) of which the metrics are estimated.

    Attributes
    ----------
    estimate:
        Of the window's predictions.
    unjudged:
        Metrics that the labels so far allow no verdict on: the estimate is judged in their place.
    untrusted:
        Metrics whose estimates have been wrong too often (`driftline.performance.is_trusted`).
    differences, errors:
        How much the baseline's windows differ in the metric, and in the estimate's error.
    """

    version: str
    segment: str
    estimate: Estimator
    unjudged: Collection[str] = ()
    untrusted: Collection[str] = ()
    differences: WindowSpread = NOTHING_LEARNED
    errors: WindowSpread = NOTHING_LEARNED

    def finding(self, metric: str, test: str, comparison: Comparison, status: Status, **fields: Any) -> Finding:
        return Finding(
            check=Check.PERFORMANCE,
            version=self.version,
            segment=self.segment,
            comparison=comparison,
            subject=metric,
            test=test,
            status=status,
            **fields,
        )


def estimate_findings(
    window: EstimatedWindow, reference: OutcomeProfile | None, names: Collection[str], thresholds: PerformanceThresholds
) -> list[Finding]:
    """One finding per metric of ``names`` that can be estimated (test ``estimate``; statistic = the estimate).

    Where labels allow no verdict yet, a trusted estimate is judged as the metric itself would be, with at most
    `Severity.MEDIUM` and as provisional: it can alert, and never rolls back. Elsewhere its status is ``ok``.
    """
    usual = window.estimate(thresholds.confidence)
    shared_confidence = 1 - (1 - thresholds.confidence) / (max(len(names), 1) * thresholds.calls)
    careful = window.estimate(shared_confidence)
    before = {} if reference is None else outcome_metrics(reference, shared_confidence)
    found = []
    for name in names:
        if name not in usual:
            continue
        margin = window.errors.margin(name, thresholds.confidence)
        estimated = _widened(usual[name], margin)
        drop = None
        if name in before and not why_incomparable(before[name], careful[name]):
            margins = (spread.margin(name, shared_confidence) for spread in (window.errors, window.differences))
            drop = drop_between(before[name], _widened(careful[name], max(margins)), thresholds.drop_allowed(name))
        found.append(_estimate(window, estimated, before.get(name), drop))
    return found


def error_finding(window: EstimatedWindow, error: EstimateError, details: Mapping[str, Any]) -> Finding:
    """An estimate's own error (test ``estimate_error``; statistic = estimated minus realised); never an alert."""
    where = "inside" if error.is_inside else "outside"
    trust = f" This estimator is not trusted: {DISTRUST}." if error.metric in window.untrusted else ""
    return window.finding(
        error.metric,
        ESTIMATE_ERROR,
        Comparison.EXPECTATION,
        Status.OK,
        statistic=error.error,
        effect=abs(error.error),
        interval_low=error.interval_low - error.realised,
        interval_high=error.interval_high - error.realised,
        current_size=error.size,
        description=(
            f"{title(error.metric)} was estimated at {shown(error.metric, error.estimated)} "
            f"({shown(error.metric, error.interval_low)} to {shown(error.metric, error.interval_high)}); "
            f"{error.size} labels show {shown(error.metric, error.realised)}, {where} the interval.{trust}"
        ),
        details={
            "estimated": error.estimated,
            "realised": error.realised,
            "is_inside": error.is_inside,
            "is_trusted": error.metric not in window.untrusted,
            **details,
        },
    )


def no_estimate(subject: str, reason: str, *, version: str, segment: str) -> Finding:
    """Why nothing can be estimated of a version, though it logs what estimates are made from (``subject``)."""
    return Finding(
        check=Check.PERFORMANCE,
        version=version,
        segment=segment,
        comparison=Comparison.BASELINE,
        subject=subject,
        test=ESTIMATE,
        status=Status.NOT_EVALUATED,
        reason=reason,
        description=f"Performance was not estimated from the {subject}: {reason}",
        details={"is_estimate": True, "is_provisional": True},
    )


def beside_realised(findings: list[Finding], estimates: list[Finding]) -> list[Finding]:
    """The findings, those of a realised metric with its estimate in their details."""
    by_subject = {finding.subject: finding for finding in estimates if finding.test == ESTIMATE}
    return [_with_estimate(finding, by_subject.get(finding.subject)) for finding in findings]


def _with_estimate(finding: Finding, estimate: Finding | None) -> Finding:
    if estimate is None or finding.test != "degradation":
        return finding
    beside = {
        "value": estimate.statistic,
        "interval_low": estimate.interval_low,
        "interval_high": estimate.interval_high,
        "is_trusted": estimate.details["is_trusted"],
    }
    return replace(finding, details={**finding.details, "estimate": beside})


def _estimate(window: EstimatedWindow, estimated: Metric, before: Metric | None, drop: Drop | None) -> Finding:
    name = estimated.name
    details = {"is_estimate": True, "is_provisional": True, "is_trusted": name not in window.untrusted}
    if estimated.value is None:
        said = f"{title(name)} was not estimated: {estimated.reason}."
        return window.finding(
            name,
            ESTIMATE,
            Comparison.BASELINE,
            Status.NOT_EVALUATED,
            reason=estimated.reason,
            description=said,
            details=details,
        )
    is_worse = drop is not None and drop.is_degradation and name in window.unjudged and name not in window.untrusted
    severity = Severity.NONE
    if drop is not None and is_worse:
        severity = min(drop.severity, Severity.MEDIUM, key=lambda one: one.rank)
    return window.finding(
        name,
        ESTIMATE,
        Comparison.BASELINE,
        Status.DETECTED if is_worse else Status.OK,
        severity=severity,
        statistic=estimated.value,
        threshold=None if drop is None else drop.limit,
        effect=None if drop is None else drop.size,
        interval_low=estimated.interval_low,
        interval_high=estimated.interval_high,
        reference_size=None if before is None else before.size,
        current_size=estimated.size,
        description=_said(window, estimated, before),
        recommendation=(
            "Look at the drift findings of the same window for the cause; the labels will show whether the estimate "
            "is right."
            if is_worse
            else ""
        ),
        details={**details, "reference_value": None if before is None else before.value},
    )


def _said(window: EstimatedWindow, estimated: Metric, before: Metric | None) -> str:
    name, interval = estimated.name, ""
    if estimated.interval_low is not None and estimated.interval_high is not None:
        interval = f" ({shown(name, estimated.interval_low)} to {shown(name, estimated.interval_high)})"
    against = "" if before is None or before.value is None else f"; the baseline has {shown(name, before.value)}"
    trust = f" Not trusted: {DISTRUST}." if name in window.untrusted else ""
    value = shown(name, estimated.value) if estimated.value is not None else ""
    return f"{title(name)} is estimated at {value}{interval} without labels{against}.{trust}"


def _widened(metric: Metric, margin: float) -> Metric:
    if metric.value is None or metric.interval_low is None or metric.interval_high is None:
        return metric
    low, high = min(metric.interval_low, metric.value - margin), max(metric.interval_high, metric.value + margin)
    return replace(metric, interval_low=max(low, 0.0), interval_high=high)
