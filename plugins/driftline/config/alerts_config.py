"""Who is told of a model's incidents, by which connections, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from driftline.config.durations import parse_duration
from driftline.config.strict_model import StrictModel

DEFAULT_SLACK_CONNECTION = "slack_alerts"
DEFAULT_TICKET_HOOK = "webhook"
SHORTEST_REMINDER = timedelta(minutes=15)
"""`watch_monitors` looks every 5 minutes; what is told more often than this is not read."""

ConnectionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,200}$")]


class Alerts(StrictModel):
    """The connections (of Airflow) that alerts go by; their addresses, tokens and keys stay there."""

    slack_connection: ConnectionName = DEFAULT_SLACK_CONNECTION
    """Type Slack API: a thread per incident in `slack_channel`; type Slack Incoming Webhook: no threads."""
    pagerduty_connection: ConnectionName | None = None
    """Type Pagerduty Events: critical incidents and failed rollbacks call whoever is on call."""
    ticket_connection: ConnectionName | None = None
    """Type HTTP, or what the hook asks for: a ticket per rollback."""
    ticket_hook: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")] = DEFAULT_TICKET_HOOK
    """Which hook opens tickets: `webhook`, or an entry point of the group `driftline.ticket_hooks`."""
    renotify_after: Annotated[timedelta, BeforeValidator(parse_duration)] = timedelta(hours=24)
    """An incident that is open and that nobody has acknowledged is told again after so long."""

    @field_validator("renotify_after")
    @classmethod
    def _not_too_often(cls, span: timedelta) -> timedelta:
        if span < SHORTEST_REMINDER:
            raise ValueError("must be at least 15m: more often nobody reads it")
        return span

    @model_validator(mode="after")
    def _one_connection_each(self) -> Self:
        named = [self.slack_connection, self.pagerduty_connection, self.ticket_connection]
        given = [name for name in named if name is not None]
        if len(set(given)) < len(given):
            raise ValueError("`slack_connection`, `pagerduty_connection` and `ticket_connection` must differ")
        if "ticket_hook" in self.model_fields_set and self.ticket_connection is None:
            raise ValueError("`ticket_hook` is given, but no `ticket_connection`: no ticket would be opened")
        return self


DEFAULT_ALERTS = Alerts()
"""Who is told of what no model's file speaks of."""
