"""The test on the spread of a numeric feature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from driftline.drift.measurement import Measurement
from driftline.drift.pairs import NotEvaluable, Pair
from driftline.drift.rank_tests import NumericDriftTest
from driftline.profiles.binning import Floats

SMALLEST_RATIO = 1e-4
"""A ratio of spreads below counts as this: a frozen feature has a finite effect."""


@dataclass(frozen=True, kw_only=True)
class SpreadTest(NumericDriftTest):
    """Has the feature become wider or narrower, wherever it lies?

    Statistic and effect: ``|ln(s / s0)|`` of the standard deviations of the normal scores, 0 and up: each value counts
    as the normal quantile of its rank in the reference, so that outliers and skewness do not matter; for a normal
    feature 0.1 is 10 % wider or narrower, 0.2 a variance of 1.5 times. Where the level goes up and down from day to
    day, the distances of distribution functions have to allow for that and no longer see the spread; this does, because
    the level is not in it. p-value: normal approximation (delta method with the scores' kurtosis). Assumes independent
    rows. Not for a reference of few distinct values, whose scores are steps, nor for a large shift of the level, which
    moves values into the reference's tail where scores lie closer.

    Source: Klotz (1962), "Nonparametric tests for scale", Annals of Mathematical Statistics 33 (the scores).
    """

    name: ClassVar[str] = "spread"

    def measure(self, pair: Pair) -> Measurement:
        pair = self.numeric(pair)
        scores = pair.normal_scores
        squares = np.square(scores)
        before, now = (_deviation(scores, squares, cells) for cells in (pair.expected, pair.observed))
        if before == 0:
            raise NotEvaluable("The reference is constant: it has no spread to compare with.")
        ratio = abs(math.log(max(now / before, SMALLEST_RATIO)))
        return self.measured(pair, ratio, ratio)

    def p_value(self, measurement: Measurement) -> float:
        return float(2 * special.ndtr(-measurement.statistic / self._standard_error(measurement)))

    def critical_value(self, measurement: Measurement) -> float:
        return float(-special.ndtri(self.significance / 2)) * self._standard_error(measurement)

    def _standard_error(self, measurement: Measurement) -> float:
        pair = self.numeric(measurement.pair)
        shares, scores = pair.expected / pair.expected.sum(), pair.normal_scores
        squares = np.square(scores - float(shares @ scores))
        kurtosis = float(shares @ np.square(squares)) / float(shares @ squares) ** 2
        return math.sqrt(max(kurtosis - 1, 1e-6) / 4 / measurement.effective_size)


def _deviation(values: Floats, squares: Floats, cells: Floats) -> float:
    total = float(np.add.reduce(cells))
    return math.sqrt(max(float(cells @ squares) / total - (float(cells @ values) / total) ** 2, 0.0))
