"""What people are told of a pass of the guard: one message a model, whatever happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from driftline.alerts import AlertEvent, AlertItem, AlertMessage, IncidentChange, Link, PageAction, Ticket
from driftline.config import ModelConfig
from driftline.findings import Severity
from driftline.monitoring import telling
from driftline.monitoring.telling import Audience, News
from driftline.rollback import Reading, Rollback, RollbackStatus, Trigger
from driftline.windows import Window

_TITLES = {
    RollbackStatus.DONE: "rolled back",
    RollbackStatus.REFUSED: "rollback not done",
    RollbackStatus.HELD: "rollback held",
    RollbackStatus.WOULD_DO: "rollback (dry run)",
    RollbackStatus.AWAITING_APPROVAL: "rollback waits for approval",
    RollbackStatus.DECLINED: "rollback declined",
    RollbackStatus.VERIFIED: "rollback verified, resolved",
    RollbackStatus.ESCALATED: "the rollback did not help",
}
_NAMES = {
    Trigger.ERROR_RATE: "error rate",
    Trigger.LATENCY: "latency",
    Trigger.LIVE_PERFORMANCE: "performance",
}
_IN_HAND = frozenset({RollbackStatus.DONE, RollbackStatus.VERIFIED})
"""Nobody is called for these: the first is being verified, and whoever is to know reads it."""


@dataclass(frozen=True)
class GuardNews:
    """Something that happened to a model.

    Attributes
    ----------
    reading:
        The look that saw a limit exceeded; None where this is about an earlier rollback.
    change:
        What became of the incident.
    rollback:
        The rollback, where something became of one.
    resolved:
        Incidents that are over with it.
    """

    reading: Reading | None
    change: IncidentChange | None
    rollback: Rollback | None = None
    resolved: tuple[int, ...] = ()

    @property
    def is_news(self) -> bool:
        """Whether people have not heard of it yet."""
        return self.rollback is not None or (self.change is not None and self.change.calls_for_alert)

    @property
    def title(self) -> str:
        if self.rollback is not None:
            return _TITLES[self.rollback.status]
        return "" if self.reading is None else _NAMES[self.reading.trigger]

    @property
    def deduplication_key(self) -> str:
        if self.rollback is not None:
            return rollback_key(self.rollback)
        return "" if self.change is None else self.change.deduplication_key

    @property
    def severity(self) -> Severity:
        if self.is_recovery:
            return Severity.LOW
        return Severity.CRITICAL if self.reading is None else self.reading.severity

    @property
    def is_recovery(self) -> bool:
        return self.rollback is not None and self.rollback.status is RollbackStatus.VERIFIED

    @property
    def calls_for_page(self) -> bool:
        """Something critical that the system does not deal with by itself."""
        if self.rollback is None:
            return False
        return self.severity is Severity.CRITICAL and self.rollback.status not in _IN_HAND

    @property
    def incidents(self) -> tuple[int, ...]:
        """The incidents that it is about."""
        changed = () if self.change is None else (self.change.incident_id,)
        of_rollback = None if self.rollback is None else self.rollback.incident_id
        found = (*changed, *(() if of_rollback is None else (of_rollback,)), *self.resolved)
        return tuple(dict.fromkeys(found))


def rollback_key(rollback: Rollback) -> str:
    """Names the message about how far a rollback has come: there is at most one."""
    return f"rollback/{rollback.cause_key}/{rollback.status}"


def tell(
    connection: Connection,
    config: ModelConfig,
    news: Sequence[GuardNews],
    links: Sequence[Link],
    now: datetime,
    *,
    window: Window | None = None,
) -> int:
    """Puts the message about ``news`` into the outbox, with its page and its ticket; how many messages: 0 or 1.

    What was done, or not done, no silence keeps back; an excess alone it does.

    Parameters
    ----------
    window:
        What the news is about, where a window found it.
    """
    if not news:
        return 0
    audience = Audience.of(config)
    if not any(each.rollback is not None for each in news):
        return _tell_excess(connection, audience, news, links, now)
    message = guard_message(config, news, links, now, window=window)
    key = "+".join(each.deduplication_key for each in news)
    is_new = telling.tell(connection, audience, message, key=key, at=now)
    for each in news:
        if each.calls_for_page:
            alone = guard_message(config, [each], links, now, window=window)
            telling.page(connection, audience, alone, key=each.deduplication_key, at=now)
        if each.rollback is not None and each.rollback.status is RollbackStatus.DONE:
            telling.open_ticket(
                connection, audience, _ticket(config, each.rollback, links), key=each.deduplication_key, at=now
            )
        telling.change_pages(connection, each.resolved, PageAction.RESOLVE, now)
    return int(is_new)


def guard_message(
    config: ModelConfig,
    news: Sequence[GuardNews],
    links: Sequence[Link],
    now: datetime,
    *,
    window: Window | None = None,
) -> AlertMessage:
    """One message about everything in ``news``."""
    rollbacks = [each.rollback for each in news if each.rollback is not None]
    return AlertMessage(
        model=config.model,
        owner=config.owner,
        channel=config.slack_channel,
        title=f"{config.model}: {', '.join(dict.fromkeys(each.title for each in news))}",
        severity=max((each.severity for each in news), key=lambda severity: severity.rank),
        window=window,
        verdict=" ".join(rollback.explanation for rollback in rollbacks) or f"Seen at {now:%H:%M:%S} UTC.",
        items=tuple(_item(each) for each in news if each.reading is not None),
        links=tuple(links),
        incidents=tuple(dict.fromkeys(incident for each in news for incident in each.incidents)),
        event=AlertEvent.RESOLVED if all(each.is_recovery for each in news) else AlertEvent.NEWS,
    )


def _tell_excess(
    connection: Connection, audience: Audience, news: Sequence[GuardNews], links: Sequence[Link], now: datetime
) -> int:
    by_incident = {each.change.incident_id: each for each in news if each.change is not None}
    items = {incident: _item(each) for incident, each in by_incident.items()}

    def compose(told: Sequence[News]) -> AlertMessage:
        about = [by_incident[each.change.incident_id] for each in told]
        return AlertMessage(
            model=audience.model,
            owner=audience.owner,
            channel=audience.channel,
            title=f"{audience.model}: {', '.join(each.title for each in about)}",
            severity=max((each.severity for each in about), key=lambda severity: severity.rank),
            window=None,
            verdict=f"Seen at {now:%H:%M:%S} UTC.",
            items=tuple(items[each.change.incident_id] for each in told),
            links=tuple(links),
        )

    found = [
        News(each.reading.trigger.value, each.change, frozenset({each.reading.version}))
        for each in news
        if each.change is not None and each.reading is not None
    ]
    return telling.tell_news(connection, audience, found, compose, now)


def _ticket(config: ModelConfig, rollback: Rollback, links: Sequence[Link]) -> Ticket:
    return Ticket(
        kind="rollback",
        model=config.model,
        owner=config.owner,
        title=f"{config.model}: {rollback.bad_version} was rolled back to {rollback.target_version}",
        description=f"{rollback.reason}\n\n{rollback.explanation}",
        severity=Severity.CRITICAL,
        happened_at=rollback.done_at or rollback.updated_at,
        incident_id=rollback.incident_id,
        facts={
            "bad_version": rollback.bad_version,
            "target_version": rollback.target_version,
            "trigger": rollback.trigger.value,
            "actor": rollback.actor,
            "rollback_id": rollback.rollback_id,
        },
        links=tuple(links),
    )


def _item(news: GuardNews) -> AlertItem:
    reading = news.reading
    if reading is None:
        raise ValueError("news without a reading has no item")
    recommendation = (
        "" if news.rollback is not None else "See `driftline live` and `driftline routes`, and roll back if that helps."
    )
    subject = f"{_NAMES[reading.trigger]} of {reading.version}"
    return AlertItem(reading.severity, subject, reading.description, recommendation)
