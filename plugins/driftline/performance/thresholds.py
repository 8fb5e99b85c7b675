"""What counts as degradation, per model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftline.errors import InputError
from driftline.performance.metric import METRIC_KINDS


@dataclass(frozen=True, kw_only=True)
class PerformanceThresholds:
    """The limits that a window's performance is held against.

    Attributes
    ----------
    metrics:
        The metrics to judge; ``None`` for the usual ones of the task (`BINARY_METRICS`, `REGRESSION_METRICS`).
    maximum_drop:
        How far a metric may get worse, 0 to 1: in points for shares (accuracy, ROC-AUC), relative for errors (MAE, log
        loss).
    maximum_drops:
        Exceptions from `maximum_drop`, by metric.
    minimum_labels:
        With fewer labeled predictions on either side nothing is judged.
    minimum_coverage:
        With a smaller share of the predictions labeled the verdict is provisional, whatever the window's age.
    confidence:
        Of the shown intervals, and of the verdicts of one window together: the metrics share the chance of error.
    calls:
        How many calls (versions and segments of a window) share that chance.
    """

    metrics: tuple[str, ...] | None = None
    maximum_drop: float = 0.02
    maximum_drops: Mapping[str, float] = field(default_factory=dict)
    minimum_labels: int = 200
    minimum_coverage: float = 0.5
    confidence: float = 0.95
    calls: int = 1

    def __post_init__(self) -> None:
        unknown = sorted({*(self.metrics or ()), *self.maximum_drops} - METRIC_KINDS.keys())
        if unknown:
            raise InputError(
                f"{', '.join(unknown)} cannot be judged for degradation. Choose from: {', '.join(METRIC_KINDS)}."
            )
        for name, drop in {"maximum_drop": self.maximum_drop, **self.maximum_drops}.items():
            _require(0 <= drop <= 1, name, drop, "a share from 0 to 1, for example 0.02")
        _require(self.minimum_labels >= 2, "minimum_labels", self.minimum_labels, "at least 2")
        _require(0 <= self.minimum_coverage <= 1, "minimum_coverage", self.minimum_coverage, "a share from 0 to 1")
        _require(self.calls >= 1, "calls", self.calls, "at least 1")
        _require(0 < self.confidence < 1, "confidence", self.confidence, "above 0 and below 1, for example 0.95")

    def drop_allowed(self, metric: str) -> float:
        """How far ``metric`` may get worse."""
        return self.maximum_drops.get(metric, self.maximum_drop)


def _require(is_met: bool, name: str, value: float, allowed: str) -> None:
    if not is_met:
        raise InputError(f"{name} is {value}; it must be {allowed}.")
