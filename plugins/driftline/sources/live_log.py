"""The prediction log, as a live pass reads it: one session, short statements, sums made by the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import Composed

from driftline.live import Feed, MinuteSpan, OutcomeCounts, PredictionCounts
from driftline.sources import live_queries as queries
from driftline.sources.catalog import require_fit
from driftline.sources.kept_sessions import KeptSessions
from driftline.sources.live_queries import LiveMapping
from driftline.sources.prediction_log import PredictionLog

STATEMENT_TIMEOUT = timedelta(seconds=5)
"""A table that answers slower than that (no index on the time, a lock) must not hold the other models up."""

MinuteKey = tuple[datetime, str]
"""A minute and a version."""


@dataclass(frozen=True)
class CountedSpan:
    """What the log holds of a span of minutes.

    Attributes
    ----------
    newest_row:
        The newest time in it; None where it is empty.
    """

    counts: Mapping[MinuteKey, PredictionCounts | OutcomeCounts]
    newest_row: datetime | None


class LiveLog:
    """One session on a model's log; from `open_live_log`."""

    def __init__(self, connection: psycopg.Connection[Any], mapping: LiveMapping) -> None:
        self._connection = connection
        self._mapping = mapping

    def now(self) -> datetime:
        """The log's clock, by which its rows are judged."""
        moment: datetime = self._one("SELECT clock_timestamp()")
        return moment.astimezone(UTC)

    def count(self, feed: Feed, span: MinuteSpan) -> CountedSpan:
        """The minutes of ``span``: predictions by their own time, labels by their arrival."""
        return self._count_predictions(span) if feed is Feed.PREDICTIONS else self._count_outcomes(span)

    def corrected_minutes(self, span: MinuteSpan, oldest: datetime) -> list[datetime]:
        """Minutes before ``span``, not before ``oldest``, with labels that a label of ``span`` takes the place of."""
        found = self._rows(queries.corrected_minutes_query(self._mapping, span, oldest))
        return sorted(minute.astimezone(UTC) for (minute,) in found)

    def rows_ahead(self, feed: Feed, moment: datetime) -> int:
        """Rows that claim to be of ``moment`` or later (counted as far as 1,000)."""
        return int(self._one(queries.rows_ahead_query(self._columns(feed), moment)))

    def newest_row(self, feed: Feed) -> datetime | None:
        """The newest time that has passed; None for an empty table."""
        newest: datetime | None = self._one(queries.newest_row_query(self._columns(feed)))
        return newest

    def predictions_between(self, start: datetime | None, end: datetime, limit: int) -> int:
        """Predictions from ``start`` (None: ever) until ``end``; counted as far as ``limit``."""
        return int(self._one(queries.rows_between_query(self._mapping.predictions, start, end, limit)))

    def _count_predictions(self, span: MinuteSpan) -> CountedSpan:
        counted: dict[MinuteKey, PredictionCounts] = {}
        newest = None
        for minute, version, cell, rows, errors, last in self._rows(
            queries.prediction_minutes_query(self._mapping, span)
        ):
            key = (minute.astimezone(UTC), version)
            found = PredictionCounts(rows, errors, {} if cell is None else {cell: rows})
            counted[key] = counted[key] + found if key in counted else found
            newest = last if newest is None else max(newest, last)
        return CountedSpan(counted, newest)

    def _count_outcomes(self, span: MinuteSpan) -> CountedSpan:
        counted: dict[MinuteKey, OutcomeCounts] = {}
        newest = None
        for minute, version, *sums, last in self._rows(queries.outcome_minutes_query(self._mapping, span)):
            counted[minute.astimezone(UTC), version] = OutcomeCounts(*sums)
            newest = last if newest is None else max(newest, last)
        return CountedSpan(counted, newest)

    def _columns(self, feed: Feed) -> Any:
        return self._mapping.predictions if feed is Feed.PREDICTIONS else self._mapping.labels

    def _rows(self, query: Composed) -> list[Any]:
        return self._connection.execute(query).fetchall()

    def _one(self, query: Any) -> Any:
        row = self._connection.execute(query).fetchone()
        return None if row is None else row[0]


@contextmanager
def open_live_log(log: PredictionLog, kept: KeptSessions | None = None) -> Iterator[LiveLog]:
    """A session on ``log`` whose statements end after `STATEMENT_TIMEOUT`.

    Raises
    ------
    SourceError
        When the log cannot be reached, does not fit the configuration, or does not answer in time.
    """
    with log.session(STATEMENT_TIMEOUT, kept) as connection:
        catalog = log.catalog_seen_by(connection)
        config = log.config
        require_fit(config, catalog)
        yield LiveLog(connection, LiveMapping(config, catalog, config.positive_spellings))
