"""The words for the outbox: what state an alert's delivery is in, and how long a failed one waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=10)


class DeliveryStatus(StrEnum):
    """An alert is pending until it was sent; no number of failures makes it anything else."""

    PENDING = "pending"
    SENT = "sent"


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
    """

    sent: int
    failed: int
    remaining: int
    last_error: str
    next_attempt_at: datetime | None


def wait_after(attempts: int) -> timedelta:
    """How long an alert waits after ``attempts`` (>= 1) failures: 15 s, doubled each time, 10 minutes at most.

    The cap is what an outage costs: an alert arrives at most 10 minutes (and one drain) after the receiver is back.
    """
    doublings = min(attempts - 1, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
