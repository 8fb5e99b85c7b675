"""What the watcher of the monitors reads of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from driftline.alerts.delivery import DeliveryStatus
from driftline.store.slices import Part
from driftline.store.tables import alert_outbox, decisions, slices, windows


@dataclass(frozen=True)
class PendingAlerts:
    """What waits in the outbox."""

    count: int
    oldest: datetime | None
    last_error: str
    destinations: tuple[str, ...] = ()
    """The connections that they wait for."""


def newest_decided_end(connection: Connection, model: str) -> datetime | None:
    """End of the newest window that has a decision."""
    newest: datetime | None = connection.execute(
        select(func.max(decisions.c.window_end)).where(decisions.c.model == model)
    ).scalar_one()
    return newest


def hourly_rows(connection: Connection, model: str, start: datetime, end: datetime) -> dict[datetime, int]:
    """Rows of the log per counted hour of ``[start, end)``, by whichever baseline it was counted last."""
    counted = connection.execute(
        select(slices.c.slice_start, slices.c.log_rows)
        .distinct(slices.c.slice_start)
        .where(
            slices.c.model == model,
            slices.c.part == Part.PREDICTIONS,
            slices.c.slice_start >= start,
            slices.c.slice_start < end,
        )
        .order_by(slices.c.slice_start, slices.c.counted_at.desc())
    )
    return {row.slice_start.astimezone(UTC): row.log_rows for row in counted}


def usual_coverage(connection: Connection, model: str, start: datetime, end: datetime) -> float | None:
    """The share of predictions with a label over the windows that ended in ``[start, end)``; None without any."""
    labeled, rows = connection.execute(
        select(func.sum(windows.c.labeled_rows), func.sum(windows.c.rows)).where(
            windows.c.model == model, windows.c.window_end >= start, windows.c.window_end < end
        )
    ).one()
    return float(labeled / rows) if rows else None


def pending_alerts(connection: Connection) -> PendingAlerts:
    """All models' alerts that are not sent."""
    is_pending = alert_outbox.c.status == DeliveryStatus.PENDING.value
    count, oldest, destinations = connection.execute(
        select(
            func.count(), func.min(alert_outbox.c.created_at), func.array_agg(alert_outbox.c.destination.distinct())
        ).where(is_pending)
    ).one()
    errors = connection.execute(
        select(alert_outbox.c.last_error)
        .where(is_pending, alert_outbox.c.last_error != "")
        .order_by(alert_outbox.c.alert_id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return PendingAlerts(count, oldest, errors or "", tuple(destinations or ()))
