"""The SELECTs of a live pass: a span of minutes of one table, aggregated by the server.

Each reads one range of an index on the time column, and returns a row per minute, version and (latency) cell.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from driftline.config import Labels, ModelConfig, Predictions, Task
from driftline.live.latency import GROWTH, LONGEST_MS, SHORTEST_MS
from driftline.live.spans import MinuteSpan
from driftline.sources.catalog import LogCatalog
from driftline.sources.queries import LABEL, LOG, Conversion, Selected, converted, qualified, relation

_LATER = Identifier("later")
MOST_ROWS_AHEAD = 1_000
"""Rows in the future are counted so far, and no further."""


@dataclass(frozen=True)
class LiveMapping:
    """What the queries need to know of a model's log."""

    config: ModelConfig
    catalog: LogCatalog
    positive_levels: Collection[str]

    @property
    def predictions(self) -> Predictions:
        return self.config.predictions

    @property
    def labels(self) -> Labels:
        assert self.config.labels is not None
        return self.config.labels

    def prediction_column(self, name: str, conversion: Conversion) -> Composable:
        return converted(LOG, Selected(self.catalog.predictions[name], conversion))

    def label_column(self, name: str, conversion: Conversion) -> Composable:
        assert self.catalog.labels is not None
        return converted(LABEL, Selected(self.catalog.labels[name], conversion))


def prediction_minutes_query(mapping: LiveMapping, span: MinuteSpan) -> Composed:
    """minute, version, latency cell (null without one), predictions, errors, newest time.

    Where the database does not keep ids unique, the first of each id and minute counts.
    """
    columns = mapping.predictions
    time = qualified(LOG, columns.time)
    source = SQL("{} AS log WHERE {}").format(relation(columns.table, columns.query), _within(time, span))
    if not mapping.catalog.ids_are_unique:
        identifier = qualified(LOG, columns.id)
        source = SQL(
            "(SELECT log.*, row_number() OVER (PARTITION BY {minute}, {id} ORDER BY {time}) AS {nth} FROM {source}) "
            "AS log WHERE {id} IS NULL OR {nth} = 1"
        ).format(minute=_minute(time), id=identifier, time=time, nth=Identifier("driftline occurrence"), source=source)
    return SQL(
        "SELECT {minute}, coalesce({version}, ''), {cell}, count(*), count(*) FILTER (WHERE {failed}), max({time}) "
        "FROM {source} GROUP BY 1, 2, 3"
    ).format(
        minute=_minute(time),
        version=mapping.prediction_column(columns.version, Conversion.TEXT),
        cell=latency_cell(mapping),
        failed=failed(mapping),
        time=time,
        source=source,
    )


def outcome_minutes_query(mapping: LiveMapping, span: MinuteSpan) -> Composed:
    """minute of arrival, version, labels, the four confusion counts, the three sums of errors, newest arrival.

    Of several labels of one prediction the one that arrived last counts, in the minute in which it arrived.
    """
    return SQL("SELECT minute, version, {sums}, max(arrival) FROM ({labeled}) AS labeled GROUP BY 1, 2").format(
        sums=_outcome_sums(mapping.config.task), labeled=_labeled(mapping, span)
    )


def corrected_minutes_query(mapping: LiveMapping, span: MinuteSpan, oldest: datetime) -> Composed:
    """Earlier minutes, not before ``oldest``, whose labels have been superseded by one that arrived in ``span``."""
    columns = mapping.labels
    return SQL(
        "SELECT DISTINCT {minute} FROM {labels} AS later JOIN {labels} AS label ON {id} = {later_id} "
        "WHERE {within} AND {time} >= {oldest} AND {time} < {start}"
    ).format(
        minute=_minute(qualified(LABEL, columns.time)),
        labels=relation(columns.table, columns.query),
        id=qualified(LABEL, columns.id),
        later_id=qualified(_LATER, columns.id),
        within=_within(qualified(_LATER, columns.time), span),
        time=qualified(LABEL, columns.time),
        oldest=Literal(oldest),
        start=Literal(span.start),
    )


def rows_ahead_query(columns: Predictions | Labels, moment: datetime) -> Composed:
    """How many rows claim to be of ``moment`` or later, as far as `MOST_ROWS_AHEAD`."""
    return SQL("SELECT count(*) FROM (SELECT FROM {} AS log WHERE {} >= {} LIMIT {}) AS ahead").format(
        relation(columns.table, columns.query),
        qualified(LOG, columns.time),
        Literal(moment),
        Literal(MOST_ROWS_AHEAD),
    )


def newest_row_query(columns: Predictions | Labels) -> Composed:
    """The newest time that is not in the future."""
    time = qualified(LOG, columns.time)
    return SQL("SELECT max({time}) FROM {log} AS log WHERE {time} >= '0001-01-02Z' AND {time} <= now()").format(
        time=time, log=relation(columns.table, columns.query)
    )


def rows_between_query(columns: Predictions, start: datetime | None, end: datetime, limit: int) -> Composed:
    """How many rows there are from ``start`` (or ever) until ``end``, as far as ``limit``."""
    time = qualified(LOG, columns.time)
    after = SQL("true") if start is None else SQL("{} >= {}").format(time, Literal(start))
    return SQL("SELECT count(*) FROM (SELECT FROM {} AS log WHERE {} AND {} < {} LIMIT {}) AS found").format(
        relation(columns.table, columns.query), after, time, Literal(end), Literal(limit)
    )


