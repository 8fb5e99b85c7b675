"""What one version did in a minute or in many: counts, and the figures read from them.

Rollback triggers, which must not wait for a window, are decided on these figures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Self

from driftline.live.latency import percentile


@dataclass(frozen=True)
class PredictionCounts:
    """Predictions by the time they were made.

    Attributes
    ----------
    errors:
        Predictions that failed.
    latencies:
        Count per cell (`driftline.live.latency`); predictions without a latency are in none.
    """

    predictions: int = 0
    errors: int = 0
    latencies: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: Self) -> PredictionCounts:
        return PredictionCounts(
            self.predictions + other.predictions,
            self.errors + other.errors,
            dict(Counter(self.latencies) + Counter(other.latencies)),
        )

    @property
    def error_rate(self) -> float | None:
        return _ratio(self.errors, self.predictions)

    def latency_ms(self, share: float) -> float | None:
        """The percentile ``share`` (0.95 is P95) of the latency in milliseconds."""
        return percentile(self.latencies, share)


@dataclass(frozen=True)
class OutcomeCounts:
    """Labels by the time they arrived, beside what had been predicted.

    Binary models fill the confusion counts, regressions the sums over predicted minus actual. Models of several classes
    fill the confusion counts of their classes together, each against the rest, without the true negatives: what is
    wrong is a false positive of one class and a false negative of another. Their precision and recall are then the
    micro averages, which equal accuracy.
    """

    labeled: int = 0
    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    error_sum: float = 0.0
    absolute_error_sum: float = 0.0
    squared_error_sum: float = 0.0

    def __add__(self, other: Self) -> OutcomeCounts:
        names = [each.name for each in fields(self)]
        return OutcomeCounts(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def accuracy(self) -> float | None:
        return _ratio(self.true_positives + self.true_negatives, self.labeled) if self._confused else None

    @property
    def precision(self) -> float | None:
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def mae(self) -> float | None:
        """Mean absolute error (regression)."""
        return None if self._confused else _ratio(self.absolute_error_sum, self.labeled)

    @property
    def rmse(self) -> float | None:
        """Root of the mean squared error (regression)."""
        mean = None if self._confused else _ratio(self.squared_error_sum, self.labeled)
        return None if mean is None else math.sqrt(mean)

    @property
    def bias(self) -> float | None:
        """Mean of predicted minus actual (regression)."""
        return None if self._confused else _ratio(self.error_sum, self.labeled)

    @property
    def _confused(self) -> int:
        return self.true_positives + self.false_positives + self.false_negatives + self.true_negatives


@dataclass(frozen=True)
class VersionFigures:
    """One version over a span of minutes: the predictions made in it, and the labels that arrived in it."""

    version: str
    predictions: PredictionCounts = PredictionCounts()
    outcomes: OutcomeCounts = OutcomeCounts()


@dataclass(frozen=True)
class MinuteFigures:
    """What one version predicted in one minute."""

    minute: datetime
    version: str
    counts: PredictionCounts


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
