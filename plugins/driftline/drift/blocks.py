"""The baseline cut into windows: the sample that its own variation is learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from driftline.drift.pairs import cells_of
from driftline.profiles import CategoricalProfile, NumericProfile, Profile, merge
from driftline.profiles.binning import Floats
from driftline.windows import SLICE_LENGTH

FeatureProfile = NumericProfile | CategoricalProfile
SliceProfiles = tuple[datetime, Mapping[str, Profile]]


@dataclass(frozen=True)
class Block:
    """One window of the baseline: the hours that have rows, and the profiles of each."""

    hours: tuple[datetime, ...]
    profiles: tuple[Mapping[str, Profile], ...]


@dataclass(frozen=True, eq=False)
class FeatureBlocks:
    """One feature in the blocks that have rows of it.

    Attributes
    ----------
    whole:
        Its profile over all of them.
    is_used:
        Which blocks have values (bool per block).
    counts:
        Rows per used block and cell (of the values; a categorical feature's cells include null).
    missing:
        Rows per used block without a usable value.
    rows:
        Rows per used block.
    """

    whole: FeatureProfile
    is_used: NDArray[np.bool_]
    counts: Floats
    missing: Floats
    rows: Floats


def cut_into_blocks(slices: Sequence[SliceProfiles], window_hours: int) -> list[Block]:
    """Contiguous blocks of ``window_hours`` from the first slice on; one that lacks half of its hours is left out."""
    if not slices:
        return []
    ordered = sorted(slices, key=lambda item: item[0])
    first = ordered[0][0]
    members: dict[int, list[SliceProfiles]] = {}
    for item in ordered:
        members.setdefault((item[0] - first) // SLICE_LENGTH // window_hours, []).append(item)
    return [
        Block(hours=tuple(start for start, _ in block), profiles=tuple(profiles for _, profiles in block))
        for _, block in sorted(members.items())
        if 2 * len(block) > window_hours
    ]


def feature_blocks(blocks: Sequence[Block], name: str) -> FeatureBlocks | None:
    """The feature ``name`` in the blocks; ``None`` where no block has values of it, or it is no feature."""
    merged = [_merged(block, name) for block in blocks]
    used = [profile for profile in merged if profile is not None]
    if not used:
        return None
    whole = _merged(Block((), tuple({name: profile} for profile in used)), name)
    assert whole is not None
    counts = np.array([cells_of(each) if isinstance(each, CategoricalProfile) else each.counts for each in used])
    return FeatureBlocks(
        whole=whole,
        is_used=np.array([profile is not None for profile in merged]),
        counts=counts.astype(np.float64),
        missing=np.array([_missing(profile) for profile in used], dtype=np.float64),
        rows=np.array([profile.rows for profile in used], dtype=np.float64),
    )


def _merged(block: Block, name: str) -> FeatureProfile | None:
    found = [profiles[name] for profiles in block.profiles if name in profiles]
    numeric = [profile for profile in found if isinstance(profile, NumericProfile)]
    categorical = [profile for profile in found if isinstance(profile, CategoricalProfile)]
    if numeric:
        return _with_values(merge(numeric))
    return _with_values(merge(categorical)) if categorical else None


def _with_values(profile: FeatureProfile) -> FeatureProfile | None:
    return profile if profile.rows > _missing(profile) else None


def _missing(profile: FeatureProfile) -> int:
    return profile.nulls if isinstance(profile, CategoricalProfile) else profile.rows - profile.finite
