"""Silences: made, listed and ended by people, and the alerts that they keep back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from driftline.alerts.delivery import DeliveryStatus
from driftline.alerts.silences import LONGEST_SILENCE, Silence
from driftline.errors import InputError
from driftline.store.json_values import json_safe
from driftline.store.tables import alert_outbox, silences
from driftline.windows import as_utc


def add_silence(
    connection: Connection,
    *,
    model: str,
    reason: str,
    created_by: str,
    at: datetime,
    span: timedelta,
    cause: str = "",
    subject: str = "",
) -> Silence:
    """Silences the model, one of its causes or subjects for ``span``.

    Raises
    ------
    InputError
        When ``span`` is not positive or longer than 30 days, or no reason is given.
    """
    if not timedelta(0) < span <= LONGEST_SILENCE:
        raise InputError(f"A silence lasts more than nothing and at most {LONGEST_SILENCE.days} days (found {span}).")
    if not reason.strip():
        raise InputError("A silence needs a reason: whoever misses the alerts will want to know it.")
    moment = as_utc(at, "at")
    values = {"model": model, "cause": cause, "subject": subject, "reason": reason, "created_by": created_by}
    row = connection.execute(
        insert(silences).values(**json_safe(values), created_at=moment, until=moment + span).returning(*silences.c)
    ).one()
    return _silence(row)


def silences_in_force(connection: Connection, at: datetime, model: str | None = None) -> tuple[Silence, ...]:
    """Those of one model or of all that keep alerts back at ``at``, the first to end first."""
    moment = as_utc(at, "at")
    query = select(silences).where(
        silences.c.created_at <= moment,
        silences.c.until > moment,
        or_(silences.c.ended_at.is_(None), silences.c.ended_at > moment),
    )
    if model is not None:
        query = query.where(silences.c.model == model)
    return tuple(map(_silence, connection.execute(query.order_by(silences.c.until, silences.c.silence_id))))


def all_silences(connection: Connection, model: str | None = None, limit: int = 50) -> tuple[Silence, ...]:
    """Also those that are over, the newest first."""
    query = select(silences).order_by(silences.c.silence_id.desc()).limit(limit)
    if model is not None:
        query = query.where(silences.c.model == model)
    return tuple(map(_silence, connection.execute(query)))


def known_silence(connection: Connection, silence_id: int) -> Silence | None:
    """The silence of that number, in force or over."""
    row = connection.execute(select(silences).where(silences.c.silence_id == silence_id)).one_or_none()
    return None if row is None else _silence(row)


def end_silence(connection: Connection, silence_id: int, *, ended_by: str, at: datetime) -> Silence:
    """Ends a silence before its time.

    Raises
    ------
    InputError
        When there is no such silence, or it is over.
    """
    moment = as_utc(at, "at")
    is_it = (silences.c.silence_id == silence_id) & silences.c.ended_at.is_(None) & (silences.c.until > moment)
    ended = connection.execute(
        update(silences).where(is_it).values(ended_at=moment, ended_by=json_safe(ended_by)).returning(*silences.c)
    ).one_or_none()
    if ended is None:
        raise InputError(f"No silence {silence_id} is in force. `driftline silence list` shows those that are.")
    return _silence(ended)


def silenced_alerts(connection: Connection) -> Sequence[Row[Any]]:
    """The alerts that are kept back, the oldest first; their rows are locked until the transaction ends."""
    query = (
        select(alert_outbox)
        .where(alert_outbox.c.status == DeliveryStatus.SILENCED.value)
        .order_by(alert_outbox.c.alert_id)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(query).all()


def _silence(row: Row[Any]) -> Silence:
    return Silence(**row._mapping)
