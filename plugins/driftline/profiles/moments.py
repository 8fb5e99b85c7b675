"""Count, mean and sum of squared deviations that add up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """``n`` values with their mean and ``m2``, the sum of squared deviations from it."""

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moments:
        """The moments of finite ``values``; values near the limit of floats give infinite ones, never an error."""
        if values.size == 0:
            return cls()
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(np.mean(values))
            m2 = float(np.sum(np.square(values - mean)))
        return cls(n=int(values.size), mean=mean, m2=m2)

    def merged(self, other: Moments) -> Moments:
        """The moments of both together.

        Chan, Golub, LeVeque (1983), "Algorithms for computing the sample variance", The American Statistician 37.
        """
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n = self.n + other.n
        delta = other.mean - self.mean
        if not math.isfinite(delta):
            return Moments(n=n, mean=math.nan, m2=math.nan)
        mean = (self.n * self.mean + other.n * other.mean) / n
        m2 = self.m2 + other.m2 + delta * delta * (self.n * other.n / n) if abs(delta) < 1e150 else math.inf
        return Moments(n=n, mean=mean, m2=m2)

    @property
    def variance(self) -> float:
        """Sample variance (divisor n - 1); NaN below two values."""
        return self.m2 / (self.n - 1) if self.n > 1 else math.nan

    @property
    def standard_deviation(self) -> float:
        return math.sqrt(self.variance) if self.variance >= 0 else math.nan


NO_MOMENTS = Moments()
