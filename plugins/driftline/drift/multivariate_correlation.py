"""Which two features depend on each other otherwise than before: the largest change of a correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftline.drift.encoding import Encoding, Table
from driftline.drift.pairs import NotEvaluable
from driftline.profiles.binning import Floats

PERMUTATIONS = 100
LEAST_SHARE = 0.1
"""Indicators of rarer levels (and of levels with nearly all rows) are passed over: what two rare levels have in common
hangs on a handful of rows."""
LARGEST_CORRELATION = 0.99
"""Correlations are cut off here, so that copies of a column are no infinite change when one row differs."""
NAMED_PAIRS = 3
LOWEST_SCORE = -4.0
SEED = 20_260_105


@dataclass(frozen=True)
class PairChange:
    """The correlation of two features before and now (the two of their columns whose correlation changed most)."""

    features: tuple[str, str]
    before: float
    now: float
    change: float


@dataclass(frozen=True)
class CorrelationChange:
    """How far correlations have moved.

    Attributes
    ----------
    largest:
        The largest change over all pairs of features, as Cohen's q: the difference of the Fisher z of the two.
    pairs:
        The pairs of features that changed most, the largest first; the largest of each pair of features only.
    compared:
        Pairs of columns that were compared.
    rows:
        Of the reference and the current side.
    chance:
        The largest changes when the rows' sides are drawn by lot, one per permutation.
    """

    largest: float
    pairs: tuple[PairChange, ...]
    compared: int
    rows: tuple[int, int]
    chance: tuple[float, ...] = ()

    @property
    def unit(self) -> MaximumUnit:
        return MaximumUnit(self.compared, self.rows)


@dataclass(frozen=True)
class MaximumUnit:
    """The largest change as the normal score of its p-value, were all pairs independent and normal.

    Chance is then about standard normal, however many pairs there are: the largest of few is spread widely and skewed,
    that of many is not, and one logarithm or root does not serve both. For large changes it grows as the change does,
    so that days which differ are in the unit of the change.
    """

    compared: int
    rows: tuple[int, int]

    @property
    def standard_error(self) -> float:
        """Of a difference of two Fisher z."""
        return math.sqrt(sum(1 / max(rows - 3, 1) for rows in self.rows))

    def of(self, change: float) -> float:
        log_tail = math.log(2) + float(special.log_ndtr(-change / self.standard_error))
        is_far = log_tail < -20
        log_p = math.log(self.compared) + log_tail if is_far else _log_of_any(math.exp(log_tail), self.compared)
        return max(-float(special.ndtri_exp(log_p)), LOWEST_SCORE)

    def back(self, score: float) -> float:
        log_p = float(special.log_ndtr(-score))
        is_far = log_p < -20
        log_tail = log_p - math.log(self.compared) if is_far else _log_of_one(math.exp(log_p), self.compared)
        return -float(special.ndtri_exp(log_tail - math.log(2))) * self.standard_error


def largest_change(reference: Table, current: Table) -> CorrelationChange:
    """The statistic alone, without names and chance. Raises `NotEvaluable` as `correlation_change` does."""
    columns = _Columns.of(reference, current)
    changes = columns.changes()
    return CorrelationChange(float(changes.max()), (), int(changes.size), columns.rows)


def correlation_change(reference: Table, current: Table) -> CorrelationChange:
    """Compares the correlations of all pairs of features.

    Raises
    ------
    NotEvaluable
        When there are no two features whose columns vary on both sides.

    Notes
    -----
    Columns are normal scores and indicators of common levels, so a correlation is of ranks and no outlier carries it.
    ``z = artanh(r)`` has about the variance ``1/(n - 3)`` whatever ``r`` (Fisher, 1921), so that one limit serves all
    pairs; its difference is Cohen's q, small from 0.1, medium from 0.3, large from 0.5 [1]_. The null is that of a
    permutation of the rows over the two sides, of the *maximum* over the pairs: it holds for any dependence between
    them [2]_.

    References
    ----------
    .. [1] J. Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, 2nd ed., chapter 4.
    .. [2] P. Westfall, S. Young (1993), Resampling-Based Multiple Testing, chapter 2 (single-step maxT).
    """
    columns = _Columns.of(reference, current)
    changes = columns.changes()
    return CorrelationChange(
        largest=float(changes.max()),
        pairs=columns.named(changes),
        compared=int(changes.size),
        rows=columns.rows,
        chance=columns.by_chance(),
    )


@dataclass(frozen=True, eq=False)
class _Columns:
    """The encoded columns of both sides, and the pairs of them (of different features) that are compared."""

    matrix: Floats
    rows: tuple[int, int]
    owners: tuple[str, ...]
    first: NDArray[np.intp]
    second: NDArray[np.intp]

    @classmethod
    def of(cls, reference: Table, current: Table) -> _Columns:
        encoding = Encoding.fitted(reference, current)
        parts = [encoding.encode(reference), encoding.encode(current)]
        used = np.flatnonzero(
            _is_common(np.vstack(parts)) & np.all([part.std(axis=0) > 1e-6 for part in parts], axis=0)
        )
        owners = tuple(encoding.owners[column] for column in used)
        numbers = np.array([owners.index(owner) for owner in owners], dtype=np.intp)
        first, second = np.triu_indices(len(owners), 1)
        is_of_two = numbers[first] != numbers[second]
        if not is_of_two.any():
            raise NotEvaluable("Correlations need two features that vary on both sides.")
        sizes = reference.rows, current.rows
        return cls(np.vstack(parts)[:, used], sizes, owners, first[is_of_two], second[is_of_two])

    def changes(self) -> Floats:
        """Per pair of columns."""
        return self._changes(np.arange(self.rows[0], sum(self.rows)))

    def by_chance(self) -> tuple[float, ...]:
        rng = np.random.default_rng(SEED)
        drawn = (rng.permutation(sum(self.rows))[: self.rows[1]] for _ in range(PERMUTATIONS))
        return tuple(float(self._changes(rows).max()) for rows in drawn)

    def named(self, changes: Floats) -> tuple[PairChange, ...]:
        before, now = (self._correlations(*part) for part in self._moments(np.arange(self.rows[0], sum(self.rows))))
        named: dict[tuple[str, str], PairChange] = {}
        for pair in np.argsort(-changes, kind="stable"):
            features = self.owners[self.first[pair]], self.owners[self.second[pair]]
            if features not in named:
                found = float(before[pair]), float(now[pair]), float(changes[pair])
                named[features] = PairChange(features, *found)
            if len(named) == NAMED_PAIRS:
                break
        return tuple(named.values())

    def _changes(self, current: NDArray[np.intp]) -> Floats:
        before, now = (_fisher(self._correlations(*part)) for part in self._moments(current))
        changes: Floats = np.abs(now - before)
        return changes

    def _moments(self, current: NDArray[np.intp]) -> tuple[tuple[Floats, Floats, int], ...]:
        """Per side the sums of products, the sums and the rows, ``current`` being the rows of the current side."""
        chosen = self.matrix[current]
        products, sums = chosen.T @ chosen, chosen.sum(axis=0)
        all_products, all_sums = self._whole
        return (all_products - products, all_sums - sums, self.rows[0]), (products, sums, self.rows[1])

    @cached_property
    def _whole(self) -> tuple[Floats, Floats]:
        return self.matrix.T @ self.matrix, self.matrix.sum(axis=0)

    def _correlations(self, products: Floats, sums: Floats, rows: int) -> Floats:
        covariances = products / rows - np.outer(sums, sums) / rows**2
        deviations = np.sqrt(np.maximum(np.diag(covariances), 1e-12))
        correlations: Floats = (covariances / np.outer(deviations, deviations))[self.first, self.second]
        return correlations


def _log_of_any(tail: float, compared: int) -> float:
    """Log probability that any of ``compared`` independent statistics lies in a tail."""
    return math.log(max(-math.expm1(compared * math.log1p(-min(tail, 1 - 1e-12))), 1e-300))


def _log_of_one(p_value: float, compared: int) -> float:
    """Log tail of one statistic at which any of ``compared`` lies in it with probability ``p_value``."""
    return math.log(max(-math.expm1(math.log1p(-min(p_value, 1 - 1e-12)) / compared), 1e-300))


def _is_common(matrix: Floats) -> NDArray[np.bool_]:
    """Columns of more than two values, and indicators of a level that has neither too few rows nor nearly all.

    A standardized indicator of a share ``s`` has the largest absolute value ``sqrt((1 - s) / s)`` or its inverse.
    """
    limit = np.sqrt((1 - LEAST_SHARE) / LEAST_SHARE)
    lowest, highest = matrix.min(axis=0), matrix.max(axis=0)
    is_indicator = ((matrix == lowest) | (matrix == highest)).all(axis=0)
    is_common: NDArray[np.bool_] = ~is_indicator | (np.maximum(-lowest, highest) <= limit)
    return is_common


def _fisher(correlations: Floats) -> Floats:
    z: Floats = np.arctanh(np.clip(correlations, -LARGEST_CORRELATION, LARGEST_CORRELATION))
    return z
