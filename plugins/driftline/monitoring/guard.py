"""What `guard_serving` does once the newest minutes are counted: limits looked at, rollbacks made and verified.

Everything that follows from a look at one model is one transaction. The models most in trouble come first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from driftline.alerts import IncidentChange, Link
from driftline.config import ModelConfig
from driftline.errors import DriftlineError
from driftline.live import Feed
from driftline.monitoring.guard_message import GuardNews, tell
from driftline.monitoring.guard_readings import Look, limits_of, look_at
from driftline.monitoring.rollback_engine import AutoRollbackEngine, rollback_policy
from driftline.monitoring.rollback_verification import verify_rollbacks
from driftline.monitoring.telling import Audience, tell_resolved
from driftline.rollback import (
    LIVE_TRIGGERS,
    Limits,
    Reading,
    Rollback,
    RollbackRequest,
    RollbackStatus,
    Trigger,
    TriggerState,
    looked,
    why_upstream,
)
from driftline.store.engine import store_connection, store_transaction
from driftline.store.incidents import open_or_renew_incident, resolve_causes
from driftline.store.live import feed_states
from driftline.store.rollback_log import rollbacks_of
from driftline.store.trigger_states import keep_states, states_of, take_guard_turn

log = logging.getLogger(__name__)

ACTOR = "guard"
STALE_AFTER = timedelta(seconds=90)
"""Figures that were not counted for so long say nothing about now."""


@dataclass(frozen=True)
class Guarded:
    """What a pass came to for one model.

    Attributes
    ----------
    told:
        Messages that were put into the outbox.
    error:
        Why the model could not be judged; empty where it was.
    """

    model: str
    rollbacks: tuple[Rollback, ...] = ()
    told: int = 0
    error: str = ""


def guard(
    store: Engine,
    configs: Iterable[ModelConfig],
    links_of: Callable[[str], Sequence[Link]] = lambda _model: (),
    now: datetime | None = None,
) -> list[Guarded]:
    """One pass over all models; one that cannot be judged never stops the others.

    Parameters
    ----------
    links_of:
        From a model to where its alerts lead.

    Raises
    ------
    StoreError
        When the store cannot be used: then nothing at all can be judged.
    """
    moment = now or datetime.now(UTC)
    guarded = [config for config in configs if config.guard.enabled]
    with store_connection(store) as kept:
        judged = sorted(_looks(kept, guarded, moment), key=_urgency)
        return [_act(kept, config, look, links_of(config.model), moment) for config, look in judged]


def _looks(
    store: Connection, guarded: Sequence[ModelConfig], moment: datetime
) -> list[tuple[ModelConfig, Look | DriftlineError]]:
    with store_transaction(store) as connection:
        counted = {(state.model, state.feed): state.counted_at for state in feed_states(connection)}
        fresh = {feed for feed, at in counted.items() if at is not None and moment - at < STALE_AFTER}
        return [(config, _safely(connection, config, fresh, moment)) for config in guarded]


def _safely(
    connection: Connection, config: ModelConfig, fresh: set[tuple[str, Feed]], now: datetime
) -> Look | DriftlineError:
    feeds = {feed for model, feed in fresh if model == config.model}
    try:
        with connection.begin_nested():
            return look_at(connection, config.model, limits_of(config), feeds, now)
    except DriftlineError as error:
        return error
    except Exception as error:
        log.exception("Looking at %s broke", config.model)
        return DriftlineError(f"{type(error).__name__}: {error}")


def _urgency(judged: tuple[ModelConfig, Look | DriftlineError]) -> tuple[int, int, float]:
    """Models in trouble first, of those the most critical, of those where most predictions suffer."""
    config, look = judged
    if isinstance(look, DriftlineError):
        return (1, -config.criticality.rank, 0.0)
    exceeded = [reading for reading in look.readings if reading.is_exceeded]
    suffering = max((reading.samples / reading.minutes for reading in exceeded), default=0.0)
    return (0 if exceeded else 1, -config.criticality.rank, -suffering)


def _act(
    store: Connection, config: ModelConfig, look: Look | DriftlineError, links: Sequence[Link], now: datetime
) -> Guarded:
    try:
        if isinstance(look, DriftlineError):
            raise look
        with store_transaction(store) as connection:
            if not take_guard_turn(connection, config.model):
                return Guarded(config.model)
            return _ModelGuard(connection, config, look, links, now).act()
    except DriftlineError as error:
        return Guarded(config.model, error=str(error))
    except Exception as error:
        log.exception("Guarding %s broke", config.model)
        return Guarded(config.model, error=f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class _ModelGuard:
    connection: Connection
    config: ModelConfig
    look: Look
    links: Sequence[Link]
    now: datetime

    def act(self) -> Guarded:
        limits = limits_of(self.config)
        before = states_of(self.connection, self.config.model)
        states = [self._after(before, reading, limits) for reading in self.look.readings]
        keep_states(self.connection, self.config.model, states)
        verified = verify_rollbacks(self.connection, self.config, limits, self.now)
        news = [*verified, *self._incidents(states, limits)]
        told = tell(self.connection, self.config, news, self.links, self.now)
        return Guarded(self.config.model, tuple(each.rollback for each in news if each.rollback is not None), told)

    def _after(
        self, before: Mapping[tuple[str, Trigger], TriggerState], reading: Reading, limits: Limits
    ) -> TriggerState:
        new = TriggerState(model=self.config.model, version=reading.version, trigger=reading.trigger)
        return looked(before.get((reading.version, reading.trigger), new), reading, self.now, limits)

    def _incidents(self, states: Sequence[TriggerState], limits: Limits) -> list[GuardNews]:
        """At most one incident a trigger; and at most one rollback a pass: what else is amiss is seen by the next."""
        news: list[GuardNews] = []
        for trigger in LIVE_TRIGGERS:
            of_trigger = [state for state in states if state.trigger is trigger]
            held = [state for state in of_trigger if state.is_held(limits)]
            if held:
                worst = max(held, key=_harm)
                news.append(self._follow_up(worst, {state.version: state for state in of_trigger}, news))
            elif of_trigger and all(state.is_over(limits) for state in of_trigger):
                self._resolve(trigger)
        return [each for each in news if each.is_news]

    def _resolve(self, trigger: Trigger) -> None:
        """A rollback that is being verified resolves its incident itself, and says that it helped."""
        if rollbacks_of(self.connection, self.config.model, statuses=[RollbackStatus.DONE], limit=1):
            return
        over = resolve_causes(self.connection, model=self.config.model, causes=[trigger.value], at=self.now)
        why = f"Within its limit again, seen at {self.now:%H:%M:%S} UTC."
        tell_resolved(self.connection, Audience.of(self.config), over, why=why, at=self.now)

    def _follow_up(
        self, state: TriggerState, states: Mapping[str, TriggerState], news: Sequence[GuardNews]
    ) -> GuardNews:
        reading = _reading_of(state)
        change = self._count_in(reading)
        if not self.config.rollback.enabled or any(each.rollback is not None for each in news):
            return GuardNews(reading, change)
        readings = {version: each.reading for version, each in states.items() if each.reading is not None}
        step = AutoRollbackEngine(self.config.model, rollback_policy(self.config)).execute_rollback(
            self.connection,
            self._request(state, reading),
            at=self.now,
            upstream=why_upstream(state.version, readings),
            incident_id=change.incident_id,
        )
        return GuardNews(reading, change, step.rollback if step.is_news else None)

    def _count_in(self, reading: Reading) -> IncidentChange:
        return open_or_renew_incident(
            self.connection,
            model=self.config.model,
            cause=reading.trigger.value,
            severity=reading.severity,
            title=reading.description,
            at=self.now,
        )

    def _request(self, state: TriggerState, reading: Reading) -> RollbackRequest:
        """The cause is the version, the trigger and the routes: under other routes it is another one."""
        model, revision = self.config.model, self.look.revision
        return RollbackRequest(
            model=model,
            bad_version=state.version,
            trigger=state.trigger,
            reason=reading.description,
            cause_key=f"{model}/{state.version}/{state.trigger}/{revision}",
            actor=ACTOR,
            first_seen_at=state.exceeded_since or self.now,
            evidence=asdict(reading),
        )


def _reading_of(state: TriggerState) -> Reading:
    if state.reading is None:
        raise ValueError(f"A state without a reading cannot be held: {state}")
    return state.reading


def _harm(state: TriggerState) -> tuple[int, float]:
    reading = _reading_of(state)
    return reading.severity.rank, (reading.value or 0.0) * reading.samples
