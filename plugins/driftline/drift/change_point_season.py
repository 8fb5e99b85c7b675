"""What each hour leads to expect of a feature: the baseline, with the hour of the week in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from driftline.drift.localization_cells import CoarseCells
from driftline.drift.season import DAILY_HARMONICS, HOUR_SECONDS, MONDAY, WEEK_HOURS, Season
from driftline.profiles.binning import Floats

LEAST_DAYS = 3
"""From fewer days of history no daily cycle is learned."""

SMALLEST_RATIO = 0.05
"""A cell's share is never expected below so much of its share in the baseline."""


def expected_in_season(
    cells: CoarseCells, expected: Floats, season: Season | None, hours: Sequence[datetime]
) -> Floats:
    """Shares per hour and coarse cell (rows sum to 1), as far as the calibration knows the season.

    Parameters
    ----------
    expected
        Rows of the baseline per fine cell, and last those per coarse cell that no fine cell holds (missing).
    season
        What the calibration learned of the feature; ``None`` or without harmonics: every hour is alike.
    """
    fine = expected[: cells.membership.size]
    missing = float(expected[cells.membership.size :].sum())
    if season is None or not season.harmonics or season.group_starts[-1] >= fine.size or fine.sum() == 0:
        return np.tile(_smoothed(_coarse(cells, fine, missing)), (len(hours), 1))
    groups = np.searchsorted(np.array(season.group_starts), np.arange(fine.size), side="right") - 1
    overlap = np.zeros((len(season.group_starts), cells.count))
    np.add.at(overlap, (groups, cells.membership), fine)
    basis = _hourly(tuple(hours), season.harmonics) - np.array(season.centre)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = basis @ np.array(season.coefficients) * fine.sum() / overlap.sum(axis=1)
    ratio = np.maximum(1 + np.nan_to_num(change, posinf=0.0, neginf=0.0), SMALLEST_RATIO)
    adjusted = ratio @ overlap
    adjusted *= fine.sum() / adjusted.sum(axis=1, keepdims=True)
    if cells.is_numeric:
        adjusted[:, -1] += missing
    return _smoothed(adjusted)


def with_daily_cycle(shares: Floats, counts: Floats, hours: Sequence[datetime], change_at: int) -> Floats:
    """``shares`` with the daily cycle that the history itself shows.

    The cycle is fitted within days (each day keeps its own level), so that a change of level is not taken for a part
    of it; the day of the change counts as two days.

    Parameters
    ----------
    shares, counts
        Expected shares and counted rows, per hour and cell.
    change_at
        Index of the hour that the level is taken to change at.
    """
    days = _days(hours, change_at)
    if np.unique(days).size < LEAST_DAYS + 1:
        return shares
    rows = counts.sum(axis=1, keepdims=True)
    basis = _hourly(tuple(hours), DAILY_HARMONICS)
    within = _within_days(np.hstack([basis, counts / rows - shares]), rows, days)
    design, deviations = within[:, : basis.shape[1]], within[:, basis.shape[1] :]
    root = np.sqrt(rows / rows.mean())
    coefficients = np.linalg.lstsq(design * root, deviations * root, rcond=1e-6)[0]
    changed = np.maximum(shares + basis @ coefficients, SMALLEST_RATIO * shares)
    cycle: Floats = changed / changed.sum(axis=1, keepdims=True)
    return cycle


@lru_cache(maxsize=16)
def _hourly(hours: tuple[datetime, ...], harmonics: tuple[int, ...]) -> Floats:
    """The same as `harmonics_of` windows of one hour each, for all of them at once; all features ask for the same."""
    since = np.array([(hour - MONDAY).total_seconds() for hour in hours]) / HOUR_SECONDS + 0.5
    angles = np.outer(since * (2 * np.pi / WEEK_HOURS), np.array(harmonics, dtype=np.float64))
    basis: Floats = np.hstack([np.cos(angles), np.sin(angles)])
    basis.setflags(write=False)
    return basis


def _days(hours: Sequence[datetime], change_at: int) -> NDArray[np.int64]:
    return np.array([2 * hour.toordinal() + (index >= change_at) for index, hour in enumerate(hours)])


def _within_days(values: Floats, rows: Floats, days: NDArray[np.int64]) -> Floats:
    """Deviations from each day's mean, weighted by rows; the days rise."""
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    means = np.add.reduceat(values * rows, starts) / np.add.reduceat(rows, starts)
    deviations: Floats = values - np.repeat(means, np.diff(starts, append=days.size), axis=0)
    return deviations


def _coarse(cells: CoarseCells, fine: Floats, missing: float) -> Floats:
    coarse = np.bincount(cells.membership, weights=fine, minlength=cells.count).astype(np.float64)
    if cells.is_numeric:
        coarse[-1] += missing
    return coarse[None, :]


def _smoothed(rows: Floats) -> Floats:
    """Shares, half a row added to every cell: what was never seen is rare, not impossible."""
    padded = rows + 0.5
    shares: Floats = padded / padded.sum(axis=1, keepdims=True)
    return shares
