"""The SELECTs of an experiment: single rows of its versions, each read once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from driftline.config import Task
from driftline.sources.live_queries import LiveMapping, failed, latency_cell
from driftline.sources.queries import LABEL, LOG, Conversion, Selected, converted, qualified, relation

_EARLIER = Identifier("earlier")


@dataclass(frozen=True)
class RowSpan:
    """The half-open span of time ``[start, end)``."""

    start: datetime
    end: datetime


def assigned_predictions_query(
    mapping: LiveMapping, versions: Collection[str], span: RowSpan, *, group: str | None
) -> Composed:
    """time, version, entity, failed, is_positive, latency cell, group, digest: of predictions made in ``span``."""
    columns = mapping.predictions
    time = qualified(LOG, columns.time)
    unique = SQL("") if mapping.catalog.ids_are_unique else SQL("DISTINCT ON ({}) ").format(qualified(LOG, columns.id))
    order = SQL("") if mapping.catalog.ids_are_unique else SQL(" ORDER BY {}").format(qualified(LOG, columns.id))
    is_binary = mapping.config.task is Task.BINARY_CLASSIFICATION
    return SQL(
        "SELECT {unique}{time}, {version}, {entity}, {failed}, {positive}, {cell}, {group}, {digest} FROM {log} AS log "
        "WHERE {within} AND {version} = ANY ({versions}){order}"
    ).format(
        unique=unique,
        order=order,
        time=time,
        version=_version(mapping),
        entity=_entity(mapping),
        failed=failed(mapping),
        positive=_prediction(mapping) if is_binary else SQL("NULL::boolean"),
        cell=latency_cell(mapping),
        digest=_prediction_digest(mapping),
        group=SQL("NULL::text") if group is None else mapping.prediction_column(group, Conversion.TEXT),
        log=relation(columns.table, columns.query),
        within=_within(time, span),
        versions=Literal(list(versions)),
    )


def assigned_labels_query(mapping: LiveMapping, versions: Collection[str], span: RowSpan, since: datetime) -> Composed:
    """time of prediction, version, entity, predicted, actual, actual before, score, digests: of labels that arrived in
    ``span``.

    Of several labels of a prediction the last one counts; ``actual before`` is what had been counted for it earlier.
    The digests are those of all the prediction's labels of the span. Only predictions made from ``since`` on.
    """
    predictions, labels = mapping.predictions, mapping.labels
    arrival, identifier = qualified(LABEL, labels.time), qualified(LABEL, labels.id)
    return SQL(
        "SELECT DISTINCT ON ({id}) {time}, {version}, {entity}, {predicted}, {actual}, before.actual, {score}, "
        "array_agg({digest}) OVER (PARTITION BY {id}) "
        "FROM {labels} AS label JOIN {log} AS log ON {log_id} = {id} LEFT JOIN LATERAL ("
        "SELECT {earlier} AS actual FROM {labels} AS earlier WHERE {earlier_id} = {id} AND {earlier_label} IS NOT NULL "
        "AND {earlier_time} < {start} ORDER BY {earlier_time} DESC LIMIT 1) AS before ON true "
        "WHERE {within} AND {label} IS NOT NULL AND {prediction} IS NOT NULL AND {time} >= {since} "
        "AND {version} = ANY ({versions}) ORDER BY {id}, {arrival} DESC, {time}"
    ).format(
        id=identifier,
        time=qualified(LOG, predictions.time),
        version=_version(mapping),
        entity=_entity(mapping),
        predicted=_prediction(mapping),
        actual=_actual(mapping, LABEL),
        earlier=_actual(mapping, _EARLIER),
        score=_score(mapping),
        labels=relation(labels.table, labels.query),
        log=relation(predictions.table, predictions.query),
        log_id=qualified(LOG, predictions.id),
        earlier_id=qualified(_EARLIER, labels.id),
        earlier_label=qualified(_EARLIER, labels.label),
        earlier_time=qualified(_EARLIER, labels.time),
        start=Literal(span.start),
        within=_within(arrival, span),
        label=qualified(LABEL, labels.label),
        prediction=qualified(LOG, predictions.prediction),
        since=Literal(since),
        versions=Literal(list(versions)),
        arrival=arrival,
        digest=_label_digest(mapping),
    )


def prediction_hours_query(mapping: LiveMapping, versions: Collection[str], span: RowSpan) -> Composed:
    """hour, rows, digest of them: of the predictions made in ``span``; rows of one id and hour are one."""
    columns = mapping.predictions
    time = qualified(LOG, columns.time)
    unique = SQL("") if mapping.catalog.ids_are_unique else SQL("DISTINCT ")
    return SQL(
        "SELECT hour, count(*), bit_xor(digest) FROM (SELECT {unique}date_trunc('hour', {time}, 'UTC') AS hour, "
        "{digest} AS digest FROM {log} AS log WHERE {within} AND {version} = ANY ({versions})) AS seen "
        "WHERE digest IS NOT NULL GROUP BY 1"
    ).format(
        unique=unique,
        time=time,
        digest=_prediction_digest(mapping),
        log=relation(columns.table, columns.query),
        within=_within(time, span),
        version=_version(mapping),
        versions=Literal(list(versions)),
    )


def label_hours_query(mapping: LiveMapping, versions: Collection[str], span: RowSpan, since: datetime) -> Composed:
    """hour of arrival, rows, digest of them: of the labels that `assigned_labels_query` counts."""
    return SQL(
        "SELECT hour, count(*), bit_xor(digest) FROM (SELECT DISTINCT date_trunc('hour', {arrival}, 'UTC') AS hour, "
        "{digest} AS digest {joined}) AS seen GROUP BY 1"
    ).format(
        arrival=qualified(LABEL, mapping.labels.time),
        digest=_label_digest(mapping),
        joined=_joined_labels(mapping, versions, span, since),
    )


def label_rows_query(mapping: LiveMapping, versions: Collection[str], span: RowSpan, since: datetime) -> Composed:
    """id, digest: of the same labels."""
    return SQL("SELECT {id}, {digest} {joined}").format(
        id=qualified(LABEL, mapping.labels.id),
        digest=_label_digest(mapping),
        joined=_joined_labels(mapping, versions, span, since),
    )


def label_histories_query(mapping: LiveMapping, versions: Collection[str], ids: list[Any], until: datetime) -> Composed:
    """time of prediction, version, entity, predicted, actual, digest, score, id: of all labels of some predictions that
    arrived before ``until``, the first to arrive first."""
    predictions, labels = mapping.predictions, mapping.labels
    return SQL(
        "SELECT {time}, {version}, {entity}, {predicted}, {actual}, {digest}, {score}, {id} FROM {labels} AS label "
        "JOIN {log} AS log ON {log_id} = {id} WHERE {id} = ANY ({ids}) AND {arrival} < {until} AND {label} IS NOT NULL "
        "AND {prediction} IS NOT NULL AND {version} = ANY ({versions}) ORDER BY {id}, {arrival}"
    ).format(
        time=qualified(LOG, predictions.time),
        version=_version(mapping),
        entity=_entity(mapping),
        predicted=_prediction(mapping),
        actual=_actual(mapping, LABEL),
        digest=_label_digest(mapping),
        score=_score(mapping),
        id=qualified(LABEL, labels.id),
        labels=relation(labels.table, labels.query),
        log=relation(predictions.table, predictions.query),
        log_id=qualified(LOG, predictions.id),
        ids=Literal(ids),
        arrival=qualified(LABEL, labels.time),
        until=Literal(until),
        label=qualified(LABEL, labels.label),
        prediction=qualified(LOG, predictions.prediction),
        versions=Literal(list(versions)),
    )


def _joined_labels(mapping: LiveMapping, versions: Collection[str], span: RowSpan, since: datetime) -> Composed:
    predictions, labels = mapping.predictions, mapping.labels
    return SQL(
        "FROM {labels} AS label JOIN {log} AS log ON {log_id} = {id} WHERE {within} AND {label} IS NOT NULL "
        "AND {prediction} IS NOT NULL AND {time} >= {since} AND {version} = ANY ({versions})"
    ).format(
        labels=relation(labels.table, labels.query),
        log=relation(predictions.table, predictions.query),
        log_id=qualified(LOG, predictions.id),
        id=qualified(LABEL, labels.id),
        within=_within(qualified(LABEL, labels.time), span),
        label=qualified(LABEL, labels.label),
        prediction=qualified(LOG, predictions.prediction),
        time=qualified(LOG, predictions.time),
        since=Literal(since),
        version=_version(mapping),
        versions=Literal(list(versions)),
    )


def _prediction_digest(mapping: LiveMapping) -> Composed:
    return SQL("hashtextextended({}::text, 0)").format(qualified(LOG, mapping.predictions.id))


def _label_digest(mapping: LiveMapping) -> Composed:
    """Of a label's prediction, arrival and value: what makes it another label."""
    labels = mapping.labels
    return SQL("hashtextextended(concat_ws('|', {}::text, extract(epoch FROM {})::text, {}::text), 0)").format(
        qualified(LABEL, labels.id), qualified(LABEL, labels.time), qualified(LABEL, labels.label)
    )


