"""How an experiment is to be judged, fixed before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from driftline.experiments.metric import MetricKind, MetricRole


class Method(StrEnum):
    """How evidence is weighed. Only `FIXED_HORIZON` is spoilt by looking before the end."""

    GROUP_SEQUENTIAL = "group_sequential"
    CONFIDENCE_SEQUENCE = "confidence_sequence"
    FIXED_HORIZON = "fixed_horizon"


class Spending(StrEnum):
    """How the chance of a false winner is spread over the looks of a group sequential test."""

    OBRIEN_FLEMING = "obrien_fleming"
    """Little of it early: the last look is almost a fixed-horizon test (Lan and DeMets 1983)."""
    QUADRATIC = "quadratic"
    """alpha * t^2: more of it early."""


@dataclass(frozen=True, kw_only=True)
class MeasuredMetric:
    """One metric of an experiment.

    Attributes
    ----------
    maximum_loss:
        How much worse a treatment may be: in the metric's unit; of a latency as a share of the control's.
    minimum_effect:
        The smallest improvement that matters (planning).
    quantile:
        Of a latency: 0.95 is P95.
    """

    name: str
    kind: MetricKind
    role: MetricRole
    higher_is_better: bool
    maximum_loss: float = 0.0
    minimum_effect: float | None = None
    quantile: float | None = None

    @property
    def sign(self) -> int:
        """What a difference is multiplied by so that better is above 0."""
        return 1 if self.higher_is_better else -1


@dataclass(frozen=True, kw_only=True)
class ExperimentDesign:
    """Everything that the analysis goes by.

    Attributes
    ----------
    percents:
        Percent of the covered traffic by version, the control's too; they add up to 100.
    samples:
        The planned horizon: units of the first primary metric over all arms; None: open-ended.
    looks:
        At how many points of the horizon, evenly spread, the group sequential test may decide.
    minimum_samples:
        Units that each arm needs before anything is decided on a metric.
    minimum_duration, maximum_duration:
        Before the first a treatment is not promoted; at the second the experiment is judged for the last time.
    """

    control: str
    percents: Mapping[str, float]
    metrics: tuple[MeasuredMetric, ...]
    alpha: float = 0.05
    power: float = 0.8
    samples: int | None = None
    looks: int = 28
    spending: Spending = Spending.OBRIEN_FLEMING
    minimum_samples: int = 200
    minimum_duration: timedelta = timedelta(0)
    maximum_duration: timedelta | None = None

    @property
    def treatments(self) -> tuple[str, ...]:
        return tuple(version for version in self.percents if version != self.control)

    def having(self, role: MetricRole) -> tuple[MeasuredMetric, ...]:
        return tuple(metric for metric in self.metrics if metric.role is role)

    @property
    def primary(self) -> tuple[MeasuredMetric, ...]:
        return self.having(MetricRole.PRIMARY)

    @property
    def method(self) -> Method:
        """Of the primary metrics; guardrails and signals are judged by confidence sequences."""
        return Method.CONFIDENCE_SEQUENCE if self.samples is None else Method.GROUP_SEQUENTIAL
