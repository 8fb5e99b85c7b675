"""A feature's reference and current values in the same cells: what every test is computed from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftline.drift import distances
from driftline.drift.columns import ColumnData, ColumnKind, as_levels, as_numbers, kind_of
from driftline.errors import InputError
from driftline.profiles import (
    CategoricalBinning,
    CategoricalProfile,
    NumericProfile,
    Profile,
    pooled_binning,
)
from driftline.profiles.binning import Counts, Floats

GROUPS = 10
"""Numeric cells are grouped into so many reference quantiles for the tests that work on shares."""


LARGEST_LEVELS = 100
"""Levels that have a cell of their own in the tests that work on shares."""


class NotEvaluable(InputError):
    """A test cannot be computed on this pair; the message is the result's reason."""


CountedProfile = TypeVar("CountedProfile", NumericProfile, CategoricalProfile)


@dataclass(frozen=True, eq=False)
class ProfilePair(ABC, Generic[CountedProfile]):
    """Two profiles in one binning.

    Attributes
    ----------
    reference, current:
        The profiles.
    expected:
        Rows per cell that the reference leads to expect: its counts, or (calibrated) its counts as they are at these
        hours of the week. They sum up to the same.
    """

    reference: CountedProfile
    current: CountedProfile
    expected: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        _require_same_binning(self.reference, self.current)
        if self.expected.size == 0:
            object.__setattr__(self, "expected", self.cells(self.reference))

    def with_expected(self, expected: Floats) -> Self:
        """The same profiles, where the reference leads to expect other rows per cell."""
        return type(self)(self.reference, self.current, expected)

    @staticmethod
    @abstractmethod
    def cells(profile: CountedProfile) -> Floats:
        """Rows per cell of one side, as `expected` has them."""

    @cached_property
    def observed(self) -> Floats:
        """Rows per cell of the current side."""
        return self.cells(self.current)

    @property
    @abstractmethod
    def groups(self) -> tuple[Floats, Floats]:
        """Rows per group of cells that either side has rows in, reference and current."""

    @property
    @abstractmethod
    def chi_square(self) -> tuple[float, int]:
        """Two-sample chi-square of the groups (rare ones pooled), and its degrees of freedom."""

    @cached_property
    def group_shares(self) -> tuple[Floats, Floats]:
        """Shares of the `groups`, reference and current."""
        reference, current = self.groups
        return distances.shares(reference), distances.shares(current)

    @cached_property
    def chi_square_p_value(self) -> float:
        """Of `chi_square`; 1 where it has no degrees of freedom."""
        statistic, freedom = self.chi_square
        return float(special.chdtrc(freedom, statistic)) if freedom else 1.0

    @cached_property
    def reference_size(self) -> int:
        return self.reference.rows

    @cached_property
    def current_size(self) -> int:
        return self.current.rows


