"""The profile of a categorical (or boolean) column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from driftline.errors import InputError
from driftline.profiles.binning import CategoricalBinning, Counts, require_same_cells

NAMED_UNSEEN_LEVELS = 1_000


@dataclass(frozen=True, eq=False)
class CategoricalProfile:
    """Counts of a categorical column's levels in a binning.

    Attributes
    ----------
    counts:
        Rows per baseline level (int64, length ``len(binning.levels)``).
    other:
        Rows with one of the baseline's rarer, pooled levels.
    nulls:
        Rows without a value: null is a level of its own.
    unseen:
        Rows with levels that the baseline never had.
    unseen_levels:
        The commonest of those by name. Exact as long as a slice has no more than `NAMED_UNSEEN_LEVELS` of them, a
        lower bound beyond; `unseen` is always exact.
    """

    binning: CategoricalBinning
    counts: Counts
    other: int = 0
    nulls: int = 0
    unseen: int = 0
    unseen_levels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.counts.shape != (len(self.binning.levels),):
            raise InputError(f"{self.counts.size} counts do not fit a binning of {len(self.binning.levels)} levels.")

    @classmethod
    def empty(cls, binning: CategoricalBinning) -> CategoricalProfile:
        return cls(binning=binning, counts=np.zeros(len(binning.levels), dtype=np.int64))

    @classmethod
    def of(cls, level_counts: Mapping[str, int], binning: CategoricalBinning, nulls: int = 0) -> CategoricalProfile:
        """Sorts rows already counted by level into the binning."""
        counts = np.zeros(len(binning.levels), dtype=np.int64)
        other = 0
        unseen: Counter[str] = Counter()
        for level, count in level_counts.items():
            if level in binning.position:
                counts[binning.position[level]] += count
            elif level in binning.pooled_levels:
                other += count
            else:
                unseen[level] += count
        return cls(
            binning=binning,
            counts=counts,
            other=other,
            nulls=nulls,
            unseen=unseen.total(),
            unseen_levels=_commonest(unseen),
        )

    @property
    def rows(self) -> int:
        return int(self.counts.sum()) + self.other + self.nulls + self.unseen

    def merged(self, other: CategoricalProfile) -> CategoricalProfile:
        """Both together: every count is the sum.

        Raises
        ------
        InputError
            When the two were counted in different binnings.
        """
        require_same_cells(self.binning, other.binning)
        return CategoricalProfile(
            binning=self.binning,
            counts=self.counts + other.counts,
            other=self.other + other.other,
            nulls=self.nulls + other.nulls,
            unseen=self.unseen + other.unseen,
            unseen_levels=dict(Counter(self.unseen_levels) + Counter(other.unseen_levels)),
        )


def _commonest(levels: Counter[str]) -> dict[str, int]:
    ranked = sorted(levels.items(), key=lambda item: (-item[1], item[0]))
    return dict(ranked[:NAMED_UNSEEN_LEVELS])
