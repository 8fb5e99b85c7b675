"""How a model's figures move over its windows: arrays, drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tests.fleet.plan import LABEL_DELAY, FleetModel, Story

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Course:
    """A model's course: one value for each window, by subject.

    Movements are in multiples of the limit: above 1 a statistic is beyond it.
    """

    model: FleetModel
    seed: int

    @cached_property
    def _random(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.model.index])

    @cached_property
    def share_of_time(self) -> Floats:
        """0 at the first window, 1 at the newest."""
        count = len(self.model.windows)
        return np.arange(count) / max(count - 1, 1)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Predictions per window: the weekday is in it."""
        weekdays = np.array([window.start.weekday() for window in self.model.windows])
        usual = self.model.daily_rows * np.where(weekdays >= 5, 0.7, 1.0)
        return np.asarray(usual * self._random.normal(1, 0.03, usual.size), dtype=np.int64)

    @cached_property
    def is_mature(self) -> NDArray[np.bool_]:
        """Whether the window's labels have had their time at the end of the newest."""
        now = self.model.windows[-1].end
        return np.array([window.end + LABEL_DELAY <= now for window in self.model.windows])

    @cached_property
    def drift(self) -> dict[str, Floats]:
        """By feature, how far it moved."""
        return {feature: self._noise(0.3) + self._drifted(feature) for feature in self.model.features}

    @cached_property
    def nulls(self) -> dict[str, Floats]:
        """By feature, how far its share of nulls rose."""
        surge = self._hump(0.75, 0.78) if self.model.story is Story.BROKEN_FEED else np.zeros(len(self.model.windows))
        return {
            feature: self._noise(0.1) + 6 * surge * (place % 4 == 1)
            for place, feature in enumerate(self.model.features)
        }

    @cached_property
    def worsening(self) -> Floats:
        """How much of the tolerated drop performance has lost."""
        noise = self._noise(0.2) - 0.2
        if self.model.story is not Story.DEGRADATION:
            return noise
        return noise + 4 * np.clip((self.share_of_time - 0.66) / 0.3, 0, 1)

    @cached_property
    def slowness(self) -> Floats:
        """The 95th percentile of the latency, as a multiple of the usual."""
        slow = self._hump(0.45, 0.47) if self.model.story is Story.DRIFT else 0.0
        return 1 + self._noise(0.02) + 1.5 * slow

    @cached_property
    def failing(self) -> Floats:
        """Share of failed predictions."""
        return self._noise(0.001)

    def noise(self, spread: float) -> Floats:
        return self._noise(spread)

    def _drifted(self, feature: str) -> Floats:
        place = self.model.features.index(feature)
        drifted = np.zeros(len(self.model.windows))
        if self.model.story is Story.DRIFT and place % 5 == 0:
            drifted = (1.2 + place % 3) * self._hump(0.4, 0.5) + (1.5 + place % 2) * self._hump(0.97, 2)
        if self.model.story is Story.DEGRADATION and place == 1:
            drifted = 3.5 * np.clip((self.share_of_time - 0.6) / 0.2, 0, 1)
        return drifted

    def _hump(self, start: float, end: float) -> Floats:
        """1 between two shares of the time, at least in one window; 0 elsewhere."""
        return ((self.share_of_time >= start) & (self.share_of_time <= end)).astype(np.float64)

    def _noise(self, spread: float) -> Floats:
        """Not negative, and each value half of the one before."""
        fresh = np.abs(self._random.normal(0, spread, len(self.model.windows)))
        return (fresh + np.concatenate([fresh[:1], fresh[:-1]])) / 2
