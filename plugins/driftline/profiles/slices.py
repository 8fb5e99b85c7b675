"""What names a slice's profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from driftline.profiles.profile import Profile


@dataclass(frozen=True, order=True)
class SliceKey:
    """One hour of one version; ``segment`` is ``""`` for the whole."""

    slice_start: datetime
    version: str
    segment: str


@dataclass(frozen=True)
class SegmentColumn:
    """A column whose values cut segments; `names` maps the watched values to segment names."""

    names: Mapping[str, str]


SliceProfiles = dict[SliceKey, dict[str, Profile]]
"""By slice, the profile of each subject."""
