"""Incidents: at most one open per model and cause, however many windows and reruns find the cause."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, or_, select, update

from driftline.alerts.incidents import Incident, IncidentChange, IncidentChangeKind, IncidentStatus
from driftline.decisions import KnownCause
from driftline.errors import InputError
from driftline.findings import SUBJECT_IN_KEY, Check, Severity, Status
from driftline.store.json_values import json_safe
from driftline.store.tables import findings as findings_table
from driftline.store.tables import incidents
from driftline.windows import Window, as_utc


def open_or_update_incident(
    connection: Connection,
    *,
    model: str,
    cause: str,
    severity: Severity,
    title: str,
    findings: Sequence[Any],
    window: Window,
    at: datetime,
    subjects: Collection[str] = (),
    alert_severity: Severity = Severity.MEDIUM,
    check: Check | None = None,
) -> IncidentChange:
    """Counts a window that found ``cause`` into its incident; the same window again changes nothing twice.

    Opens one where none is open. A higher severity than ever escalates it. A newer window, or the last one with
    revised findings, replaces title and findings, and widens it where it names one of ``subjects`` that no window
    before it has found at ``alert_severity`` or above since the incident opened. A window that a resolved incident has
    counted opens no other one.

    A ``check`` that can have several causes is named: findings (`Finding.key` as lists) of subjects that a newer window
    no longer finds then stay with the incident, so that it is known what it is about (`known_causes`).
    """
    found = _Sighting(
        severity,
        json_safe(title),
        json_safe(list(findings)),
        window.end,
        as_utc(at, "at"),
        frozenset(subjects),
        tuple(each for each in Severity if each.rank >= alert_severity.rank),
        None if check is None else check.value,
    )
    return _sight(connection, model, cause, found)


def known_causes(connection: Connection, *, model: str, check: Check, window: Window) -> list[KnownCause]:
    """The causes of the check that are open, the longest open first; then the resolved that have counted ``window``.

    Until the transaction ends no other one changes the model's incidents: what belongs to which can be decided on them.
    """
    _lock(connection, model)
    cause, is_open = incidents.c.cause, _is_open()
    query = (
        select(cause, incidents.c.findings)
        .where(
            incidents.c.model == model,
            or_(cause == check.value, cause.startswith(f"{check.value}/", autoescape=True)),
            or_(is_open, incidents.c.last_window_end >= window.end),
        )
        .order_by(is_open.desc(), incidents.c.incident_id)
    )
    return [KnownCause(row.cause, frozenset(map(_subject, row.findings))) for row in connection.execute(query)]


def open_or_renew_incident(
    connection: Connection, *, model: str, cause: str, severity: Severity, title: str, at: datetime
) -> IncidentChange:
    """Counts a look at ``at`` that found ``cause`` into its incident: for causes that no window finds.

    Opens one where none is open; a higher severity than ever escalates it. A look that is older than the last one
    changes nothing.
    """
    moment = as_utc(at, "at")
    found = _Sighting(severity, json_safe(title), [], moment, moment, frozenset(), (), None)
    return _sight(connection, model, cause, found)


def resolve_incidents(
    connection: Connection,
    *,
    model: str,
    causes_still_open: Collection[str],
    window: Window,
    at: datetime,
    recovered: Collection[str] = (),
) -> list[int]:
    """Resolves the model's open incidents of checks that ``window`` no longer found; returns their ids.

    Only a window newer than the last that found the cause resolves it. No data is no recovery: name in
    ``causes_still_open`` also the causes that ``window`` could not evaluate. What no window finds is left alone. A
    check with several causes is named there, and those of its causes that are over are named in ``recovered``.
    """
    over = {check.value for check in Check} - set(causes_still_open) | set(recovered)
    is_recovered = incidents.c.cause.in_(over)
    return _resolve(connection, model, is_recovered, window.end, as_utc(at, "at"))


def _resolve(
    connection: Connection, model: str, is_recovered: ColumnElement[bool], newer_than: datetime, at: datetime
) -> list[int]:
    _lock(connection, model)
    resolved = connection.execute(
        update(incidents)
        .where(
            incidents.c.model == model,
            _is_open(),
            is_recovered,
            incidents.c.last_window_end < newer_than,
        )
        .values(status=IncidentStatus.RESOLVED.value, resolved_at=at, updated_at=at)
        .returning(incidents.c.incident_id)
    )
    return sorted(resolved.scalars())


def open_incidents(connection: Connection, model: str | None = None) -> tuple[Incident, ...]:
    """The open incidents, of one model or of all, the most severe first, then the longest open."""
    query = select(incidents).where(_is_open()).order_by(incidents.c.opened_at, incidents.c.incident_id)
    if model is not None:
        query = query.where(incidents.c.model == model)
    found = [_incident(row) for row in connection.execute(query)]
    return tuple(sorted(found, key=lambda incident: -incident.severity.rank))


def known_incidents(connection: Connection, incident_ids: Collection[int]) -> tuple[Incident, ...]:
    """The incidents of these ids, as far as there are any, in order of their ids."""
    query = select(incidents).where(incidents.c.incident_id.in_(list(incident_ids))).order_by(incidents.c.incident_id)
    return tuple(map(_incident, connection.execute(query)))


def recent_incidents(connection: Connection, model: str | None = None, limit: int = 50) -> tuple[Incident, ...]:
    """Open and resolved ones, of one model or of all, the newest first."""
    query = select(incidents).order_by(incidents.c.incident_id.desc()).limit(limit)
    if model is not None:
        query = query.where(incidents.c.model == model)
    return tuple(map(_incident, connection.execute(query)))


def note_told(connection: Connection, incident_ids: Collection[int], at: datetime) -> None:
    """Keeps when people were told of the incidents, from which the next reminder counts."""
    told = update(incidents).where(incidents.c.incident_id.in_(list(incident_ids)))
    connection.execute(told.values(told_at=as_utc(at, "at")))


def acknowledge_incident(connection: Connection, incident_id: int, *, by: str, at: datetime) -> Incident:
    """Somebody looks after an open incident: nobody is reminded of it any more, unless it gets worse.

    Raises
    ------
    InputError
        When there is no such incident, it is resolved, or somebody has acknowledged it.
    """
    incident = _require_open(connection, incident_id)
    if incident.acknowledged_at is not None:
        raise InputError(f"{incident.acknowledged_by} has acknowledged incident {incident_id} already.")
    return _change(connection, incident_id, acknowledged_at=as_utc(at, "at"), acknowledged_by=json_safe(by))


def resolve_incident(connection: Connection, incident_id: int, *, by: str, at: datetime) -> Incident:
    """A person declares an open incident resolved; a newer window that finds the cause opens another.

    Raises
    ------
    InputError
        When there is no such incident, or it is resolved.
    """
    _require_open(connection, incident_id)
    moment = as_utc(at, "at")
    return _change(
        connection,
        incident_id,
        status=IncidentStatus.RESOLVED.value,
        resolved_at=moment,
        updated_at=moment,
        resolved_by=json_safe(by),
    )


def _require_open(connection: Connection, incident_id: int) -> Incident:
    found = known_incidents(connection, [incident_id])
    if not found:
        raise InputError(f"There is no incident {incident_id}. `driftline incidents list` shows those that are open.")
    _lock(connection, found[0].model)
    (incident,) = known_incidents(connection, [incident_id])
    if incident.status is IncidentStatus.RESOLVED:
        raise InputError(f"Incident {incident_id} is resolved, since {incident.resolved_at:%Y-%m-%d %H:%M} UTC.")
    return incident


def _change(connection: Connection, incident_id: int, **values: Any) -> Incident:
    changed = update(incidents).where(incidents.c.incident_id == incident_id).values(**values)
    return _incident(connection.execute(changed.returning(*incidents.c)).one())


def resolve_causes(connection: Connection, *, model: str, causes: Collection[str], at: datetime) -> list[int]:
    """Resolves the model's open incidents of ``causes`` that a look at ``at`` no longer found; returns their ids."""
    moment = as_utc(at, "at")
    return _resolve(connection, model, incidents.c.cause.in_(list(causes)), moment, moment)


