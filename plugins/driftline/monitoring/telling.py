"""Telling people about incidents: by message, by page, by ticket; all of it in the caller's transaction.

What is silenced is kept in the outbox and not sent. Of several incidents in one message the opened ones come first, and
it belongs into the thread of the first; whichever of the others has no thread yet is told in that one from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from driftline.alerts import (
    AlertEvent,
    AlertKind,
    AlertMessage,
    Incident,
    IncidentChange,
    IncidentChangeKind,
    Link,
    PageAction,
    Ticket,
)
from driftline.alerts.pages import MAX_KEY, page_about, page_key
from driftline.alerts.silences import is_silenced
from driftline.alerts.standing import compose_reminder, compose_standing
from driftline.config import Alerts, ModelConfig
from driftline.config.alerts_config import DEFAULT_ALERTS
from driftline.findings import Severity
from driftline.store.incidents import known_incidents, note_told
from driftline.store.outbox import enqueue
from driftline.store.silences import silences_in_force
from driftline.store.told import drop_silenced, first_alerts, open_pages
from driftline.windows import Window

ROLLBACK = "rollback"


@dataclass(frozen=True)
class Audience:
    """Who hears of a model, and by which connections."""

    model: str
    owner: str = "unowned"
    channel: str = ""
    alerts: Alerts = DEFAULT_ALERTS

    @classmethod
    def of(cls, config: ModelConfig) -> Audience:
        return cls(config.model, config.owner, config.slack_channel, config.alerts)


@dataclass(frozen=True)
class News:
    """What became of one incident, and the subjects that it would be told for."""

    cause: str
    change: IncidentChange
    subjects: frozenset[str] = frozenset()

    @property
    def told_for(self) -> frozenset[str]:
        return frozenset(self.change.new_subjects) or self.subjects

    @property
    def calls_for_page(self) -> bool:
        """An incident calls once: when it becomes critical."""
        rose = self.change.change in {IncidentChangeKind.OPENED, IncidentChangeKind.ESCALATED}
        return rose and self.change.severity is Severity.CRITICAL


Compose = Callable[[Sequence[News]], AlertMessage]


def tell_news(connection: Connection, audience: Audience, news: Sequence[News], compose: Compose, at: datetime) -> int:
    """One message about all that is new and not silenced, and a page per incident that became critical.

    Returns the number of messages that will be sent: 0 or 1. Silenced news are kept, one by one.
    """
    loud = sorted(
        (each for each in news if each.change.calls_for_alert),
        key=lambda each: each.change.change is not IncidentChangeKind.OPENED,
    )
    silences = silences_in_force(connection, at, audience.model)
    kept = [each for each in loud if is_silenced(silences, each.cause, each.told_for)]
    told = [each for each in loud if each not in kept]
    for each in kept:
        _enqueue_news(connection, audience, [each], compose, at, is_kept=True)
    is_told = bool(told) and _enqueue_news(connection, audience, told, compose, at, is_kept=False)
    note_told(connection, [each.change.incident_id for each in told], at)
    for each in loud:
        _page_news(connection, audience, each, compose, at, is_kept=each in kept)
    return int(is_told)


def tell(connection: Connection, audience: Audience, message: AlertMessage, *, key: str, at: datetime) -> bool:
    """A message that no silence keeps back, into the thread of the first of ``message.incidents``; for what was done.

    Parameters
    ----------
    key:
        At most one message per key is ever sent.
    """
    note_told(connection, message.incidents, at)
    return _enqueue_message(connection, audience, message, key=key, at=at)


def page(connection: Connection, audience: Audience, message: AlertMessage, *, key: str, at: datetime) -> bool:
    """Calls whoever is on call, whatever is silenced; False where the model has no ``pagerduty_connection``.

    For a rollback that failed. It is an alert of its own at PagerDuty, beside that of the first of
    ``message.incidents``: who has acknowledged the incident is called again. It is resolved with the incident.
    """
    incident_id = message.incidents[0] if message.incidents else None
    own = f"driftline/{audience.model}/{key}"[:MAX_KEY]
    page_name = own if incident_id is None else page_key(audience.model, incident_id, ROLLBACK)
    return _enqueue_page(connection, audience, message, page_name, key=f"{key}/page", at=at)


def open_ticket(connection: Connection, audience: Audience, ticket: Ticket, *, key: str, at: datetime) -> bool:
    """A ticket by the model's hook; False where the model has no ``ticket_connection``, or there is one for ``key``."""
    if audience.alerts.ticket_connection is None:
        return False
    return enqueue(
        connection,
        incident_id=ticket.incident_id,
        model=audience.model,
        deduplication_key=f"{key}/ticket",
        destination=audience.alerts.ticket_connection,
        message={"hook": audience.alerts.ticket_hook, "ticket": ticket.to_json()},
        at=at,
        kind=AlertKind.TICKET,
    )


