"""What a look at an experiment finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from driftline.experiments.design import Method
from driftline.experiments.metric import MetricRole
from driftline.experiments.sample_ratio import SampleRatio


@dataclass(frozen=True)
class Look:
    """A point of the horizon at which the group sequential test was made.

    Attributes
    ----------
    fraction, samples:
        Of the planned samples, and how many.
    is_last:
        Whether all that was left of alpha was spent.
    z:
        Standard errors from no difference, by comparison (``treatment/metric``).
    rejected:
        By comparison that is decided by now, 1 (better) or -1 (worse).
    level, bound:
        The share of alpha that each comparison begins with, and the standard errors at which that rejects here.
    """

    fraction: float
    samples: int
    at: datetime
    is_last: bool
    z: Mapping[str, float]
    rejected: Mapping[str, int]
    level: float
    bound: float

    def to_json(self) -> dict[str, Any]:
        return {
            "fraction": self.fraction,
            "samples": self.samples,
            "at": self.at.isoformat(),
            "is_last": self.is_last,
            "z": dict(self.z),
            "rejected": dict(self.rejected),
            "level": self.level,
            "bound": self.bound,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        z = {key: float(value) for key, value in document["z"].items()}
        return cls(**{**document, "at": datetime.fromisoformat(document["at"]), "z": z})


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """One metric of one treatment.

    Attributes
    ----------
    effect, interval:
        Treatment minus control, in the metric's unit; of a latency as a share of the control's.
    p_value, threshold:
        The evidence, and below what it is significant.
    is_better, is_worse:
        Of a primary metric: proven. Of a guardrail or signal ``is_worse`` is harm beyond its limit.
    has_no_data:
        An arm has nothing at all.
    reason:
        Why it was not evaluated; empty where it was.
    """

    metric: str
    role: MetricRole
    treatment: str
    group: str = ""
    control_value: float | None = None
    treatment_value: float | None = None
    effect: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    threshold: float | None = None
    control_size: int = 0
    treatment_size: int = 0
    method: str = ""
    is_better: bool = False
    is_worse: bool = False
    has_no_data: bool = False
    reason: str = ""

    @property
    def key(self) -> str:
        return "/".join(part for part in (self.treatment, self.metric, self.group) if part)

    @property
    def is_evaluated(self) -> bool:
        return not self.reason


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One look.

    Attributes
    ----------
    units, predictions:
        By version: what was assigned to it and served by it.
    samples, planned_samples:
        Units of the first primary metric, and how many the horizon has.
    look:
        The look of the group sequential test that was made now; None between looks.
    is_over:
        The horizon is reached, in samples or in time.
    """

    at: datetime
    method: Method
    method_reason: str
    results: tuple[MetricResult, ...]
    sample_ratio: SampleRatio
    units: Mapping[str, int]
    predictions: Mapping[str, int]
    samples: int
    planned_samples: int | None
    look: Look | None = None
    is_over: bool = False
    elapsed: timedelta = field(default_factory=timedelta)

    def having(self, role: MetricRole) -> tuple[MetricResult, ...]:
        return tuple(result for result in self.results if result.role is role)

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "method": self.method.value,
            "method_reason": self.method_reason,
            "results": [{**vars(result), "role": result.role.value} for result in self.results],
            "sample_ratio": {**vars(self.sample_ratio), "is_mismatch": self.sample_ratio.is_mismatch},
            "units": dict(self.units),
            "predictions": dict(self.predictions),
            "samples": self.samples,
            "planned_samples": self.planned_samples,
            "look": None if self.look is None else self.look.to_json(),
            "is_over": self.is_over,
            "elapsed_seconds": self.elapsed.total_seconds(),
        }
