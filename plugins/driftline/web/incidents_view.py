"""What the page of an incident says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from driftline.alerts.incidents import Incident, IncidentStatus
from driftline.alerts.silences import Silence
from driftline.findings import SUBJECT_IN_KEY, Check, Finding, by_severity
from driftline.rollback import Rollback
from driftline.store.incidents import known_incidents
from driftline.store.reading import windows_ending
from driftline.store.rollback_log import rollbacks_of_incident
from driftline.store.silences import silences_in_force
from driftline.store.told import alerts_about
from driftline.store.windows import window_findings

SHOWN_FINDINGS = 200
"""Rows of the table of findings; the others are counted."""


@dataclass(frozen=True)
class SubjectFindings:
    """What was found of one subject, the gravest first."""

    subject: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class IncidentView:
    """Attributes
    ----------
    check:
        The room whose findings it is about; None where no window finds it.
    groups:
        Its findings on the last window, by subject, the gravest subject first; ``hidden`` more are left out.
    earlier:
        Subjects that an earlier window found and the last one did not.
    silences:
        In force, and keeping it quiet in whole or in part.
    alerts:
        What the outbox has about it.
    """

    incident: Incident
    check: Check | None
    groups: tuple[SubjectFindings, ...]
    hidden: int
    earlier: tuple[str, ...]
    silences: tuple[Silence, ...]
    alerts: tuple[dict[str, Any], ...]
    rollbacks: tuple[Rollback, ...]

    @property
    def is_open(self) -> bool:
        return self.incident.status is not IncidentStatus.RESOLVED

    @property
    def subjects(self) -> tuple[str, ...]:
        """What can be silenced alone."""
        return tuple(dict.fromkeys([*(group.subject for group in self.groups), *self.earlier]))


def cause_in_silences(incident: Incident) -> str:
    """Of a check with several causes the check: it is what silences name."""
    return incident.cause.partition("/")[0]


def check_of(incident: Incident) -> Check | None:
    name = cause_in_silences(incident)
    return Check(name) if name in set(Check) else None


def quieting(silences: Iterable[Silence], incident: Incident) -> tuple[Silence, ...]:
    """The silences that keep the incident quiet, in whole or in part."""
    about = {"", cause_in_silences(incident)}
    return tuple(each for each in silences if each.model == incident.model and each.cause in about)


def view_incident(connection: Connection, incident_id: int, now: datetime) -> IncidentView | None:
    found = known_incidents(connection, [incident_id])
    if not found:
        return None
    incident, check = found[0], check_of(found[0])
    findings = [] if check is None else _findings(connection, incident)
    shown = findings[:SHOWN_FINDINGS]
    subjects = {finding.subject for finding in findings}
    return IncidentView(
        incident=incident,
        check=check,
        groups=_grouped(shown),
        hidden=len(findings) - len(shown),
        earlier=tuple(dict.fromkeys(name for name in _subjects(incident.findings) if name not in subjects)),
        silences=quieting(silences_in_force(connection, now, incident.model), incident),
        alerts=tuple(alerts_about(connection, incident_id)),
        rollbacks=tuple(rollbacks_of_incident(connection, incident_id)),
    )


def _findings(connection: Connection, incident: Incident) -> list[Finding]:
    """The incident's, as its last window found them."""
    keys = {tuple(key) for key in incident.findings if isinstance(key, list)}
    ending = windows_ending(connection, incident.model, incident.last_window_end)
    if not ending or not keys:
        return []
    found = window_findings(connection, incident.model, ending[0].window)
    return by_severity(finding for finding in found if finding.key in keys)


def _grouped(findings: Sequence[Finding]) -> tuple[SubjectFindings, ...]:
    order = {subject: place for place, subject in enumerate(dict.fromkeys(each.subject for each in findings))}
    ranked = sorted(findings, key=lambda finding: order[finding.subject])
    groups = groupby(ranked, key=lambda finding: finding.subject)
    return tuple(SubjectFindings(subject, tuple(group)) for subject, group in groups)


def _subjects(keys: Iterable[Any]) -> list[str]:
    return [str(key[SUBJECT_IN_KEY]) for key in keys if isinstance(key, list) and len(key) > SUBJECT_IN_KEY]