@dataclass(frozen=True)
class _Sighting:
    """What one window found of a cause."""

    severity: Severity
    title: str
    findings: list[Any]
    window_end: datetime
    at: datetime
    subjects: frozenset[str]
    alarming: tuple[Severity, ...]
    check: str | None


def _sight(connection: Connection, model: str, cause: str, found: _Sighting) -> IncidentChange:
    _lock(connection, model)
    incident = _open_incident(connection, model, cause)
    if incident is not None:
        return _count_in(connection, incident, found)
    counted = _resolved_after(connection, model, cause, found.window_end)
    if counted is not None:
        return IncidentChange(counted.incident_id, IncidentChangeKind.UNCHANGED, Severity(counted.severity))
    return _open(connection, model, cause, found)


def _lock(connection: Connection, model: str) -> None:
    """One writer of a model's incidents at a time, until the transaction ends: two runs must not open one twice."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"driftline.incidents/{model}", 0))))


def _open_incident(connection: Connection, model: str, cause: str) -> Row[Any] | None:
    query = select(incidents).where(incidents.c.model == model, incidents.c.cause == cause, _is_open())
    return connection.execute(query).one_or_none()


def _resolved_after(connection: Connection, model: str, cause: str, window_end: datetime) -> Row[Any] | None:
    """The latest resolved incident, where it has counted the window that ended then, or a newer one."""
    query = (
        select(incidents)
        .where(incidents.c.model == model, incidents.c.cause == cause, incidents.c.last_window_end >= window_end)
        .order_by(incidents.c.incident_id.desc())
        .limit(1)
    )
    return connection.execute(query).one_or_none()


def _open(connection: Connection, model: str, cause: str, found: _Sighting) -> IncidentChange:
    incident_id = connection.execute(
        insert(incidents)
        .values(
            model=model,
            cause=cause,
            status=IncidentStatus.OPEN.value,
            severity=found.severity.value,
            title=found.title,
            findings=found.findings,
            opened_at=found.at,
            updated_at=found.at,
            first_window_end=found.window_end,
            last_window_end=found.window_end,
        )
        .returning(incidents.c.incident_id)
    ).scalar_one()
    return IncidentChange(incident_id, IncidentChangeKind.OPENED, found.severity)


def _count_in(connection: Connection, incident: Row[Any], found: _Sighting) -> IncidentChange:
    found = _with_earlier_subjects(incident, found)
    change = _kind_of_change(incident, found)
    new_subjects = _new_subjects(connection, incident, found) if change is IncidentChangeKind.UPDATED else ()
    if new_subjects:
        change = IncidentChangeKind.WIDENED
    highest = max(Severity(incident.severity), found.severity, key=lambda severity: severity.rank)
    values: dict[str, Any] = {"severity": highest.value, "updated_at": found.at}
    if change is IncidentChangeKind.ESCALATED:
        values |= {"acknowledged_at": None, "acknowledged_by": ""}
    if found.window_end >= incident.last_window_end:
        values |= {"title": found.title, "findings": found.findings, "last_window_end": found.window_end}
    if change is not IncidentChangeKind.UNCHANGED:
        connection.execute(update(incidents).where(incidents.c.incident_id == incident.incident_id).values(**values))
    return IncidentChange(incident.incident_id, change, highest, new_subjects)


def _with_earlier_subjects(incident: Row[Any], found: _Sighting) -> _Sighting:
    """The same, with the findings of the subjects that the incident has had and this window does not find."""
    if found.check is None:
        return found
    present = set(map(_subject, found.findings))
    earlier = [finding for finding in incident.findings if _subject(finding) not in present]
    return replace(found, findings=[*found.findings, *earlier])


def _subject(finding: Sequence[Any]) -> str:
    """Of a finding's key as the incidents keep it."""
    return str(finding[SUBJECT_IN_KEY])


