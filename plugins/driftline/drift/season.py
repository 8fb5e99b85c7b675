"""How a feature's distribution goes with the hour of the day and the day of the week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from driftline.profiles.binning import Floats

WEEK_HOURS = 168
WEEKLY_HARMONICS = (1, 2, 3)
DAILY_HARMONICS = (7, 14, 21)
"""In cycles per week: a day is a seventh of it."""

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
HOUR_SECONDS = 3_600


@dataclass(frozen=True)
class Season:
    """Expected change of the share of each group of cells with the hour of the week.

    A group's share at a window is its share in the baseline plus the window's harmonics times `coefficients`. The
    harmonics are averaged over the window's hours, so a window of whole days knows no time of day.

    Attributes
    ----------
    group_starts:
        First cell of each group of cells, from 0 up.
    harmonics:
        Cycles per week.
    centre:
        Mean of the harmonics (cosines, then sines) over the baseline.
    coefficients:
        Per harmonic, the change of each group's share; shrunken towards 0 as far as the baseline's days disagree.
    """

    group_starts: tuple[int, ...]
    harmonics: tuple[int, ...]
    centre: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]

    def expected(self, cells: Floats, slices: Sequence[datetime]) -> Floats:
        """``cells`` (rows of the baseline per cell) as they are to be expected in the hours ``slices``; same sum."""
        total = float(np.add.reduce(cells))
        if not self.harmonics or total == 0:
            return cells
        centre, coefficients, starts = self._arrays
        basis = _harmonics_of_one(tuple(slices), self.harmonics) - centre
        return spread(cells, starts, basis @ coefficients * total)

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats, NDArray[np.intp]]:
        return np.array(self.centre), np.array(self.coefficients), np.array(self.group_starts)


def spread(cells: Floats, group_starts: NDArray[np.intp], change: Floats) -> Floats:
    """Adds ``change`` (one per group) to ``cells`` in proportion, never below a twentieth; the sum stays."""
    groups = np.add.reduceat(cells, group_starts)
    ratio = np.divide(change, groups, out=np.zeros(groups.size), where=groups > 0)
    ratio += 1
    np.maximum(ratio, 0.05, out=ratio)
    sizes = np.empty(groups.size, dtype=np.intp)
    np.subtract(group_starts[1:], group_starts[:-1], out=sizes[:-1])
    sizes[-1] = cells.size - group_starts[-1]
    adjusted: Floats = cells * ratio.repeat(sizes)
    adjusted *= np.add.reduce(cells) / np.add.reduce(adjusted)
    return adjusted


def harmonics_of(windows: Sequence[Sequence[datetime]], harmonics: Sequence[int]) -> Floats:
    """Per window (its hours) the mean of the harmonics: cosines, then sines; shape (windows, 2 * harmonics)."""
    rows = []
    for hours in windows:
        since = np.array([(hour - MONDAY).total_seconds() / HOUR_SECONDS + 0.5 for hour in hours])
        angles = np.outer(since * (2 * np.pi / WEEK_HOURS), np.array(harmonics, dtype=np.float64))
        rows.append(np.concatenate([np.cos(angles).mean(axis=0), np.sin(angles).mean(axis=0)]))
    return np.array(rows)


@lru_cache(maxsize=64)
def _harmonics_of_one(hours: tuple[datetime, ...], harmonics: tuple[int, ...]) -> Floats:
    """All features of a window ask for the same."""
    row: Floats = harmonics_of([hours], harmonics)[0]
    row.setflags(write=False)
    return row


def harmonics_for(window_hours: int, baseline_hours: int) -> tuple[int, ...]:
    """The harmonics that windows of this length can show and a baseline of this length can teach."""
    weekly = WEEKLY_HARMONICS if baseline_hours >= 2 * WEEK_HOURS else ()
    daily = DAILY_HARMONICS if baseline_hours >= WEEK_HOURS // 2 else ()
    return tuple(harmonic for harmonic in (*weekly, *daily) if window_hours * harmonic % WEEK_HOURS)
