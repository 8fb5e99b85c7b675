"""Feeds the prediction log: everything that is due and not there yet, once or for ever.

`python -m include.demo.feed` runs on: every few seconds it adds the predictions and labels that have become due. After
a pause it begins where the log ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import psycopg

from include.demo.flights import load_flights
from include.demo.log import LABELS, PREDICTIONS, add_rows, create_tables, newest, replay_of_log, with_features
from include.demo.program_variables import LOG_URL_VARIABLE, MODELS_VARIABLE
from include.demo.replay import Replay, answers, labels
from include.demo.training import RECIPES, TrainedModel, load_or_train

PAUSE_SECONDS = 10.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Feed:
    """The application that asks the models and logs their answers."""

    url: str
    flights: pd.DataFrame
    models: dict[str, dict[str, TrainedModel]]
    """By model and version."""
    replay: Replay

    def catch_up(self, now: datetime, tell: Tell = lambda _: None) -> int:
        """Add all that is due until ``now`` and not there yet; the number of rows added."""
        added = 0
        with psycopg.connect(self.url, autocommit=True) as connection:
            for model, versions in self.models.items():
                tell(f"predictions of {model}")
                added += self._add_predictions(connection, model, versions, now)
                tell(f"labels of {model}")
                added += self._add_labels(connection, model, now)
        return added

    def _add_predictions(
        self, connection: psycopg.Connection, model: str, versions: dict[str, TrainedModel], now: datetime
    ) -> int:
        due = self._due(connection, PREDICTIONS[model], "predicted_at", now)
        return add_rows(connection, PREDICTIONS[model], with_features(answers(due, versions), due))

    def _add_labels(self, connection: psycopg.Connection, model: str, now: datetime) -> int:
        due = self._due(connection, LABELS[model], "label_at", now)
        return add_rows(connection, LABELS[model], labels(due, model))

    def _due(self, connection: psycopg.Connection, table: str, column: str, now: datetime) -> pd.DataFrame:
        after = newest(connection, table, column) or self.replay.log_start
        return self.replay.flights_due(self.flights, column, after, now)


def open_feed(url: str, models_folder: Path, now: datetime, tell: Tell = lambda _: None) -> Feed:
    """The feed of the log at ``url``: makes its tables and trains the models where that has not been done."""
    with psycopg.connect(url, autocommit=True) as connection:
        create_tables(connection)
        replay = replay_of_log(connection, now)
    tell("reading the flights of 2013")
    flights = load_flights()
    models: dict[str, dict[str, TrainedModel]] = {}
    for recipe in RECIPES:
        tell(f"training {recipe.model} {recipe.version}")
        models.setdefault(recipe.model, {})[recipe.version] = load_or_train(recipe, flights, models_folder)
    return Feed(url, flights, models, replay)


def main() -> None:
    """Feed until SIGTERM or Ctrl-C; a database that is away for a while is waited for."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    feed = None
    while not stopped.is_set():
        now = datetime.now(UTC)
        try:
            feed = feed or open_feed(os.environ[LOG_URL_VARIABLE], Path(os.environ[MODELS_VARIABLE]), now, _log)
            added = feed.catch_up(now)
            if added:
                _log(f"{added} rows added")
        except psycopg.OperationalError as error:
            _log(f"the database does not answer, trying again: {str(error).strip()}")
        stopped.wait(PAUSE_SECONDS)


def _log(message: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {message}", file=sys.stdout, flush=True)


if __name__ == "__main__":
    main()
