"""What must be told without anything new: silences that have ended, and incidents that nobody looks after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row

from driftline.alerts import AlertKind, Incident, IncidentStatus
from driftline.alerts.silences import Silence, is_silenced
from driftline.config import ModelConfig
from driftline.monitoring.telling import Audience, remind_of
from driftline.store.engine import store_transaction
from driftline.store.incidents import known_incidents, note_told, open_incidents
from driftline.store.silences import silenced_alerts, silences_in_force
from driftline.store.told import drop_alert, has_pending_message, release_alert

_SUBJECT = 3
"""Where a finding's key, as an incident keeps it, has the subject."""


def remind(store: Engine, configs: Iterable[ModelConfig], now: datetime | None = None) -> int:
    """Tells what ended silences have kept back, and reminds of incidents; the number of alerts that were let go.

    An incident that is open and that nobody has acknowledged is told again when ``alerts.renotify_after`` has passed
    since it was told last, and not while an alert about it still waits to be sent. Of a model that is no longer
    configured people are told by the default connections.
    """
    moment = now or datetime.now(UTC)
    audiences = {config.model: Audience.of(config) for config in configs}
    with store_transaction(store) as connection:
        released = _release(connection, moment)
    with store_transaction(store) as connection:
        return released + _remind(connection, audiences, moment)


def _release(connection: Connection, now: datetime) -> int:
    kept = silenced_alerts(connection)
    ids = {row.incident_id for row in kept if row.incident_id is not None}
    incidents = {incident.incident_id: incident for incident in known_incidents(connection, ids)}
    silences = silences_in_force(connection, now)
    together = sorted(kept, key=_about)
    return sum(
        _release_latest(connection, list(rows), incidents.get(about[0]), silences, now)
        for about, rows in groupby(together, key=_about)
    )


def _about(row: Row[Any]) -> tuple[int, str, str]:
    return (row.incident_id or 0, row.kind, row.destination)


def _release_latest(
    connection: Connection,
    rows: Sequence[Row[Any]],
    incident: Incident | None,
    silences: Sequence[Silence],
    now: datetime,
) -> int:
    """Lets the newest go that no silence keeps back any more; the older ones need telling no more."""
    if incident is None or incident.status is IncidentStatus.RESOLVED:
        for row in rows:
            drop_alert(connection, row.alert_id)
        return 0
    own = [silence for silence in silences if silence.model == incident.model]
    free = [row for row in rows if not is_silenced(own, incident.cause, row.subjects)]
    for row in free[:-1]:
        drop_alert(connection, row.alert_id)
    for row in free[-1:]:
        release_alert(connection, row.alert_id, _late(row), now)
        note_told(connection, [incident.incident_id], now)
    return len(free[-1:])


def _late(row: Row[Any]) -> Mapping[str, Any]:
    message: dict[str, Any] = row.message
    if row.kind != AlertKind.MESSAGE.value:
        return message
    said = f"Silenced until now, and still open (as of {row.created_at:%Y-%m-%d %H:%M} UTC). {message['verdict']}"
    return {**message, "verdict": said}


def _remind(connection: Connection, audiences: Mapping[str, Audience], now: datetime) -> int:
    told = 0
    by_model = sorted(open_incidents(connection), key=lambda incident: incident.model)
    for model, incidents in groupby(by_model, key=lambda incident: incident.model):
        audience = audiences.get(model, Audience(model))
        silences = silences_in_force(connection, now, model)
        due = [each for each in incidents if _is_due(each, audience, now) and not _is_quiet(each, silences)]
        due = [each for each in due if not has_pending_message(connection, each.incident_id)]
        told += remind_of(connection, audience, due, now)
    return told


def _is_due(incident: Incident, audience: Audience, now: datetime) -> bool:
    if incident.told_at is None or incident.acknowledged_at is not None:
        return False
    return now - incident.told_at >= audience.alerts.renotify_after


def _is_quiet(incident: Incident, silences: Collection[Silence]) -> bool:
    keys = [key for key in incident.findings if isinstance(key, list) and len(key) > _SUBJECT]
    return is_silenced(silences, incident.cause, {key[_SUBJECT] for key in keys})
