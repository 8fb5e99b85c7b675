"""One scrape: every query once, in one snapshot, within the time that the scraper gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Engine, text

from driftline.errors import StoreError
from driftline.live import PredictionCounts
from driftline.store.engine import store_transaction
from driftline.store.live import FeedState, feed_states
from driftline.store.scraping import actions, windows
from driftline.store.scraping.bounds import features_of_each
from driftline.store.scraping.live import RouteChanges, RouteShare, live_figures, route_changes, route_shares

Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """The store as it is at one moment.

    Attributes
    ----------
    newest:
        Every model's newest window; what follows is of those that are recent.
    live:
        By model and version.
    """

    newest: Sequence[windows.NewestWindow]
    counts: Sequence[windows.FindingCount]
    features: Sequence[windows.FeatureDrift]
    drift: Sequence[windows.DriftCount]
    performance: Sequence[windows.PerformanceFigure]
    feeds: Sequence[FeedState]
    live: dict[str, dict[str, PredictionCounts]]
    routes: Sequence[RouteShare]
    route_changes: Sequence[RouteChanges]
    rollbacks: Sequence[actions.RollbackCount]
    experiments: Sequence[actions.ExperimentFigures]
    incidents: Sequence[actions.IncidentCount]
    pending: Sequence[actions.PendingCount]


def read_scrape(engine: Engine, seconds: float) -> Scrape:
    """All of it, or nothing: whatever is not read within ``seconds`` is given up.

    Raises
    ------
    StoreError
        When the database is unreachable, not migrated, refuses the role or takes too long.
    """
    give_up_at = time.monotonic() + seconds
    with store_transaction(engine) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        return _Reader(connection, give_up_at).scrape()


@dataclass(frozen=True)
class _Reader:
    connection: Connection
    give_up_at: float
    """Of `time.monotonic`."""

    def scrape(self) -> Scrape:
        newest = self._read(windows.newest_windows)
        recent = [each for each in newest if each.is_recent]
        most = features_of_each(len(recent))
        realised = self._read(lambda connection: windows.realised_performance(connection, recent))
        estimated = self._read(lambda connection: windows.estimated_performance(connection, recent))
        return Scrape(
            newest=newest,
            counts=self._read(lambda connection: windows.finding_counts(connection, recent)),
            features=self._read(lambda connection: windows.feature_drift(connection, recent, most)),
            drift=self._read(lambda connection: windows.drift_counts(connection, recent)),
            performance=[*realised, *estimated],
            feeds=self._read(feed_states),
            live=self._read(live_figures),
            routes=self._read(route_shares),
            route_changes=self._read(route_changes),
            rollbacks=self._read(actions.rollback_counts),
            experiments=self._read(actions.experiment_figures),
            incidents=self._read(actions.incident_counts),
            pending=self._read(actions.pending_counts),
        )

    def _read(self, read: Callable[[Connection], Read]) -> Read:
        """Each query may take what is left of the time: together they take no longer than one of them might."""
        left = self.give_up_at - time.monotonic()
        if left <= 0:
            raise StoreError("The store answers too slowly for a scrape. See what else keeps its database busy.")
        self.connection.execute(text(f"SET LOCAL statement_timeout = {max(1, int(left * 1000))}"))
        return read(self.connection)
