"""The prediction log, as an experiment reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg
from psycopg.sql import Composed

from driftline.sources import experiment_queries as queries
from driftline.sources.catalog import require_fit
from driftline.sources.experiment_queries import RowSpan, assigned_labels_query, assigned_predictions_query
from driftline.sources.kept_sessions import KeptSessions
from driftline.sources.live_queries import LiveMapping
from driftline.sources.prediction_log import PredictionLog

STATEMENT_TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class AssignedPrediction:
    """One prediction of a version that takes part."""

    at: datetime
    version: str
    entity: str | None
    failed: bool
    is_positive: bool | None
    latency_cell: int | None
    group: str | None
    digest: int | None


@dataclass(frozen=True, slots=True)
class AssignedLabel:
    """One label that arrived, with its prediction; ``before`` is the label that it takes the place of.

    Predicted, actual and before are truths of "is positive", classes, or numbers, as the model's task has it.
    """

    at: datetime
    version: str
    entity: str | None
    predicted: Any
    actual: Any
    before: Any
    score: float | None
    digests: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class HourDigest:
    """So many rows of an hour, and what is left of their digests when all are taken together (exclusive or)."""

    rows: int
    digest: int


Hours = Mapping[datetime, HourDigest]
"""By the hour's start."""


class ExperimentLog:
    """One session on a model's log; from `open_experiment_log`."""

    def __init__(self, connection: psycopg.Connection[Any], mapping: LiveMapping) -> None:
        self._connection = connection
        self._mapping = mapping

    def now(self) -> datetime:
        """The log's clock, by which its rows are judged."""
        row = self._connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        moment: datetime = row[0]
        return moment.astimezone(UTC)

    def predictions(
        self, versions: Collection[str], span: RowSpan, *, group: str | None = None
    ) -> Iterator[AssignedPrediction]:
        """The predictions that ``versions`` made in ``span``; of one id the first that is found."""
        query = assigned_predictions_query(self._mapping, versions, span, group=group)
        for at, *values in self._connection.execute(query):
            yield AssignedPrediction(at.astimezone(UTC), *values)

    def labels(self, versions: Collection[str], span: RowSpan, since: datetime) -> Iterator[AssignedLabel]:
        """The labels that arrived in ``span`` for predictions that ``versions`` made from ``since`` on."""
        for at, *values in self._connection.execute(assigned_labels_query(self._mapping, versions, span, since)):
            yield AssignedLabel(at.astimezone(UTC), *values)

    def prediction_hours(self, versions: Collection[str], span: RowSpan) -> Hours:
        """What the log has of the predictions of ``span`` by now."""
        return self._hours(queries.prediction_hours_query(self._mapping, versions, span))

    def label_hours(self, versions: Collection[str], span: RowSpan, since: datetime) -> Hours:
        """The same of the labels that arrived in it."""
        return self._hours(queries.label_hours_query(self._mapping, versions, span, since))

    def label_rows(self, versions: Collection[str], span: RowSpan, since: datetime) -> Iterator[tuple[Any, int]]:
        """The ids of the labels' predictions, and the labels' digests."""
        yield from self._connection.execute(queries.label_rows_query(self._mapping, versions, span, since))

    def changed_labels(
        self, versions: Collection[str], ids: Collection[Any], until: datetime, unseen: Collection[int]
    ) -> Iterator[AssignedLabel]:
        """Of the predictions ``ids`` those whose last label before ``until`` is among the ``unseen``; ``before`` is the
        last that is not."""
        rows = self._connection.execute(
            queries.label_histories_query(self._mapping, versions, list(ids), until)
        ).fetchall()
        for _, history in groupby(rows, key=itemgetter(7)):
            labels = list(history)
            at, version, entity, predicted, actual, digest, score, _ = labels[-1]
            if digest in unseen:
                counted = [label[4] for label in labels if label[5] not in unseen]
                before = counted[-1] if counted else None
                yield AssignedLabel(at.astimezone(UTC), version, entity, predicted, actual, before, score)

    def _hours(self, query: Composed) -> Hours:
        found = self._connection.execute(query)
        return {hour.astimezone(UTC): HourDigest(rows, digest) for hour, rows, digest in found}


@contextmanager
def open_experiment_log(log: PredictionLog, kept: KeptSessions | None = None) -> Iterator[ExperimentLog]:
    """A session on ``log``.

    Raises
    ------
    SourceError
        When the log cannot be reached, does not fit the configuration, or does not answer in time.
    """
    with log.session(STATEMENT_TIMEOUT, kept) as connection:
        catalog = log.catalog_seen_by(connection)
        require_fit(log.config, catalog)
        # All of a reading sees the log as of one moment: a row that comes meanwhile is in all of it, or in none.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            yield ExperimentLog(connection, LiveMapping(log.config, catalog, log.config.positive_spellings))
