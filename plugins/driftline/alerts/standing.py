"""Messages about incidents as they stand: still open, acknowledged, resolved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from driftline.alerts.incidents import Incident
from driftline.alerts.message import AlertEvent, AlertItem, AlertMessage, Link
from driftline.windows import Window

_WORDS = {
    AlertEvent.NEWS: "news",
    AlertEvent.REMINDER: "still open",
    AlertEvent.ACKNOWLEDGED: "acknowledged",
    AlertEvent.RESOLVED: "resolved",
}


def compose_standing(
    incidents: Sequence[Incident],
    event: AlertEvent,
    verdict: str,
    *,
    owner: str,
    channel: str,
    window: Window | None = None,
    recommendation: str = "",
    links: Sequence[Link] = (),
) -> AlertMessage:
    """One message about incidents (at least one) of one model: one item each, with its story so far."""
    causes = ", ".join(incident.cause.replace("_", " ") for incident in incidents)
    model = incidents[0].model
    return AlertMessage(
        model=model,
        owner=owner,
        channel=channel,
        title=f"{model}: {causes} {_WORDS[event]}",
        severity=max((incident.severity for incident in incidents), key=lambda severity: severity.rank),
        window=window,
        verdict=verdict,
        items=tuple(AlertItem(each.severity, each.cause, _story(each)) for each in incidents),
        recommendation=recommendation,
        links=tuple(links),
        incidents=tuple(incident.incident_id for incident in incidents),
        event=event,
    )


def compose_reminder(incidents: Sequence[Incident], at: datetime, *, owner: str, channel: str) -> AlertMessage:
    """The incidents are open at ``at``, and nobody has said that they look after them."""
    oldest = min(incident.opened_at for incident in incidents)
    commands = [f"driftline incidents acknowledge {incident.incident_id}" for incident in incidents]
    return compose_standing(
        incidents,
        AlertEvent.REMINDER,
        f"Open for {_span((at - oldest).total_seconds())}, and nobody has acknowledged it.",
        owner=owner,
        channel=channel,
        recommendation=f"Look after it, then say so: {'; '.join(commands)}",
    )


def _story(incident: Incident) -> str:
    return f"{incident.title.rstrip('.')}. Open since {incident.opened_at:%Y-%m-%d %H:%M} UTC."


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return (
        f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} hours" if hours >= 2 else f"{seconds / 60:.0f} min"
    )
