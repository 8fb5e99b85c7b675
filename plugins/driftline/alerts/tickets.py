"""Tickets, and the hook by which a team opens them where it keeps its work.

A hook is an object with one method, announced in the entry points of the team's own package::

    [project.entry-points."driftline.ticket_hooks"]
    jira = "our_package.jira:JiraTickets"

and chosen in a model's file by ``alerts.ticket_hook: jira``. The class is instantiated without arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any, Protocol, Self, runtime_checkable

from driftline.alerts.message import Link
from driftline.errors import InputError
from driftline.findings import Severity

HOOKS = "driftline.ticket_hooks"
WEBHOOK = "webhook"
"""The hook that Driftline brings: a POST of the ticket as JSON (`driftline.alerts.ticket_webhook`)."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What a ticket says.

    Attributes
    ----------
    kind:
        What it is about, for rules at the receiver: ``rollback``.
    facts:
        More of it by name, JSON values only: of a rollback ``bad_version``, ``target_version``, ``trigger``, ``actor``.
    """

    kind: str
    model: str
    owner: str
    title: str
    description: str
    severity: Severity
    happened_at: datetime
    incident_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The ticket as JSON values: what the outbox keeps and the webhook sends."""
        return {
            **asdict(self),
            "happened_at": self.happened_at.isoformat(),
            "facts": dict(self.facts),
            "links": [asdict(link) for link in self.links],
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The ticket that `to_json` wrote; raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        values = {
            "severity": Severity(fields["severity"]),
            "happened_at": datetime.fromisoformat(fields["happened_at"]),
            "links": tuple(Link(**link) for link in fields["links"]),
        }
        return cls(**{**fields, **values})


@dataclass(frozen=True)
class TicketConnection:
    """The Airflow connection that a hook works by. Never log it, and put nothing of it into an error."""

    url: str
    """``scheme://host:port/path``, without login."""
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@runtime_checkable
class TicketHook(Protocol):
    """Opens tickets at one kind of tracker."""

    def open_ticket(self, ticket: Ticket, connection: TicketConnection, key: str) -> str:
        """Opens a ticket and returns its name at the tracker; empty where that gives none.

        It is called again, with the same ``key``, until it returns: a call may have opened the ticket and failed
        afterwards, so hand the key to the tracker, or look for it there first.

        Raises
        ------
        driftline.alerts.ReceiverBusy
            When the tracker asks for a pause.
        Exception
            Any other when no ticket was opened; its text is stored, without what looks like a secret.
        """
        ...


def ticket_hook(name: str) -> TicketHook:
    """The hook of that name: of the entry points, else the webhook that comes with Driftline.

    Raises
    ------
    InputError
        When none is installed under that name, or what is has no ``open_ticket``.
    """
    found = {entry.name: entry for entry in entry_points(group=HOOKS)}
    if name not in found:
        if name == WEBHOOK:
            from driftline.alerts.ticket_webhook import TicketWebhook

            return TicketWebhook()
        there = ", ".join(sorted({WEBHOOK, *found}))
        raise InputError(f"No ticket hook {name!r} is installed on this worker. There are: {there}.")
    hook = found[name].load()()
    if not isinstance(hook, TicketHook):
        raise InputError(f"The ticket hook {name!r} ({found[name].value}) has no method open_ticket.")
    return hook
