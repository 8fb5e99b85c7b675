"""Live figures and the watermarks of their counting. Minutes are replaced, never added to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from driftline.live import Feed, MinuteFigures, MinuteSpan, OutcomeCounts, PredictionCounts, VersionFigures, Watermark
from driftline.store.tables import live_outcomes, live_predictions, live_watermarks

MinuteKey = tuple[datetime, str]
_TABLES: Mapping[Feed, Table] = {Feed.PREDICTIONS: live_predictions, Feed.LABELS: live_outcomes}
_ROWS_PER_STATEMENT = 500
_OUTCOME_COLUMNS = tuple(asdict(OutcomeCounts()))


@dataclass(frozen=True)
class FeedState:
    """How the counting of one feed of a model stands.

    Attributes
    ----------
    newest_row:
        Time of the newest row that was seen.
    rows_ahead:
        Rows whose time is in the future: they are counted when it has come.
    counted_at, attempted_at:
        When the last successful and the last pass ended.
    failing_since, error:
        Since when passes fail, and why; None and empty while they do not.
    """

    model: str
    feed: Feed
    watermark: Watermark | None
    newest_row: datetime | None
    rows_ahead: int
    first_attempt_at: datetime
    attempted_at: datetime
    counted_at: datetime | None
    failing_since: datetime | None
    error: str


def take_turn(connection: Connection, model: str, feed: Feed) -> bool:
    """Whether this transaction may count the feed: False while another one does."""
    key = func.hashtextextended(f"driftline.live/{model}/{feed}", 0)
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one())


def feed_states(connection: Connection, model: str | None = None) -> list[FeedState]:
    """The state of every feed that has ever been tried, of one model or of all."""
    query = select(live_watermarks).order_by(live_watermarks.c.model, live_watermarks.c.feed)
    if model is not None:
        query = query.where(live_watermarks.c.model == model)
    return [_state(row) for row in connection.execute(query)]


def newest_counted(connection: Connection, model: str, feed: Feed) -> datetime | None:
    """The newest minute that has figures."""
    table = _TABLES[feed]
    newest: datetime | None = connection.execute(
        select(func.max(table.c.minute)).where(table.c.model == model)
    ).scalar_one()
    return newest


def replace_minutes(
    connection: Connection,
    model: str,
    feed: Feed,
    span: MinuteSpan,
    counts: Mapping[MinuteKey, PredictionCounts | OutcomeCounts],
    *,
    is_newest: bool = False,
) -> None:
    """Makes ``counts`` all that is known of ``span`` (with ``is_newest`` also of everything later).

    Rows that stay as they are are not written.
    """
    table = _TABLES[feed]
    gone = delete(table).where(table.c.model == model, table.c.minute >= span.start)
    if not is_newest:
        gone = gone.where(table.c.minute < span.end)
    if counts:
        gone = gone.where(tuple_(table.c.minute, table.c.version).not_in(list(counts)))
    connection.execute(gone)
    rows = [_row(model, key, counted) for key, counted in sorted(counts.items(), key=lambda each: each[0])]
    for first in range(0, len(rows), _ROWS_PER_STATEMENT):
        _write(connection, table, rows[first : first + _ROWS_PER_STATEMENT])


def record_count(
    connection: Connection,
    model: str,
    feed: Feed,
    *,
    watermark: Watermark,
    newest_row: datetime | None,
    rows_ahead: int,
) -> None:
    """Notes a pass that succeeded. A newest row that is in the future of ``watermark`` is not remembered."""
    now = func.clock_timestamp()
    kept = live_watermarks.c.newest_row
    values: dict[str, Any] = {
        "counted_until": watermark.counted_until,
        "rescanned_from": watermark.rescanned_from,
        "newest_row": None if newest_row is None else min(newest_row, watermark.counted_until),
        "rows_ahead": rows_ahead,
        "attempted_at": now,
        "counted_at": now,
        "failing_since": None,
        "error": "",
    }
    insertion = upsert(live_watermarks).values(model=model, feed=feed.value, first_attempt_at=now, **values)
    seen = func.coalesce(insertion.excluded.newest_row, func.least(kept, watermark.counted_until))
    connection.execute(
        insertion.on_conflict_do_update(index_elements=["model", "feed"], set_={**values, "newest_row": seen})
    )


def record_failure(connection: Connection, model: str, feed: Feed, error: str) -> None:
    """Notes a pass that failed; the watermark stays."""
    now = func.clock_timestamp()
    insertion = upsert(live_watermarks).values(
        model=model, feed=feed.value, rows_ahead=0, first_attempt_at=now, attempted_at=now, failing_since=now,
        error=error,
    )  # fmt: skip
    since = func.coalesce(live_watermarks.c.failing_since, now)
    connection.execute(
        insertion.on_conflict_do_update(
            index_elements=["model", "feed"], set_={"attempted_at": now, "failing_since": since, "error": error}
        )
    )


def version_figures(connection: Connection, model: str, since: datetime) -> list[VersionFigures]:
    """Each version's figures over the minutes from ``since`` on, in the order of the versions' names."""
    predictions: dict[str, PredictionCounts] = {}
    outcomes: dict[str, OutcomeCounts] = {}
    for row in connection.execute(_since(live_predictions, model, since)):
        predictions[row.version] = predictions.get(row.version, PredictionCounts()) + _prediction_counts(row)
    for row in connection.execute(_since(live_outcomes, model, since)):
        counted = OutcomeCounts(**{name: row._mapping[name] for name in _OUTCOME_COLUMNS})
        outcomes[row.version] = outcomes.get(row.version, OutcomeCounts()) + counted
    return [
        VersionFigures(version, predictions.get(version, PredictionCounts()), outcomes.get(version, OutcomeCounts()))
        for version in sorted({*predictions, *outcomes})
    ]


def minute_figures(connection: Connection, model: str, since: datetime) -> list[MinuteFigures]:
    """The predictions of each minute from ``since`` on, the oldest first."""
    return [
        MinuteFigures(row.minute.astimezone(UTC), row.version, _prediction_counts(row))
        for row in connection.execute(_since(live_predictions, model, since))
    ]


def outcomes_since(connection: Connection, model: str, since: datetime) -> dict[str, tuple[OutcomeCounts, datetime]]:
    """Each version's labels of the minutes from ``since`` on, and the newest of these minutes."""
    query = (
        select(
            live_outcomes.c.version,
            func.max(live_outcomes.c.minute).label("newest"),
            *(func.sum(live_outcomes.c[name]).label(name) for name in _OUTCOME_COLUMNS),
        )
        .where(live_outcomes.c.model == model, live_outcomes.c.minute >= since)
        .group_by(live_outcomes.c.version)
    )
    return {row.version: (_outcome_counts(row), row.newest.astimezone(UTC)) for row in connection.execute(query)}


