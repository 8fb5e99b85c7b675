"""Tests on shares per cell: PSI, Jensen-Shannon, Hellinger, total variation, chi-square.

Numeric features are grouped by the reference's deciles (a value that holds a tenth by itself is a group alone), with
the missing values as a group of their own; categorical ones by their 100 commonest levels, with the rarer ones, the
never-seen and null as a cell each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from scipy import special

from driftline.drift import distances
from driftline.drift.drift_test import DriftTest
from driftline.drift.measurement import Measurement
from driftline.drift.pairs import NotEvaluable, Pair
from driftline.profiles.binning import Floats


@dataclass(frozen=True, kw_only=True)
class CellDriftTest(DriftTest):
    """A distance of shares per cell. Its evidence is the two-sample chi-square test on the same cells."""

    def measured(self, pair: Pair, statistic: float, effect: float) -> Measurement:
        return Measurement(
            pair=pair,
            statistic=statistic,
            effect=effect,
            reference_size=pair.reference_size,
            current_size=pair.current_size,
            degrees_of_freedom=pair.groups[0].size - 1,
        )

    def cells(self, pair: Pair) -> tuple[Floats, Floats]:
        """The cells' rows on both sides (`NotEvaluable` where a side is all missing or all is one value)."""
        pair.require_finite_values()
        return pair.groups

    def shares(self, pair: Pair) -> tuple[Floats, Floats]:
        """The cells' shares on both sides."""
        pair.require_finite_values()
        return pair.group_shares

    def p_value(self, measurement: Measurement) -> float:
        return measurement.pair.chi_square_p_value

    def critical_chi_square(self, measurement: Measurement) -> float:
        """Per effective row."""
        return chi_square_quantile(measurement.degrees_of_freedom, self.significance) / measurement.effective_size


@dataclass(frozen=True, kw_only=True)
class PopulationStabilityIndex(CellDriftTest):
    """``sum((p - q) ln(p / q))`` over the reference's deciles or levels, missing values as a cell of their own.

    Statistic and effect: nats, 0 and up; by custom 0.1 is a moderate change and 0.2 a large one. A cell that is empty
    on one side counts as half a row there (`driftline.drift.distances.EMPTY_CELL_ROWS`), unless ``pseudo_rows`` are
    added to every cell of both sides. Without drift its mean is about ``(cells - 1)(1/n + 1/m)``: below 200 rows it
    passes 0.1 by chance, which is why evidence is asked for too. Evidence: the chi-square test on the same cells.
    Not for a feature whose every value is new (an identifier). Assumes independent rows.

    Source: Siddiqi (2006), "Credit Risk Scorecards"; Yurdakul (2018), "Statistical properties of the population
    stability index", Western Michigan University (its distribution).
    """

    name: ClassVar[str] = "population_stability_index"
    pseudo_rows: float = 0.0

    def measure(self, pair: Pair) -> Measurement:
        index = distances.population_stability_index(*self.cells(pair), pseudo_rows=self.pseudo_rows)
        return self.measured(pair, index, index)

    def critical_value(self, measurement: Measurement) -> float:
        return self.critical_chi_square(measurement)


@dataclass(frozen=True, kw_only=True)
class JensenShannonDivergence(CellDriftTest):
    """Divergence of the two from their mean, base 2, on the reference's deciles or levels.

    Statistic and effect: 0 (alike) to 1 (no cell in common); 0.1 is a large change (a shift by 0.75 sd). It is the
    square of the Jensen-Shannon *distance*. Needs no smoothing. Evidence: the chi-square test on the same cells.
    Assumes independent rows. Not for small shifts (0.25 sd are 0.01 only), nor for a feature whose every value is new.

    Source: Lin (1991), "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37.
    """

    name: ClassVar[str] = "jensen_shannon"

    def measure(self, pair: Pair) -> Measurement:
        divergence = distances.jensen_shannon_divergence(*self.shares(pair))
        return self.measured(pair, divergence, divergence)

    def critical_value(self, measurement: Measurement) -> float:
        return self.critical_chi_square(measurement) / (8 * math.log(2))