def _labeled(mapping: LiveMapping, span: MinuteSpan) -> Composed:
    """The labels that arrived in ``span`` and count, each with its prediction."""
    predictions, labels = mapping.predictions, mapping.labels
    arrival, identifier = qualified(LABEL, labels.time), qualified(LABEL, labels.id)
    return SQL(
        "SELECT DISTINCT ON ({id}) {minute} AS minute, coalesce({version}, '') AS version, {predicted} AS predicted, "
        "{actual} AS actual, {arrival} AS arrival FROM {labels} AS label JOIN {log} AS log ON {log_id} = {id} "
        "WHERE {within} AND {label} IS NOT NULL AND {prediction} IS NOT NULL AND NOT EXISTS (SELECT FROM {labels} AS "
        "later WHERE {later_id} = {id} AND {later_label} IS NOT NULL AND {later_time} > {arrival}) "
        "ORDER BY {id}, {arrival} DESC, {time}"
    ).format(
        id=identifier,
        minute=_minute(arrival),
        version=mapping.prediction_column(predictions.version, Conversion.TEXT),
        predicted=_value(mapping, is_label=False),
        actual=_value(mapping, is_label=True),
        arrival=arrival,
        labels=relation(labels.table, labels.query),
        log=relation(predictions.table, predictions.query),
        log_id=qualified(LOG, predictions.id),
        within=_within(arrival, span),
        label=qualified(LABEL, labels.label),
        prediction=qualified(LOG, predictions.prediction),
        later_id=qualified(_LATER, labels.id),
        later_label=qualified(_LATER, labels.label),
        later_time=qualified(_LATER, labels.time),
        time=qualified(LOG, predictions.time),
    )


def _value(mapping: LiveMapping, *, is_label: bool) -> Composable:
    """A label or prediction as the truth of "is positive", as its class, or as a number (regression)."""
    is_regression = mapping.config.task is Task.REGRESSION
    conversion = Conversion.NUMBER if is_regression else Conversion.TEXT
    if is_label:
        value = mapping.label_column(mapping.labels.label, conversion)
    else:
        value = mapping.prediction_column(mapping.predictions.prediction, conversion)
    if is_regression:
        # What is not finite, or overflows when squared, has no error.
        return SQL("CASE WHEN {n} > -1e150 AND {n} < 1e150 THEN {n} END").format(n=SQL("({})::float8").format(value))
    if mapping.config.task is Task.MULTICLASS_CLASSIFICATION:
        return value
    return SQL("({} = ANY ({}))").format(value, Literal(sorted(mapping.positive_levels)))


def _outcome_sums(task: Task) -> Composable:
    if task is Task.REGRESSION:
        return SQL(
            "count(predicted - actual), 0, 0, 0, 0, coalesce(sum(predicted - actual), 0), "
            "coalesce(sum(abs(predicted - actual)), 0), coalesce(sum((predicted - actual) ^ 2), 0)"
        )
    if task is Task.MULTICLASS_CLASSIFICATION:
        return SQL(
            "count(*), count(*) FILTER (WHERE predicted = actual), count(*) FILTER (WHERE predicted <> actual), "
            "count(*) FILTER (WHERE predicted <> actual), 0, 0::float8, 0::float8, 0::float8"
        )
    return SQL(
        "count(*), count(*) FILTER (WHERE predicted AND actual), count(*) FILTER (WHERE predicted AND NOT actual), "
        "count(*) FILTER (WHERE NOT predicted AND actual), count(*) FILTER (WHERE NOT predicted AND NOT actual), "
        "0::float8, 0::float8, 0::float8"
    )


def latency_cell(mapping: LiveMapping) -> Composable:
    """The cell (`driftline.live.latency`) of a prediction's latency; null without one."""
    name = mapping.predictions.latency_ms
    if name is None:
        return SQL("NULL::int")
    latency = SQL("({})::float8").format(mapping.prediction_column(name, Conversion.NUMBER))
    # NaN sorts above infinity in Postgres, so that one bound leaves both out.
    return SQL(
        "CASE WHEN {latency} < 'Infinity' THEN ceil(ln(least(greatest({latency}, {least}), {most})) / {step})::int END"
    ).format(
        latency=latency,
        least=Literal(SHORTEST_MS),
        most=Literal(LONGEST_MS),
        step=Literal(math.log(GROWTH)),
    )


def failed(mapping: LiveMapping) -> Composable:
    """Whether the prediction failed."""
    name = mapping.predictions.error
    if name is None:
        return SQL("false")
    return SQL("{} = 'true'").format(mapping.prediction_column(name, Conversion.TRUTH))


def _minute(time: Composable) -> Composed:
    return SQL("date_trunc('minute', {}, 'UTC')").format(time)


def _within(time: Composable, span: MinuteSpan) -> Composed:
    return SQL("{time} >= {start} AND {time} < {end}").format(
        time=time, start=Literal(span.start), end=Literal(span.end)
    )
