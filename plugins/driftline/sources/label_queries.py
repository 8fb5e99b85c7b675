"""The SELECTs on labels by the time at which they arrived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg.sql import SQL, Composed, Literal

from driftline.config import Labels, Predictions
from driftline.sources.queries import LABEL, LOG, in_window, qualified, relation, slice_start
from driftline.windows import Window


def newest_arrival_query(labels: Labels, until: datetime | None = None) -> Composed:
    """The newest arrival, and the server's clock. Arrivals in the future, where a clock runs wrong, are none yet."""
    return SQL(
        "SELECT (SELECT max({arrival}) FROM {labels} AS label WHERE {arrival} <= {until} AND isfinite({arrival})), "
        "now()"
    ).format(
        arrival=qualified(LABEL, labels.time),
        labels=relation(labels.table, labels.query),
        until=SQL("now()") if until is None else SQL("least(now(), {})").format(Literal(until)),
    )


def arrival_slices_query(mapping: Predictions, labels: Labels, since: datetime, earliest: datetime) -> Composed:
    """The slices, from ``earliest`` on, of the predictions whose labels arrived at ``since`` or later."""
    time = qualified(LOG, mapping.time)
    return SQL(
        "SELECT DISTINCT {slice} FROM {labels} AS label JOIN {log} AS log ON {label_id} = {id} "
        "WHERE {arrival} >= {since} AND isfinite({arrival}) AND {time} >= {earliest} AND {time} <= now()"
    ).format(
        slice=slice_start(time),
        labels=relation(labels.table, labels.query),
        log=relation(mapping.table, mapping.query),
        label_id=qualified(LABEL, labels.id),
        id=qualified(LOG, mapping.id),
        arrival=qualified(LABEL, labels.time),
        since=Literal(since),
        time=time,
        earliest=Literal(earliest),
    )


def delays_query(mapping: Predictions, labels: Labels, window: Window, edges: Sequence[float]) -> Composed:
    """Of the window's predictions, those with a label by the cell of its delay: the first arrival counts."""
    time, arrival = qualified(LOG, mapping.time), qualified(LABEL, labels.time)
    return SQL(
        "SELECT width_bucket(delay, {edges}::float8[]), count(*) FROM ("
        "SELECT extract(epoch FROM min({arrival}) - {time})::float8 AS delay "
        "FROM {log} AS log JOIN {labels} AS label ON {label_id} = {id} "
        "WHERE {window} AND {label} IS NOT NULL AND isfinite({arrival}) GROUP BY {id}, {time}) AS delays GROUP BY 1"
    ).format(
        edges=Literal(list(edges)),
        arrival=arrival,
        time=time,
        log=relation(mapping.table, mapping.query),
        labels=relation(labels.table, labels.query),
        label_id=qualified(LABEL, labels.id),
        id=qualified(LOG, mapping.id),
        label=qualified(LABEL, labels.label),
        window=in_window(time, window),
    )


def longest_silence_query(labels: Labels, window: Window) -> Composed:
    """The longest time between hours in which labels arrived, within a span of time."""
    arrival = qualified(LABEL, labels.time)
    return SQL(
        "SELECT max(gap) FROM (SELECT hour - lag(hour) OVER (ORDER BY hour) AS gap FROM ("
        "SELECT DISTINCT {hour} AS hour FROM {labels} AS label WHERE {window}) AS hours) AS gaps"
    ).format(hour=slice_start(arrival), labels=relation(labels.table, labels.query), window=in_window(arrival, window))
