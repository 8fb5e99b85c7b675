"""Distances of two distributions given as rows per cell (float arrays of one length, no cell empty on both sides)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftline.profiles.binning import Floats

EMPTY_CELL_ROWS = 0.5
"""A cell that one side has no row in counts as half a row there: PSI's logarithm needs a number above 0."""


def population_stability_index(reference: Floats, current: Floats, pseudo_rows: float = 0.0) -> float:
    """``sum((p - q) ln(p / q))`` over the cells' shares, in nats.

    Sources: Kullback and Leibler (1951), "On information and sufficiency" (as the symmetrized divergence J);
    Siddiqi (2006), "Credit Risk Scorecards" (as the PSI with its steps 0.1 and 0.25).
    """
    expected = np.where(reference > 0, reference, EMPTY_CELL_ROWS if pseudo_rows == 0 else 0) + pseudo_rows
    actual = np.where(current > 0, current, EMPTY_CELL_ROWS if pseudo_rows == 0 else 0) + pseudo_rows
    p, q = shares(actual), shares(expected)
    return float((p - q) @ np.log(p / q))


def jensen_shannon_divergence(q: Floats, p: Floats) -> float:
    """Of shares: base 2, 0 to 1; the square of `scipy.spatial.distance.jensenshannon` (base 2).

    Source: Lin (1991), "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37.
    """
    middle = (q + p) / 2
    divergence = np.add.reduce(special.rel_entr(q, middle) + special.rel_entr(p, middle)) / (2 * math.log(2))
    return float(min(max(divergence, 0.0), 1.0))


def hellinger_distance(q: Floats, p: Floats) -> float:
    """Of shares: ``sqrt(1 - sum(sqrt(p q)))``, 0 to 1, as half the squared differences of the roots: it is stabler."""
    difference = np.sqrt(q) - np.sqrt(p)
    return math.sqrt(float(difference @ difference) / 2)


def total_variation(q: Floats, p: Floats) -> float:
    """Of shares: half the sum of their absolute differences, 0 to 1."""
    return float(np.add.reduce(np.abs(q - p)) / 2)


def largest_share_difference(q: Floats, p: Floats) -> float:
    """Of shares: the L-infinity distance, 0 to 1."""
    return float(np.abs(q - p).max())


def chi_square(reference: Floats, current: Floats) -> tuple[float, int]:
    """Pearson's statistic of the 2 x k contingency table, and its degrees of freedom (0 for a single cell).

    Equal to `scipy.stats.chi2_contingency` (without Yates' correction), which needs 40 times as long.
    """
    both = reference + current
    n, m = float(np.add.reduce(reference)), float(np.add.reduce(current))
    expected = both * (n / (n + m))
    excess = reference - expected
    # The current side has as many too few as the reference has too many.
    return float(excess @ (excess / expected)) * (n + m) / m, int(reference.size - 1)


LEAST_EXPECTED = 5.0
"""Cells that expect fewer rows on either side are pooled for the chi-square test (Cochran's rule).

Source: Cochran (1954), "Some methods for strengthening the common chi-square tests", Biometrics 10.
"""


def is_rare(reference: Floats, current: Floats) -> NDArray[np.bool_]:
    """Per cell, whether it expects fewer than `LEAST_EXPECTED` rows on the smaller side."""
    n, m = float(np.add.reduce(reference)), float(np.add.reduce(current))
    rare: NDArray[np.bool_] = (reference + current) * min(n, m) < LEAST_EXPECTED * (n + m)
    return rare


def pooled_rare_cells(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    """The cells, the rare ones pooled into one."""
    rare = is_rare(reference, current)
    if np.count_nonzero(rare) < 2:
        return reference, current
    return np.append(reference[~rare], reference[rare].sum()), np.append(current[~rare], current[rare].sum())


def normal_scores(cells: Floats, up_to: Floats | None = None) -> Floats:
    """Per cell the normal quantile of its middle rank among ``cells`` (rows of the reference per cell).

    ``up_to`` are the running sums of the cells, where they are at hand.
    """
    total = float(np.add.reduce(cells))
    ranks = ((cells.cumsum() if up_to is None else up_to) - cells / 2) / total
    scores: Floats = special.ndtri(ranks.clip(0.5 / total, 1 - 0.5 / total))
    return scores


def kolmogorov_smirnov(reference: Floats, current: Floats) -> float:
    """Largest absolute difference of two distribution functions given at the same points."""
    return float(np.abs(reference - current).max())


def cramer_von_mises(reference: Floats, current: Floats, current_up_to: Floats | None = None) -> float:
    """The two-sample statistic T of Anderson (1962), ties by their average rank, as in `scipy.stats`.

    ``current_up_to`` are the running sums of the current side, where they are at hand.

    Source: Anderson (1962), "On the distribution of the two-sample Cramer-von Mises criterion", Annals of Mathematical
    Statistics 33.
    """
    n, m = float(np.add.reduce(reference)), float(np.add.reduce(current))
    ranks_within = (reference + current + 1) / 2
    below = (current.cumsum() if current_up_to is None else current_up_to) - current
    squares = n * _rank_differences(reference, below + ranks_within)
    squares += m * _rank_differences(current, reference.cumsum() - reference + ranks_within)
    return float(squares / (n * m * (n + m)) - (4 * n * m - 1) / (6 * (n + m)))


_TERMS = np.arange(60)
_SQUARES = (4 * _TERMS + 1) ** 2 / 16
_WEIGHTS = np.exp(special.gammaln(_TERMS + 0.5) - special.gammaln(_TERMS + 1)) * np.sqrt(4 * _TERMS + 1) / math.pi**1.5
_LARGEST_ARGUMENT = 25.0
"""Beyond it a term is below ``exp(-50)``."""


def cramer_von_mises_survival(statistic: float) -> float:
    """Asymptotic probability of a larger one-sample-type statistic.

    Source: Csorgo and Faraway (1996), "The exact and asymptotic distributions of Cramer-von Mises statistics", Journal
    of the Royal Statistical Society B 58, equation 1.2.
    """
    if statistic <= 0:
        return 1.0
    terms = max(int(np.searchsorted(_SQUARES, _LARGEST_ARGUMENT * statistic)), 1)
    argument = _SQUARES[:terms] / statistic
    total = np.sum(_WEIGHTS[:terms] * np.exp(-argument) * special.kv(0.25, argument)) / math.sqrt(statistic)
    return float(min(max(1 - total, 0.0), 1.0))


def shares(rows: Floats) -> Floats:
    """Of all rows."""
    of_all: Floats = rows / np.add.reduce(rows)
    return of_all


def _rank_differences(rows: Floats, offsets: Floats) -> float:
    """``sum((rank - position)²)`` of one sample's values: per cell, positions run from ``below + 1``.

    ``offsets`` are the cells' average ranks less the values of the same sample below.
    """
    after = rows + 1
    return float(rows @ (offsets * (offsets - after) + after * (2 * rows + 1) / 6))
