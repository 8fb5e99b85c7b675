"""Pages: what calls whoever is on call, in the words of PagerDuty's Events API v2.

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from driftline.alerts.message import AlertMessage, Link
from driftline.alerts.mrkdwn import one_line
from driftline.findings import Severity

MAX_SUMMARY = 1024
MAX_KEY = 255
MAX_DETAILS = 20
MAX_DETAIL = 500
MAX_LINKS = 10


class PageAction(StrEnum):
    """What a page does to its alert at the receiver."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


_SEVERITIES = {
    Severity.NONE: "info",
    Severity.LOW: "info",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "critical",
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """One event about one alert at the receiver.

    Attributes
    ----------
    key:
        Names the alert: events with the same key are about the same one.
    summary:
        What is wrong, in a line; the receiver shows at most 1,024 characters.
    details:
        By subject what was found, for the one who is called.
    """

    action: PageAction
    key: str
    summary: str
    severity: Severity
    model: str
    details: Mapping[str, str]
    links: tuple[Link, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The page as JSON values, as the outbox keeps it."""
        return {**asdict(self), "details": dict(self.details), "links": [asdict(link) for link in self.links]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The page that `to_json` wrote; raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        values = {
            "action": PageAction(fields["action"]),
            "severity": Severity(fields["severity"]),
            "links": tuple(Link(**link) for link in fields["links"]),
        }
        return cls(**{**fields, **values})

    def event(self) -> dict[str, Any]:
        """The arguments of the provider's `prepare_event_data`, within the receiver's limits."""
        shown = list(self.details.items())[:MAX_DETAILS]
        details = {one_line(name)[:MAX_DETAIL]: one_line(text)[:MAX_DETAIL] for name, text in shown}
        return {
            "summary": one_line(self.summary)[:MAX_SUMMARY] or self.model,
            "severity": _SEVERITIES[self.severity],
            "source": "driftline",
            "component": self.model,
            "action": self.action.value,
            "dedup_key": self.key,
            "custom_details": details,
            "links": [{"href": link.url, "text": one_line(link.label)} for link in self.links[:MAX_LINKS]],
        }


def page_key(model: str, incident_id: int, about: str = "") -> str:
    """The key of an incident's alert; ``about`` tells a second alert of the same incident from the first.

    A failed rollback is such a second one: who has acknowledged the incident is called again for it.
    """
    key = f"driftline/{model}/incident/{incident_id}"
    return (f"{key}/{about}" if about else key)[:MAX_KEY]


def page_about(message: AlertMessage, key: str) -> Page:
    """The page that says what ``message`` says."""
    return Page(
        action=PageAction.TRIGGER,
        key=key,
        summary=f"{message.title}. {message.verdict}",
        severity=message.severity,
        model=message.model,
        details={item.subject: item.description for item in message.items[:MAX_DETAILS]},
        links=message.links,
    )
