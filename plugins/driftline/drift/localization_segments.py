"""Which segments carry a drift: the whole's change, split into what happened inside each and between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from driftline.drift.localization_cells import CoarseCells
from driftline.profiles import Profile
from driftline.profiles.binning import Floats

REST = "(others)"
LEAST_SHARE = 0.5
"""A segment carries a drift when it makes up so much of it …"""
LEAST_CONCENTRATION = 1.5
"""… and so many times as much as its share of the rows."""


@dataclass(frozen=True)
class SegmentEffect:
    """What one segment contributes to the change of the whole.

    Attributes
    ----------
    segment:
        Its name; ``column=(others)`` for the rows in none of the column's watched values.
    share:
        Its part of the whole's total variation. The parts of one column's segments sum to 1; a negative part works
        against the change.
    inside:
        The part of `share` from a change inside the segment.
    mix:
        The part of `share` from the segment having more or fewer of the rows than before.
    reference_rows, current_rows:
        Share of all rows that are its own (0 to 1), before and now.
    """

    segment: str
    share: float
    inside: float
    mix: float
    reference_rows: float
    current_rows: float

    @property
    def carries_it(self) -> bool:
        """Whether the drift is concentrated in this segment, beyond its size."""
        rows = max(self.reference_rows, self.current_rows)
        return self.share >= LEAST_SHARE and self.share >= LEAST_CONCENTRATION * rows

    @property
    def description(self) -> str:
        """As the end of a sentence: ``mostly in origin=JFK (78 %)``."""
        if self.mix > self.inside:
            shares = f"{self.current_rows:.0%} of the rows, {self.reference_rows:.0%} before"
            return f"mostly through the number of rows in {self.segment} ({shares})"
        return f"mostly in {self.segment} ({self.share:.0%})"


@dataclass(frozen=True)
class SegmentPair:
    """One feature in one segment; ``None`` where the segment has no rows on that side."""

    reference: Profile | None
    current: Profile | None


def total_variation_of(cells: CoarseCells, reference: Profile, current: Profile) -> float:
    """Share of the rows that would have to change their coarse cell (0 to 1)."""
    before, now = _shares(cells.counted([reference, current]))
    return float(np.abs(now - before).sum() / 2)


def segment_effects(
    cells: CoarseCells, reference: Profile, current: Profile, column: str, segments: Mapping[str, SegmentPair]
) -> tuple[SegmentEffect, ...]:
    """Splits the total variation of the whole among the segments of one column, the largest part first.

    With ``p`` and ``q`` the whole's shares of the cells before and now, ``p_s`` and ``q_s`` a segment's, ``w_s`` and
    ``v_s`` its shares of the rows, the change ``q - p`` is the sum over the segments of ``v_s (q_s - p_s)`` (inside)
    and ``(v_s - w_s) (p_s - p)`` (mix): a Kitagawa decomposition, exact. A cell counts with the sign of its change.

    Source: Kitagawa (1955), "Components of a difference between two rates", Journal of the American Statistical
    Association 50.
    """
    whole = cells.counted([reference, current])
    names = [*segments, f"{column}={REST}"]
    sides = [_side(cells, whole[side], [_of(pair, side) for pair in segments.values()]) for side in (0, 1)]
    before, now = _shares(whole)
    direction = np.sign(now - before)
    total = float(direction @ (now - before))
    if total == 0:
        return ()
    (reference_rows, reference_shares), (current_rows, current_shares) = sides
    # A segment that is new or gone has not changed inside: all of it is mix.
    is_on_both = (reference_rows > 0) & (current_rows > 0)
    known = np.where((reference_rows > 0)[:, None], reference_shares, current_shares)
    inside = np.where(is_on_both, current_rows * ((current_shares - known) @ direction), 0.0) / total
    mix = (current_rows - reference_rows) * ((known - before) @ direction) / total
    effects = [
        SegmentEffect(
            name,
            float(inside[i] + mix[i]),
            float(inside[i]),
            float(mix[i]),
            float(reference_rows[i]),
            float(current_rows[i]),
        )
        for i, name in enumerate(names)
        if reference_rows[i] > 0 or current_rows[i] > 0
    ]
    return tuple(sorted(effects, key=lambda effect: (-effect.share, effect.segment)))


def carrying_segment(effects: Sequence[SegmentEffect]) -> SegmentEffect | None:
    """The watched segment, of all columns, that carries the drift; ``None`` when it is spread over all alike."""
    carrying = [effect for effect in effects if effect.carries_it]
    return min(carrying, key=lambda effect: (-effect.share, effect.segment), default=None)


def _side(cells: CoarseCells, whole: Floats, profiles: Sequence[Profile | None]) -> tuple[Floats, Floats]:
    """Per segment (the rest last) its share of the rows, and its shares of the cells (0 where it has no rows)."""
    counts = np.zeros((len(profiles) + 1, cells.count))
    for index, profile in enumerate(profiles):
        if profile is not None:
            counts[index] = cells.counted([profile])[0]
    counts[-1] = np.maximum(whole - counts[:-1].sum(axis=0), 0)
    return counts.sum(axis=1) / max(counts.sum(), 1), _shares(counts)


def _of(pair: SegmentPair, side: int) -> Profile | None:
    return pair.current if side else pair.reference


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares
