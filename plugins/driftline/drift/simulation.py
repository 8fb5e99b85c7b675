"""Windows as the baseline could have had them, simulated: what each statistic does without drift.

A simulated window is the expected distribution, plus a deviation between windows, plus the sampling noise of its rows.
The deviation is a random combination of the baseline's own leave-one-out deviations (normal weights, the same for all
features, so that what moves together stays together), which extrapolates beyond the few windows there are; it is
widened as Student's t is, because its size is estimated from them. The deviations already hold the sampling noise of
the baseline's windows, so only what a smaller window has more of is added: the same as thinning the counts
hypergeometrically to the window's rows.

Source of the random weights: Chernozhukov, Chetverikov, Kato (2013), "Gaussian approximations and multiplier bootstrap
for maxima of sums of high-dimensional random vectors", Annals of Statistics 41.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftline.drift.blocks import FeatureBlocks
from driftline.drift.distances import EMPTY_CELL_ROWS, normal_scores
from driftline.drift.pairs import LARGEST_LEVELS, NumericPair, group_ends, grouped_levels
from driftline.drift.rank_tests import widths_of
from driftline.drift.residuals import Residuals
from driftline.drift.spread_test import SMALLEST_RATIO
from driftline.profiles import NumericProfile
from driftline.profiles.binning import Floats

SIMULATED_CELLS = 200
UNSEEN_CELL = -2
"""Where the never-seen levels are counted (`driftline.drift.pairs.cells_of`)."""
Draws = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SimulatedFeature:
    """Simulated windows of one feature.

    Attributes
    ----------
    feature, residuals:
        What was observed.
    cell_starts:
        First cell of each of the coarser cells that are simulated.
    deviations:
        Per simulated window and cell, the deviation between windows (shares).
    missing_deviations, new_level_shares:
        Per simulated window.
    rng:
        Source of the sampling noise.
    """

    feature: FeatureBlocks
    residuals: Residuals
    cell_starts: NDArray[np.intp]
    deviations: Draws
    missing_deviations: Floats
    new_level_shares: Floats
    rng: np.random.Generator

    @classmethod
    def of(
        cls, feature: FeatureBlocks, residuals: Residuals, weights: Draws, rng: np.random.Generator
    ) -> SimulatedFeature:
        """Draws as many windows as ``weights`` has rows; its columns are the feature's blocks."""
        windows, blocks = weights.shape
        freedom = residuals.degrees_of_freedom
        widening = np.sqrt(freedom / rng.chisquare(freedom, windows))
        mixing = weights * (widening / np.sqrt(blocks))[:, None].astype(np.float32)
        centred = residuals.new_level_shares - residuals.new_level_shares.mean()
        starts = _cell_starts(feature)
        return cls(
            feature=feature,
            residuals=residuals,
            cell_starts=starts,
            deviations=mixing @ np.add.reduceat(residuals.deviations, starts, axis=1).astype(np.float32),
            missing_deviations=mixing @ residuals.missing_deviations,
            new_level_shares=np.maximum(residuals.new_level_shares.mean() + mixing @ centred, 0.0),
            rng=rng,
        )

    def statistics(self, size: int) -> Iterator[tuple[str, Floats]]:
        """Per deciding test its statistic in every simulated window of ``size`` rows."""
        extra = max(1 - size / self.residuals.size, 0.0)
        missing = np.abs(self._share_noise(self.missing_share, size, extra) + self.missing_deviations)
        yield "null_share", missing
        if isinstance(self.feature.whole, NumericProfile):
            yield from self._numeric_statistics(size, extra)
        else:
            yield from self._categorical_statistics(size, extra)

    @property
    def missing_share(self) -> Floats:
        """Per simulated window; never quite 0, because a share of 0 among so many rows is no certainty."""
        least = EMPTY_CELL_ROWS / self.feature.rows.sum()
        return np.clip(self.residuals.missing_share + self.missing_deviations, least, 1 - least)

    def _share_noise(self, share: Floats, size: int, extra: float) -> Floats:
        noise: Floats = (self.rng.binomial(size, share) / size - share) * np.sqrt(extra)
        return noise

    def _numeric_statistics(self, size: int, extra: float) -> Iterator[tuple[str, Floats]]:
        differences = self._cumulative_deviations
        if extra > 0:
            differences = differences + self._cumulative_noise * np.float32(np.sqrt(extra / size))
        distances = np.abs(differences)
        yield "kolmogorov_smirnov", distances.max(axis=1)
        if self._widths is not None:
            yield "wasserstein", distances[:, :-1] @ self._widths
        yield "spread", self._spreads(differences)
        groups = np.diff(differences[:, self._group_ends], axis=1, prepend=np.float32(0))
        missing = self.missing_share + self._share_noise(self.missing_share, size, extra)
        expected = np.append(self._group_shares * (1 - self.residuals.missing_share), self.residuals.missing_share)
        simulated = np.column_stack([(self._group_shares + groups) * (1 - missing)[:, None], missing])
        yield from self._cell_statistics(expected, simulated, size)

    def _categorical_statistics(self, size: int, extra: float) -> Iterator[tuple[str, Floats]]:
        expected = self._coarse_shares
        shares = np.clip(expected + self.deviations, 0.0, None)
        noise = self.rng.poisson(shares * size) / size - shares if extra > 0 else 0.0
        simulated = np.clip(shares + noise * np.sqrt(extra), 0.0, None)
        rate = np.clip(self.new_level_shares, EMPTY_CELL_ROWS / self.feature.rows.sum(), 1.0)
        new = self.rng.binomial(size, rate) / size
        simulated *= (1 - new)[:, None] / simulated.sum(axis=1, keepdims=True)
        simulated[:, UNSEEN_CELL] = new
        yield from self._cell_statistics(expected, simulated, size)
        yield "total_variation", np.abs(simulated - expected).sum(axis=1) / 2
        yield "new_level_share", new

    def _cell_statistics(self, expected: Floats, simulated: Floats, size: int) -> Iterator[tuple[str, Floats]]:
        q, p = expected / expected.sum(), np.maximum(simulated, 0.0)
        known = q > 0
        filled = np.maximum(p[:, known], EMPTY_CELL_ROWS / size)
        index = ((filled - q[known]) * np.log(filled / q[known])).sum(axis=1)
        empty = EMPTY_CELL_ROWS / self.feature.rows.sum()
        fresh = np.maximum(p[:, ~known], empty)
        yield "population_stability_index", index + ((fresh - empty) * np.log(fresh / empty)).sum(axis=1)
        middle = (p + q) / 2
        divergence = special.rel_entr(p, middle) + special.rel_entr(q, middle)
        yield "jensen_shannon", np.maximum(divergence.sum(axis=1), 0.0) / (2 * np.log(2))

    @cached_property
    def _cumulative_deviations(self) -> Draws:
        return np.cumsum(self.deviations, axis=1)

    @cached_property
    def _cumulative_noise(self) -> Draws:
        """Sampling noise of one row in the distribution function: multinomial covariance, one draw per window."""
        shares = self._coarse_shares.astype(np.float32)
        noise = self.rng.standard_normal((self.deviations.shape[0], shares.size), dtype=np.float32) * np.sqrt(shares)
        noise -= noise.sum(axis=1, keepdims=True) * shares
        return np.cumsum(noise, axis=1, out=noise)

    @cached_property
    def _widths(self) -> Draws | None:
        """Per coarse edge the stretch of the line it stands for, in standard deviations of the baseline."""
        profile = self.feature.whole
        assert isinstance(profile, NumericProfile)
        pair = NumericPair(profile, profile)
        if not 0 < pair.reference_deviation < np.inf or profile.binning.edges.size == 0:
            return None
        edges = self.cell_starts[1:] - 1
        if not edges.size:
            return None
        widths = np.add.reduceat(widths_of(pair), np.append(0, edges[1:]))
        return (widths / pair.reference_deviation).astype(np.float32)

    @cached_property
    def _coarse_shares(self) -> Floats:
        shares: Floats = np.add.reduceat(self.residuals.shares, self.cell_starts)
        return shares

    @cached_property
    def _score_moments(self) -> Floats:
        """Per coarse cell the mean of the normal scores and of their squares (2 columns)."""
        cells = self.feature.counts.sum(axis=0)
        scores = normal_scores(cells)
        sums = np.add.reduceat(np.column_stack([scores, scores**2]) * cells[:, None], self.cell_starts)
        rows = np.add.reduceat(cells, self.cell_starts)[:, None]
        last = scores[np.append(self.cell_starts[1:], scores.size) - 1]
        return np.where(rows > 0, sums / np.maximum(rows, 1), np.column_stack([last, last**2]))

    def _spreads(self, differences: Draws) -> Floats:
        """``|ln|`` of the ratio of spreads, from the differences of the distribution functions."""
        steps = np.diff(self._score_moments, axis=0).astype(np.float32)
        mean, square = self._coarse_shares @ self._score_moments
        first, second = (-differences[:, :-1] @ steps).T
        variance = square + second - (mean + first) ** 2
        before = max(float(square - mean**2), SMALLEST_RATIO)
        ratios: Floats = np.abs(np.log(np.clip(variance / before, SMALLEST_RATIO**2, None))) / 2
        return ratios

    @cached_property
    def _group_ends(self) -> NDArray[np.intp]:
        """Last coarse cell of each of the groups that PSI and Jensen-Shannon are taken on."""
        starts = np.append(self.cell_starts, self.residuals.shares.size)
        return np.searchsorted(starts, group_ends(self.feature.counts.sum(axis=0)) + 1) - 1

    @cached_property
    def _group_shares(self) -> Floats:
        return np.diff(np.cumsum(self._coarse_shares)[self._group_ends], prepend=0.0)


def _cell_starts(feature: FeatureBlocks) -> NDArray[np.intp]:
    """Numeric cells in about 200 of equal mass, refining those of PSI; levels as the tests group them."""
    mass = feature.counts.sum(axis=0)
    if not isinstance(feature.whole, NumericProfile):
        cells = np.arange(grouped_levels(mass).size)
        return np.where(cells <= LARGEST_LEVELS, cells, cells + mass.size - cells.size)
    return np.append(0, np.union1d(group_ends(mass, SIMULATED_CELLS), group_ends(mass))[:-1] + 1)