def tell_resolved(
    connection: Connection,
    audience: Audience,
    incident_ids: Collection[int],
    *,
    why: str,
    at: datetime,
    window: Window | None = None,
    links: Sequence[Link] = (),
) -> int:
    """Says in their threads that incidents are resolved, and resolves their pages; the number of messages.

    Incidents that one message opened are told in one. Of an incident that nobody was ever told of, nothing is said.
    """
    if not incident_ids:
        return 0
    drop_silenced(connection, incident_ids)
    told = _told_together(connection, incident_ids)
    for each in told:
        message = compose_standing(
            each, AlertEvent.RESOLVED, why, owner=audience.owner, channel=audience.channel, window=window, links=links
        )
        key = "+".join(f"incident/{incident.incident_id}/resolved" for incident in each)
        _enqueue_message(connection, audience, message, key=key, at=at)
    change_pages(connection, incident_ids, PageAction.RESOLVE, at)
    return len(told)


def tell_acknowledged(connection: Connection, audience: Audience, incident: Incident, *, at: datetime) -> None:
    """Says in its thread that somebody looks after an incident, and stops its pages from calling others."""
    said = f"Acknowledged by {incident.acknowledged_by}."
    message = compose_standing(
        [incident], AlertEvent.ACKNOWLEDGED, said, owner=audience.owner, channel=audience.channel
    )
    if incident.told_at is not None:
        key = f"incident/{incident.incident_id}/acknowledged/{incident.acknowledged_at}"
        _enqueue_message(connection, audience, message, key=key, at=at)
    change_pages(connection, [incident.incident_id], PageAction.ACKNOWLEDGE, at)


def remind_of(connection: Connection, audience: Audience, incidents: Sequence[Incident], at: datetime) -> int:
    """Says once more that incidents are open; the number of messages. The same again says nothing."""
    said = 0
    by_id = {incident.incident_id: incident for incident in incidents}
    for each in _told_together(connection, by_id):
        message = compose_reminder(each, at, owner=audience.owner, channel=audience.channel)
        key = "+".join(f"incident/{one.incident_id}/reminder/{one.told_at}" for one in each)
        said += _enqueue_message(connection, audience, message, key=key, at=at)
    note_told(connection, by_id, at)
    return said


def change_pages(connection: Connection, incident_ids: Collection[int], action: PageAction, at: datetime) -> None:
    """Acknowledges or resolves the alerts at PagerDuty that were triggered for the incidents."""
    for opened in open_pages(connection, incident_ids):
        changed = replace(opened.page, action=action)
        enqueue(
            connection,
            incident_id=opened.incident_id,
            model=opened.page.model,
            deduplication_key=f"{opened.page.key}/{action}/{opened.alert_id}",
            destination=opened.destination,
            message=changed.to_json(),
            at=at,
            kind=AlertKind.PAGE,
        )


def _enqueue_news(
    connection: Connection, audience: Audience, news: Sequence[News], compose: Compose, at: datetime, *, is_kept: bool
) -> bool:
    ids = tuple(each.change.incident_id for each in news)
    return _enqueue_message(
        connection,
        audience,
        replace(compose(news), incidents=ids),
        key="+".join(each.change.deduplication_key for each in news),
        at=at,
        subjects=frozenset().union(*(each.told_for for each in news)),
        is_kept=is_kept,
    )


def _page_news(
    connection: Connection, audience: Audience, news: News, compose: Compose, at: datetime, *, is_kept: bool
) -> None:
    if news.calls_for_page:
        incident_id = news.change.incident_id
        message = replace(compose([news]), incidents=(incident_id,), severity=news.change.severity)
        key = f"incident/{incident_id}/page"
        page_name = page_key(audience.model, incident_id)
        _enqueue_page(connection, audience, message, page_name, key=key, at=at, subjects=news.told_for, is_kept=is_kept)


def _enqueue_message(
    connection: Connection,
    audience: Audience,
    message: AlertMessage,
    *,
    key: str,
    at: datetime,
    subjects: frozenset[str] = frozenset(),
    is_kept: bool = False,
) -> bool:
    return enqueue(
        connection,
        incident_id=message.incidents[0] if message.incidents else None,
        model=audience.model,
        deduplication_key=key,
        destination=audience.alerts.slack_connection,
        message=message.to_json(),
        at=at,
        incident_ids=message.incidents,
        subjects=subjects,
        is_silenced=is_kept,
    )


def _enqueue_page(
    connection: Connection,
    audience: Audience,
    message: AlertMessage,
    page_name: str,
    *,
    key: str,
    at: datetime,
    subjects: frozenset[str] = frozenset(),
    is_kept: bool = False,
) -> bool:
    if audience.alerts.pagerduty_connection is None:
        return False
    return enqueue(
        connection,
        incident_id=message.incidents[0] if message.incidents else None,
        model=audience.model,
        deduplication_key=key,
        destination=audience.alerts.pagerduty_connection,
        message=page_about(message, page_name).to_json(),
        at=at,
        kind=AlertKind.PAGE,
        subjects=subjects,
        is_silenced=is_kept,
    )


def _told_together(connection: Connection, incident_ids: Collection[int]) -> list[list[Incident]]:
    """The incidents that people were told of, by the message that told of them first."""
    told = [incident for incident in known_incidents(connection, incident_ids) if incident.told_at is not None]
    first = first_alerts(connection, incident_ids)
    groups: dict[int, list[Incident]] = {}
    for incident in told:
        # What an earlier release told, the outbox does not name.
        groups.setdefault(first.get(incident.incident_id, -incident.incident_id), []).append(incident)
    return list(groups.values())
