"""The rollbacks that were asked for: what became of each, once per cause."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from driftline.rollback import Rollback, RollbackRequest, RollbackStatus, Trigger
from driftline.rollback.gate import FLAP_SPAN
from driftline.store.json_values import json_safe
from driftline.store.tables import rollbacks
from driftline.windows import as_utc


def rollback_of_cause(connection: Connection, cause_key: str) -> Rollback | None:
    """What became of the cause; None where it has not asked yet."""
    row = connection.execute(select(rollbacks).where(rollbacks.c.cause_key == cause_key)).one_or_none()
    return None if row is None else _rollback(row)


def rollback_by_id(connection: Connection, rollback_id: int) -> Rollback | None:
    row = connection.execute(select(rollbacks).where(rollbacks.c.rollback_id == rollback_id)).one_or_none()
    return None if row is None else _rollback(row)


def write_rollback(
    connection: Connection,
    request: RollbackRequest,
    *,
    status: RollbackStatus,
    target_version: str | None,
    explanation: str,
    at: datetime,
    verify_at: datetime | None,
    incident_id: int | None,
) -> Rollback:
    """Writes what became of a request, over what had become of the same cause before."""
    moment = as_utc(at, "at")
    is_done = status is RollbackStatus.DONE
    outcome = {
        "status": status.value,
        "target_version": target_version,
        "explanation": json_safe(explanation),
        "updated_at": moment,
        "done_at": moment if is_done else None,
        "verify_at": verify_at if is_done else None,
        "ended_at": None if is_done or status is RollbackStatus.AWAITING_APPROVAL else moment,
    }
    updated = connection.execute(
        update(rollbacks).where(rollbacks.c.cause_key == request.cause_key).values(outcome).returning(rollbacks)
    ).one_or_none()
    if updated is not None:
        return _rollback(updated)
    row = connection.execute(
        insert(rollbacks)
        .values(
            model=request.model,
            bad_version=request.bad_version,
            trigger=request.trigger.value,
            reason=json_safe(request.reason),
            cause_key=request.cause_key,
            actor=json_safe(request.actor),
            evidence=json_safe(dict(request.evidence)),
            first_seen_at=as_utc(request.first_seen_at, "first_seen_at"),
            created_at=moment,
            incident_id=incident_id,
            **outcome,
        )
        .returning(rollbacks)
    ).one()
    return _rollback(row)


def end_rollback(
    connection: Connection, rollback: Rollback, *, status: RollbackStatus, explanation: str, at: datetime
) -> Rollback:
    """Writes the end of a rollback: verified, escalated or declined."""
    moment = as_utc(at, "at")
    row = connection.execute(
        update(rollbacks)
        .where(rollbacks.c.rollback_id == rollback.rollback_id)
        .values(status=status.value, explanation=json_safe(explanation), updated_at=moment, ended_at=moment)
        .returning(rollbacks)
    ).one()
    return _rollback(row)


def rollbacks_to_verify(connection: Connection, model: str, now: datetime) -> list[Rollback]:
    """Those whose look is due, locked until the transaction ends; what another one looks at is left out."""
    query = (
        select(rollbacks)
        .where(
            rollbacks.c.model == model,
            rollbacks.c.status == RollbackStatus.DONE.value,
            rollbacks.c.verify_at <= as_utc(now, "now"),
        )
        .order_by(rollbacks.c.rollback_id)
        .with_for_update(skip_locked=True)
    )
    return [_rollback(row) for row in connection.execute(query)]


def rollbacks_of(
    connection: Connection,
    model: str | None = None,
    *,
    statuses: Collection[RollbackStatus] = tuple(RollbackStatus),
    limit: int = 100,
) -> list[Rollback]:
    """The last rollbacks that were asked for, of one model or of all, the newest first."""
    query = select(rollbacks).where(rollbacks.c.status.in_([status.value for status in statuses]))
    if model is not None:
        query = query.where(rollbacks.c.model == model)
    query = query.order_by(rollbacks.c.created_at.desc(), rollbacks.c.rollback_id.desc()).limit(limit)
    return [_rollback(row) for row in connection.execute(query)]


def rollbacks_of_incident(connection: Connection, incident_id: int) -> list[Rollback]:
    """Those that belong to the incident, the newest first."""
    query = select(rollbacks).where(rollbacks.c.incident_id == incident_id).order_by(rollbacks.c.rollback_id.desc())
    return [_rollback(row) for row in connection.execute(query)]


def recently_done(connection: Connection, model: str, now: datetime) -> list[datetime]:
    """When the rollbacks of the last day changed the model's routes."""
    query = select(rollbacks.c.done_at).where(rollbacks.c.model == model, rollbacks.c.done_at > now - FLAP_SPAN)
    return sorted(connection.execute(query).scalars())


def _rollback(row: Row[Any]) -> Rollback:
    values = dict(row._mapping)
    return Rollback(**{**values, "trigger": Trigger(row.trigger), "status": RollbackStatus(row.status)})
