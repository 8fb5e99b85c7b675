"""A treatment beside the control on one metric: the difference and its error, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftline.experiments.arm import ArmStatistics
from driftline.experiments.clustering import LABELS, PREDICTIONS, group_effect, latency_effect, roc_auc_effect
from driftline.experiments.design import MeasuredMetric
from driftline.experiments.latency_quantile import latency_quantile
from driftline.experiments.metric import MetricKind
from driftline.experiments.moments import UnitMoments
from driftline.experiments.roc_auc import roc_auc


class Missing(StrEnum):
    """Why a difference cannot be judged."""

    NOTHING = ""
    NO_DATA = "no data"
    """An arm has none at all: something does not arrive."""
    TOO_FEW = "too few"
    """It will come with time."""


@dataclass(frozen=True)
class Estimate:
    """A metric of one arm on the scale on which it is compared; ``shown`` on the scale that people know.

    Attributes
    ----------
    design_effect:
        By how much entities that return have enlarged the variance.
    """

    value: float
    variance: float
    shown: float
    design_effect: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Treatment minus control.

    Attributes
    ----------
    group:
        Of the protected attribute, where the metric is compared group by group; otherwise empty.
    value, variance:
        Of the difference, on the metric's scale of comparison: logarithmic for latencies.
    control_size, treatment_size:
        Units behind the two sides.
    design_effect:
        The larger one of the two arms, by which the variance of independent rows has been multiplied.
    """

    metric: MeasuredMetric
    treatment: str
    group: str = ""
    control_value: float | None = None
    treatment_value: float | None = None
    value: float = math.nan
    variance: float = math.nan
    control_size: int = 0
    treatment_size: int = 0
    is_clustered: bool = False
    design_effect: float = 1.0
    missing: Missing = Missing.NOTHING
    reason: str = ""

    @property
    def key(self) -> str:
        return "/".join(part for part in (self.treatment, self.metric.name, self.group) if part)

    @property
    def size(self) -> int:
        return self.control_size + self.treatment_size

    @property
    def error(self) -> float:
        return math.sqrt(self.variance)

    @property
    def z(self) -> float:
        return self._distance(self.value)

    @property
    def harm_z(self) -> float:
        """Standard errors by which the treatment is worse than it may be; below 0: not worse."""
        return self._distance(-self.metric.sign * self.value - self.limit)

    @property
    def limit(self) -> float:
        loss = self.metric.maximum_loss
        return math.log1p(loss) if self.metric.kind is MetricKind.LATENCY_QUANTILE else loss

    def shown(self, difference: float) -> float:
        """A difference as people see it: that of latencies as a share of the control's."""
        if self.metric.kind is MetricKind.LATENCY_QUANTILE:
            return math.expm1(min(difference, 700.0))
        return difference

    def _distance(self, value: float) -> float:
        if value == 0:
            return 0.0
        return value / self.error if self.variance > 0 else math.copysign(math.inf, value)


def differences(
    metric: MeasuredMetric, version: str, control: ArmStatistics, treatment: ArmStatistics, minimum: int
) -> list[Difference]:
    """The comparison of one treatment on one metric: one difference, or one per group.

    Parameters
    ----------
    minimum
        Units that each side needs.
    """
    if metric.kind is MetricKind.FAIRNESS_GAP:
        return _gap_changes(metric, version, control, treatment, minimum)
    sizes = _size(metric, control), _size(metric, treatment)
    absent = _absence(metric, version, sizes, minimum)
    if absent is not None:
        return [absent]
    left, right = _ESTIMATES[metric.kind](metric, control), _ESTIMATES[metric.kind](metric, treatment)
    if left is None or right is None:
        return [_missing(metric, version, sizes, Missing.TOO_FEW, _THIN[metric.kind])]
    return [
        Difference(
            metric=metric,
            treatment=version,
            control_value=left.shown,
            treatment_value=right.shown,
            value=right.value - left.value,
            variance=left.variance + right.variance,
            control_size=sizes[0],
            treatment_size=sizes[1],
            is_clustered=any(_moments(metric, arm).is_clustered for arm in (control, treatment)),
            design_effect=max(left.design_effect, right.design_effect),
        )
    ]


def _absence(metric: MeasuredMetric, version: str, sizes: tuple[int, int], minimum: int) -> Difference | None:
    names = ("the control", version)
    empty = [name for name, size in zip(names, sizes, strict=True) if not size]
    if empty:
        other = "" if len(empty) == 2 else ", while the other arm has"
        reason = f"{metric.name}: {' and '.join(empty)} has no data{other}"
        return _missing(metric, version, sizes, Missing.NO_DATA, reason)
    if min(sizes) < minimum:
        fewest = names[sizes.index(min(sizes))]
        reason = f"{metric.name}: {fewest} has {min(sizes)} units, at least {minimum} are needed"
        return _missing(metric, version, sizes, Missing.TOO_FEW, reason)
    return None


def _missing(metric: MeasuredMetric, version: str, sizes: tuple[int, int], missing: Missing, reason: str) -> Difference:
    return Difference(
        metric=metric,
        treatment=version,
        control_size=sizes[0],
        treatment_size=sizes[1],
        missing=missing,
        reason=reason if reason.startswith(metric.name) else f"{metric.name}: {reason}",
    )


