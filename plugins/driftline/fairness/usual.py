"""How much gaps between groups differ from window to window while nothing is wrong, and what of it base rates explain.

A group has good and bad days: more of its labels are positive, and so are more of its predictions. That moves its gap
to the others without anybody being treated otherwise. What follows from the day's base rates is learned by least
squares, and only what remains is held against chance: control variates, as in CUPED [1]_.

References
----------
.. [1] Deng, Xu, Kohavi, Walker (2013), "Improving the sensitivity of online controlled experiments by utilizing
   pre-experiment data", WSDM.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scipy.special import stdtrit

from driftline.spread import WindowSpread

LEAST_WINDOWS = 14
"""From fewer windows it is not learned how gaps follow base rates."""
WORTHWHILE = 0.8
"""What remains must be at most so much of a gap's own standard deviation; else the gap is held against all of it."""
REACH = 3.0
"""Base rates further than so many standard deviations from the baseline's explain nothing: it was not seen there."""
BASE_RATE = "base_rate"
"""As a rate: the gap between the groups' shares of positive labels."""


NO_SPREAD = WindowSpread(0, {})


def spread_name(rate: str, group: str) -> str:
    """How a group's gap is called where it was measured window by window."""
    return f"{rate}/{group}"


@dataclass(frozen=True)
class Following:
    """How a gap follows the gap between base rates.

    Attributes
    ----------
    slope:
        Points of the gap per point of the base rates' gap.
    center, squares:
        Mean of the base rates' gap over the windows, and the sum of squared deviations from it.
    deviation:
        Standard deviation of what remains (with two degrees of freedom less than windows).
    windows:
        That it was learned from.
    """

    slope: float
    center: float
    squares: float
    deviation: float
    windows: int

    @classmethod
    def of(cls, base: Sequence[float], gaps: Sequence[float]) -> Following | None:
        """By least squares; ``None`` where the base rates never differ."""
        windows = len(base)
        center, middle = math.fsum(base) / windows, math.fsum(gaps) / windows
        squares = math.fsum((one - center) ** 2 for one in base)
        if squares <= 0:
            return None
        slope = math.fsum((x - center) * (y - middle) for x, y in zip(base, gaps, strict=True)) / squares
        remains = math.fsum((y - middle - slope * (x - center)) ** 2 for x, y in zip(base, gaps, strict=True))
        return cls(slope, center, squares, math.sqrt(remains / (windows - 2)), windows)

    def reaches(self, base: float) -> bool:
        """Whether such base rates were seen."""
        return abs(base - self.center) <= REACH * math.sqrt(self.squares / (self.windows - 1))

    def margin(self, base: float, confidence: float) -> float:
        """How far what remains may lie from 0 in one more window: the prediction interval of the regression."""
        quantile = float(stdtrit(self.windows - 2, 1 - (1 - confidence) / 2))
        return quantile * self.deviation * math.sqrt(1 + 1 / self.windows + (base - self.center) ** 2 / self.squares)


@dataclass(frozen=True)
class UsualGaps:
    """What the reference's own windows say of the gaps between groups, by `spread_name`."""

    spread: WindowSpread = NO_SPREAD
    following: Mapping[str, Following] = field(default_factory=dict)

    @classmethod
    def of(cls, measured: Sequence[Mapping[str, float]]) -> UsualGaps:
        """From the gaps (`group_gaps`) of each window."""
        spread = WindowSpread.of(measured)
        found: dict[str, Following] = {}
        for name in spread.deviations:
            rate, _, group = name.partition("/")
            base_name = spread_name(BASE_RATE, group)
            both = [(window[base_name], window[name]) for window in measured if name in window and base_name in window]
            if rate == BASE_RATE or len(both) < LEAST_WINDOWS:
                continue
            learned = Following.of(*zip(*both, strict=True))
            if learned is not None and learned.deviation <= WORTHWHILE * spread.deviations[name]:
                found[name] = learned
        return cls(spread, found)

    def expectation(
        self, rate: str, group: str, base: tuple[float | None, float | None], confidence: float
    ) -> tuple[float, float]:
        """By how much the gap is to be expected to differ from the reference's, and how far it may lie from that.

        Parameters
        ----------
        base : tuple of float or None
            The base rates' gap of the reference, and now; ``None`` where labels do not tell it.
        confidence : float
            Two-sided, 0 to 1. Nothing is expected and the margin is 0 where nothing was learned.
        """
        name, (before, now) = spread_name(rate, group), base
        learned = self.following.get(name)
        if learned is None or before is None or now is None or not learned.reaches(now):
            return 0.0, self.spread.margin(name, confidence)
        return learned.slope * (now - before), learned.margin(now, confidence)

    def to_json(self) -> dict[str, Any]:
        return {**self.spread.to_json(), "following": {name: asdict(one) for name, one in self.following.items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> UsualGaps:
        following = {name: Following(**one) for name, one in document.get("following", {}).items()}
        return cls(WindowSpread.from_json(document), following)
