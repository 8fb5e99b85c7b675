"""The SELECTs on the prediction log: identifiers and values quoted by psycopg.

A window's bounds stand in the statement as typed literals: ADBC streams a statement without parameters and gathers the
whole result of one that has any, and settings of the session would be read again for every row of a full scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from driftline.config import Labels, Predictions
from driftline.config.fairness_config import AttributeJoin, JoinKey
from driftline.sources.catalog import LogColumn, ValueFamily
from driftline.windows import Window

LOG = Identifier("log")
LABEL = Identifier("label")
_PROTECTED = Identifier("protected")
_NO_JOIN = SQL("")


class Conversion(StrEnum):
    """What a column becomes on its way out of Postgres."""

    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth"
    """``true`` or ``false``: whether a boolean is true, or a text is there."""


@dataclass(frozen=True)
class Selected:
    """One column of a SELECT, converted so that Arrow can carry it."""

    column: LogColumn
    conversion: Conversion
    is_joined: bool = False
    """Whether it is a column of the table that protected attributes are joined from."""
    only_where: tuple[LogColumn, str] | None = None
    """A column, and the value (as text) that it must have: elsewhere this one is null."""


def relation(table: str | None, query: str | None) -> Composable:
    """The FROM item: a quoted table, or the user's own SELECT in parentheses."""
    if table is not None:
        return SQL(".").join(Identifier(part) for part in table.split(".", 1))
    assert query is not None
    # The line break ends a comment that the user's SELECT may end with.
    return SQL("({}\n)").format(SQL(query.strip().rstrip(";")))


def describe(table: str | None, query: str | None) -> Composed:
    return SQL("SELECT * FROM {} AS log LIMIT 0").format(relation(table, query))


def attribute_join(
    join: AttributeJoin, mapping: Predictions, columns: Sequence[Selected], *, keys_are_unique: bool
) -> Composed:
    """What a FROM goes on with, so that each prediction has its protected attributes, or none.

    A key that stands in several rows counts once, lest its predictions do so too: by its smallest values, as text.
    """
    key = mapping.id if join.on is JoinKey.ID else mapping.entity
    assert key is not None
    joined = relation(join.table, join.query)
    if not keys_are_unique:
        by: list[Composable] = [qualified(_PROTECTED, join.key)]
        by += [converted(_PROTECTED, selected) for selected in columns if selected.is_joined]
        joined = SQL("(SELECT DISTINCT ON ({}) protected.* FROM {} AS protected ORDER BY {})").format(
            by[0], joined, SQL(", ").join(by)
        )
    return SQL(" LEFT JOIN {} AS protected ON {} = {}").format(
        joined, qualified(_PROTECTED, join.key), qualified(LOG, key)
    )


def probe_join(mapping: Predictions, join: Composable) -> Composed:
    """Fails where the join cannot be made: a table, a column, a right or an operator is missing."""
    return SQL("SELECT 1 FROM {} AS log{} LIMIT 0").format(relation(mapping.table, mapping.query), join)


def predictions_query(
    mapping: Predictions,
    window: Window,
    columns: Sequence[Selected],
    *,
    ids_are_unique: bool,
    join: Composable = _NO_JOIN,
) -> Composed:
    """The window's predictions. Where the database does not keep ids unique, the first of each id and slice counts.

    Of each slice, not of the window: what a slice holds must not depend on the slices that are read with it.
    """
    chosen = SQL(", ").join(converted(LOG, selected) for selected in columns)
    time = qualified(LOG, mapping.time)
    if ids_are_unique:
        return SQL("SELECT {} FROM {} AS log{} WHERE {}").format(
            chosen, relation(mapping.table, mapping.query), join, in_window(time, window)
        )
    return SQL(
        "SELECT {chosen} FROM (SELECT log.*, row_number() OVER (PARTITION BY {slice}, {id} ORDER BY {time}) "
        "AS {occurrence} FROM {log} AS log WHERE {window}) AS log{join} WHERE {id} IS NULL OR {occurrence} = 1"
    ).format(
        chosen=chosen,
        join=join,
        slice=slice_start(time),
        id=qualified(LOG, mapping.id),
        time=time,
        occurrence=Identifier("driftline occurrence"),
        log=relation(mapping.table, mapping.query),
        window=in_window(time, window),
    )


def outcomes_query(
    mapping: Predictions,
    labels: Labels,
    window: Window,
    columns: Sequence[Selected],
    *,
    label: Selected,
    values: Sequence[Selected],
    join: Composable = _NO_JOIN,
) -> Composed:
    """The window's predictions that have a label; of several labels the one that arrived last counts.

    What was not predicted (null) is neither right nor wrong, and left out.
    """
    chosen = [
        *(converted(LOG, selected) for selected in columns),
        converted(LABEL, label),
        *(converted(LOG, selected) for selected in values),
    ]
    time = qualified(LOG, mapping.time)
    return SQL(
        "SELECT DISTINCT ON ({slice}, {id}) {chosen} FROM {log} AS log JOIN {labels} AS label ON {label_id} = {id}"
        "{join} WHERE {window} AND {label} IS NOT NULL AND {prediction} IS NOT NULL "
        "ORDER BY {slice}, {id}, {label_time} DESC NULLS LAST, {time}"
    ).format(
        slice=slice_start(time),
        id=qualified(LOG, mapping.id),
        join=join,
        prediction=qualified(LOG, mapping.prediction),
        chosen=SQL(", ").join(chosen),
        log=relation(mapping.table, mapping.query),
        labels=relation(labels.table, labels.query),
        label_id=qualified(LABEL, labels.id),
        window=in_window(time, window),
        label=qualified(LABEL, labels.label),
        label_time=qualified(LABEL, labels.time),
        time=time,
    )


