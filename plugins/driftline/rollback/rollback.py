"""A rollback as it is written down, from its cause to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from driftline.rollback.trigger import Trigger


class RollbackStatus(StrEnum):
    """How far a rollback has come."""

    REFUSED = "refused"
    """It makes no sense: there is nothing fit to roll back to, or another version would not help."""
    HELD = "held"
    """Not now: another one was just made, or too many of late. Looked at again every time."""
    WOULD_DO = "would_do"
    """The model's rollbacks are a dry run: nothing was changed."""
    AWAITING_APPROVAL = "awaiting_approval"
    """A person is asked."""
    DECLINED = "declined"
    """A person said no."""
    DONE = "done"
    """The routes are changed; whether it helped is looked at after a while."""
    VERIFIED = "verified"
    """It helped."""
    ESCALATED = "escalated"
    """It did not help, or nobody can tell: people are called."""

    @property
    def has_changed_routes(self) -> bool:
        return self in {RollbackStatus.DONE, RollbackStatus.VERIFIED, RollbackStatus.ESCALATED}

    @property
    def may_still_be_done(self) -> bool:
        """Whether the same cause is looked at again."""
        return self in {RollbackStatus.REFUSED, RollbackStatus.HELD}


@dataclass(frozen=True, kw_only=True)
class RollbackRequest:
    """What asks for a rollback.

    Attributes
    ----------
    cause_key:
        Names the cause; it rolls back once, however often it asks.
    evidence:
        What was seen, as JSON values.
    first_seen_at:
        When the cause was first seen.
    """

    model: str
    bad_version: str
    trigger: Trigger
    reason: str
    cause_key: str
    actor: str
    first_seen_at: datetime
    evidence: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """One row of the rollbacks.

    Attributes
    ----------
    target_version:
        Where the traffic went, or would go; None where there is nowhere to go.
    explanation:
        What became of it, in a sentence for people.
    done_at, verify_at, ended_at:
        When the routes were changed, when the look at whether it helped is due, and when that was told or given up.
    incident_id:
        The incident that it belongs to, where there is one.
    """

    rollback_id: int
    model: str
    bad_version: str
    target_version: str | None
    trigger: Trigger
    status: RollbackStatus
    reason: str
    explanation: str
    cause_key: str
    actor: str
    evidence: Mapping[str, Any]
    first_seen_at: datetime
    created_at: datetime
    updated_at: datetime
    done_at: datetime | None
    verify_at: datetime | None
    ended_at: datetime | None
    incident_id: int | None
