"""Tests on one share: rows without a usable value, rows with never-seen levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special, stats

from driftline.drift.drift_test import DriftTest
from driftline.drift.measurement import Measurement
from driftline.drift.pairs import CategoricalPair, NotEvaluable, NumericPair, Pair, single_levels

LEAST_EXPECTED = 10
"""With fewer expected rows in a cell of the 2 x 2 table, Fisher's exact test replaces the normal approximation."""

VANISHED_LEVELS_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class NullShareTest(DriftTest):
    """Has the share of rows without a usable value changed?

    Counted as missing: null, NaN, infinite, and what is no number in a numeric column. Statistic and effect: absolute
    change of the share, 0 to 1 (0.02 is 2 points); ``details`` has the two shares and their parts. p-value: pooled
    two-proportion test with continuity correction, Fisher's exact test where a cell expects fewer than 10 rows.
    Assumes independent rows. Not for a feature that is missing for a reason that goes with the hour, unless calibrated.

    Source: Fleiss, Levin, Paik (2003), "Statistical Methods for Rates and Proportions", 3.2 (the pooled test).
    """

    name: ClassVar[str] = "null_share"
    floor: float = 0.02

    def measure(self, pair: Pair) -> Measurement:
        before = pair.reference_missing / pair.reference_size
        now = pair.current_missing / pair.current_size
        return Measurement(
            pair=pair,
            statistic=abs(now - before),
            effect=abs(now - before),
            reference_size=pair.reference_size,
            current_size=pair.current_size,
            details={"reference_share": before, "current_share": now, **_parts_of(pair)},
        )

    def p_value(self, measurement: Measurement) -> float:
        pair = measurement.pair
        missing = (pair.reference_missing, pair.current_missing)
        return two_proportions(missing, (pair.reference_size, pair.current_size))

    def critical_value(self, measurement: Measurement) -> float:
        pair = measurement.pair
        rows = pair.reference_size + pair.current_size
        share = (pair.reference_missing + pair.current_missing) / rows
        deviation = math.sqrt(share * (1 - share) / measurement.effective_size)
        return float(-special.ndtri(self.significance / 2)) * deviation


@dataclass(frozen=True, kw_only=True)
class NewLevelTest(DriftTest):
    """How much of the window are levels that the reference never had?

    Statistic and effect: their share of the rows, 0 to 1: the mass counts, not the mere presence. A reference with rare
    levels leads to expect some new ones: as many as it has levels with a single row (Good and Turing), which the
    p-value (Fisher's exact test, one-sided) allows for. ``details`` names new and vanished levels. For categorical
    features. Assumes independent rows. Not for numbers, nor for what is new by nature (an identifier, a time).

    Source: Good (1953), "The population frequencies of species and the estimation of population parameters".
    """

    name: ClassVar[str] = "new_level_share"
    floor: float = 0.01

    def measure(self, pair: Pair) -> Measurement:
        if not isinstance(pair, CategoricalPair):
            raise NotEvaluable("The feature is numeric; it has no levels.")
        if pair.reference_size == pair.reference_missing:
            raise NotEvaluable("The reference has no value: every level would be new.")
        share = pair.current.unseen / pair.current_size
        return Measurement(
            pair=pair,
            statistic=share,
            effect=share,
            reference_size=pair.reference_size,
            current_size=pair.current_size,
            details={"new_levels": _commonest(pair.current.unseen_levels), "vanished_levels": vanished_levels(pair)},
        )

    def p_value(self, measurement: Measurement) -> float:
        pair = measurement.pair
        assert isinstance(pair, CategoricalPair)
        singles = single_levels(pair.reference)
        new, n, m = pair.current.unseen, pair.current_size, pair.reference_size
        return float(stats.hypergeom.sf(new - 1, n + m, new + singles, n))

    def critical_value(self, measurement: Measurement) -> float:
        pair = measurement.pair
        assert isinstance(pair, CategoricalPair)
        singles = single_levels(pair.reference)
        share = singles / pair.reference_size
        return share - float(special.ndtri(self.significance)) * math.sqrt(share / measurement.effective_size)


def two_proportions(successes: tuple[int, int], sizes: tuple[int, int]) -> float:
    """Two-sided p-value for equal shares."""
    (a, b), (n, m) = successes, sizes
    share = (a + b) / (n + m)
    if share in {0.0, 1.0}:
        return 1.0
    if min(n, m) * min(share, 1 - share) < LEAST_EXPECTED:
        return float(stats.fisher_exact(np.array([[a, n - a], [b, m - b]])).pvalue)
    distance = max(abs(a / n - b / m) - (1 / n + 1 / m) / 2, 0.0)
    return float(2 * special.ndtr(-distance / math.sqrt(share * (1 - share) * (1 / n + 1 / m))))


def vanished_levels(pair: CategoricalPair) -> dict[str, float]:
    """Levels of 1 % or more of the reference that the window lacks, with their share there; the largest first."""
    shares = pair.reference.counts / pair.reference_size
    gone = np.flatnonzero((pair.current.counts == 0) & (shares >= 0.01))
    largest = gone[np.argsort(-shares[gone], kind="stable")][:VANISHED_LEVELS_NAMED]
    return {pair.reference.binning.levels[cell]: float(shares[cell]) for cell in largest}


def _commonest(levels: object) -> dict[str, int]:
    assert isinstance(levels, dict)
    return dict(sorted(levels.items(), key=lambda item: (-item[1], item[0]))[:VANISHED_LEVELS_NAMED])


def _parts_of(pair: Pair) -> dict[str, int]:
    if not isinstance(pair, NumericPair):
        return {}
    return {"non_finite": pair.current.non_finite, "invalid": pair.current.invalid}