def _new_subjects(connection: Connection, incident: Row[Any], found: _Sighting) -> tuple[str, ...]:
    """Those that have not alarmed since the incident opened, the last window's revision left aside."""
    if not found.subjects:
        return ()
    known = connection.execute(
        select(findings_table.c.subject)
        .distinct()
        .where(
            findings_table.c.model == incident.model,
            findings_table.c.check_name == (found.check or incident.cause),
            findings_table.c.status == Status.DETECTED.value,
            findings_table.c.severity.in_([severity.value for severity in found.alarming]),
            findings_table.c.window_end >= incident.first_window_end,
            findings_table.c.window_end < found.window_end,
        )
    ).scalars()
    return tuple(sorted(found.subjects - set(known)))


def _kind_of_change(incident: Row[Any], found: _Sighting) -> IncidentChangeKind:
    if found.severity.rank > Severity(incident.severity).rank:
        return IncidentChangeKind.ESCALATED
    is_revision = found.window_end == incident.last_window_end and found.findings != incident.findings
    if found.window_end > incident.last_window_end or is_revision:
        return IncidentChangeKind.UPDATED
    return IncidentChangeKind.UNCHANGED


def _is_open() -> ColumnElement[bool]:
    return incidents.c.status != IncidentStatus.RESOLVED.value


def _incident(row: Row[Any]) -> Incident:
    values = dict(row._mapping)
    values |= {"status": IncidentStatus(row.status), "severity": Severity(row.severity)}
    return Incident(**{**values, "findings": tuple(row.findings)})
