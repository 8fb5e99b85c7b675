"""How far one group is from the others, and whether it was so before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from driftline.fairness.counts import GroupCounts, pooled
from driftline.fairness.criteria import bounds
from driftline.fairness.rates import ROWS_IN_WORDS, Rate, group_rate
from driftline.fairness.usual import BASE_RATE, spread_name
from driftline.performance import Metric
from driftline.performance.intervals import Interval, difference_interval
from driftline.profiles import BinaryOutcomeProfile

LEAST_COVERAGE = 0.9
"""Share of the predictions that must have a label for the labels to tell a base rate."""
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
    base:
        The same of the shares of positive labels; ``None`` where too few predictions have a label to tell it.
    """

    own: Metric
    others: Metric
    size: float
    interval: Interval
    base: float | None = None


@dataclass(frozen=True)
class GapChange:
    """A gap beside the one that it is held against.

    Attributes
    ----------
    group, rate:
        Whom and what it is about.
    before, now:
        The two gaps.
    expected:
        What the groups' base rates of the day let the gap differ by.
    change, interval:
        ``now - before`` without what was expected, and its interval at the confidence that the window's tests share.
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
    expected: float = 0.0

    @property
    def judged(self) -> float:
        """The gap as it is now, without what was expected."""
        return self.now.size - self.expected

    @property
    def change(self) -> float:
        return self.judged - self.before.size

    @property
    def own_change(self) -> float:
        """How far the group's own rate has moved."""
        return (self.now.own.value or 0.0) - (self.before.own.value or 0.0)

    @property
    def increase(self) -> float:
        return (abs(self.judged) - abs(self.before.size)) / self.scale

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the interval of the change leaves out 0 on the side to which the group is off now."""
        return self.interval[0] > 0 if self.judged > 0 else self.interval[1] < 0

    @property
    def is_unfair(self) -> bool:
        """Further off than allowed, and beyond what chance and the usual days do."""
        return self.increase >= self.allowed * (1 - ROUNDING) and self.is_beyond_chance

    @property
    def limit(self) -> float:
        """The gap at which the increase is the allowed one, on the side of the gap as it is now."""
        return self.expected + math.copysign(abs(self.before.size) + self.allowed * self.scale, self.judged)

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
    return Gap(ours, theirs, left[0] - right[0], difference_interval(*left, *right), base_gap(own, others))


def base_gap(own: GroupCounts, others: GroupCounts) -> float | None:
    """The gap between the shares of positive labels; ``None`` where not nearly all predictions have one (then those
    that have come may be another mixture), or of a regression."""
    shares = [_base_rate(counts) for counts in (own, others)]
    return None if shares[0] is None or shares[1] is None else shares[0] - shares[1]


def _base_rate(counts: GroupCounts) -> float | None:
    outcome = counts.outcome
    if not isinstance(outcome, BinaryOutcomeProfile) or not outcome.rows:
        return None
    if outcome.rows < LEAST_COVERAGE * counts.predictions:
        return None
    return (outcome.true_positives + outcome.false_negatives) / outcome.rows


def gap_change(
    group: str, rate: Rate, before: Gap, now: Gap, *, allowed: float, scale: float, usual: tuple[float, float]
) -> GapChange:
    """The change of a gap; ``usual`` is what is expected of it, and how far the present gap's interval reaches at least
    to each side."""
    expected, margin = usual
    low, high = min(now.interval[0], now.size - margin), max(now.interval[1], now.size + margin)
    judged = now.size - expected, (low - expected, high - expected)
    interval = difference_interval(*judged, before.size, before.interval)
    return GapChange(group, rate, before, now, interval, allowed, scale, expected)


def why_too_few(rate: Rate, counts: GroupCounts, minimum: int, whose: str) -> str:
    """Why a rate of so few rows is not compared; empty where there are enough. ``whose`` begins the sentence."""
    size = group_rate(rate, counts, 0.95).size
    return "" if size >= minimum else f"{whose} {size} {ROWS_IN_WORDS[rate]}, at least {minimum} are needed"


def group_gaps(groups: Mapping[str, GroupCounts], rates: tuple[Rate, ...], minimum_rows: int) -> dict[str, float]:
    """Every group's gap to the others, by ``rate/group``, where both have rows enough.

    Measured on each window of the baseline, it tells how much gaps differ while nothing is wrong (`UsualGaps`); with
    the gap between base rates, where the labels tell it.
    """
    found: dict[str, float] = {}
    for group, own in groups.items():
        others = pooled(counts for name, counts in groups.items() if name != group)
        base = base_gap(own, others)
        if base is not None and min(own.predictions, others.predictions) >= minimum_rows:
            found[spread_name(BASE_RATE, group)] = base
        for rate in rates:
            if any(why_too_few(rate, counts, minimum_rows, "") for counts in (own, others)):
                continue
            apart = gap(rate, own, others, 0.95)
            if apart is not None:
                found[spread_name(rate, group)] = apart.size
    return found
