"""The live pass: every model's newest minutes counted anew, every 20 seconds.

It is what `guard_serving` does. It imports nothing heavy, so that its task starts fast.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, Engine

from driftline.config import ModelConfig
from driftline.errors import DriftlineError
from driftline.live import Feed, MinuteSpan, SpanPlan, VersionFigures, Watermark, plan_spans
from driftline.live.spans import MINUTE, RESCAN_DEPTH
from driftline.sources import PredictionLog
from driftline.sources.kept_sessions import KeptSessions
from driftline.sources.live_log import LiveLog, open_live_log
from driftline.store.engine import store_connection, store_transaction
from driftline.store.live import (
    FeedState,
    feed_states,
    newest_counted,
    record_count,
    record_failure,
    replace_minutes,
    take_turn,
    version_figures,
)
from driftline.store.reading import store_reading

log = logging.getLogger(__name__)

ConnectionResolver = Callable[[str], str]
"""From a connection's id to its URL; raises `ConnectionNotConfigured`."""

MOST_CORRECTED_MINUTES = 60
"""Corrections of more minutes at once are found by the rescan."""
_WORKERS = 4
"""Models counted at a time: one that does not answer holds up a quarter of the others at most."""


@dataclass(frozen=True)
class PassFailure:
    """A feed that could not be counted, and why."""

    model: str
    feed: Feed
    error: str


def count_live(store: Engine, configs: Iterable[ModelConfig], resolve: ConnectionResolver) -> list[PassFailure]:
    """One pass over all models; a model that fails never stops the others, and comes last in the next pass.

    Raises
    ------
    StoreError
        When the store cannot be used: then nothing at all can be counted.
    """
    with store_transaction(store) as connection:
        failing = {state.model for state in feed_states(connection) if state.error}
    resolve_once = cache(resolve)
    ordered = sorted(configs, key=lambda config: config.model in failing)
    passes = deque((config, _opened(config, resolve_once)) for config in ordered)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="live") as workers:
        working = [workers.submit(_count_some, store, passes) for _ in range(min(_WORKERS, len(passes)))]
        return [failure for worker in working for failure in worker.result()]


def _count_some(store: Engine, passes: deque[tuple[ModelConfig, PredictionLog | DriftlineError]]) -> list[PassFailure]:
    """One model after the other until none is left, all by the same connections."""
    failures: list[PassFailure] = []
    with store_connection(store) as kept, KeptSessions() as sessions:
        while passes:
            try:
                config, opened = passes.popleft()
            except IndexError:  # another worker has taken the last one
                break
            failures += _ModelPass(kept, config, opened, sessions).count()
    return failures


def recent_figures(store: Engine, model: str, minutes: int, now: datetime) -> list[VersionFigures]:
    """Each version's figures over the last ``minutes`` whole minutes and the one that runs."""
    since = now.replace(second=0, microsecond=0) - timedelta(minutes=minutes)
    with store_reading(store) as connection:
        return version_figures(connection, model, since)


def recent_states(store: Engine, model: str) -> list[FeedState]:
    """How the counting of the model's feeds stands."""
    with store_reading(store) as connection:
        return feed_states(connection, model)


def _opened(config: ModelConfig, resolve: ConnectionResolver) -> PredictionLog | DriftlineError:
    """Connections are looked up one after the other: Airflow answers a task's questions in turn."""
    try:
        return PredictionLog(config, resolve(config.connection))
    except DriftlineError as error:
        return error


@dataclass(frozen=True, eq=False)
class _ModelPass:
    store: Connection
    config: ModelConfig
    log: PredictionLog | DriftlineError
    sessions: KeptSessions

    def count(self) -> list[PassFailure]:
        feeds = (Feed.PREDICTIONS,) if self.config.labels is None else (Feed.PREDICTIONS, Feed.LABELS)
        failures = [self._count_feed(feed) for feed in feeds]
        return [failure for failure in failures if failure is not None]

    def _count_feed(self, feed: Feed) -> PassFailure | None:
        model = self.config.model
        try:
            if isinstance(self.log, DriftlineError):
                raise self.log
            with open_live_log(self.log, self.sessions) as opened:
                _FeedPass(self.store, opened, model, feed).count()
        except DriftlineError as error:
            return self._failed(feed, str(error))
        except Exception as error:
            log.exception("Counting the %s of %s broke", feed, model)
            return self._failed(feed, f"{type(error).__name__}: {error}")
        return None

    def _failed(self, feed: Feed, error: str) -> PassFailure:
        with store_transaction(self.store) as connection:
            record_failure(connection, self.config.model, feed, error)
        return PassFailure(self.config.model, feed, error)


@dataclass(frozen=True, eq=False)
class _FeedPass:
    """One feed of one model: the newest minutes in a transaction of their own, so that nothing slow holds them up.

    The watermark moves with the second transaction. A pass that ends between the two is planned again from the same
    watermark, and counts the same minutes again, corrections included.
    """

    store: Connection
    log: LiveLog
    model: str
    feed: Feed

    def count(self) -> None:
        now = self.log.now()
        with store_transaction(self.store) as connection:
            if not take_turn(connection, self.model, self.feed):
                return
            before = self._watermark(connection)
            plan = plan_spans(before, newest_counted(connection, self.model, self.feed), now)
            live = self.log.count(self.feed, plan.live)
            replace_minutes(connection, self.model, self.feed, plan.live, live.counts, is_newest=True)
        with store_transaction(self.store) as connection:
            # Another pass that came between the two has done the rest.
            if take_turn(connection, self.model, self.feed) and self._watermark(connection) == before:
                self._count_older(connection, plan, live.newest_row)

    def _watermark(self, connection: Connection) -> Watermark | None:
        states = feed_states(connection, self.model)
        return next((state.watermark for state in states if state.feed is self.feed), None)

    def _count_older(self, connection: Connection, plan: SpanPlan, newest_row: datetime | None) -> None:
        now = plan.after.counted_until
        for span in (plan.rescan, *_corrected(self.log, self.feed, plan.live, now)):
            replace_minutes(connection, self.model, self.feed, span, self.log.count(self.feed, span).counts)
        record_count(
            connection,
            self.model,
            self.feed,
            watermark=plan.after,
            newest_row=newest_row,
            rows_ahead=self.log.rows_ahead(self.feed, plan.live.end),
        )


def _corrected(opened: LiveLog, feed: Feed, live: MinuteSpan, now: datetime) -> Iterable[MinuteSpan]:
    if feed is not Feed.LABELS:
        return []
    minutes = opened.corrected_minutes(live, now - RESCAN_DEPTH)
    return [MinuteSpan(minute, minute + MINUTE) for minute in minutes[-MOST_CORRECTED_MINUTES:]]
