"""Tests on distribution functions: Kolmogorov-Smirnov, Cramér-von Mises, Wasserstein."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from driftline.drift import distances
from driftline.drift.columns import ColumnData
from driftline.drift.drift_test import DriftTest
from driftline.drift.measurement import Measurement
from driftline.drift.pairs import NotEvaluable, NumericPair, Pair, numeric_pair
from driftline.profiles.binning import Floats

EXACT_SQUARES_ROWS = 20
"""Up to so many rows on either side the Cramér-von Mises p-value is the exact one (without ties), as in scipy."""

EXACT_ROWS = 500
"""Up to so many rows on either side the Kolmogorov-Smirnov p-value is the exact one."""

TAIL_START, LARGE_SIZE = 2.2, 1_000
"""Where ``n d²`` and the effective size ``n`` pass these, the Kolmogorov-Smirnov p-value (at most 0.025) comes from the
limit: `scipy.stats.kstwo` sums up ``n`` terms there, which takes 0.5 s at 77,000 rows."""

OPEN_END_DEVIATIONS = 3.0
"""A binning's open end cells are taken to be at most so many reference standard deviations wide."""


@dataclass(frozen=True, kw_only=True)
class NumericDriftTest(DriftTest):
    """A test on the finite values of a numeric feature."""

    def pair_of_data(self, reference_data: ColumnData, current_data: ColumnData) -> NumericPair:
        return numeric_pair(reference_data, current_data)

    def numeric(self, pair: Pair) -> NumericPair:
        """The pair, if it is numeric and has finite values (`NotEvaluable` otherwise)."""
        if not isinstance(pair, NumericPair):
            raise NotEvaluable(f"The feature is categorical; {self.name} needs numbers.")
        pair.require_finite_values()
        if min(pair.finite_sizes) < self.minimum_rows:
            side = "reference" if pair.finite_sizes[0] < self.minimum_rows else "current window"
            found = next(size for size in pair.finite_sizes if size < self.minimum_rows)
            raise NotEvaluable(f"The {side} has {found} finite values; at least {self.minimum_rows} are needed.")
        return pair

    def measured(self, pair: NumericPair, statistic: float, effect: float) -> Measurement:
        return Measurement(
            pair=pair,
            statistic=statistic,
            effect=effect,
            reference_size=pair.finite_sizes[0],
            current_size=pair.finite_sizes[1],
        )


@dataclass(frozen=True, kw_only=True)
class KolmogorovSmirnovTest(NumericDriftTest):
    """Largest distance of the two distribution functions.

    Statistic and effect: D, 0 to 1. On arrays it is exact, ties included (`scipy.stats.ks_2samp`). On profiles it is
    taken at the cells' edges, so ``D_profile <= D <= D_profile + max(min(r, c))``, the maximum over the cells that are
    no atoms, ``r`` and ``c`` a cell's shares of the two sides: between its edges ``a`` and ``b`` the difference of the
    distribution functions is at most ``d(a) + r = d(b) + c``, which is the larger of ``d(a)`` and ``d(b)`` plus the
    smaller of ``r`` and ``c``. With the baseline's 1,000 quantile cells that is 0.001.

    p-value: exact up to 500 rows on each side, then that of `scipy.stats.kstwo` at ``n m / (n + m)``, whose tail is
    taken from Smirnov's limit from 1,000 rows on; with ties all are conservative. Assumes independent rows: hours that
    move together need calibration. Not for small changes of the tails (see `CramerVonMises`, `WassersteinDistance`)
    nor for levels without an order.

    Source: Hodges (1958), "The significance probability of the Smirnov two-sample test", Arkiv för Matematik 3.
    """

    name: ClassVar[str] = "kolmogorov_smirnov"

    def measure(self, pair: Pair) -> Measurement:
        pair = self.numeric(pair)
        statistic = distances.kolmogorov_smirnov(*pair.cumulative)
        return self.measured(pair, statistic, statistic)

    def p_value(self, measurement: Measurement) -> float:
        if max(measurement.reference_size, measurement.current_size) <= EXACT_ROWS:
            return _exact_p_value(self.numeric(measurement.pair))
        size = round(measurement.effective_size)
        if size >= LARGE_SIZE and size * measurement.statistic**2 >= TAIL_START:
            return _limit_p_value(measurement.statistic, size)
        return float(stats.kstwo.sf(measurement.statistic, size))

    def critical_value(self, measurement: Measurement) -> float:
        return float(special.kolmogi(self.significance)) / math.sqrt(measurement.effective_size)


