"""Has the model become worse? Findings from two outcome profiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from driftline.errors import InputError
from driftline.findings import Check, Comparison, Finding, Status
from driftline.performance.delay import LabelOutlook
from driftline.performance.drop import Drop, drop_between, why_incomparable
from driftline.performance.labels import label_findings
from driftline.performance.measure import labeled_rows, outcome_metrics, usual_metrics
from driftline.performance.metric import Metric, OutcomeProfile
from driftline.performance.thresholds import PerformanceThresholds
from driftline.performance.wording import description, recommendation, title
from driftline.spread import WindowSpread


def performance_findings(
    reference: OutcomeProfile | None,
    current: OutcomeProfile | None,
    *,
    predictions: int,
    thresholds: PerformanceThresholds,
    is_mature: bool,
    version: str,
    segment: str = "",
    comparison: Comparison = Comparison.BASELINE,
    spread: WindowSpread | None = None,
    outlook: LabelOutlook | None = None,
) -> list[Finding]:
    """Whether each metric is worse than the reference by more than is allowed, beyond doubt.

    Degradation is detected where the drop exceeds the allowed one *and* the interval of the drop lies beyond it. The
    metrics of a window share one chance of error (Bonferroni): ``1 - confidence`` for all together.

    Parameters
    ----------
    reference, current : OutcomeProfile or None
        Labeled predictions of the baseline (or the other version) and of the window; ``None`` without any.
    predictions : int
        Predictions of the window, labeled or not.
    thresholds : PerformanceThresholds
        The limits.
    is_mature : bool
        Whether the labels have had the time that they are expected to take.
    version, segment : str
        Whom the findings are about; ``""`` is the whole.
    comparison : Comparison
        What ``reference`` is.
    spread : WindowSpread or None
        How much the reference's own windows differ, by metric: the interval of the drop is at least as wide. Without
        one, the window's rows are taken to be independent.
    outlook : LabelOutlook or None
        What may still be expected of the labels, where it is known: told with their coverage.

    Returns
    -------
    list of Finding
        One per judged metric (test ``degradation``; statistic = the metric, threshold = its limit, effect = the drop in
        points for shares and relative for errors), then those about the labels (`label_findings`). Severity by how many
        times the allowed drop it is: 1 low, 1.5 medium, 2 high, 4 critical.

    Raises
    ------
    InputError
        When the two profiles are of different tasks.
    """
    if reference is not None and current is not None and type(reference) is not type(current):
        raise InputError(
            f"A {type(current).__name__} cannot be compared with a {type(reference).__name__}: "
            "the model's task has changed. Build its baseline again."
        )
    labels = label_findings(
        reference,
        current,
        predictions=predictions,
        thresholds=thresholds,
        is_mature=is_mature,
        version=version,
        segment=segment,
        outlook=outlook,
    )
    labeled = labeled_rows(current)
    place = _Place(
        version=version,
        segment=segment,
        comparison=comparison,
        reference_size=labeled_rows(reference),
        current_size=labeled,
        maturity=_maturity(labeled, predictions, thresholds.minimum_coverage, is_mature),
    )
    return [*_degradations(reference, current, thresholds, place, spread or WindowSpread(0, {})), *labels]


@dataclass(frozen=True)
class _Place:
    """What all findings of one call have in common."""

    version: str
    segment: str
    comparison: Comparison
    reference_size: int
    current_size: int
    maturity: Mapping[str, Any]

    def finding(self, metric: str, status: Status, **fields: Any) -> Finding:
        details = {**self.maturity, **fields.pop("details", {})}
        return Finding(
            check=Check.PERFORMANCE,
            version=self.version,
            segment=self.segment,
            comparison=self.comparison,
            subject=metric,
            test="degradation",
            status=status,
            reference_size=self.reference_size,
            current_size=self.current_size,
            details=details,
            **fields,
        )


def _maturity(labeled: int, predictions: int, minimum_coverage: float, is_mature: bool) -> dict[str, Any]:
    coverage = min(labeled / predictions, 1.0) if predictions else None
    is_provisional = not is_mature or coverage is None or coverage < minimum_coverage
    return {"is_provisional": is_provisional, "coverage": coverage}


def _degradations(
    reference: OutcomeProfile | None,
    current: OutcomeProfile | None,
    thresholds: PerformanceThresholds,
    place: _Place,
    spread: WindowSpread,
) -> list[Finding]:
    profile = current if current is not None else reference
    if profile is None:
        return []
    names = thresholds.metrics if thresholds.metrics is not None else usual_metrics(profile)
    shown = {} if current is None else outcome_metrics(current, thresholds.confidence)
    refusal = _too_few_labels(reference, place, thresholds.minimum_labels)
    if refusal or reference is None or current is None:
        return [_not_evaluated(name, refusal, shown.get(name), place) for name in names]
    shared_confidence = 1 - (1 - thresholds.confidence) / (max(len(names), 1) * thresholds.calls)
    before = outcome_metrics(reference, shared_confidence)
    now = outcome_metrics(current, shared_confidence)
    found = []
    for name in names:
        reason = _foreign(name, now) or why_incomparable(before[name], now[name])
        if reason:
            found.append(_not_evaluated(name, reason, shown.get(name), place))
        else:
            widened = _widened(now[name], spread.margin(name, shared_confidence))
            drop = drop_between(before[name], widened, thresholds.drop_allowed(name))
            found.append(_evaluated(before[name], shown[name], drop, place))
    return found


def _widened(metric: Metric, margin: float) -> Metric:
    """The metric with an interval that reaches at least ``margin`` to each side."""
    if metric.value is None or metric.interval_low is None or metric.interval_high is None:
        return metric
    low, high = min(metric.interval_low, metric.value - margin), max(metric.interval_high, metric.value + margin)
    return replace(metric, interval_low=max(low, 0.0) if metric.interval_low >= 0 else low, interval_high=high)


def _too_few_labels(reference: OutcomeProfile | None, place: _Place, minimum: int) -> str:
    if reference is None:
        return "the baseline has no labels to compare with"
    if place.current_size < minimum:
        return f"{place.current_size} labels, at least {minimum} are needed"
    if place.reference_size < minimum:
        return f"the baseline has {place.reference_size} labels, at least {minimum} are needed"
    return ""


def _foreign(name: str, metrics: dict[str, Metric]) -> str:
    return "" if name in metrics else f"{name} is not a metric of this model's task"


def _not_evaluated(name: str, reason: str, metric: Metric | None, place: _Place) -> Finding:
    return place.finding(
        name,
        Status.NOT_EVALUATED,
        statistic=None if metric is None else metric.value,
        interval_low=None if metric is None else metric.interval_low,
        interval_high=None if metric is None else metric.interval_high,
        reason=reason,
        description=f"{title(name)} was not judged: {reason}.",
    )


def _evaluated(before: Metric, now: Metric, drop: Drop, place: _Place) -> Finding:
    severity = drop.severity
    return place.finding(
        now.name,
        Status.DETECTED if drop.is_degradation else Status.OK,
        severity=severity,
        statistic=now.value,
        threshold=drop.limit,
        effect=drop.size,
        interval_low=now.interval_low,
        interval_high=now.interval_high,
        minimum_detectable_shift=drop.allowed + drop.size - drop.low,
        description=description(before, now, drop, place.comparison),
        recommendation=recommendation(severity, bool(place.maturity["is_provisional"])),
        details={
            "reference_value": before.value,
            "drop_low": drop.low,
            "drop_high": drop.high if math.isfinite(drop.high) else None,
            "maximum_drop": drop.allowed,
            "metric_size": now.size,
        },
    )
