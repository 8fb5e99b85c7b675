"""How far each of the baseline's windows is from what the others lead to expect of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.blocks import FeatureBlocks
from driftline.drift.pairs import group_ends, single_pooled_levels
from driftline.drift.season import Season, spread
from driftline.profiles import CategoricalProfile
from driftline.profiles.binning import Floats

SEASON_GROUPS = 20
SEASON_LEVELS = 30

SMALLEST_HARMONIC = 1e-6
"""Harmonics (or sums of them) that the blocks' hours show less of, relative to the largest, are not fitted."""

NEIGHBOURING_HOURS = 24
"""Blocks so near on either side are left out with each block: what is near in time predicts it better than it will a
window weeks later (Racine (2000), "Consistent cross-validatory model-selection for dependent data: hv-block")."""


@dataclass(frozen=True, eq=False)
class Residuals:
    """Leave-one-out deviations of the blocks of one feature.

    Attributes
    ----------
    season:
        What is expected of a window, by the hours of the week.
    shares:
        Share of each cell over the baseline (sums to 1).
    deviations:
        Per block and cell, the block's share minus the one that the other blocks predict for its hours.
    missing_share, missing_deviations:
        The same for the rows without a usable value.
    new_level_shares:
        Per block, the share of rows with levels that no other block has (categorical features); of the levels that are
        only counted together, as many as are to be expected.
    size:
        Harmonic mean of the blocks' rows with a value: what the deviations hold of sampling noise.
    degrees_of_freedom:
        Of the deviations, the season's coefficients taken off.
    """

    season: Season
    shares: Floats
    deviations: Floats
    missing_share: float
    missing_deviations: Floats
    new_level_shares: Floats
    size: float
    degrees_of_freedom: float


def residuals_of(feature: FeatureBlocks, basis: Floats, harmonics: tuple[int, ...], window_hours: int) -> Residuals:
    """Fits the season to the blocks (weighted by their rows) and takes it off, each block predicted from the others.

    Parameters
    ----------
    feature
        The blocks' counts.
    basis
        Harmonics per used block, shape (blocks, 2 * harmonics).
    harmonics
        Cycles per week of the basis.
    window_hours
        Length of a block.
    """
    neighbours = math.ceil(NEIGHBOURING_HOURS / window_hours)
    sizes = feature.counts.sum(axis=1)
    shares = feature.counts / sizes[:, None]
    whole = feature.counts.sum(axis=0)
    starts = _season_groups(feature, whole)
    grouped = np.add.reduceat(shares, starts, axis=1)
    fit = _SeasonFit.of(grouped, basis, sizes)
    predicted, missing = np.empty_like(shares), np.empty(sizes.size)
    for block in range(sizes.size):
        far = np.abs(np.arange(sizes.size) - block) > neighbours
        season = _SeasonFit.of(grouped[far], basis[far], sizes[far]).at(basis[block])
        predicted[block] = _prediction(whole - feature.counts[~far].sum(axis=0), starts, season)
        missing[block] = feature.missing[far].sum() / feature.rows[far].sum()
    return Residuals(
        season=Season(
            group_starts=tuple(int(start) for start in starts),
            harmonics=harmonics if fit.believed else (),
            centre=tuple(np.round(fit.centre, 9).tolist()),
            coefficients=tuple(tuple(np.round(row, 9).tolist()) for row in fit.coefficients),
        ),
        shares=whole / whole.sum(),
        deviations=shares - predicted,
        missing_share=float(feature.missing.sum() / feature.rows.sum()),
        missing_deviations=feature.missing / feature.rows - missing,
        new_level_shares=_new_level_shares(feature),
        size=float(sizes.size / np.sum(1 / sizes)),
        degrees_of_freedom=max(sizes.size - 1 - fit.believed * basis.shape[1], 3.0),
    )


@dataclass(frozen=True, eq=False)
class _SeasonFit:
    """Change of the groups' shares with the harmonics, and how much of it is believed (0 to 1, mean)."""

    centre: Floats
    coefficients: Floats
    believed: float

    @classmethod
    def of(cls, grouped: Floats, basis: Floats, weights: Floats) -> _SeasonFit:
        """Weighted least squares, each harmonic shrunken by itself (positive-part James-Stein).

        Of a harmonic that is no larger than the noise of its own two coefficients nothing is left. Source: Efron and
        Morris (1973), "Stein's estimation rule and its competitors", Journal of the American Statistical Association.
        """
        blocks, coefficients = grouped.shape[0], basis.shape[1]
        centre = weights @ basis / weights.sum()
        if coefficients == 0 or blocks < 2 * coefficients + 2:
            return cls(centre, np.zeros((coefficients, grouped.shape[1])), 0.0)
        root = np.sqrt(weights / weights.mean())[:, None]
        design = np.hstack([np.ones((blocks, 1)), basis - centre]) * root
        beta = np.linalg.lstsq(design, grouped * root, rcond=SMALLEST_HARMONIC)[0]
        scale = np.sqrt(np.maximum(np.average(grouped, axis=0, weights=weights), 1e-12))
        squares = np.square((grouped * root - design @ beta) / scale)
        noise = float(squares.sum() / (blocks - coefficients - 1))
        believed = np.tile(_believed(basis - centre, beta[1:], root / scale, noise), 2)
        return cls(centre, beta[1:] * believed[:, None], float(believed.mean()))

    def at(self, harmonics: Floats) -> Floats:
        change: Floats = (harmonics - self.centre) @ self.coefficients
        return change


def _believed(basis: Floats, beta: Floats, weights: Floats, noise: float) -> Floats:
    """Per harmonic (its cosine and sine together) the share of it that is more than the noise of its coefficients."""
    shares = []
    for harmonic in range(beta.shape[0] // 2):
        both = [harmonic, harmonic + beta.shape[0] // 2]
        strength = float(np.sum(np.square(basis[:, both] @ beta[both] * weights)))
        shares.append(max(0.0, 1 - 2 * noise / strength) if strength > 0 else 0.0)
    return np.array(shares)


def _season_groups(feature: FeatureBlocks, whole: Floats) -> NDArray[np.intp]:
    if isinstance(feature.whole, CategoricalProfile):
        return np.arange(min(SEASON_LEVELS, len(feature.whole.binning.levels)) + 1)
    return np.concatenate([[0], group_ends(whole, SEASON_GROUPS)[:-1] + 1])


def _prediction(others: Floats, starts: NDArray[np.intp], season: Floats) -> Floats:
    cells = spread(others, starts, season * others.sum())
    predicted: Floats = cells / cells.sum()
    return predicted


def _new_level_shares(feature: FeatureBlocks) -> Floats:
    if not isinstance(feature.whole, CategoricalProfile):
        return np.zeros(feature.rows.size)
    levels = feature.counts[:, : len(feature.whole.binning.levels)]
    is_alone = (levels == levels.sum(axis=0)) & (levels > 0)
    alone: Floats = np.where(is_alone, levels, 0).sum(axis=1) / feature.rows
    shares: Floats = alone + single_pooled_levels(feature.whole) / feature.whole.rows
    return shares
