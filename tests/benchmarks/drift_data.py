"""Synthetic prediction logs without drift (and with a chosen one): what the drift benchmarks judge.

30 features: 20 normal, 3 log-normal, 1 whole-numbered, 6 categorical with 3 to 12 levels; one numeric has 2 % nulls.
A *seasonal* log has, in every feature's location, a daily cycle (amplitude 0.5 sd), a weekly one (0.2 sd), and AR(1)
noise from hour to hour (coefficient 0.9, standard deviation 0.15 sd), with rows that follow the hour of the day.
An *iid* log has none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile, Profile, merge
from driftline.windows import Window

NUMERIC, CATEGORICAL = 24, 6
FEATURES = NUMERIC + CATEGORICAL
START = datetime(2026, 1, 1, tzinfo=UTC)
AR_COEFFICIENT, AR_DEVIATION = 0.9, 0.15
DAILY_AMPLITUDE, WEEKLY_AMPLITUDE = 0.5, 0.2

Columns = dict[str, np.ndarray]
Change = Callable[[Columns, np.random.Generator], None]


@dataclass(frozen=True, eq=False)
class Log:
    """A world: the locations of all features in every hour, and how many rows an hour has."""

    locations: np.ndarray
    rows_per_hour: np.ndarray
    rng: np.random.Generator

    @classmethod
    def of(cls, seed: int, hours: int, rows_per_day: int, *, seasonal: bool) -> Log:
        rng = np.random.default_rng(seed)
        hour = np.arange(hours)
        if not seasonal:
            return cls(np.zeros((hours, FEATURES)), np.full(hours, rows_per_day / 24), rng)
        daily, weekly = rng.uniform(0, 2 * np.pi, (2, FEATURES))
        noise = np.empty((hours, FEATURES))
        noise[0] = rng.normal(0, AR_DEVIATION, FEATURES)
        for index in range(1, hours):
            step = rng.normal(0, AR_DEVIATION * np.sqrt(1 - AR_COEFFICIENT**2), FEATURES)
            noise[index] = AR_COEFFICIENT * noise[index - 1] + step
        cycles = DAILY_AMPLITUDE * np.cos(2 * np.pi * hour[:, None] / 24 + daily)
        cycles += WEEKLY_AMPLITUDE * np.cos(2 * np.pi * hour[:, None] / 168 + weekly)
        traffic = rows_per_day / 24 * (1 + 0.6 * np.cos(2 * np.pi * hour / 24))
        return cls(cycles + noise, traffic, rng)

    def columns(self, first_hour: int, hours: int) -> Columns:
        """The rows of a span of hours."""
        rows = np.maximum(np.rint(self.rows_per_hour[first_hour : first_hour + hours]), 1).astype(int)
        location = np.repeat(self.locations[first_hour : first_hour + hours], rows, axis=0)
        values = location + self.rng.standard_normal(location.shape)
        return {f"feature_{index:02d}": self._column(index, values[:, index]) for index in range(FEATURES)}

    def _column(self, index: int, values: np.ndarray) -> np.ndarray:
        if index < 20:
            if index == 0:
                values[self.rng.random(values.size) < 0.02] = np.nan
            return values
        if index < 23:
            return np.exp(values)
        if index == 23:
            return np.floor(values * 3)
        levels = 3 + (index - NUMERIC) * 9 // (CATEGORICAL - 1)
        return np.clip(np.floor((values + 2) / 4 * levels), 0, levels - 1)


def is_categorical(name: str) -> bool:
    return int(name.removeprefix("feature_")) >= NUMERIC


@dataclass(frozen=True, eq=False)
class Counter:
    """Counts columns in binnings made from the first days of a log."""

    binnings: Mapping[str, NumericBinning | CategoricalBinning] = field(default_factory=dict)

    @classmethod
    def from_columns(cls, columns: Columns) -> Counter:
        binnings: dict[str, NumericBinning | CategoricalBinning] = {}
        for name, values in columns.items():
            if is_categorical(name):
                levels, counts = np.unique(values, return_counts=True)
                named = {f"{level:g}": int(count) for level, count in zip(levels, counts, strict=True)}
                binnings[name] = CategoricalBinning.from_counts(named)
            else:
                binnings[name] = NumericBinning.from_values(values)
        return cls(binnings)

    def profiles(self, columns: Columns) -> dict[str, Profile]:
        return {name: self._profile(name, values) for name, values in columns.items()}

    def _profile(self, name: str, values: np.ndarray) -> Profile:
        binning = self.binnings[name]
        if isinstance(binning, NumericBinning):
            return NumericProfile.of(values, binning)
        levels, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        named = {f"{level:g}": int(count) for level, count in zip(levels, counts, strict=True)}
        return CategoricalProfile.of(named, binning, int(np.isnan(values).sum()))


@dataclass(frozen=True, eq=False)
class Baseline:
    """A counted baseline and its merged profile."""

    slices: list[tuple[datetime, dict[str, Profile]]]
    reference: dict[str, Profile]
    counter: Counter

    @classmethod
    def of(cls, log: Log, days: int) -> Baseline:
        hourly = [log.columns(hour, 1) for hour in range(24 * days)]
        sample = hourly[:: max(len(hourly) // 336, 1)]
        counter = Counter.from_columns({name: np.concatenate([part[name] for part in sample]) for name in hourly[0]})
        slices = [(START + timedelta(hours=hour), counter.profiles(part)) for hour, part in enumerate(hourly)]
        reference = {name: merge([profiles[name] for _, profiles in slices]) for name in hourly[0]}
        return cls(slices, reference, counter)


def window_at(first_hour: int, hours: int = 24) -> Window:
    start = START + timedelta(hours=first_hour)
    return Window(start, start + timedelta(hours=hours))
