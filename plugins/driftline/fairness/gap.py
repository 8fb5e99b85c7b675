"""How far one group is from the others, and whether it was so before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from driftline.fairness.counts import GroupCounts, pooled
from driftline.fairness.criteria import bounds
from driftline.fairness.rates import ROWS_IN_WORDS, Rate, group_rate
from driftline.performance import Metric
from driftline.performance.intervals import Interval, difference_interval
from driftline.spread import WindowSpread

ROUNDING = 1e-9
"""Differences that differ by less are the same."""


@dataclass(frozen=True)
class Gap:
    """A group's rate against that of all other groups together.

    Attributes
    ----------
    own, others:
        The two rates.
    size, interval:
        ``own - others``, and its interval by Newcombe's method.
    """

    own: Metric
    others: Metric
    size: float
    interval: Interval


@dataclass(frozen=True)
class GapChange:
    """A gap beside the one that it is held against.

    Attributes
    ----------
    group, rate:
        Whom and what it is about.
    before, now:
        The two gaps.
    change, interval:
        ``now - before``, and its interval at the confidence that the window's tests share.
    increase:
        How much further the group is from the others than it was, whichever side it is on: below 0 it is nearer.
    allowed:
        The largest increase that is no finding.
    scale:
        What the increase is divided by to be told relative: 1 for points of a share.
    """

    group: str
    rate: Rate
    before: Gap
    now: Gap
    interval: Interval
    allowed: float
    scale: float = 1.0

    @property
    def change(self) -> float:
        return self.now.size - self.before.size

    @property
    def own_change(self) -> float:
        """How far the group's own rate has moved."""
        return (self.now.own.value or 0.0) - (self.before.own.value or 0.0)

    @property
    def increase(self) -> float:
        return (abs(self.now.size) - abs(self.before.size)) / self.scale

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the interval of the change leaves out 0 on the side to which the group is off now."""
        return self.interval[0] > 0 if self.now.size > 0 else self.interval[1] < 0

    @property
    def is_unfair(self) -> bool:
        """Further off than allowed, and beyond what chance and the usual days do."""
        return self.increase >= self.allowed * (1 - ROUNDING) and self.is_beyond_chance

    @property
    def limit(self) -> float:
        """The gap at which the increase is the allowed one, on the side of the gap as it is now."""
        return math.copysign(abs(self.before.size) + self.allowed * self.scale, self.now.size)

    @property
    def precedence(self) -> tuple[float, float]:
        """Who moved most; of two that mirror each other, the one whose own rate did."""
        return round(abs(self.change) / self.scale, 9), abs(self.own_change)


def gap(rate: Rate, own: GroupCounts, others: GroupCounts, confidence: float) -> Gap | None:
    """The gap between a group and the others; ``None`` where one of the two has no rate with an interval."""
    ours, theirs = group_rate(rate, own, confidence), group_rate(rate, others, confidence)
    left, right = bounds(ours), bounds(theirs)
    if left is None or right is None:
        return None
    return Gap(ours, theirs, left[0] - right[0], difference_interval(*left, *right))


def gap_change(
    group: str, rate: Rate, before: Gap, now: Gap, *, allowed: float, scale: float, margin: float
) -> GapChange:
    """The change of a gap; the present one's interval reaches at least ``margin`` to each side."""
    low, high = min(now.interval[0], now.size - margin), max(now.interval[1], now.size + margin)
    interval = difference_interval(now.size, (low, high), before.size, before.interval)
    return GapChange(group, rate, before, now, interval, allowed, scale)


def why_too_few(rate: Rate, counts: GroupCounts, minimum: int, whose: str) -> str:
    """Why a rate of so few rows is not compared; empty where there are enough. ``whose`` begins the sentence."""
    size = group_rate(rate, counts, 0.95).size
    return "" if size >= minimum else f"{whose} {size} {ROWS_IN_WORDS[rate]}, at least {minimum} are needed"


def group_gaps(groups: Mapping[str, GroupCounts], rates: tuple[Rate, ...], minimum_rows: int) -> dict[str, float]:
    """Every group's gap to the others, by ``rate/group``, where both have rows enough.

    Measured on each window of the baseline, it tells how much gaps differ while nothing is wrong (`WindowSpread`).
    """
    found: dict[str, float] = {}
    for group, own in groups.items():
        others = pooled(counts for name, counts in groups.items() if name != group)
        for rate in rates:
            if any(why_too_few(rate, counts, minimum_rows, "") for counts in (own, others)):
                continue
            apart = gap(rate, own, others, 0.95)
            if apart is not None:
                found[spread_name(rate, group)] = apart.size
    return found


def spread_name(rate: Rate, group: str) -> str:
    return f"{rate}/{group}"


def usual_margin(spread: WindowSpread, rate: Rate, group: str, confidence: float) -> float:
    """How far a window's gap may lie from the baseline's while nothing is wrong; 0 where nothing was learned."""
    return spread.margin(spread_name(rate, group), confidence)