def prediction_fingerprints_query(mapping: Predictions, window: Window) -> Composed:
    """Rows per slice."""
    time = qualified(LOG, mapping.time)
    return SQL(
        "SELECT {slice} AS slice_start, count(*) AS rows, NULL::timestamptz AS newest, NULL::bigint AS digest "
        "FROM {log} AS log WHERE {window} GROUP BY 1"
    ).format(slice=slice_start(time), log=relation(mapping.table, mapping.query), window=in_window(time, window))


def outcome_fingerprints_query(mapping: Predictions, labels: Labels, window: Window) -> Composed:
    """Labels, newest arrival and a digest of the labels, per slice of their predictions.

    The digest, a sum of hashes, changes with a label that is corrected in place.
    """
    time = qualified(LOG, mapping.time)
    return SQL(
        "SELECT {slice} AS slice_start, count(*) AS rows, max({arrival}) FILTER (WHERE isfinite({arrival})) AS newest, "
        "sum(hashtext({label_id}::text || ' ' || {label}::text)) AS digest "
        "FROM {log} AS log JOIN {labels} AS label ON {label_id} = {id} "
        "WHERE {window} AND {label} IS NOT NULL GROUP BY 1"
    ).format(
        slice=slice_start(time),
        arrival=qualified(LABEL, labels.time),
        log=relation(mapping.table, mapping.query),
        labels=relation(labels.table, labels.query),
        label_id=qualified(LABEL, labels.id),
        id=qualified(LOG, mapping.id),
        window=in_window(time, window),
        label=qualified(LABEL, labels.label),
    )


def rows_query(
    mapping: Predictions, window: Window, columns: Sequence[Selected], maximum_rows: int, rows: int
) -> Composed:
    """Rows of the window, in order; of a larger one a sample chosen by a hash of the id, the same at every read."""
    named = SQL(", ").join(
        SQL("{} AS {}").format(converted(LOG, selected), Identifier(selected.column.name)) for selected in columns
    )
    time, identifier = qualified(LOG, mapping.time), qualified(LOG, mapping.id)
    sample: Composable = SQL("")
    if rows > maximum_rows:
        buckets = 1_000_000
        sample = SQL(" AND (hashtext({}::text) & 2147483647) % {} < {}").format(
            identifier, Literal(buckets), Literal(maximum_rows * buckets // rows)
        )
    return SQL(
        "SELECT {named} FROM {log} AS log WHERE {window}{sample} ORDER BY {time}, {id}::text LIMIT {limit}"
    ).format(
        named=named,
        log=relation(mapping.table, mapping.query),
        window=in_window(time, window),
        sample=sample,
        time=time,
        id=identifier,
        limit=Literal(maximum_rows),
    )


def bounds_query(mapping: Predictions) -> Composed:
    """Times that Python cannot hold (infinite, before year 1) and those in the future bound nothing."""
    return SQL(
        "SELECT min({time}), max({time}) FROM {log} AS log WHERE {time} >= '0001-01-02Z' AND {time} <= now()"
    ).format(time=qualified(LOG, mapping.time), log=relation(mapping.table, mapping.query))


def qualified(alias: Identifier, column: str) -> Composed:
    return SQL("{}.{}").format(alias, Identifier(column))


def slice_start(time: Composable) -> Composed:
    return SQL("date_trunc('hour', {}, 'UTC')").format(time)


def in_window(time: Composable, window: Window) -> Composed:
    return SQL("{time} >= {start} AND {time} < {end}").format(
        time=time, start=Literal(window.start), end=Literal(window.end)
    )


def converted(alias: Identifier, selected: Selected) -> Composable:
    """Decimals as floats: those beyond a float's range as infinity or 0, so that one cell never fails a window.

    As text a decimal is spelled like the other numbers: 1, not 1.00.
    """
    if selected.only_where is not None:
        column, value = selected.only_where
        return SQL("CASE WHEN {} = {} THEN {} END").format(
            converted(alias, Selected(column, Conversion.TEXT)),
            Literal(value),
            converted(alias, replace(selected, only_where=None)),
        )
    name = qualified(_PROTECTED if selected.is_joined else alias, selected.column.name)
    family = selected.column.family
    if family is ValueFamily.TIMESTAMP:
        return name
    if selected.conversion is Conversion.TRUTH:
        return _truth(name, family)
    if selected.conversion is Conversion.TEXT:
        return SQL("trim_scale({})::text" if selected.column.type_name == "numeric" else "{}::text").format(name)
    if selected.column.type_name == "money":
        name = SQL("{}::numeric").format(name)
    if family is ValueFamily.DECIMAL:
        return SQL(
            "CASE WHEN abs({n}) >= 1e308 THEN 'Infinity'::float8 WHEN abs({n}) < 1e-307 THEN 0 ELSE {n}::float8 END"
        ).format(n=name)
    return name


def _truth(name: Composable, family: ValueFamily) -> Composed:
    if family is ValueFamily.BOOLEAN:
        return SQL("coalesce({}, false)::text").format(name)
    return SQL("(coalesce({}::text, '') NOT IN ('', '0', 'false', 'f'))::text").format(name)
