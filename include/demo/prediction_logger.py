"""Logs predictions behind the application's back: a prediction never waits for its log, and never fails with it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from include.demo.log import SCHEMA

LONGEST_QUEUE = 10_000
"""What does not fit any more, because the database is away for long, is dropped and counted."""
MOST_AT_ONCE = 500
PAUSE_SECONDS = 0.2
RETRY_SECONDS = 2.0

Row = tuple[str, Mapping[str, Any]]
"""Table and values by column."""


class PredictionLogger:
    """Takes rows at once and writes them from a thread of its own, in the order in which they came."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rows: queue.Queue[Row] = queue.Queue(LONGEST_QUEUE)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-logger", daemon=True)
        self.dropped = 0
        self.written = 0
        self._thread.start()

    def log(self, table: str, row: Mapping[str, Any]) -> None:
        """Takes a row of a table of the demo's log; never waits, never raises."""
        try:
            self._rows.put_nowait((table, row))
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float = 10.0) -> None:
        """Writes what is left, for at most ``seconds``."""
        self._stopped.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        waiting: list[Row] = []
        while True:
            waiting = waiting or self._next_rows()
            if not waiting:
                if self._stopped.is_set():
                    return
                continue
            try:
                self._write(waiting)
            except psycopg.Error:
                # Kept and tried again: new rows wait in the queue meanwhile.
                if self._stopped.wait(RETRY_SECONDS):
                    return
                continue
            self.written += len(waiting)
            waiting = []

    def _next_rows(self) -> list[Row]:
        try:
            rows = [self._rows.get(timeout=PAUSE_SECONDS)]
        except queue.Empty:
            return []
        while len(rows) < MOST_AT_ONCE and not self._rows.empty():
            rows.append(self._rows.get())
        return rows

    def _write(self, rows: Sequence[Row]) -> None:
        with psycopg.connect(self._url, connect_timeout=5) as connection:
            for table, row in rows:
                connection.execute(_insert(table, tuple(row)), list(row.values()))


def _insert(table: str, columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.Identifier(SCHEMA, table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() for _ in columns),
    )
