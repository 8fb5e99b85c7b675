"""Which rows of the log's last day an experiment has counted: digests of them by hour."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from driftline.live import Feed
from driftline.store.tables import experiment_seen


def seen_digests(
    connection: Connection, experiment: str, counting: int, feed: Feed, since: datetime
) -> dict[datetime, set[int]]:
    """By the hour's start, from ``since`` on; an hour that was read and had no rows is empty."""
    rows = connection.execute(
        select(experiment_seen.c.hour, experiment_seen.c.digests)
        .where(*_of(experiment, counting, feed), experiment_seen.c.hour >= since)
        .order_by(experiment_seen.c.hour)
    )
    return {row.hour.astimezone(UTC): set(np.frombuffer(row.digests, dtype="<i8").tolist()) for row in rows}


def first_seen_hour(connection: Connection, experiment: str, counting: int, feed: Feed) -> datetime | None:
    """The earliest hour that is kept."""
    query = select(experiment_seen.c.hour).where(*_of(experiment, counting, feed)).order_by(experiment_seen.c.hour)
    hour = connection.execute(query.limit(1)).scalar_one_or_none()
    return None if hour is None else hour.astimezone(UTC)


def keep_seen(
    connection: Connection,
    experiment: str,
    counting: int,
    feed: Feed,
    hours: Mapping[datetime, Collection[int]],
    *,
    oldest: datetime,
) -> None:
    """Replaces the digests of ``hours``, and forgets those before ``oldest``."""
    rows = [
        {
            "experiment": experiment,
            "counting": counting,
            "feed": feed.value,
            "hour": hour,
            "digests": np.fromiter(digests, dtype="<i8", count=len(digests)).tobytes(),
        }
        for hour, digests in sorted(hours.items())
        if hour >= oldest
    ]
    if rows:
        insertion = insert(experiment_seen)
        connection.execute(
            insertion.on_conflict_do_update(
                index_elements=list(experiment_seen.primary_key.columns),
                set_={"digests": insertion.excluded.digests},
            ),
            rows,
        )
    connection.execute(delete(experiment_seen).where(*_of(experiment, counting, feed), experiment_seen.c.hour < oldest))


def _of(experiment: str, counting: int, feed: Feed) -> tuple[ColumnElement[bool], ...]:
    columns = experiment_seen.c
    return columns.experiment == experiment, columns.counting == counting, columns.feed == feed.value