class NumericPair(ProfilePair[NumericProfile]):
    """Two numeric profiles: a cell per cell of the binning, so that `expected` sums up to the finite values."""

    @staticmethod
    def cells(profile: NumericProfile) -> Floats:
        return profile.counts.astype(np.float64)

    @property
    def reference_missing(self) -> int:
        """Rows without a finite number: null, NaN, infinite or invalid."""
        return self.reference.rows - self.reference.finite

    @property
    def current_missing(self) -> int:
        return self.current.rows - self.current.finite

    @cached_property
    def groups(self) -> tuple[Floats, Floats]:
        """Rows per group of cells (reference deciles; heavy values apart; the missing last), reference and current."""
        starts = group_ends(self.reference.counts) + 1
        starts[1:] = starts[:-1]
        starts[0] = 0
        cells = np.zeros((2, starts.size + 1))
        np.add.reduceat(self.expected, starts, out=cells[0, :-1])
        np.add.reduceat(self.observed, starts, out=cells[1, :-1])
        cells[:, -1] = self.reference_missing, self.current_missing
        return _without_empty(cells[0], cells[1])

    @cached_property
    def chi_square(self) -> tuple[float, int]:
        """Two-sample chi-square of the groups (rare ones pooled), and its degrees of freedom."""
        return distances.chi_square(*distances.pooled_rare_cells(*self.groups))

    @cached_property
    def cumulative(self) -> tuple[Floats, Floats]:
        """The two distribution functions at the binning's edges, and 1 at the end (finite values)."""
        reference, current = self.rows_up_to
        return reference / reference[-1], current / current[-1]

    @cached_property
    def rows_up_to(self) -> tuple[Floats, Floats]:
        """Expected and observed rows up to the end of each cell."""
        return self.expected.cumsum(), self.observed.cumsum()

    @cached_property
    def normal_scores(self) -> Floats:
        """Per cell the normal quantile of its middle rank in the reference."""
        return distances.normal_scores(self.expected, self.rows_up_to[0])

    @cached_property
    def finite_sizes(self) -> tuple[int, int]:
        """Finite values, reference and current."""
        return self.reference.finite, self.current.finite

    @cached_property
    def reference_deviation(self) -> float:
        """Standard deviation (divisor n) of the reference's finite values."""
        moments = self.reference.moments
        return math.sqrt(moments.m2 / moments.n) if moments.n and moments.m2 >= 0 else math.nan

    @property
    def is_constant(self) -> bool:
        low = min(self.reference.minimum, self.current.minimum)
        return low == max(self.reference.maximum, self.current.maximum)

    @cached_property
    def has_values(self) -> bool:
        """Whether both sides have finite values that are not all one and the same."""
        return bool(self.reference.finite and self.current.finite) and not self.is_constant

    def require_finite_values(self) -> None:
        """Raises `NotEvaluable` unless both sides have finite values that are not all one and the same."""
        if self.has_values:
            return
        for side, profile in (("reference", self.reference), ("current window", self.current)):
            if profile.finite == 0:
                raise NotEvaluable(f"The {side} has no finite value: {_missing_in_words(profile)}.")
        raise NotEvaluable(f"The feature is constant: every finite value is {self.current.minimum:g} on both sides.")


class CategoricalPair(ProfilePair[CategoricalProfile]):
    """Two categorical profiles: the cells of `cells_of`."""

    @staticmethod
    def cells(profile: CategoricalProfile) -> Floats:
        return cells_of(profile)

    @property
    def reference_missing(self) -> int:
        return self.reference.nulls

    @property
    def current_missing(self) -> int:
        return self.current.nulls

    @cached_property
    def groups(self) -> tuple[Floats, Floats]:
        """Rows per cell that either side has rows in, reference and current; levels beyond the commonest 100 pooled."""
        return _without_empty(grouped_levels(self.expected), grouped_levels(self.observed))

    @cached_property
    def chi_square(self) -> tuple[float, int]:
        """Two-sample chi-square of the groups (rare ones pooled), and its degrees of freedom.

        The reference has no never-seen level, by definition. Where the window has some, they are counted together with
        the reference's rare levels, whose rows the reference has too many of by as much: it was they that it happened
        to see (Good and Turing).
        """
        reference, current = self.expected.copy(), self.observed.copy()
        if self.current.unseen:
            rare = np.flatnonzero(distances.is_rare(reference, current)[: self.reference.counts.size])
            for side in (reference, current):
                side[-3] += side[rare].sum() + side[-2]
                side[rare], side[-2] = 0, 0
        cells = _without_empty(grouped_levels(reference), grouped_levels(current))
        return distances.chi_square(*distances.pooled_rare_cells(*cells))

    def require_finite_values(self) -> None:
        """Raises `NotEvaluable` unless both sides have values, of more than one level between them."""
        for side, profile in (("reference", self.reference), ("current window", self.current)):
            if profile.rows == profile.nulls:
                raise NotEvaluable(f"The {side} has no value: all of its {profile.rows} rows are null.")
        if self.groups[0].size == 1:
            raise NotEvaluable("The feature is constant: both sides hold one and the same level only.")


Pair = NumericPair | CategoricalPair


def cells_of(profile: CategoricalProfile) -> Floats:
    """Rows per level, then: the pooled rare levels, the never-seen ones, null."""
    return np.append(profile.counts, [profile.other, profile.unseen, profile.nulls]).astype(np.float64)


def single_levels(profile: CategoricalProfile) -> int:
    """Levels with a single row: what new levels are to be expected from (Good and Turing)."""
    return int(np.count_nonzero(profile.counts == 1)) + single_pooled_levels(profile)


def single_pooled_levels(profile: CategoricalProfile) -> int:
    """Single ones among the levels that are only counted together, if their rows are geometrically distributed."""
    pooled = len(profile.binning.pooled_levels)
    return min(math.ceil(pooled**2 / profile.other), pooled, profile.other) if profile.other else 0


