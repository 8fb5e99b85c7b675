"""Alerts that their receivers refused for good: kept until a person sends them again, or drops them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from driftline.alerts.delivery import AlertKind, DeliveryStatus
from driftline.errors import InputError
from driftline.store.tables import alert_outbox
from driftline.windows import as_utc

_IS_FAILED = alert_outbox.c.status == DeliveryStatus.FAILED.value


@dataclass(frozen=True, kw_only=True)
class FailedAlert:
    """An alert that was given up.

    Attributes
    ----------
    title:
        Of a message; empty of what has none.
    """

    alert_id: int
    model: str
    kind: AlertKind
    destination: str
    title: str
    incidents: tuple[int, ...]
    created_at: datetime
    attempts: int
    last_error: str


def failed_alerts(connection: Connection, model: str | None = None) -> list[FailedAlert]:
    """All of them, or a model's, the oldest first."""
    query = select(alert_outbox).where(_IS_FAILED).order_by(alert_outbox.c.alert_id)
    if model is not None:
        query = query.where(alert_outbox.c.model == model)
    return [
        FailedAlert(
            alert_id=row.alert_id,
            model=row.model,
            kind=AlertKind(row.kind),
            destination=row.destination,
            title=_title(row.message),
            incidents=tuple(row.incident_ids),
            created_at=row.created_at,
            attempts=row.attempts,
            last_error=row.last_error,
        )
        for row in connection.execute(query)
    ]


def send_again(connection: Connection, alert_ids: Sequence[int], at: datetime) -> None:
    """Puts failed alerts back into the outbox, as if they had never been tried. Sent once, like any other.

    Raises
    ------
    InputError
        When one of them is no failed alert; then none is put back.
    """
    moment = as_utc(at, "at")
    values = {"status": DeliveryStatus.PENDING.value, "next_attempt_at": moment, "created_at": moment}
    _change(connection, alert_ids, {**values, "attempts": 0, "refusals": 0, "refused_since": None, "is_refused": False})


def drop_failed(connection: Connection, alert_ids: Sequence[int]) -> None:
    """Failed alerts need telling no more. Raises as `send_again` does."""
    _change(connection, alert_ids, {"status": DeliveryStatus.DROPPED.value})


def failed_count(connection: Connection) -> tuple[int, str, tuple[str, ...]]:
    """How many there are, what was answered last, and the connections that they were for."""
    count, destinations = connection.execute(
        select(func.count(), func.array_agg(alert_outbox.c.destination.distinct())).where(_IS_FAILED)
    ).one()
    newest = select(alert_outbox.c.last_error).where(_IS_FAILED).order_by(alert_outbox.c.alert_id.desc()).limit(1)
    return count, connection.execute(newest).scalar_one_or_none() or "", tuple(sorted(destinations or ()))


def _change(connection: Connection, alert_ids: Sequence[int], values: dict[str, Any]) -> None:
    chosen = update(alert_outbox).where(_IS_FAILED, alert_outbox.c.alert_id.in_(list(alert_ids)))
    changed = set(connection.execute(chosen.values(**values).returning(alert_outbox.c.alert_id)).scalars())
    unknown = [str(alert_id) for alert_id in alert_ids if alert_id not in changed]
    if unknown:
        raise InputError(f"{', '.join(unknown)}: no alert of that number has failed. See: driftline alerts failed")


def _title(message: dict[str, Any]) -> str:
    ticket, page = message.get("ticket"), message.get("summary")
    return str(message.get("title") or (ticket or {}).get("title") or page or "")
