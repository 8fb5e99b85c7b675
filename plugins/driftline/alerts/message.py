"""An alert as it is composed and stored: what was found and what to do, before any medium's markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from driftline.findings import Severity
from driftline.windows import Window


class AlertEvent(StrEnum):
    """What a message tells of its incidents."""

    NEWS = "news"
    """Opened, escalated, widened, or acted on."""
    REMINDER = "reminder"
    """Still open."""
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"

    @property
    def is_for_everybody(self) -> bool:
        """Whether the channel hears of it, too, and not only the incident's thread."""
        return self in {AlertEvent.NEWS, AlertEvent.REMINDER}


@dataclass(frozen=True)
class AlertItem:
    """One subject that an alert is about.

    Attributes
    ----------
    severity:
        The worst of the subject's findings; `Severity.NONE` where it could not be evaluated.
    subject:
        A feature, a metric, or another name that the reader knows.
    """

    severity: Severity
    subject: str
    description: str
    recommendation: str = ""


@dataclass(frozen=True)
class Link:
    """An address (http or https) that the reader can open."""

    label: str
    url: str


@dataclass(frozen=True, kw_only=True)
class AlertMessage:
    """One alert to one channel about one model.

    Attributes
    ----------
    window:
        That it is about; None where it is about none.
    verdict:
        What was decided, and why, in a sentence.
    incidents:
        Ids of the incidents that it is about, the first the one in whose thread it belongs.
    items:
        What was found, the most severe first (put into that order here; ties keep theirs).
    recommendation:
        What to do now; empty where the items' own recommendations say it all.
    """

    model: str
    owner: str
    channel: str
    title: str
    severity: Severity
    window: Window | None
    verdict: str
    items: tuple[AlertItem, ...] = ()
    recommendation: str = ""
    links: tuple[Link, ...] = ()
    incidents: tuple[int, ...] = ()
    event: AlertEvent = AlertEvent.NEWS

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.items, key=lambda item: -item.severity.rank))
        object.__setattr__(self, "items", ordered)

    def to_json(self) -> dict[str, Any]:
        """The message as JSON values, as the outbox keeps it."""
        fields = asdict(self)
        fields["window"] = None if self.window is None else _window_fields(self.window)
        fields["items"] = [asdict(item) for item in self.items]
        fields["links"] = [asdict(link) for link in self.links]
        fields["incidents"] = list(self.incidents)
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The message that `to_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError, driftline.errors.InputError
            When ``fields`` is not what `to_json` writes.
        """
        window = fields["window"]
        return cls(
            model=fields["model"],
            owner=fields["owner"],
            channel=fields["channel"],
            title=fields["title"],
            severity=Severity(fields["severity"]),
            window=None if window is None else _window(window),
            verdict=fields["verdict"],
            items=tuple(AlertItem(**{**item, "severity": Severity(item["severity"])}) for item in fields["items"]),
            recommendation=fields["recommendation"],
            links=tuple(Link(**link) for link in fields["links"]),
            # Messages that an earlier release has left in the outbox have neither.
            incidents=tuple(fields.get("incidents", ())),
            event=AlertEvent(fields.get("event", AlertEvent.NEWS)),
        )


def _window_fields(window: Window) -> dict[str, str]:
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}


def _window(fields: Mapping[str, str]) -> Window:
    return Window(datetime.fromisoformat(fields["start"]), datetime.fromisoformat(fields["end"]))
