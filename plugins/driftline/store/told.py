"""What the outbox says of what people were told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from driftline.alerts.delivery import AlertKind, DeliveryStatus
from driftline.alerts.pages import Page, PageAction
from driftline.store.json_values import json_safe
from driftline.store.tables import alert_outbox
from driftline.windows import as_utc

_GOES_OUT = (DeliveryStatus.PENDING.value, DeliveryStatus.SENT.value)


@dataclass(frozen=True)
class OpenPage:
    """A page that was triggered, and not resolved since."""

    alert_id: int
    incident_id: int
    destination: str
    page: Page


def first_alerts(connection: Connection, incident_ids: Collection[int]) -> dict[int, int]:
    """By incident the first message that tells of it, sent or to be sent."""
    incident = func.unnest(alert_outbox.c.incident_ids).label("incident_id")
    told = (
        select(incident, alert_outbox.c.alert_id)
        .where(
            alert_outbox.c.incident_ids.overlap(list(incident_ids)),
            alert_outbox.c.kind == AlertKind.MESSAGE.value,
            alert_outbox.c.status.in_(_GOES_OUT),
        )
        .subquery()
    )
    query = (
        select(told.c.incident_id, func.min(told.c.alert_id).label("first"))
        .where(told.c.incident_id.in_(list(incident_ids)))
        .group_by(told.c.incident_id)
    )
    return {row.incident_id: row.first for row in connection.execute(query)}


def alerts_about(connection: Connection, incident_id: int) -> list[dict[str, Any]]:
    """What the outbox has about an incident, the oldest first, without the messages themselves."""
    shown = [alert_outbox.c[name] for name in ("created_at", "kind", "destination", "status", "attempts", "last_error")]
    query = select(*shown).where(alert_outbox.c.incident_ids.overlap([incident_id])).order_by(alert_outbox.c.alert_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def has_pending_message(connection: Connection, incident_id: int) -> bool:
    """Whether a message about the incident waits to be sent."""
    query = select(alert_outbox.c.alert_id).where(
        alert_outbox.c.incident_ids.overlap([incident_id]),
        alert_outbox.c.kind == AlertKind.MESSAGE.value,
        alert_outbox.c.status == DeliveryStatus.PENDING.value,
    )
    return connection.execute(query.limit(1)).first() is not None


def open_pages(connection: Connection, incident_ids: Collection[int]) -> list[OpenPage]:
    """The pages of the incidents that were triggered, sent or to be sent, and not resolved since."""
    query = (
        select(alert_outbox)
        .where(
            alert_outbox.c.incident_ids.overlap(list(incident_ids)),
            alert_outbox.c.kind == AlertKind.PAGE.value,
            alert_outbox.c.status.in_(_GOES_OUT),
        )
        .order_by(alert_outbox.c.alert_id)
    )
    opened: dict[tuple[str, str], OpenPage] = {}
    for row in connection.execute(query):
        page = Page.from_json(row.message)
        at = (row.destination, page.key)
        if page.action is PageAction.TRIGGER:
            opened.setdefault(at, OpenPage(row.alert_id, row.incident_id, row.destination, page))
        elif page.action is PageAction.RESOLVE:
            opened.pop(at, None)
    return list(opened.values())


def drop_silenced(connection: Connection, incident_ids: Collection[int]) -> None:
    """What was kept back of the incidents needs telling no more."""
    is_kept = alert_outbox.c.status == DeliveryStatus.SILENCED.value
    kept = update(alert_outbox).where(is_kept, alert_outbox.c.incident_ids.overlap(list(incident_ids)))
    connection.execute(kept.values(status=DeliveryStatus.DROPPED.value))


def drop_alert(connection: Connection, alert_id: int) -> None:
    """An alert that was kept back needs telling no more."""
    kept = update(alert_outbox).where(alert_outbox.c.alert_id == alert_id)
    connection.execute(kept.values(status=DeliveryStatus.DROPPED.value))


def release_alert(connection: Connection, alert_id: int, message: Any, at: datetime) -> None:
    """An alert that was kept back is to be sent after all."""
    released = {"status": DeliveryStatus.PENDING.value, "message": json_safe(message)}
    kept = update(alert_outbox).where(alert_outbox.c.alert_id == alert_id)
    connection.execute(kept.values(**released, next_attempt_at=as_utc(at, "at"), created_at=as_utc(at, "at")))
