"""The profile of a numeric column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.profiles.binning import Counts, Floats, NumericBinning, require_same_cells
from driftline.profiles.lookup import count_in_sorted
from driftline.profiles.moments import NO_MOMENTS, Moments


@dataclass(frozen=True, eq=False)
class NumericProfile:
    """Counts of a numeric column's values in a binning.

    Attributes
    ----------
    counts:
        Finite values per cell of the binning (int64, length ``binning.cells``).
    nulls, non_finite, invalid:
        Rows without a value; with NaN or an infinity; with something that is no number.
    moments:
        Of the finite values.
    minimum, maximum:
        Of the finite values; ``inf`` and ``-inf`` where there are none.
    """

    binning: NumericBinning
    counts: Counts
    nulls: int = 0
    non_finite: int = 0
    invalid: int = 0
    moments: Moments = NO_MOMENTS
    minimum: float = math.inf
    maximum: float = -math.inf

    def __post_init__(self) -> None:
        if self.counts.shape != (self.binning.cells,):
            raise InputError(f"{self.counts.size} counts do not fit a binning of {self.binning.cells} cells.")

    @classmethod
    def empty(cls, binning: NumericBinning) -> NumericProfile:
        return cls(binning=binning, counts=np.zeros(binning.cells, dtype=np.int64))

    @classmethod
    def of(
        cls, values: Floats, binning: NumericBinning, is_null: NDArray[np.bool_] | None = None, invalid: int = 0
    ) -> NumericProfile:
        """Counts ``values``; where ``is_null`` is true the value is ignored and counted as null.

        Without ``is_null`` a NaN counts as null, as in a pandas column.
        """
        values = np.asarray(values, dtype=np.float64)
        finite_mask = np.isfinite(values)
        if is_null is None:
            is_null = np.isnan(values)
        finite_mask &= ~is_null
        finite = values if finite_mask.all() else values[finite_mask]
        nulls = int(np.count_nonzero(is_null))
        return cls(
            binning=binning,
            counts=binning.count(finite),
            nulls=nulls - invalid,
            non_finite=int(values.size) - nulls - int(finite.size),
            invalid=invalid,
            moments=Moments.of(finite),
            minimum=float(finite.min(initial=math.inf)),
            maximum=float(finite.max(initial=-math.inf)),
        )

    @classmethod
    def of_baseline(cls, values: Floats, is_null: NDArray[np.bool_] | None = None, invalid: int = 0) -> NumericProfile:
        """Counts ``values`` into the cells that they ask for, as `of` does; they are sorted only once."""
        values = np.asarray(values, dtype=np.float64)
        is_finite, is_null = np.isfinite(values), np.isnan(values) if is_null is None else is_null
        finite, nulls = np.sort(values[is_finite & ~is_null]), int(np.count_nonzero(is_null))
        binning = NumericBinning.from_sorted(finite)
        return cls(
            binning=binning,
            counts=count_in_sorted(finite, binning.edges),
            nulls=nulls - invalid,
            non_finite=int(values.size) - nulls - int(finite.size),
            invalid=invalid,
            moments=Moments.of(finite),
            minimum=float(finite.min(initial=math.inf)),
            maximum=float(finite.max(initial=-math.inf)),
        )

    @property
    def rows(self) -> int:
        return self.finite + self.nulls + self.non_finite + self.invalid

    @property
    def finite(self) -> int:
        return self.moments.n

    def merged(self, other: NumericProfile) -> NumericProfile:
        """Both together: every count is the sum.

        Raises
        ------
        InputError
            When the two were counted in different binnings.
        """
        require_same_cells(self.binning, other.binning)
        return NumericProfile(
            binning=self.binning,
            counts=self.counts + other.counts,
            nulls=self.nulls + other.nulls,
            non_finite=self.non_finite + other.non_finite,
            invalid=self.invalid + other.invalid,
            moments=self.moments.merged(other.moments),
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
        )

    def quantile(self, share: float) -> float:
        """The value that ``share`` (0..1) of the finite values stay below, interpolated in its cell; NaN if empty."""
        if self.finite == 0:
            return math.nan
        cumulative, target = self._cumulative, share * self.finite
        cell = min(int(cumulative.searchsorted(target, side="left")) - 1, self.counts.size - 1)
        cell = max(cell, self._first_cell)
        low = self.minimum if cell == 0 else max(float(self.binning.edges[cell - 1]), self.minimum)
        high = self.maximum if cell == self.binning.edges.size else min(float(self.binning.edges[cell]), self.maximum)
        if self.binning.atoms[cell]:
            return high
        within = (target - cumulative[cell]) / self.counts[cell] if self.counts[cell] else 1.0
        return low + (high - low) * min(max(within, 0.0), 1.0)

    @cached_property
    def _first_cell(self) -> int:
        """The first cell that is not empty."""
        return int(self._cumulative.searchsorted(0, side="right")) - 1

    @cached_property
    def _cumulative(self) -> Counts:
        """Finite values below each cell, and in all."""
        return np.concatenate([np.zeros(1, dtype=self.counts.dtype), np.cumsum(self.counts)])
