"""What stands between a cause and its rollback: time, the model's wish, and whether another version would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from driftline.rollback.trigger import Reading

FLAP_SPAN = timedelta(hours=24)


class RollbackMode(StrEnum):
    """What a model wants done once a rollback is due."""

    AUTOMATIC = "automatic"
    APPROVAL = "approval"
    """A person is asked first."""
    DRY_RUN = "dry_run"
    """Told, and not done."""


@dataclass(frozen=True, kw_only=True)
class RollbackPolicy:
    """When a model may be rolled back.

    Attributes
    ----------
    cooldown:
        After a rollback the next one waits so long.
    most_a_day:
        After so many within 24 hours only a person rolls back: something flaps.
    verify_after:
        So long after the change of routes the target's figures are looked at.
    """

    mode: RollbackMode = RollbackMode.AUTOMATIC
    cooldown: timedelta = timedelta(hours=1)
    most_a_day: int = 2
    verify_after: timedelta = timedelta(minutes=2)


def why_not_now(policy: RollbackPolicy, done_at: Sequence[datetime], now: datetime) -> str:
    """Why a rollback has to wait, given when earlier ones of the model changed its routes; empty where it has not."""
    recent = sorted(moment for moment in done_at if now - moment < FLAP_SPAN)
    if len(recent) >= policy.most_a_day:
        return (
            f"it was rolled back {len(recent)} times within 24 hours, and {policy.most_a_day} are allowed: something "
            "flaps. A person has to look, and to roll back if that helps"
        )
    if recent and now - recent[-1] < policy.cooldown:
        until = recent[-1] + policy.cooldown
        return (
            f"it was rolled back at {recent[-1]:%H:%M} UTC, and the next rollback waits until {until:%H:%M} UTC "
            "(`rollback.cooldown`)"
        )
    return ""


def why_upstream(version: str, readings: Mapping[str, Reading]) -> str:
    """Why the fault seems to lie upstream of all versions; empty where another version does better.

    Parameters
    ----------
    readings
        Of one trigger, by version: of all versions that predicted enough to tell.
    """
    others = {name: reading for name, reading in readings.items() if name != version}
    if not others or not all(reading.is_exceeded for reading in others.values()):
        return ""
    return (
        f"{', '.join(sorted(others))} exceeds the same limit: the fault lies upstream and hits every version alike, "
        "so that another version would not help"
    )
