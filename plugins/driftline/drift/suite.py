"""Which tests a feature gets, and which of them decide."""

from __future__ import annotations

from dataclasses import dataclass

from driftline.drift.cell_tests import (
    ChiSquareTest,
    HellingerDistance,
    JensenShannonDivergence,
    PopulationStabilityIndex,
    TotalVariation,
)
from driftline.drift.drift_test import DriftTest
from driftline.drift.pairs import NumericPair, Pair
from driftline.drift.rank_tests import CramerVonMises, KolmogorovSmirnovTest, WassersteinDistance
from driftline.drift.share_tests import NewLevelTest, NullShareTest
from driftline.drift.spread_test import SpreadTest
from driftline.drift.thresholds import DriftThresholds

PROBABILITIES_PER_FEATURE = 4
"""Different p-values that decide on one feature: numeric KS, cells, spread, nulls; categorical one fewer."""


@dataclass(frozen=True)
class Suite:
    """The tests of one kind of feature.

    Attributes
    ----------
    deciding:
        Each can detect drift by itself.
    supporting:
        Reported beside them: they are detected only where a deciding test is, so that the budget is not spent twice.
    """

    deciding: tuple[DriftTest, ...]
    supporting: tuple[DriftTest, ...]


@dataclass(frozen=True)
class Suites:
    numeric: Suite
    categorical: Suite

    def of(self, pair: Pair) -> Suite:
        return self.numeric if isinstance(pair, NumericPair) else self.categorical


def suites_for(thresholds: DriftThresholds, significance: float) -> Suites:
    """The tests with their floors; ``significance`` is the corrected one of the analytic evidence."""
    common = {"significance": significance, "minimum_rows": thresholds.minimum_rows}
    index = PopulationStabilityIndex(floor=thresholds.psi, **common)  # type: ignore[arg-type]
    divergence = JensenShannonDivergence(floor=thresholds.jensen_shannon, **common)  # type: ignore[arg-type]
    nulls = NullShareTest(floor=thresholds.null_share, **common)  # type: ignore[arg-type]
    variation = TotalVariation(floor=thresholds.total_variation, **common)  # type: ignore[arg-type]
    chi_square = ChiSquareTest(floor=thresholds.total_variation, **common)  # type: ignore[arg-type]
    hellinger = HellingerDistance(**common)  # type: ignore[arg-type]
    distribution = KolmogorovSmirnovTest(floor=thresholds.kolmogorov_smirnov, **common)  # type: ignore[arg-type]
    distance = WassersteinDistance(floor=thresholds.wasserstein, **common)  # type: ignore[arg-type]
    spread = SpreadTest(floor=thresholds.spread, **common)  # type: ignore[arg-type]
    squares = CramerVonMises(**common)  # type: ignore[arg-type]
    new_levels = NewLevelTest(floor=thresholds.new_level_share, **common)  # type: ignore[arg-type]
    return Suites(
        numeric=Suite(
            deciding=(distribution, index, divergence, distance, spread, nulls),
            supporting=(squares, hellinger, variation, chi_square),
        ),
        categorical=Suite(
            deciding=(index, divergence, variation, nulls, new_levels), supporting=(hellinger, chi_square)
        ),
    )
