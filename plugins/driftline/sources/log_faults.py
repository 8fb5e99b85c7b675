"""Counting what is wrong between predictions and labels, in the log."""

from __future__ import annotations

from datetime import timedelta

from psycopg.sql import SQL, Composed, Literal

from driftline.config import Labels, Predictions
from driftline.live.spans import AHEAD
from driftline.quality.log_faults import LabelFaults, RowsAhead
from driftline.sources.prediction_log import PredictionLog
from driftline.sources.queries import LABEL, LOG, in_window, qualified, relation
from driftline.windows import Window

STATEMENT_TIMEOUT = timedelta(minutes=2)
"""These figures are worth no longer wait: the rest of the quality check goes on without them."""
MOST_AHEAD = 100_000
"""Rows in the future are counted so far, and no further."""


def count_label_faults(log: PredictionLog, window: Window) -> LabelFaults:
    """What is wrong with the labels that arrived in ``window``. Raises `SourceError` where the log cannot say."""
    labels = log.config.labels
    if labels is None:
        return LabelFaults()
    with log.session(STATEMENT_TIMEOUT) as connection:
        row = connection.execute(label_faults_query(log.config.predictions, labels, window)).fetchone()
    assert row is not None
    count, unknown, early, lead, once, again = row
    return LabelFaults(
        labels=count,
        unknown=unknown,
        early=early,
        longest_lead=timedelta(seconds=round(lead)),
        changed_once=once,
        changed_again=again,
    )


def count_rows_ahead(log: PredictionLog) -> RowsAhead:
    """Rows in the future of the log's clock by more than a minute. Raises `SourceError`."""
    mapped = (log.config.predictions, log.config.labels)
    with log.session(STATEMENT_TIMEOUT) as connection:
        rows = [None if one is None else connection.execute(rows_ahead_query(one)).fetchone() for one in mapped]
    predictions, labels = (0 if row is None else int(row[0]) for row in rows)
    return RowsAhead(predictions=predictions, labels=labels, counted_to=MOST_AHEAD)


def label_faults_query(mapping: Predictions, labels: Labels, window: Window) -> Composed:
    """Labeled ids, unknown, early, the longest lead in seconds, changed once, changed more often."""
    return SQL(
        "SELECT coalesce(sum(CASE WHEN {id} IS NULL THEN rows ELSE 1 END), 0)::bigint, "
        "coalesce(sum(CASE WHEN {id} IS NULL THEN rows ELSE 1 END) FILTER (WHERE NOT is_known), 0)::bigint, "
        "count(*) FILTER (WHERE arrival < predicted), "
        "coalesce(extract(epoch FROM max(predicted - arrival) FILTER (WHERE arrival < predicted)), 0)::float8, "
        "count(*) FILTER (WHERE changes = 1), count(*) FILTER (WHERE changes > 1) "
        "FROM ({arrived}) AS label LEFT JOIN ({changed}) AS changed ON changed.id = {id}"
    ).format(
        id=qualified(LABEL, labels.id),
        arrived=_arrived(mapping, labels, window),
        changed=_changed(labels, window),
    )


def rows_ahead_query(columns: Predictions | Labels) -> Composed:
    """How many rows claim to be of more than a minute ahead, as far as `MOST_AHEAD`."""
    return SQL("SELECT count(*) FROM (SELECT FROM {} AS log WHERE {} > now() + {} LIMIT {}) AS ahead").format(
        relation(columns.table, columns.query), qualified(LOG, columns.time), Literal(AHEAD), Literal(MOST_AHEAD)
    )


def _arrived(mapping: Predictions, labels: Labels, window: Window) -> Composed:
    """The ids with a label that arrived in the window: its first arrival there, and when it was first predicted."""
    time, arrival = qualified(LOG, mapping.time), qualified(LABEL, labels.time)
    return SQL(
        "SELECT {id}, count(*) AS rows, bool_or({log_id} IS NOT NULL) AS is_known, min({arrival}) AS arrival, "
        "min({time}) FILTER (WHERE isfinite({time})) AS predicted "
        "FROM {labels} AS label LEFT JOIN {log} AS log ON {log_id} = {id} WHERE {window} AND {value} IS NOT NULL "
        "GROUP BY {id}"
    ).format(
        id=qualified(LABEL, labels.id),
        value=qualified(LABEL, labels.label),
        log_id=qualified(LOG, mapping.id),
        arrival=arrival,
        time=time,
        labels=relation(labels.table, labels.query),
        log=relation(mapping.table, mapping.query),
        window=in_window(arrival, window),
    )


def _changed(labels: Labels, window: Window) -> Composed:
    """Of the ids with a label in the window, how often the label became another, over all its arrivals."""
    arrival, identifier = qualified(LABEL, labels.time), qualified(LABEL, labels.id)
    value = SQL("{}::text").format(qualified(LABEL, labels.label))
    source = relation(labels.table, labels.query)
    return SQL(
        "SELECT id, count(*) AS changes FROM (SELECT {id} AS id, lag({id}) OVER arrivals IS NOT NULL "
        "AND {value} IS DISTINCT FROM lag({value}) OVER arrivals AS is_change FROM {labels} AS label "
        "WHERE {id} IN (SELECT {id} FROM {labels} AS label WHERE {window}) "
        "WINDOW arrivals AS (PARTITION BY {id} ORDER BY {arrival})) AS following WHERE is_change GROUP BY id"
    ).format(id=identifier, value=value, arrival=arrival, labels=source, window=in_window(arrival, window))
