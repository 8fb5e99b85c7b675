"""Count, mean and sum of squared deviations that add up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SHRINK = 2.0**-64
"""A power of two, so that values keep their digits: the sum of so many of the largest floats fits."""


@dataclass(frozen=True)
class Moments:
    """``n`` values with their mean and ``m2``, the sum of squared deviations from it."""

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moments:
        """The moments of finite ``values``; a spread beyond the range of floats is infinite, never an error.

        The values of a constant column have no spread at all, however their sum is rounded.
        """
        if values.size == 0:
            return cls()
        lowest, highest = float(values.min()), float(values.max())
        if lowest == highest and math.isfinite(lowest):
            return cls(n=int(values.size), mean=lowest)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(np.mean(values))
            if not math.isfinite(mean):
                mean = float(np.mean(values * _SHRINK)) / _SHRINK
            m2 = float(np.sum(np.square(values - mean)))
        return cls(n=int(values.size), mean=mean, m2=m2)

    def merged(self, other: Moments) -> Moments:
        """The moments of both together.

        Chan, Golub, LeVeque (1983), "Algorithms for computing the sample variance", The American Statistician 37.
        """
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n = self.n + other.n
        share = other.n / n
        delta = other.mean - self.mean
        is_finite = math.isfinite(delta)
        mean = self.mean + delta * share if is_finite else self.mean * (1 - share) + other.mean * share
        m2 = self.m2 + other.m2 + delta * delta * (self.n * share) if abs(delta) < 1e150 else math.inf
        return Moments(n=n, mean=mean, m2=m2)

    @property
    def variance(self) -> float:
        """Sample variance (divisor n - 1); NaN below two values."""
        return self.m2 / (self.n - 1) if self.n > 1 else math.nan

    @property
    def standard_deviation(self) -> float:
        return math.sqrt(self.variance) if self.variance >= 0 else math.nan


NO_MOMENTS = Moments()
