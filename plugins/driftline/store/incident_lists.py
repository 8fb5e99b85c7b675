"""Incidents as people look for them. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from driftline.alerts.incidents import Incident, IncidentStatus
from driftline.findings import Severity
from driftline.store.incidents import known_incidents
from driftline.store.tables import incidents


@dataclass(frozen=True, kw_only=True)
class IncidentSearch:
    """What is looked for.

    Attributes
    ----------
    models:
        Only of these.
    is_open:
        None: both the open and the resolved.
    text:
        Part of the title, the cause or the model's name.
    """

    models: Collection[str]
    is_open: bool | None = True
    severity: Severity | None = None
    text: str = ""


@dataclass(frozen=True)
class IncidentPage:
    """Some of what was found, and how many there are of each kind."""

    incidents: tuple[Incident, ...]
    found: int
    opened: int
    resolved: int


def models_with_incidents(connection: Connection) -> list[str]:
    """Every model that an incident was ever opened for."""
    return list(connection.execute(select(incidents.c.model).distinct().order_by(incidents.c.model)).scalars())


def find_incidents(connection: Connection, search: IncidentSearch, *, limit: int, offset: int = 0) -> IncidentPage:
    """Open ones the most severe first, then the newest; with resolved ones among them the newest first."""
    is_open = incidents.c.status != IncidentStatus.RESOLVED.value
    wanted = _wanted(search)
    opened, resolved = connection.execute(
        select(func.count().filter(is_open), func.count().filter(~is_open)).where(wanted)
    ).one()
    newest_first = (incidents.c.opened_at.desc(), incidents.c.incident_id.desc())
    order = (_rank().desc(), *newest_first) if search.is_open else newest_first
    query = select(incidents.c.incident_id).where(wanted).order_by(*order).limit(limit).offset(offset)
    if search.is_open is not None:
        query = query.where(is_open if search.is_open else ~is_open)
    ids = list(connection.execute(query).scalars())
    by_id = {incident.incident_id: incident for incident in known_incidents(connection, ids)}
    found = {None: opened + resolved, True: opened, False: resolved}[search.is_open]
    return IncidentPage(tuple(by_id[each] for each in ids), found, opened, resolved)


def _wanted(search: IncidentSearch) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [incidents.c.model.in_(list(search.models))]
    if search.severity is not None:
        conditions.append(incidents.c.severity == search.severity.value)
    if search.text:
        columns = (incidents.c.title, incidents.c.cause, incidents.c.model)
        conditions.append(or_(*(column.icontains(search.text, autoescape=True) for column in columns)))
    return and_(*conditions)


def _rank() -> ColumnElement[int]:
    return case({severity.value: severity.rank for severity in Severity}, value=incidents.c.severity, else_=0)