def _version(mapping: LiveMapping) -> Composable:
    return mapping.prediction_column(mapping.predictions.version, Conversion.TEXT)


def _entity(mapping: LiveMapping) -> Composable:
    """As the router spells it."""
    entity = mapping.predictions.entity
    return SQL("NULL::text") if entity is None else mapping.prediction_column(entity, Conversion.TEXT)


def _score(mapping: LiveMapping) -> Composable:
    score = mapping.predictions.score
    if score is None:
        return SQL("NULL::float8")
    return SQL("({})::float8").format(mapping.prediction_column(score, Conversion.NUMBER))


def _prediction(mapping: LiveMapping) -> Composable:
    conversion = _conversion(mapping.config.task)
    return _judged(mapping, mapping.prediction_column(mapping.predictions.prediction, conversion))


def _actual(mapping: LiveMapping, alias: Identifier) -> Composable:
    assert mapping.catalog.labels is not None
    column = mapping.catalog.labels[mapping.labels.label]
    return _judged(mapping, converted(alias, Selected(column, _conversion(mapping.config.task))))


def _judged(mapping: LiveMapping, value: Composable) -> Composable:
    """Whether it is positive, the class, or a number that can be squared."""
    if mapping.config.task is Task.REGRESSION:
        return SQL("CASE WHEN {n} > -1e150 AND {n} < 1e150 THEN {n} END").format(n=SQL("({})::float8").format(value))
    if mapping.config.task is Task.MULTICLASS_CLASSIFICATION:
        return value
    return SQL("({} = ANY ({}))").format(value, Literal(sorted(mapping.positive_levels)))


def _conversion(task: Task) -> Conversion:
    return Conversion.NUMBER if task is Task.REGRESSION else Conversion.TEXT


def _within(time: Composable, span: RowSpan) -> Composed:
    return SQL("{time} >= {start} AND {time} < {end}").format(
        time=time, start=Literal(span.start), end=Literal(span.end)
    )