@dataclass(frozen=True, kw_only=True)
class CramerVonMises(NumericDriftTest):
    """The squared distance of the two distribution functions, averaged over the pooled sample.

    Statistic: T of Anderson (1962), ties by average rank (`scipy.stats.cramervonmises_2samp`). Effect: T divided by
    ``n m / (n + m)``, 0 to 1/3, free of the sample size. It sums up small differences along the whole line, which
    Kolmogorov-Smirnov only takes the largest of. On profiles the values of a cell are ties. p-value: exact up to 20
    rows on each side (without ties), asymptotic beyond. Assumes independent rows. Not for levels without an order, nor
    to say how far values moved (see `WassersteinDistance`).

    Source: Anderson (1962), "On the distribution of the two-sample Cramer-von Mises criterion", Annals of Mathematical
    Statistics 33.
    """

    name: ClassVar[str] = "cramer_von_mises"
    floor: float = 0.01

    def measure(self, pair: Pair) -> Measurement:
        pair = self.numeric(pair)
        statistic = distances.cramer_von_mises(pair.cells(pair.reference), pair.observed, pair.rows_up_to[1])
        n, m = pair.finite_sizes
        return self.measured(pair, statistic, max(statistic, 0.0) / (n * m / (n + m)))

    def p_value(self, measurement: Measurement) -> float:
        """Exact for few rows, else standardized by the finite-sample mean and variance (Anderson 1962), as in scipy."""
        if max(measurement.reference_size, measurement.current_size) <= EXACT_SQUARES_ROWS:
            samples = _ranked_samples(self.numeric(measurement.pair))
            return float(stats.cramervonmises_2samp(*samples, method="exact").pvalue)
        n, m = measurement.reference_size, measurement.current_size
        total = n + m
        mean = (1 + 1 / total) / 6
        variance = (total + 1) * (4 * n * m * total - 3 * (n**2 + m**2) - 2 * n * m) / (45 * total**2 * 4 * n * m)
        return distances.cramer_von_mises_survival(1 / 6 + (measurement.statistic - mean) / math.sqrt(45 * variance))

    def critical_value(self, measurement: Measurement) -> float:  # noqa: ARG002 - the limit is free of the size
        """From the limit's leading term, whose eigenvalue is 1 / pi²."""
        return float(special.chdtri(1, self.significance)) / math.pi**2 + 1 / 6 - 1 / math.pi**2


@dataclass(frozen=True, kw_only=True)
class WassersteinDistance(NumericDriftTest):
    """Mean distance that the reference's values have to move, in standard deviations of the reference (divisor n).

    Statistic and effect: 0 and up; a shift of the mean by 0.1 sd is 0.1. On arrays equal to
    `scipy.stats.wasserstein_distance` divided by the reference's standard deviation. On profiles the integral runs
    over the cells, open ends at most 3 sd wide. Evidence: the chi-square test on the reference's deciles. Feels tails
    and outliers; not for a reference whose standard deviation means nothing (heavy tails). Assumes independent rows.

    Source: Vallender (1974), "Calculation of the Wasserstein distance between probability distributions on the line".
    """

    name: ClassVar[str] = "wasserstein"

    def measure(self, pair: Pair) -> Measurement:
        pair = self.numeric(pair)
        deviation = pair.reference_deviation
        if not (0 < deviation < math.inf):
            raise NotEvaluable(f"The reference's standard deviation is {deviation:g}: there is no unit to measure in.")
        reference, current = pair.cumulative
        if reference.size == 1:
            raise NotEvaluable("All values lie in one cell.")
        statistic = float(np.abs(reference - current)[:-1] @ widths_of(pair)) / deviation
        return self.measured(pair, statistic, statistic)

    def p_value(self, measurement: Measurement) -> float:
        return measurement.pair.chi_square_p_value

    def critical_value(self, measurement: Measurement) -> float:
        return float(-special.ndtri(self.significance / 2)) / math.sqrt(measurement.effective_size)


def widths_of(pair: NumericPair) -> Floats:
    """Per edge, the stretch of the line on which the distribution functions are taken as they are at the edge."""
    edges = pair.reference.binning.edges
    widest = OPEN_END_DEVIATIONS * pair.reference_deviation
    low = min(pair.reference.minimum, pair.current.minimum)
    high = max(pair.reference.maximum, pair.current.maximum)
    widths = np.append(edges[1:] - edges[:-1], 0.0)
    widths[0] += min(max(float(edges[0]) - low, 0.0), widest) / 2
    widths[-1] += min(max(high - float(edges[-1]), 0.0), widest) / 2
    return widths


def _limit_p_value(distance: float, size: int) -> float:
    """Kolmogorov's limit with Smirnov's correction for ``n``: at 1,000 rows 0.5 % above the finite sample's 0.0006.

    Source: Smirnov (1944), "Approximate laws of distribution of random variables from empirical data", Uspekhi
    Matematicheskikh Nauk 10.
    """
    root = math.sqrt(size)
    return float(special.kolmogorov(root * distance + 1 / (6 * root)))


def _ranked_samples(pair: NumericPair) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Both samples, each value as the number of its cell: all that a rank test needs to know."""
    cells = np.arange(pair.expected.size)
    return np.repeat(cells, pair.reference.counts), np.repeat(cells, pair.current.counts)


def _exact_p_value(pair: NumericPair) -> float:
    samples = _ranked_samples(pair)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where it cannot be exact scipy takes the limit, and says so
        return float(stats.ks_2samp(*samples, method="exact").pvalue)
