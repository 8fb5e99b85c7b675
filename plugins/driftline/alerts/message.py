"""An alert as it is composed and stored: what was found and what to do, before any medium's markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from driftline.findings import Severity
from driftline.windows import Window


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
    """One alert to one channel about one window of one model.

    Attributes
    ----------
    verdict:
        What was decided, and why, in a sentence.
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
    window: Window
    verdict: str
    items: tuple[AlertItem, ...] = ()
    recommendation: str = ""
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.items, key=lambda item: -item.severity.rank))
        object.__setattr__(self, "items", ordered)

    def to_json(self) -> dict[str, Any]:
        """The message as JSON values, as the outbox keeps it."""
        fields = asdict(self)
        fields["window"] = {"start": self.window.start.isoformat(), "end": self.window.end.isoformat()}
        fields["items"] = [asdict(item) for item in self.items]
        fields["links"] = [asdict(link) for link in self.links]
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
            window=Window(datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])),
            verdict=fields["verdict"],
            items=tuple(AlertItem(**{**item, "severity": Severity(item["severity"])}) for item in fields["items"]),
            recommendation=fields["recommendation"],
            links=tuple(Link(**link) for link in fields["links"]),
        )