@dataclass(frozen=True, kw_only=True)
class HellingerDistance(CellDriftTest):
    """Distance of the roots of the shares, on the reference's deciles or levels.

    Statistic and effect: 0 to 1; about ``sqrt(PSI / 8)`` for small changes. Evidence: the chi-square test on the same
    cells. Assumes independent rows. Not for few rows in many cells: what is missing from the smaller side by chance
    looks like a distance.

    Source: Hellinger (1909), "Neue Begründung der Theorie quadratischer Formen von unendlichvielen Veränderlichen",
    Journal für die reine und angewandte Mathematik 136; Le Cam and Yang (2000), "Asymptotics in Statistics", 3.2.
    """

    name: ClassVar[str] = "hellinger"

    def measure(self, pair: Pair) -> Measurement:
        distance = distances.hellinger_distance(*self.shares(pair))
        return self.measured(pair, distance, distance)

    def critical_value(self, measurement: Measurement) -> float:
        return math.sqrt(self.critical_chi_square(measurement) / 8)


@dataclass(frozen=True, kw_only=True)
class TotalVariation(CellDriftTest):
    """Share of the rows that would have to change their cell, on the reference's deciles or levels.

    Statistic and effect: 0 to 1. ``details["largest_share_difference"]`` is the L-infinity distance, the largest change
    of one cell's share. Evidence: the chi-square test on the same cells. Assumes independent rows. Not for levels with
    an order, whose distances it does not know, nor alone for many levels and few rows, where it is large by chance.

    Source: Levin and Peres (2017), "Markov Chains and Mixing Times", 4.1.
    """

    name: ClassVar[str] = "total_variation"
    floor: float = 0.03

    def measure(self, pair: Pair) -> Measurement:
        shares = self.shares(pair)
        distance = distances.total_variation(*shares)
        return Measurement(
            pair=pair,
            statistic=distance,
            effect=distance,
            reference_size=pair.reference_size,
            current_size=pair.current_size,
            degrees_of_freedom=shares[0].size - 1,
            details={"largest_share_difference": distances.largest_share_difference(*shares)},
        )

    def critical_value(self, measurement: Measurement) -> float:
        return math.sqrt(self.critical_chi_square(measurement)) / 2


@dataclass(frozen=True, kw_only=True)
class ChiSquareTest(CellDriftTest):
    """Pearson's two-sample test on the contingency table of side by cell.

    Statistic: chi-square, 0 and up (`scipy.stats.chi2_contingency` without Yates' correction); levels whose expected
    count is below 5 on the smaller side are pooled, levels without any row are left out. Effect: the total variation,
    because the statistic itself grows with the rows. The reference is a sample too: a goodness-of-fit test against it
    as if it were exact alarms on nothing in 20 to 50 % of windows. Assumes independent rows. Not for numbers whose
    order matters (see `KolmogorovSmirnovTest`), nor as a measure of size: with enough rows it calls anything a change.

    Source: Pearson (1900), "On the criterion that a given system of deviations ... can be reasonably supposed to have
    arisen from random sampling", Philosophical Magazine 50; pooling: Cochran (1954), Biometrics 10.
    """

    name: ClassVar[str] = "chi_square"
    floor: float = 0.03

    def measure(self, pair: Pair) -> Measurement:
        shares = self.shares(pair)
        statistic, freedom = pair.chi_square
        if not freedom:
            raise NotEvaluable("Too few rows per level: pooled, all levels are one cell.")
        return Measurement(
            pair=pair,
            statistic=statistic,
            effect=distances.total_variation(*shares),
            reference_size=pair.reference_size,
            current_size=pair.current_size,
            degrees_of_freedom=freedom,
            details={"degrees_of_freedom": freedom},
        )

    def critical_value(self, measurement: Measurement) -> float:
        return chi_square_quantile(measurement.degrees_of_freedom, self.significance)


@lru_cache(maxsize=256)
def chi_square_quantile(degrees_of_freedom: int, tail: float) -> float:
    """What chi-square exceeds with probability ``tail``: the same for most features of a window."""
    return float(special.chdtri(degrees_of_freedom, tail))
