"""Lets the year 2013 end about now, and start again when it runs out.

Whole weeks are added to every moment, so that a Friday evening stays a Friday evening.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from include.demo.flights import YEAR_LENGTH, YEAR_START
from include.demo.training import LATE_FROM_SCORE, TAKEOVER, TRAINING_END, TrainedModel

WEEK = timedelta(weeks=1)
FLIGHTS_AHEAD = timedelta(weeks=2)
"""At most so much of the year lies in the future when the demo begins, and at least a week less."""

FAILING_SHARE = 0.0005
"""Share of the questions that time out; they have neither prediction nor score."""
TIMEOUT_MS = 2_000.0


@dataclass(frozen=True)
class Replay:
    """The year moved by ``shift``; it repeats every 52 weeks.

    When it repeats, January to March are flights that the models were trained on: their figures flatter the models.
    """

    shift: timedelta

    @classmethod
    def ending_after(cls, now: datetime) -> Replay:
        """The replay whose first year ends one to two weeks after ``now``."""
        weeks = math.floor((now + FLIGHTS_AHEAD - YEAR_START - YEAR_LENGTH) / WEEK)
        return cls(shift=weeks * WEEK)

    @property
    def log_start(self) -> datetime:
        """From here on the models serve: their training data ends here."""
        return TRAINING_END + self.shift

    def flights_due(self, flights: pd.DataFrame, column: str, after: datetime, until: datetime) -> pd.DataFrame:
        """Flights whose moment in ``column``, moved, lies in (after, until], with all moments moved.

        Flights that were due for a prediction before the log starts are not among them. A column `prediction_id` is
        added, and `serves_v2` tells which version was asked.
        """
        first, last = (self._year_of(moment) for moment in (after, until))
        # A flight asked about at the end of one year arrives in the next: look one year back.
        parts = [self._moved(flights, column, year, after, until) for year in range(max(first - 1, 0), last + 1)]
        return pd.concat(parts, ignore_index=True) if parts else flights.iloc[:0]

    def _year_of(self, moment: datetime) -> int:
        return (moment - YEAR_START - self.shift) // YEAR_LENGTH

    def _moved(self, flights: pd.DataFrame, column: str, year: int, after: datetime, until: datetime) -> pd.DataFrame:
        move = self.shift + year * YEAR_LENGTH
        due = (flights[column] > after - move) & (flights[column] <= until - move)
        due &= flights["predicted_at"] >= self.log_start - move
        moved = flights[due].copy()
        moved["serves_v2"] = (year > 0) | (moved["predicted_at"] >= TAKEOVER)
        for name in ("departure", "predicted_at", "label_at"):
            moved[name] += move
        moved["prediction_id"] = moved["departure"].dt.strftime("%Y%m%d-%H%M-") + moved["flight"]
        return moved


def answers(flights: pd.DataFrame, versions: dict[str, TrainedModel]) -> pd.DataFrame:
    """What the serving application logs of ``flights``: one row per flight, as the log's table has it.

    ``versions`` holds `v1` and `v2` of one model; the column `serves_v2` says which of them answers.
    """
    version = np.where(flights["serves_v2"], "v2", "v1")
    output = np.full(len(flights), np.nan)
    latency = np.full(len(flights), np.nan)
    for name, model in versions.items():
        asked = version == name
        if asked.any():
            output[asked] = model.score(flights[asked])
            noise = flights["latency_noise"].to_numpy()[asked]
            latency[asked] = model.recipe.median_latency_ms * np.exp(model.recipe.latency_spread * noise)
    failed = flights["failure_draw"].to_numpy() < FAILING_SHARE
    output[failed] = np.nan
    log = flights[["prediction_id", "predicted_at", "flight"]].copy()
    log["model_version"] = version
    if versions["v1"].recipe.is_classifier:
        log["predicted_late"] = pd.array(output > LATE_FROM_SCORE, dtype="boolean")
        log.loc[failed, "predicted_late"] = pd.NA
        log["score"] = output.round(6)
    else:
        log["predicted_minutes"] = output.round(3)
    log["latency_ms"] = np.where(failed, TIMEOUT_MS, latency).round(3)
    log["error"] = pd.Series("timeout", index=log.index).where(failed)
    return log


def labels(flights: pd.DataFrame, model: str) -> pd.DataFrame:
    """What is known of ``flights`` once they have arrived, as the labels' table of ``model`` has it."""
    known = flights[["prediction_id", "label_at"]].copy()
    if model == "flight_delay":
        known["was_late"] = flights["is_late"]
    else:
        known["delay_minutes"] = flights["delay_minutes"]
    return known
