"""The shape of an experiment's YAML file: ``include/experiments/<name>.yaml``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from driftline.config.durations import format_duration, parse_duration
from driftline.config.model_config import Name
from driftline.config.strict_model import Column, Probability, StrictModel, refuse_repeats
from driftline.errors import InputError
from driftline.experiments.design import ExperimentDesign, MeasuredMetric, Spending
from driftline.experiments.metric import STANDARD, MetricKind, MetricRole, Source, StandardMetric
from driftline.experiments.stages import Stage, stages_of
from driftline.serving import TrafficSplitStrategy

MOST_ARMS = 10
Version = Annotated[str, Field(min_length=1, max_length=200)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, when_used="json")]
WHOLE = (Stage(0, 100),)
_STANDARD = frozenset(StandardMetric)


class ExperimentMetric(StrictModel):
    """One metric: a standard one by its name, or one of the application's own with `kind` and `better`."""

    metric: Name
    """One of the log's (`accuracy`, `error_rate`, `latency_p95`, …), or one of your own (`collect_ab_test_metrics`)."""
    role: Annotated[MetricRole, Field(strict=False)]
    """`primary` decides, `signal` holds, `guardrail` stops at once."""
    maximum_loss: Annotated[float, Field(ge=0)] = 0.0
    """How much worse a treatment may be before a guardrail or signal speaks: in the metric's unit (0.01 is a point of a
    share); of a latency as a share of the control's (0.2: a fifth slower)."""
    minimum_effect: Annotated[float, Field(gt=0)] | None = None
    """The smallest improvement that matters: for planning."""
    by: Column | None = None
    """fairness_gap: the protected attribute, a column of the predictions."""
    kind: Literal["proportion", "mean"] | None = None
    """Of a metric of your own: a share, or a mean."""
    better: Literal["higher", "lower"] | None = None
    """Of a metric of your own: whether `higher` or `lower` values are better."""

    @model_validator(mode="after")
    def _is_described(self) -> Self:
        is_standard = self.metric in _STANDARD
        if is_standard and (self.kind or (self.better and self.metric != StandardMetric.POSITIVE_RATE)):
            raise ValueError(f"`kind` and `better` of {self.metric} are known; leave them out")
        if not is_standard and (self.kind is None or self.better is None):
            raise ValueError(
                f"{self.metric} is none of {', '.join(StandardMetric)}; give `kind` (proportion, mean) and `better` "
                "(higher, lower) of a metric that your application collects"
            )
        if (self.by is None) is (self.metric == StandardMetric.FAIRNESS_GAP):
            raise ValueError("`by` names the protected attribute of fairness_gap, and of no other metric")
        if self.role is MetricRole.PRIMARY and self.metric == StandardMetric.FAIRNESS_GAP:
            raise ValueError("fairness_gap can be a guardrail or a signal; nobody wins by it")
        return self

    @property
    def standard(self) -> StandardMetric | None:
        return StandardMetric(self.metric) if self.metric in _STANDARD else None

    @property
    def measured(self) -> MeasuredMetric:
        """What the analysis needs of it."""
        known = None if self.standard is None else STANDARD[self.standard]
        higher = self.better == "higher" if self.better else known is not None and known.higher_is_better
        return MeasuredMetric(
            name=self.metric,
            kind=known.kind if known is not None else MetricKind(self.kind or MetricKind.PROPORTION),
            role=self.role,
            higher_is_better=higher,
            maximum_loss=self.maximum_loss,
            minimum_effect=self.minimum_effect,
            quantile=None if known is None else known.quantile,
        )


