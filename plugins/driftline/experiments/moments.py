"""Sums over the units of an experiment, from which means, shares and their errors are read: they add up.

A unit is what was assigned: an entity, or a prediction where the log names no entity. A metric is the ratio of two
sums over units (correct predictions over labeled ones, errors over predictions), and its variance is that of a ratio:
the delta method over units, so that an entity with a hundred predictions counts as one independent unit.

References
----------
.. [1] Deng, Knoblich and Lu (2018), "Applying the Delta Method in Metric Analytics", KDD.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class UnitMoments:
    """Sums over units of a count n (rows) and a total s (of a value over these rows).

    Attributes
    ----------
    units:
        Units with at least one row.
    n, s:
        Rows, and the total of their values.
    nn, ss, ns:
        Sums over units of n squared, s squared and n times s.
    """

    units: float = 0
    n: float = 0
    s: float = 0
    nn: float = 0
    ss: float = 0
    ns: float = 0

    @classmethod
    def of_proportion(cls, successes: float, size: float) -> Self:
        """Where every row is a unit of its own, 1 or 0."""
        return cls(size, size, successes, size, successes, successes)

    @classmethod
    def of_mean(cls, mean: float, variance: float, size: float) -> Self:
        """Where every row is a unit of its own, with the mean and (unbiased) variance of a value."""
        total = mean * size
        return cls(size, size, total, size, variance * max(size - 1, 0) + mean * total, total)

    def __add__(self, other: UnitMoments) -> UnitMoments:
        """Of two sets of units that have none in common."""
        theirs = vars(other)
        return UnitMoments(**{name: value + theirs[name] for name, value in vars(self).items()})

    @property
    def value(self) -> float | None:
        """The metric; None without rows."""
        return self.s / self.n if self.n > 0 else None

    @property
    def variance(self) -> float | None:
        """Of the metric, by the delta method [1]_; None below two units."""
        ratio = self.value
        if ratio is None or self.units < 2:
            return None
        spread = self.ss - 2 * ratio * self.ns + ratio * ratio * self.nn
        return max(spread, 0.0) * self.units / (self.units - 1) / (self.n * self.n)

    @property
    def share_variance(self) -> float | None:
        """Of a metric that is a share: never 0, which it would be where all rows agree (Laplace's rule)."""
        variance = self.variance
        if variance is None:
            return None
        shrunk = (self.s / self.n * self.units + 1) / (self.units + 2)
        return variance or shrunk * (1 - shrunk) / self.units

    @property
    def is_clustered(self) -> bool:
        """Whether some unit has several rows."""
        return self.nn > self.n * (1 + 1e-12)

    @property
    def design_effect(self) -> float:
        """By how much clustering enlarges the variance of a share."""
        ratio, variance = self.value, self.variance
        if not ratio or ratio >= 1 or not variance:
            return 1.0
        return variance / (ratio * (1 - ratio) / self.n)

    def to_json(self) -> list[float]:
        return list(vars(self).values())

    @classmethod
    def from_json(cls, document: list[float]) -> Self:
        return cls(*(float(value) for value in document))


def is_finite(moments: UnitMoments) -> bool:
    return all(math.isfinite(value) for value in vars(moments).values())
