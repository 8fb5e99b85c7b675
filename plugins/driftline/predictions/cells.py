"""Shares of a numeric profile's values in a range, read from its cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftline.predictions.evidence import ShareChange
from driftline.profiles import NumericProfile

Floats = NDArray[np.float64]


def change_within(reference: NumericProfile, current: NumericProfile, low: float, high: float) -> ShareChange:
    """Values from ``low`` to ``high``, on both sides; a cell that the range cuts counts by the part inside it."""
    return ShareChange(
        round(_hits_within(reference, low, high)),
        reference.finite,
        round(_hits_within(current, low, high)),
        current.finite,
    )


def change_in_cells(reference: NumericProfile, current: NumericProfile, cells: NDArray[np.bool_]) -> ShareChange:
    """Values in the marked ``cells``, on both sides: exact."""
    return ShareChange(
        int(reference.counts[cells].sum()), reference.finite, int(current.counts[cells].sum()), current.finite
    )


def cell_bounds(profile: NumericProfile) -> tuple[Floats, Floats]:
    """Lower and upper end of each cell; the open ends close at the profile's own minimum and maximum."""
    edges = profile.binning.edges
    low = np.concatenate([[min(profile.minimum, edges[0] if edges.size else np.inf)], edges])
    high = np.concatenate([edges, [max(profile.maximum, edges[-1] if edges.size else -np.inf)]])
    return low, high


def beyond_range(reference: NumericProfile) -> NDArray[np.bool_]:
    """The cells beyond the reference's minimum and maximum, and the outermost one on each side.

    The outermost cells are open: what lies in them beyond the reference's own values cannot be told apart, so that
    they count on both sides of the comparison.
    """
    edges = reference.binning.edges
    is_beyond = np.zeros(reference.binning.cells, dtype=np.bool_)
    is_beyond[0] = is_beyond[-1] = True
    is_beyond[1:] |= edges >= reference.maximum
    is_beyond[:-1] |= edges < reference.minimum
    return is_beyond


def _hits_within(profile: NumericProfile, low: float, high: float) -> float:
    lows, highs = cell_bounds(profile)
    lows = np.where(profile.binning.atoms, highs, lows)
    widths = highs - lows
    overlap = np.minimum(highs, high) - np.maximum(lows, low)
    is_point = widths <= 0
    parts = np.where(is_point, (highs >= low) & (highs <= high), overlap / np.where(is_point, 1.0, widths))
    return float(np.sum(profile.counts * np.clip(parts, 0.0, 1.0)))
