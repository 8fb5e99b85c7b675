"""What clean windows do to a multivariate statistic: its null, in a unit where it is about normal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from scipy import special, stats

DISTANCE_OFFSET = 0.5
"""Reference standard deviations; beyond it the logarithm takes off the skew of windows that differ much."""

RATIO_OFFSET = 0.2
"""Of a log ratio of reconstruction errors."""
LOWEST_RATIO = 0.001


class MultivariateTest(StrEnum):
    DOMAIN_CLASSIFIER = "domain_classifier"
    PCA_RECONSTRUCTION = "pca_reconstruction"
    CORRELATION_CHANGE = "correlation_change"
    SCORE_DRIFT = "score_drift"


TWO_SIDED = frozenset({MultivariateTest.PCA_RECONSTRUCTION})


@dataclass(frozen=True)
class WindowNull:
    """A statistic over held-out windows of the baseline, in its normal unit (`in_normal_unit`).

    A new window is judged by the predictive distribution of one more observation: Student's t with ``windows - 1``
    degrees of freedom and the scale ``deviation * sqrt(1 + 1 / windows)``, which allows for how few windows there are.
    """

    mean: float
    deviation: float
    windows: int

    @property
    def scale(self) -> float:
        return max(self.deviation, 1e-9) * math.sqrt(1 + 1 / self.windows)

    def distance(self, value: float) -> float:
        return (value - self.mean) / self.scale

    def upper_tail(self, value: float) -> float:
        return float(stats.t.sf(self.distance(value), self.windows - 1))

    def quantile(self, tail: float) -> float:
        """The value that a clean window exceeds with probability ``tail``."""
        return float(self.mean + self.scale * stats.t.isf(tail, self.windows - 1))


def in_normal_unit(test: str, statistic: float) -> float:
    """The statistic where its spread over clean windows is about normal, and no limit lies beyond its range.

    An AUC as ``ln(d + 0.5)`` with ``d = sqrt(2) z(AUC)``, the distance in standard deviations of two normal samples
    with that AUC; a Kolmogorov-Smirnov distance as its logit; the log ratio ``r`` of the reconstruction errors as
    ``ln(r + 0.2)``: what days add to the error are squares of their deviations, so its right tail is the longer one.
    The largest change of a correlation has a unit that goes with the number of pairs (`MaximumUnit`).
    Chosen by simulation: with 30 windows that differ normally in 1, 3 or 30 features, or not at all, the predictive
    tail at 1/300 was 0.000 to 0.003, where that of the plain statistic reaches 0.016. Of the reconstruction error with
    all 30 features wandering by 0.3 sd a day, at 1/1,600: 0 of 500 windows after 28 others (plain: 2), 1 of 1,200 after
    12 (plain: 1).
    """
    if test == MultivariateTest.DOMAIN_CLASSIFIER:
        area = min(max(statistic, 1e-6), 1 - 1e-6)
        return math.log(max(math.sqrt(2) * float(special.ndtri(area)) + DISTANCE_OFFSET, 0.05))
    if test == MultivariateTest.SCORE_DRIFT:
        return float(special.logit(min(max(statistic, 1e-6), 1 - 1e-6)))
    if test == MultivariateTest.PCA_RECONSTRUCTION:
        return math.log(max(statistic + RATIO_OFFSET, LOWEST_RATIO))
    return statistic


def from_normal_unit(test: str, value: float) -> float:
    """The statistic at a value of its normal unit."""
    if test == MultivariateTest.DOMAIN_CLASSIFIER:
        return float(special.ndtr((math.exp(value) - DISTANCE_OFFSET) / math.sqrt(2)))
    if test == MultivariateTest.SCORE_DRIFT:
        return float(special.expit(value))
    if test == MultivariateTest.PCA_RECONSTRUCTION:
        return math.exp(value) - RATIO_OFFSET
    return value
