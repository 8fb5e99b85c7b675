"""The words for incidents: one cause, many findings, opened, escalated and resolved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from driftline.findings import Severity


class IncidentStatus(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    RESOLVED = "resolved"


class IncidentChangeKind(StrEnum):
    """What a window did to an incident."""

    OPENED = "opened"
    ESCALATED = "escalated"
    """The severity rose above every earlier one."""
    WIDENED = "widened"
    """A subject alarms that has not alarmed since the incident opened."""
    UPDATED = "updated"
    """Newer findings of the same subjects, no higher severity."""
    UNCHANGED = "unchanged"
    """This window has been counted before, or a newer one has."""


@dataclass(frozen=True)
class IncidentChange:
    """What became of the incident, and how severe it is now (the highest severity it ever had)."""

    incident_id: int
    change: IncidentChangeKind
    severity: Severity
    new_subjects: tuple[str, ...] = ()
    """What an incident was widened by."""

    @property
    def calls_for_alert(self) -> bool:
        """Whether people should hear of it: an incident speaks when it opens, gets worse or gets wider.

        Without the last, an incident that stays open for weeks would hide whatever else breaks meanwhile.
        """
        return self.change in {IncidentChangeKind.OPENED, IncidentChangeKind.ESCALATED, IncidentChangeKind.WIDENED}

    @property
    def deduplication_key(self) -> str:
        """Names the alert: at most one per incident, severity and set of new subjects, however often a window runs."""
        also = "".join(f"/{subject}" for subject in self.new_subjects)
        return f"incident/{self.incident_id}/{self.severity}{also}"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One row of the incidents.

    Attributes
    ----------
    severity:
        The highest severity that the incident ever had.
    findings:
        Those of the last window that found the cause, as JSON values.
    first_window_end, last_window_end:
        Ends of the first and the last window that found the cause.
    told_at:
        When people were last told of it; None where they never were, because it is silenced.
    acknowledged_by, resolved_by:
        The person; empty where nobody did, and where a window resolved it.
    """

    incident_id: int
    model: str
    cause: str
    status: IncidentStatus
    severity: Severity
    title: str
    findings: tuple[Any, ...]
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    first_window_end: datetime
    last_window_end: datetime
    told_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    resolved_by: str = ""
