"""What people are told of a pass of the guard: one message a model, whatever happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from driftline.alerts import AlertItem, AlertMessage, IncidentChange, Link
from driftline.config import ModelConfig
from driftline.findings import Severity
from driftline.monitoring.decision import SLACK_CONNECTION
from driftline.rollback import Reading, Rollback, RollbackStatus, Trigger
from driftline.store.outbox import enqueue
from driftline.windows import SLICE_LENGTH, Window, floor_to_slice

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
    """

    reading: Reading | None
    change: IncidentChange | None
    rollback: Rollback | None = None

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
            return f"rollback/{self.rollback.cause_key}/{self.rollback.status}"
        return "" if self.change is None else self.change.deduplication_key

    @property
    def severity(self) -> Severity:
        if self.rollback is not None and self.rollback.status is RollbackStatus.VERIFIED:
            return Severity.LOW
        return Severity.CRITICAL if self.reading is None else self.reading.severity


def tell(
    connection: Connection,
    config: ModelConfig,
    news: Sequence[GuardNews],
    links: Sequence[Link],
    now: datetime,
    *,
    window: Window | None = None,
) -> int:
    """Puts the message about ``news`` into the outbox; the number of messages: 0 or 1.

    Parameters
    ----------
    window:
        What the news is about; by default the hour of ``now``.
    """
    if not news:
        return 0
    changes = [each.change for each in news if each.change is not None]
    is_new = enqueue(
        connection,
        incident_id=changes[0].incident_id if changes else news[0].rollback.incident_id if news[0].rollback else None,
        model=config.model,
        deduplication_key="+".join(each.deduplication_key for each in news),
        destination=SLACK_CONNECTION,
        message=guard_message(config, news, links, now, window=window).to_json(),
        at=now,
    )
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
    hour = floor_to_slice(now)
    rollbacks = [each.rollback for each in news if each.rollback is not None]
    return AlertMessage(
        model=config.model,
        owner=config.owner,
        channel=config.slack_channel,
        title=f"{config.model}: {', '.join(dict.fromkeys(each.title for each in news))}",
        severity=max((each.severity for each in news), key=lambda severity: severity.rank),
        window=window or Window(hour, hour + SLICE_LENGTH),
        verdict=" ".join(rollback.explanation for rollback in rollbacks) or f"Seen at {now:%H:%M:%S} UTC.",
        items=tuple(_item(each) for each in news if each.reading is not None),
        links=tuple(links),
    )


def _item(news: GuardNews) -> AlertItem:
    reading = news.reading
    if reading is None:
        raise ValueError("news without a reading has no item")
    recommendation = (
        "" if news.rollback is not None else "See `driftline live` and `driftline routes`, and roll back if that helps."
    )
    return AlertItem(
        reading.severity, f"{_NAMES[reading.trigger]} of {reading.version}", reading.description, recommendation
    )