def _moments(metric: MeasuredMetric, arm: ArmStatistics) -> UnitMoments:
    return arm.moments.get(metric.name, UnitMoments())


def _size(metric: MeasuredMetric, arm: ArmStatistics) -> int:
    if metric.kind is MetricKind.LATENCY_QUANTILE:
        return _units(arm, PREDICTIONS, sum(arm.latencies.values()))
    if metric.kind is MetricKind.ROC_AUC:
        return _units(arm, LABELS, sum(negatives + positives for negatives, positives in arm.scores.values()))
    return int(_moments(metric, arm).units)


def _units(arm: ArmStatistics, counted: str, rows: int) -> int:
    """The units behind so many rows: at most as many as have been counted by entity."""
    return min(int(arm.clusters[counted].units), rows) if counted in arm.clusters else rows


def _share(metric: MeasuredMetric, arm: ArmStatistics) -> Estimate | None:
    moments = _moments(metric, arm)
    return _estimate(moments.value, moments.share_variance)


def _mean(metric: MeasuredMetric, arm: ArmStatistics) -> Estimate | None:
    moments = _moments(metric, arm)
    return _estimate(moments.value, moments.variance)


def _area(_: MeasuredMetric, arm: ArmStatistics) -> Estimate | None:
    area = roc_auc(arm.scores)
    if area is None:
        return None
    effect = roc_auc_effect(arm)
    return Estimate(area.value, area.variance * effect, area.value, effect)


def _quantile(metric: MeasuredMetric, arm: ArmStatistics) -> Estimate | None:
    assert metric.quantile is not None
    effect = latency_effect(arm, metric.name)
    found = latency_quantile(arm.latencies, metric.quantile, effect)
    return None if found is None else Estimate(found.logarithm, found.variance, found.milliseconds, effect)


def _estimate(value: float | None, variance: float | None) -> Estimate | None:
    return None if value is None or variance is None else Estimate(value, variance, value)


_ESTIMATES: Mapping[MetricKind, Callable[[MeasuredMetric, ArmStatistics], Estimate | None]] = {
    MetricKind.PROPORTION: _share,
    MetricKind.MEAN: _mean,
    MetricKind.ROC_AUC: _area,
    MetricKind.LATENCY_QUANTILE: _quantile,
}
_THIN = {
    MetricKind.PROPORTION: "an arm has fewer than two units",
    MetricKind.MEAN: "an arm has fewer than two units",
    MetricKind.ROC_AUC: "an arm has fewer than two positive or two negative labels",
    MetricKind.LATENCY_QUANTILE: "an arm has fewer than ten latencies beyond the quantile",
}


def _gap_changes(
    metric: MeasuredMetric, version: str, control: ArmStatistics, treatment: ArmStatistics, minimum: int
) -> list[Difference]:
    """Per group, how much further its share of positives is from that of the others than under the control."""
    totals = tuple(sum(size for size, _ in arm.groups.values()) for arm in (control, treatment))
    sizes = totals[0], totals[1]
    absent = _absence(metric, version, sizes, minimum)
    if absent is not None:
        return [absent]
    found = [
        _gap_change(metric, version, group, control, treatment)
        for group in sorted(control.groups.keys() & treatment.groups.keys())
        if all(_rest(arm, group, minimum) for arm in (control, treatment))
    ]
    if not found:
        reason = f"no group has {minimum} predictions beside as many of others in both arms"
        return [_missing(metric, version, sizes, Missing.TOO_FEW, reason)]
    return found


def _rest(arm: ArmStatistics, group: str, minimum: int) -> bool:
    size = arm.groups[group][0]
    return size >= minimum and sum(count for count, _ in arm.groups.values()) - size >= minimum


def _gap_change(
    metric: MeasuredMetric, version: str, group: str, control: ArmStatistics, treatment: ArmStatistics
) -> Difference:
    (before, before_variance), (now, now_variance) = _gap(control, group), _gap(treatment, group)
    effect = max(group_effect(arm, name) for arm in (control, treatment) for name in arm.groups)
    return Difference(
        metric=metric,
        treatment=version,
        group=group,
        control_value=before,
        treatment_value=now,
        value=abs(now) - abs(before),
        variance=before_variance + now_variance,
        control_size=control.groups[group][0],
        treatment_size=treatment.groups[group][0],
        design_effect=effect,
    )


def _gap(arm: ArmStatistics, group: str) -> tuple[float, float]:
    """The group's share of positives minus that of the others, and the variance of it.

    An entity that is in several groups counts in each as if it were another: its shares would only be nearer to each
    other than so many independent ones.
    """
    shares = [_pooled_share(arm, [group]), _pooled_share(arm, [name for name in arm.groups if name != group])]
    return shares[0][0] - shares[1][0], shares[0][1] + shares[1][1]


def _pooled_share(arm: ArmStatistics, groups: Sequence[str]) -> tuple[float, float]:
    """Of positives in ``groups`` together, and its variance."""
    size, positives = (sum(arm.groups[name][index] for name in groups) for index in (0, 1))
    share = UnitMoments.of_proportion(positives, size)
    effect = max((group_effect(arm, name) for name in groups), default=1.0)
    return share.value or 0.0, (share.share_variance or 0.0) * effect
