"""The words for the outbox: what is sent and how, what state it is in, and how long a failed one waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from driftline.errors import DriftlineError

REFUSALS = 8
"""An alert is given up after so many refusals, if they went on for long enough too (`RefusedForGood`)."""
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=10)


class AlertKind(StrEnum):
    """What an alert is made into."""

    MESSAGE = "message"
    """For a channel that people read (`driftline.alerts.message`)."""
    PAGE = "page"
    """Calls whoever is on call (`driftline.alerts.pages`)."""
    TICKET = "ticket"
    """Work that stays until it is done (`driftline.alerts.tickets`)."""


class DeliveryStatus(StrEnum):
    """An alert is pending until it was sent; no outage, however long, makes it anything else."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    """Its receiver works, and has refused it often enough and for long enough: it is kept for a person to send again
    or to drop (`driftline alerts`)."""
    SILENCED = "silenced"
    """Kept, not sent: somebody has silenced what it is about."""
    DROPPED = "dropped"
    """Was silenced, and needs telling no more: its incident was resolved, or a later alert tells it."""


@dataclass(frozen=True)
class Thread:
    """Where in a channel an incident is told."""

    channel: str
    timestamp: str
    """Of the message that began it: what Slack calls ``thread_ts``."""


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One alert on its way.

    Attributes
    ----------
    destination:
        Name of the connection to send by.
    key:
        The same for every attempt to send this alert, and for no other: a receiver that knows it takes it once.
    thread:
        Where the incident was told before; None where this is the first.
    """

    kind: AlertKind
    destination: str
    message: Mapping[str, Any]
    key: str
    thread: Thread | None = None


@dataclass(frozen=True)
class Receipt:
    """What the receiver said.

    Attributes
    ----------
    reference:
        Its name for what it took: a ticket's number, a message's timestamp.
    thread:
        The thread that the message has begun; None where it has begun none.
    """

    reference: str = ""
    thread: Thread | None = None


Send = Callable[[Outgoing], Receipt | None]
"""Sends one alert; raises where the receiver did not take it."""


class NotDelivered(DriftlineError):
    """The receiver could not be reached or did not take an alert; it is tried again."""


class ReceiverBusy(NotDelivered):
    """The receiver asks to be left alone for a while: nothing is sent there until then."""

    def __init__(self, message: str, wait: timedelta) -> None:
        super().__init__(message)
        self.wait = wait


class RefusedForGood(NotDelivered):
    """The receiver works, and will not take the alert however often it is tried: somebody must mend something.

    Attributes
    ----------
    given_up_after:
        For so long it is tried nevertheless: people mend connections.
    """

    given_up_after: ClassVar[timedelta] = timedelta(hours=1)


class AlertRefused(RefusedForGood):
    """It takes exception to this one alert, or to the channel it is for: what follows it need not wait for it."""


class DestinationRefused(RefusedForGood):
    """It takes nothing that is sent by this connection: a token that was revoked, a webhook that was removed."""

    given_up_after = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What one drain of the outbox did.

    Attributes
    ----------
    sent, failed:
        Alerts of this drain.
    remaining:
        Alerts that are still pending, due or waiting.
    last_error:
        Of this drain, without secrets; empty when nothing failed.
    next_attempt_at:
        When the first of the remaining is due; None when none remains.
    waiting_for:
        The destinations that the remaining are for.
    """

    sent: int
    failed: int
    remaining: int
    last_error: str
    next_attempt_at: datetime | None
    waiting_for: tuple[str, ...] = ()


def wait_after(attempts: int) -> timedelta:
    """How long an alert waits after ``attempts`` (>= 1) failures: 15 s, doubled each time, 10 minutes at most.

    The cap is what an outage costs: an alert arrives at most 10 minutes (and one drain) after the receiver is back.
    """
    doublings = min(attempts - 1, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