class ABTestConfig(StrictModel):
    """An A/B test between versions of a model, or the gradual rollout of one."""

    experiment: Name
    """Its name, unlike that of any other experiment."""
    model: Name
    """The model whose traffic it splits."""
    description: str = ""
    """For people."""
    owner: str = "unowned"
    """Whom its alerts name."""
    control: Version
    """The version that the others are compared with."""
    arms: Annotated[dict[Version, float], Field(min_length=2, max_length=MOST_ARMS)] | None = None
    """Percent of the covered traffic by version, the control's too; together 100."""
    treatment: Version | None = None
    """Gradual rollout: the new version."""
    strategy: Annotated[TrafficSplitStrategy, Field(strict=False)] = TrafficSplitStrategy.HASH_BASED
    """How the router gives versions to entities."""
    schedule: list[list[float]] | None = None
    """Stages of [minutes, percent], rising. Of an A/B test the percentage of traffic that is in the experiment (default
    all of it at once); of a gradual rollout the share of the new version."""
    metrics: Annotated[list[ExperimentMetric], Field(min_length=1, max_length=20)]
    """What is measured, and what each is for."""
    source: Literal["prediction_log", "application"] = "prediction_log"
    """`application`: nothing is read; the application hands its figures to `collect_ab_test_metrics`."""
    alpha: Annotated[float, Field(ge=0.0001, le=0.5)] = 0.05
    """The chance of a false winner, over all looks, metrics and arms."""
    power: Probability = 0.8
    """Probability of seeing an effect of the size that is asked for."""
    samples: Annotated[int, Field(ge=10)] | None = None
    """The planned horizon: units (entities, or predictions where the log has none) of the first primary metric over
    all arms. Without it the experiment is open-ended."""
    looks: Annotated[int, Field(ge=1, le=100)] = 28
    """At how many evenly spread points of the horizon something may be decided."""
    spending: Annotated[Spending, Field(strict=False)] = Spending.OBRIEN_FLEMING
    """How the group sequential test spends its error over the looks."""
    minimum_samples: Annotated[int, Field(ge=2)] = 200
    """With fewer in an arm there is no verdict."""
    minimum_duration: Duration = timedelta(days=1)
    """No treatment is promoted earlier: a day, so that every hour of it has been seen."""
    maximum_duration: Duration | None = None
    """After so long it ends without a winner."""
    start_automatically: bool = False
    """Whether `run_experiments` starts it as soon as it finds its file; otherwise a person does."""
    promote_automatically: bool = False
    """Otherwise the verdict waits for a person. Traffic is always taken away automatically."""
    keep_placement: bool = False
    """When it has ended, the routes keep its strategy and salt; otherwise they get back those from before it. Kept, a
    later split (`driftline promote --share`) gives entities the places that they had in the experiment."""

    @model_validator(mode="after")
    def _arms_are_possible(self) -> Self:
        if self.is_rollout:
            return self._rollout_is_possible()
        if self.arms is None or self.treatment is not None:
            raise ValueError("give `arms`; `treatment` is for the strategy gradual_rollout")
        if self.control not in self.arms:
            raise ValueError(f"`control` is {self.control}, which is none of the arms ({', '.join(self.arms)})")
        for version, percent in self.arms.items():
            if not 0 < percent <= 100:
                raise ValueError(f"arms.{version} is {percent}; a share is a number above 0 and at most 100 (percent)")
        total = math.fsum(self.arms.values())
        if abs(total - 100) > 1e-9:
            raise ValueError(f"the shares of the arms add up to {total:g}; they must add up to 100 (percent)")
        return self

    def _rollout_is_possible(self) -> Self:
        if self.arms is not None or self.treatment is None or self.schedule is None:
            raise ValueError("a gradual rollout has `treatment` and `schedule`, and no `arms`")
        if self.treatment == self.control:
            raise ValueError(f"`treatment` and `control` are both {self.control}: the arms are identical")
        if not self._having(MetricRole.GUARDRAIL) or self._having(MetricRole.PRIMARY):
            raise ValueError("a gradual rollout is guarded, not compared: give guardrail metrics, and no primary one")
        if self.samples is not None:
            raise ValueError("`samples` is the horizon of an A/B test; a gradual rollout ends with its schedule")
        return self

    @model_validator(mode="after")
    def _schedule_rises(self) -> Self:
        try:
            stages = self.stages
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from None
        is_partial = len(stages) > 1 or stages[0].percent < 100
        if self.strategy is TrafficSplitStrategy.RANDOM and is_partial:
            raise ValueError("a ramp needs entities that keep their version: use the strategy hash_based")
        if not self.is_rollout and stages[-1].percent < 1e-4:
            raise ValueError("`schedule` ends below 0.0001 percent of the traffic")
        return self

    @model_validator(mode="after")
    def _metrics_are_possible(self) -> Self:
        refuse_repeats("metrics", [metric.metric for metric in self.metrics])
        if not self.is_rollout and not self._having(MetricRole.PRIMARY):
            raise ValueError("`metrics` has no primary one: say what the versions are compared by")
        if len({metric.by for metric in self.metrics if metric.by}) > 1:
            raise ValueError("`metrics` has more than one fairness_gap")
        strange = [metric.metric for metric in self.metrics if metric.standard is None]
        if strange and self.source == "prediction_log":
            raise ValueError(
                f"{', '.join(strange)} cannot be read from the prediction log; set `source: application`, or choose "
                f"from {', '.join(StandardMetric)}"
            )
        return self

    @property
    def is_rollout(self) -> bool:
        return self.strategy is TrafficSplitStrategy.GRADUAL_ROLLOUT

    @property
    def stages(self) -> tuple[Stage, ...]:
        return WHOLE if self.schedule is None else stages_of(self.schedule)

    @property
    def versions(self) -> tuple[str, ...]:
        """The control, then the treatments."""
        others = [self.treatment] if self.arms is None else [name for name in self.arms if name != self.control]
        return (self.control, *(name for name in others if name is not None))

    @property
    def needs_labels(self) -> bool:
        return any(metric.standard and STANDARD[metric.standard].source is Source.LABELS for metric in self.metrics)

    def percents(self, stage: int) -> dict[str, float]:
        """Percent of the covered traffic by version: of a rollout, by its stage (-1: before the first)."""
        if self.arms is not None:
            return dict(self.arms)
        percent = self.stages[stage].percent if stage >= 0 else 0.0
        return {version: value for version, value in zip(self.versions, (100 - percent, percent), strict=True) if value}

    def coverage(self, stage: int) -> float:
        """Percent of the traffic that is in the experiment."""
        return 100.0 if self.is_rollout else self.stages[stage].percent

    def design(self, stage: int = 0) -> ExperimentDesign:
        """How it is judged at a stage."""
        return ExperimentDesign(
            control=self.control,
            percents=self.percents(stage),
            metrics=tuple(metric.measured for metric in self.metrics),
            alpha=self.alpha,
            power=self.power,
            samples=self.samples,
            looks=self.looks,
            spending=self.spending,
            minimum_samples=self.minimum_samples,
            minimum_duration=self.minimum_duration,
            maximum_duration=self.maximum_duration,
        )

    def _having(self, role: MetricRole) -> Sequence[ExperimentMetric]:
        return [metric for metric in self.metrics if metric.role is role]