def drop_live_figures(connection: Connection, before: datetime) -> int:
    """Drops the minutes before ``before``; how many rows these were."""
    return sum(connection.execute(delete(table).where(table.c.minute < before)).rowcount for table in _TABLES.values())


def _prediction_counts(row: Row[Any]) -> PredictionCounts:
    return PredictionCounts(row.predictions, row.errors, {int(cell): n for cell, n in row.latencies.items()})


def _outcome_counts(row: Row[Any]) -> OutcomeCounts:
    """Sums of integers come as decimals."""
    kinds = {name: type(value) for name, value in asdict(OutcomeCounts()).items()}
    return OutcomeCounts(**{name: kind(row._mapping[name]) for name, kind in kinds.items()})


def _since(table: Table, model: str, since: datetime) -> Any:
    return select(table).where(table.c.model == model, table.c.minute >= since).order_by(table.c.minute)


def _row(model: str, key: MinuteKey, counted: PredictionCounts | OutcomeCounts) -> dict[str, Any]:
    values = asdict(counted)
    if isinstance(counted, PredictionCounts):
        values["latencies"] = {str(cell): count for cell, count in sorted(counted.latencies.items())}
    return {"model": model, "minute": key[0], "version": key[1], **values}


def _write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    insertion = upsert(table).values(rows)
    written = {name: insertion.excluded[name] for name in rows[0] if name not in table.primary_key.columns}
    connection.execute(
        insertion.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_=written,
            where=or_(*(table.c[name].is_distinct_from(new) for name, new in written.items())),
        )
    )


def _state(row: Any) -> FeedState:
    is_known = row.counted_until is not None and row.rescanned_from is not None
    watermark = Watermark(row.counted_until.astimezone(UTC), row.rescanned_from.astimezone(UTC)) if is_known else None
    values = {name: row._mapping[name] for name in row._mapping if name not in {"counted_until", "rescanned_from"}}
    return FeedState(**{**values, "feed": Feed(row.feed)}, watermark=watermark)
