"""Asks the serving application about every flight when it is due: `python -m include.demo.live_traffic`.

The feed adds what was due while nothing was served; both name a prediction alike, so that each is logged once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import UTC, datetime

import httpx
import pandas as pd
import psycopg

from include.demo.flights import load_flights
from include.demo.log import PREDICTIONS, replay_of_log
from include.demo.program_variables import LOG_URL_VARIABLE, SERVING_URL_VARIABLE
from include.demo.replay import Replay
from include.demo.traffic import work_off

PAUSE_SECONDS = 2.0


def ask_due(flights: pd.DataFrame, replay: Replay, url: str, after: datetime, until: datetime) -> int:
    """Asks about the flights that are due in (after, until], once for each model; the number of questions.

    Raises
    ------
    httpx.HTTPStatusError
        When a prediction failed, after all models have been asked about all flights.
    httpx.HTTPError
        When the application does not answer.
    """
    due = replay.flights_due(flights, "predicted_at", after, until)
    due["asked_at"] = due["predicted_at"]
    failed: list[httpx.HTTPStatusError] = []
    for model in PREDICTIONS:
        try:
            work_off(url, due, model)
        except httpx.HTTPStatusError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return len(due) * len(PREDICTIONS)


def main() -> None:
    """Asks until SIGTERM or Ctrl-C; an application that is away for a while is waited for."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    asked_until, flights = datetime.now(UTC), load_flights()
    with psycopg.connect(os.environ[LOG_URL_VARIABLE], autocommit=True) as connection:
        replay = replay_of_log(connection, asked_until)
    while not stopped.wait(PAUSE_SECONDS):
        now = datetime.now(UTC)
        try:
            asked = ask_due(flights, replay, os.environ[SERVING_URL_VARIABLE], asked_until, now)
        except httpx.HTTPStatusError as error:
            # It has been answered, and logged, as failed: a caller goes on.
            _say(f"answered as failed: {error.response.text}")
            asked_until = now
            continue
        except httpx.HTTPError as error:
            _say(f"the serving application does not answer, trying again: {type(error).__name__}: {error}")
            continue
        asked_until = now
        if asked:
            _say(f"{asked} questions answered")


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}", file=sys.stdout, flush=True)


if __name__ == "__main__":
    main()
