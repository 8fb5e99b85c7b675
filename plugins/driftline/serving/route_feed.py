"""Keeps a router's table as the serving registry has it: LISTEN with a poll behind it, in a thread of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from driftline.errors import DriftlineError
from driftline.serving.allocation import Allocation
from driftline.serving.strategy import Placement, TrafficSplitStrategy

ROUTES_CHANNEL = "driftline_routes"
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 5

_ROUTES = "SELECT model, revision, strategy, salt, allocation FROM driftline.route_revisions"


@dataclass(frozen=True, slots=True)
class RouteTable:
    """The routes of one model, ready to be looked up."""

    revision: int
    bounds: tuple[int, ...]
    versions: tuple[str, ...]
    is_sticky: bool
    placement: Placement


class RouteFeed:
    """Replaces the entries of ``tables`` whenever the registry changes; stops by `stop`."""

    def __init__(self, dsn: str, tables: dict[str, RouteTable], poll_seconds: float) -> None:
        self._dsn = dsn
        self._tables = tables
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="driftline-router", daemon=True)
        self.first_answer = threading.Event()
        self.error = "not connected yet"
        self.since = datetime.now(UTC)
        self.confirmed_at: datetime | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, join: bool = True) -> None:
        """Ends the thread; without ``join`` it ends by itself a moment later."""
        self._stopping.set()
        if join and self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(self._poll_seconds + CONNECT_TIMEOUT_SECONDS)

    def _run(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:
                # Whatever it was, predictions go on by the last known routes; `status` tells.
                wait = min(wait * 2, LONGEST_WAIT_SECONDS) if self.error else FIRST_WAIT_SECONDS
                self._tell(str(error).strip() or type(error).__name__)
                self._stopping.wait(wait)

    def _follow(self) -> None:
        with psycopg.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="driftline-router",
            # A server that vanished without a word is noticed by the next poll.
            options="-c statement_timeout=5000",
            keepalives_idle=10,
            keepalives_interval=3,
            keepalives_count=3,
            tcp_user_timeout=8_000,
        ) as connection:
            connection.execute(f"LISTEN {ROUTES_CHANNEL}")
            while not self._stopping.is_set():
                self._take_over(connection)
                self._await_change(connection)

    def _await_change(self, connection: psycopg.Connection[Any]) -> None:
        """Returns when routes were changed, it is time to poll, or the router is closed."""
        waited = 0.0
        step = min(self._poll_seconds, 0.5)
        while waited < self._poll_seconds and not self._stopping.is_set():
            if any(True for _ in connection.notifies(timeout=step, stop_after=1)):
                return
            waited += step

    def _take_over(self, connection: psycopg.Connection[Any]) -> None:
        rows = {row[0]: row[1:] for row in connection.execute(_ROUTES)}
        strange = [model for model, row in rows.items() if not self._took(model, row)]
        for model in self._tables.keys() - rows.keys():
            del self._tables[model]
        self.confirmed_at = datetime.now(UTC)
        self._tell(
            f"the routes of {', '.join(strange)} are of another release and stay as they were" if strange else ""
        )
        self.first_answer.set()

    def _took(self, model: str, row: tuple[Any, ...]) -> bool:
        """One model's routes that cannot be read stop no other's."""
        try:
            table = _table(*row)
        except (DriftlineError, ValueError, TypeError):
            return False
        if self._tables.get(model) != table:
            self._tables[model] = table
        return True

    def _tell(self, error: str) -> None:
        if bool(error) != bool(self.error):
            self.since = datetime.now(UTC)
        self.error = error


def _table(revision: int, strategy: str, salt: str, document: list[list[str | int]]) -> RouteTable:
    allocation = Allocation.from_json(document)
    return RouteTable(
        revision=revision,
        bounds=allocation.bounds,
        versions=allocation.versions,
        is_sticky=TrafficSplitStrategy(strategy).is_sticky,
        placement=Placement(salt),
    )