def grouped_levels(cells: Floats) -> Floats:
    """The cells of `cells_of` (last axis), the levels beyond `LARGEST_LEVELS` in the cell of the pooled rare ones.

    A binning has its levels by falling frequency. With a cell for each of a thousand rare levels the noise of all would
    drown the change of any.
    """
    levels = cells.shape[-1] - 3
    if levels <= LARGEST_LEVELS:
        return cells
    starts = np.append(np.arange(LARGEST_LEVELS + 1), [levels + 1, levels + 2])
    grouped: Floats = np.add.reduceat(cells, starts, axis=-1)
    return grouped


def pair_of_profiles(reference: Profile, current: Profile) -> Pair:
    """The pair of two profiles of one feature.

    Raises
    ------
    NotEvaluable
        When they are not of one kind, not of a feature, or counted in different binnings.
    """
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        return NumericPair(reference, current)
    if isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        return CategoricalPair(reference, current)
    raise NotEvaluable(
        f"The reference is a {type(reference).__name__}, the current window a {type(current).__name__}; two "
        "NumericProfiles or two CategoricalProfiles can be compared. If the column's type changed, build the baseline "
        "again."
    )


def numeric_pair(
    reference_data: ColumnData, current_data: ColumnData, maximum_exact_rows: int | None = None
) -> NumericPair:
    """The pair of two columns of numbers, every value a cell of its own: statistics on it are exact.

    Above ``maximum_exact_rows`` rows (both sides together) the cells are those of a baseline, which is much faster.
    """
    reference, current = as_numbers(reference_data), as_numbers(current_data)
    if maximum_exact_rows is None or reference.values.size + current.values.size <= maximum_exact_rows:
        binning = pooled_binning([reference.values, current.values])
        before = NumericProfile.of(reference.values, binning, reference.is_null, reference.invalid)
    else:
        before = NumericProfile.of_baseline(reference.values, reference.is_null, reference.invalid)
    return NumericPair(before, NumericProfile.of(current.values, before.binning, current.is_null, current.invalid))


def categorical_pair(reference_data: ColumnData, current_data: ColumnData) -> CategoricalPair:
    """The pair of two columns of levels, in the cells of the reference's levels.

    Where one side is boolean, the other's 0 and 1 are too. Points in time are refused (`NotEvaluable`).
    """
    kinds = kind_of(reference_data), kind_of(current_data)
    if kinds[0] is ColumnKind.TIMES:
        raise NotEvaluable(
            "The reference holds points in time, of which every window has new ones. Compare what they are made of "
            "(hour, weekday) or the time since an event."
        )
    as_booleans = ColumnKind.BOOLEANS in kinds
    reference = as_levels(reference_data, as_booleans=as_booleans)
    current = as_levels(current_data, as_booleans=as_booleans)
    binning = CategoricalBinning.from_counts(reference.counts)
    return CategoricalPair(
        CategoricalProfile.of(reference.counts, binning, reference.nulls),
        CategoricalProfile.of(current.counts, binning, current.nulls),
    )


def group_ends(counts: Counts | Floats, groups: int = GROUPS) -> NDArray[np.intp]:
    """Last cell of each of ``groups`` groups of about equal mass; a cell that holds a group's mass is a group alone."""
    cumulative = counts.cumsum()
    total = cumulative[-1] if cumulative.size else 0
    if total == 0:
        return np.array([counts.size - 1])
    is_heavy = counts * groups >= total
    is_end = is_heavy.copy()
    is_end[:-1] |= is_heavy[1:]
    is_end[cumulative.searchsorted(np.arange(1, groups) * (total / groups))] = True
    is_end[-1] = True
    return is_end.nonzero()[0]


def _without_empty(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    used = (reference > 0) | (current > 0)
    return (reference, current) if used.all() else (reference[used], current[used])


def _require_same_binning(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> None:
    left, right = reference.binning, current.binning
    if left is not right and left.digest != right.digest:
        raise NotEvaluable(
            "The reference and the current window were counted in different binnings; count the window's slices again "
            "in the baseline's."
        )


def _missing_in_words(profile: NumericProfile) -> str:
    parts = ((profile.nulls, "null"), (profile.non_finite, "not finite"), (profile.invalid, "not a number"))
    found = [f"{count} {name}" for count, name in parts if count]
    return f"of {profile.rows} rows " + ", ".join(found) if found else "it has no rows"
