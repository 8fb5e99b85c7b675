"""The classical tests on what an experiment has collected: for a person to see, never for a verdict."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from driftline.experiments.arm import ArmStatistics
from driftline.experiments.comparison import Difference, differences
from driftline.experiments.design import MeasuredMetric
from driftline.experiments.fixed_horizon import (
    FixedHorizonResult,
    compare_estimates,
    compare_means,
    compare_proportions,
)
from driftline.experiments.metric import MetricKind
from driftline.store.experiment_statistics import arm_statistics
from driftline.store.experiments import ExperimentRecord

_NAMES = {
    MetricKind.PROPORTION: "z test, errors by entity",
    MetricKind.MEAN: "z test, errors by entity",
    MetricKind.ROC_AUC: "DeLong's test",
    MetricKind.LATENCY_QUANTILE: "z test of log quantiles",
    MetricKind.FAIRNESS_GAP: "z test of the change of the gap",
}


def fixed_horizon_results(connection: Connection, record: ExperimentRecord) -> dict[str, dict[str, Any]]:
    """By comparison, the fixed-horizon result or why there is none."""
    arms, design = arm_statistics(connection, record.experiment, record.counting), record.config.design(record.stage)
    control = arms.get(design.control, ArmStatistics())
    found: dict[str, dict[str, Any]] = {}
    for metric in design.metrics:
        for version in design.treatments:
            treatment = arms.get(version, ArmStatistics())
            for difference in differences(metric, version, control, treatment, 2):
                if difference.missing:
                    found[difference.key] = {"told": difference.reason}
                    continue
                result = _tested(metric, control, treatment, difference, design.alpha)
                found[difference.key] = _in_words(result)
    return found


def _tested(
    metric: MeasuredMetric, control: ArmStatistics, treatment: ArmStatistics, difference: Difference, alpha: float
) -> FixedHorizonResult:
    if metric.kind in {MetricKind.PROPORTION, MetricKind.MEAN} and not difference.is_clustered:
        left, right = control.moments[metric.name], treatment.moments[metric.name]
        if metric.kind is MetricKind.PROPORTION:
            return compare_proportions((round(left.s), round(left.n)), (round(right.s), round(right.n)), alpha=alpha)
        sides = [((each.value or 0.0), (each.variance or 0.0) * each.n, int(each.n)) for each in (left, right)]
        return compare_means(sides[0], sides[1], alpha=alpha)
    return compare_estimates((0.0, 0.0), (difference.value, difference.variance), _NAMES[metric.kind], alpha=alpha)


def _in_words(result: FixedHorizonResult) -> dict[str, Any]:
    low, high = result.interval or (float("nan"), float("nan"))
    told = f"{result.effect:+.4g} ({low:+.4g} to {high:+.4g}), p = {result.p_value:.3g}; {result.method}"
    return {"effect": result.effect, "interval": [low, high], "p_value": result.p_value, "told": told}
