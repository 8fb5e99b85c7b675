"""The demo's traffic: flights of the year, asked about at a steady rate."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pandas as pd

from include.demo.flights import CATEGORICAL, FEATURES

TIMEOUT_SECONDS = 30.0


@dataclass
class Traffic:
    """Asks the serving application, on threads of its own so that a slow answer holds up no question."""

    url: str
    flights: pd.DataFrame
    model: str
    prefix: str
    """Begins the ids of the predictions, so that they can be told from the others."""
    per_second: float = 4.0
    answered: Callable[[str, int, float], None] = lambda _version, _status, _seconds: None
    """Is told the version (empty where it failed), the HTTP status and how long it took."""
    asked: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._run, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)

    def _run(self) -> None:
        chance, due = random.Random(7), time.monotonic()  # noqa: S311 - chooses flights, guards nothing
        with httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while not self._stopped.is_set():
                row = self.flights.iloc[chance.randrange(len(self.flights))]
                self.asked += 1
                question = {"id": f"{self.prefix}{self.asked}", "flight": row["flight"], "features": _features(row)}
                asker = threading.Thread(target=self._ask, args=(client, question), daemon=True)
                asker.start()
                self._threads = [thread for thread in self._threads if thread.is_alive()] + [asker]
                due += 1 / self.per_second
                self._stopped.wait(max(0.0, due - time.monotonic()))
            for asker in self._threads[1:]:
                asker.join(TIMEOUT_SECONDS)

    def _ask(self, client: httpx.Client, question: dict[str, Any]) -> None:
        began = time.monotonic()
        try:
            response = client.post(f"/predict/{self.model}", json=question)
        except httpx.HTTPError:
            return
        version = response.json().get("version", "") if response.status_code == httpx.codes.OK else ""
        self.answered(version, response.status_code, time.monotonic() - began)


def work_off(url: str, flights: pd.DataFrame, model: str, at_once: int = 2) -> None:
    """Asks about all ``flights``, a queue with ``prediction_id`` and ``asked_at``, as fast as they are answered.

    Raises
    ------
    httpx.HTTPError
        When one is not answered.
    """
    with (
        httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False) as client,
        ThreadPoolExecutor(at_once) as pool,
    ):

        def ask(index: int) -> None:
            row = flights.iloc[index]
            question = {"id": row["prediction_id"], "flight": row["flight"], "features": _features(row)}
            question["asked_at"] = row["asked_at"].isoformat()
            client.post(f"/predict/{model}", json=question).raise_for_status()

        list(pool.map(ask, range(len(flights))))


def _features(row: pd.Series) -> dict[str, Any]:
    found = {}
    for name in FEATURES:
        value = row[name]
        found[name] = None if pd.isna(value) else str(value) if name in CATEGORICAL else float(value)
    return found
