"""A feature's profiles in a few cells that add up: what localization compares hours and segments in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.pairs import CategoricalPair, NumericPair, Pair, cells_of, group_ends
from driftline.errors import InputError
from driftline.profiles import CategoricalProfile, NumericProfile, Profile
from driftline.profiles.binning import Counts, Floats

KEPT_LEVELS = 10
"""Of a categorical feature so many cells are looked at by themselves: those whose share moved most."""


@dataclass(frozen=True, eq=False)
class CoarseCells:
    """At most about a dozen cells of one feature; the last holds the rows without a value (numeric) or the rest.

    Attributes
    ----------
    membership:
        Per fine cell (of the binning; then, for a categorical feature, rare, never seen and null), its coarse cell.
    count:
        Coarse cells.
    is_numeric:
        Numeric features have a coarse cell more for the rows without a finite number.
    """

    membership: NDArray[np.intp]
    count: int
    is_numeric: bool

    @classmethod
    def of(cls, pair: Pair) -> CoarseCells:
        """Deciles of the reference (heavy values apart) and missing, or the levels that moved most and the rest."""
        if isinstance(pair, NumericPair):
            ends = group_ends(pair.reference.counts)
            membership = np.searchsorted(ends, np.arange(pair.reference.counts.size))
            return cls(membership, ends.size + 1, is_numeric=True)
        moved = np.argsort(-np.abs(_level_change(pair)), kind="stable")[:KEPT_LEVELS]
        membership = np.full(cells_of(pair.reference).size, moved.size)
        membership[moved] = np.arange(moved.size)
        return cls(membership, moved.size + 1, is_numeric=False)

    def counted(self, profiles: Sequence[Profile]) -> Floats:
        """Rows per profile and coarse cell, shape (profiles, `count`).

        Raises
        ------
        InputError
            When a profile is of another kind, or counted in other cells.
        """
        if not profiles:
            return np.zeros((0, self.count))
        fine = np.array([self._fine(profile) for profile in profiles])
        order = np.argsort(self.membership, kind="stable")
        used, starts = np.unique(self.membership[order], return_index=True)
        coarse = np.zeros((len(profiles), self.count))
        coarse[:, used] = np.add.reduceat(fine[:, order] if not self.is_numeric else fine, starts, axis=1)
        if self.is_numeric:
            coarse[:, -1] = [_missing(profile) for profile in profiles]
        return coarse

    def _fine(self, profile: Profile) -> Counts | Floats:
        cells: Counts | Floats
        if self.is_numeric and isinstance(profile, NumericProfile):
            cells = profile.counts
        elif not self.is_numeric and isinstance(profile, CategoricalProfile):
            cells = cells_of(profile)
        else:
            raise InputError(f"A {type(profile).__name__} cannot be counted in the cells of another kind of feature.")
        if cells.size != self.membership.size:
            raise InputError("Profiles counted in different binnings cannot be compared; count the slices again.")
        return cells


def _level_change(pair: CategoricalPair) -> Floats:
    change: Floats = cells_of(pair.current) / max(pair.current_size, 1) - pair.expected / max(pair.expected.sum(), 1)
    return change


def _missing(profile: Profile) -> int:
    return profile.rows - profile.finite if isinstance(profile, NumericProfile) else 0
