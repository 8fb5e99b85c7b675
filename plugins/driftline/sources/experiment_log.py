"""The prediction log, as an experiment reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

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
        yield ExperimentLog(connection, LiveMapping(log.config, catalog, log.config.positive_spellings))
