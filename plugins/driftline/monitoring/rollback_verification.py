"""A while after a rollback: did it help?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from driftline.alerts import IncidentChange, Link
from driftline.config import ModelConfig
from driftline.findings import Severity
from driftline.live.spans import MINUTE
from driftline.monitoring.guard_message import GuardNews, tell
from driftline.monitoring.guard_readings import floor_to_minute, limits_of
from driftline.monitoring.live import ConnectionResolver, count_live
from driftline.rollback import Limits, Recovery, Rollback, RollbackStatus, Verification, verify
from driftline.rollback.live_triggers import PredictingVersion, error_rate, latency
from driftline.rollback.verification import SWITCH_ALLOWANCE
from driftline.store.engine import store_transaction
from driftline.store.incidents import open_or_renew_incident, resolve_causes
from driftline.store.live import minute_figures
from driftline.store.rollback_log import end_rollback, rollbacks_of, rollbacks_to_verify

LOOK_AGAIN_AFTER = timedelta(seconds=30)
ROLLBACK_FAILED = "rollback_failed"
"""Cause of the incident of a rollback that did not help."""


@dataclass(frozen=True)
class LookedAt:
    """What a look at a model's rollbacks came to.

    Attributes
    ----------
    explanations:
        Of those that have ended.
    next_look:
        When those that are left can be judged; None where none is left.
    """

    explanations: tuple[str, ...]
    next_look: datetime | None


def look_at_rollbacks(
    store: Engine, config: ModelConfig, resolve: ConnectionResolver, links: Sequence[Link], now: datetime | None = None
) -> LookedAt:
    """Counts the model's newest minutes, and ends its rollbacks that are due, with their alerts."""
    count_live(store, [config], resolve)
    moment = now or datetime.now(UTC)
    with store_transaction(store) as connection:
        news = verify_rollbacks(connection, config, limits_of(config), moment)
        tell(connection, config, news, links, moment)
        explanations = tuple(each.rollback.explanation for each in news if each.rollback is not None)
        return LookedAt(explanations, next_look(connection, config.model, moment))


def verify_rollbacks(connection: Connection, config: ModelConfig, limits: Limits, now: datetime) -> list[GuardNews]:
    """Ends the model's rollbacks whose look is due: verified, or escalated to people."""
    news = []
    for rollback in rollbacks_to_verify(connection, config.model, now):
        verification = judge(connection, rollback, limits, now)
        if verification.recovery is not Recovery.WAIT:
            news.append(_ended(connection, config, rollback, verification, now))
    return news


def next_look(connection: Connection, model: str, now: datetime) -> datetime | None:
    """When the model's rollbacks are to be looked at next; None where none waits for it."""
    waiting = rollbacks_of(connection, model, statuses=[RollbackStatus.DONE])
    due = [rollback.verify_at for rollback in waiting if rollback.verify_at is not None]
    return max(min(due), now + LOOK_AGAIN_AFTER) if due and min(due) <= now else min(due, default=None)


def judge(connection: Connection, rollback: Rollback, limits: Limits, now: datetime) -> Verification:
    """Whether the rollback helped, by what has been predicted in the whole minutes since."""
    done = rollback.done_at or rollback.updated_at
    figures = minute_figures(connection, rollback.model, floor_to_minute(done) + MINUTE)
    late = floor_to_minute(done + SWITCH_ALLOWANCE)
    still = sum(
        each.counts.predictions for each in figures if each.version == rollback.bad_version and each.minute >= late
    )
    target = rollback.target_version or ""
    minutes = max(int((floor_to_minute(now) - floor_to_minute(done)) / MINUTE), 1)
    own = [each for each in figures if each.version == target]
    judged = PredictingVersion(version=target, minutes=own, now=now, spans=(minutes,))
    readings = [reading for reading in (error_rate(judged, limits), latency(judged, limits)) if reading is not None]
    return verify(rollback, readings, still, now)


def _ended(
    connection: Connection, config: ModelConfig, rollback: Rollback, verification: Verification, now: datetime
) -> GuardNews:
    helped = verification.recovery is Recovery.YES
    ended = end_rollback(
        connection,
        rollback,
        status=RollbackStatus.VERIFIED if helped else RollbackStatus.ESCALATED,
        explanation=verification.explanation,
        at=now,
    )
    if helped:
        # A window's trigger is over when a window says so; the guard's own is what has just been looked at.
        causes = {ROLLBACK_FAILED} | ({rollback.trigger.value} if rollback.trigger.is_live else set())
        resolved = resolve_causes(connection, model=config.model, causes=causes, at=now)
        return GuardNews(None, None, ended, tuple(resolved))
    change: IncidentChange = open_or_renew_incident(
        connection,
        model=config.model,
        cause=ROLLBACK_FAILED,
        severity=Severity.CRITICAL,
        title=f"The rollback of {rollback.bad_version} did not help",
        at=now,
    )
    return GuardNews(None, change, ended)
