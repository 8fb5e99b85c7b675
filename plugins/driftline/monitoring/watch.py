"""Looks at what should have happened, and makes an incident of what has not: what `watch_monitors` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from driftline import watching
from driftline.alerts import AlertItem, AlertMessage, IncidentChange, Link
from driftline.config import Alerts, ModelConfig
from driftline.config.alerts_config import DEFAULT_ALERTS
from driftline.errors import DriftlineError
from driftline.findings import Severity, Status
from driftline.live import Feed
from driftline.monitoring.live import ConnectionResolver
from driftline.monitoring.schedule import last_tick
from driftline.monitoring.telling import Audience, News, tell_news, tell_resolved
from driftline.sources import PredictionLog
from driftline.sources.live_log import LiveLog, open_live_log
from driftline.store.engine import store_transaction
from driftline.store.failed_alerts import failed_count
from driftline.store.incidents import open_or_renew_incident, resolve_causes
from driftline.store.live import FeedState, feed_states
from driftline.store.reading import store_reading
from driftline.store.watching import PendingAlerts, hourly_rows, newest_decided_end, pending_alerts, usual_coverage
from driftline.watching import Cause, WatchResult
from driftline.watching.judge import MONITOR_ALLOWANCE, WEEKS
from driftline.windows import SLICE_LENGTH, Window, floor_to_slice

INSTALLATION = "driftline"
"""Under this name stands what concerns no single model."""
_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)
_COVERAGE_SPAN = timedelta(days=28)
_MOST_ROWS = 1_000
"""Rows are counted so far: enough to say that some were to be expected."""


@dataclass(frozen=True)
class DagState:
    """What Airflow says of a monitor; None where it was not asked, with the reason.

    Attributes
    ----------
    has_failed:
        Whether the scheduled run of the window that ended last has failed.
    """

    is_paused: bool | None = None
    has_failed: bool | None = None
    reason: str = "Airflow was not asked"


AskAirflow = Callable[[ModelConfig, datetime], DagState]
"""From a model and the end of its last window to the state of its monitor."""


@dataclass(frozen=True)
class Watched:
    """What was looked at of one model, or of the installation."""

    model: str
    results: tuple[WatchResult, ...]
    owner: str = "unowned"
    channel: str = ""
    alerts: Alerts = DEFAULT_ALERTS

    @property
    def amiss(self) -> list[WatchResult]:
        return [result for result in self.results if result.is_amiss]


def watch(
    store: Engine,
    configs: Iterable[ModelConfig],
    resolve: ConnectionResolver,
    *,
    faults: Sequence[str] = (),
    ask_airflow: AskAirflow = lambda _config, _end: DagState(),
    now: datetime | None = None,
) -> list[Watched]:
    """Everything that is looked at, the installation first; writes nothing.

    A model that cannot be looked at is no reason not to look at the others.

    Parameters
    ----------
    faults:
        Those of the models' files that are not valid.

    Raises
    ------
    StoreError
        When the store cannot be read.
    """
    moment = now or datetime.now(UTC)
    with store_reading(store) as connection:
        states, waiting, failed = feed_states(connection), pending_alerts(connection), failed_count(connection)
        watchers = [_ModelWatcher(connection, config, states, moment) for config in configs]
        watched = [watcher.look(resolve, ask_airflow) for watcher in watchers]
    installation = _installation(states, waiting, faults, moment)
    return [replace(installation, results=(*installation.results, watching.alerts_failed(*failed))), *watched]


def act_on(store: Engine, watched: Sequence[Watched], links: Sequence[Link] = (), now: datetime | None = None) -> int:
    """Opens, renews and resolves the incidents; the number of messages that were put into the outbox.

    Nothing is told twice: an incident speaks when it opens, gets worse or is resolved.
    """
    moment = now or datetime.now(UTC)
    told = 0
    for each in watched:
        with store_transaction(store) as connection:
            told += _act_on_one(connection, each, links, moment)
    return told


@dataclass(frozen=True)
class _ModelWatcher:
    connection: Connection
    config: ModelConfig
    states: Sequence[FeedState]
    now: datetime

    def look(self, resolve: ConnectionResolver, ask_airflow: AskAirflow) -> Watched:
        results = (*self._monitor(ask_airflow), self._counting(), *self._log(resolve))
        return Watched(self.config.model, results, self.config.owner, self.config.slack_channel, self.config.alerts)

    def _monitor(self, ask_airflow: AskAirflow) -> list[WatchResult]:
        cron, dag_id = self.config.schedule.cron, f"monitor__{self.config.model}"
        due = last_tick(cron, self.now - MONITOR_ALLOWANCE)
        known_since = min((state.first_attempt_at for state in self._own_states), default=None)
        airflow = ask_airflow(self.config, last_tick(cron, self.now))
        return [
            watching.monitor_paused(dag_id, airflow.is_paused, airflow.reason),
            watching.monitor_failing(dag_id, airflow.has_failed, airflow.reason),
            watching.monitor_late(newest_decided_end(self.connection, self.config.model), due, known_since),
        ]

    def _counting(self) -> WatchResult:
        failing = sorted(
            (state.failing_since, state.error) for state in self._own_states if state.failing_since is not None
        )
        since, error = failing[0] if failing else (None, "")
        return watching.counting_fails(since, error, self.now)

    def _log(self, resolve: ConnectionResolver) -> list[WatchResult]:
        try:
            with open_live_log(PredictionLog(self.config, resolve(self.config.connection))) as opened:
                return [self._predictions(opened), self._labels(opened)]
        except DriftlineError as error:
            causes = (Cause.NO_PREDICTIONS, Cause.NO_LABELS)
            return [WatchResult(cause, Status.NOT_EVALUATED, description=str(error)) for cause in causes]

    def _predictions(self, opened: LiveLog) -> WatchResult:
        newest = opened.newest_row(Feed.PREDICTIONS)
        usual: list[float] = []
        if newest is not None:
            since = max(newest, self.now - _DAY)
            weeks = [self._rows_of_week(opened, since, week) for week in range(1, WEEKS + 1)]
            usual = [rows for rows in weeks if rows is not None]
        return watching.predictions_missing(newest, usual, self.now)

    def _rows_of_week(self, opened: LiveLog, since: datetime, week: int) -> float | None:
        """Rows at the same time so many weeks ago, from the counted hours, else from the log; None before its start."""
        start, end = since - week * _WEEK, self.now - week * _WEEK
        first = floor_to_slice(start)
        counted = hourly_rows(self.connection, self.config.model, first, end)
        hours = [first + n * SLICE_LENGTH for n in range(-((first - end) // SLICE_LENGTH))]
        if all(hour in counted for hour in hours):
            return sum(counted[hour] * _overlap(hour, start, end) for hour in hours)
        if not opened.predictions_between(None, start, 1):
            return None
        return float(opened.predictions_between(start, end, _MOST_ROWS))

    def _labels(self, opened: LiveLog) -> WatchResult:
        labels = self.config.labels
        if labels is None:
            return WatchResult(Cause.NO_LABELS)
        newest, last_due = opened.newest_row(Feed.LABELS), self.now - labels.expected_delay
        due = opened.predictions_between(newest, last_due, _MOST_ROWS) if newest is None or newest < last_due else 0
        coverage = usual_coverage(self.connection, self.config.model, last_due - _COVERAGE_SPAN, last_due)
        return watching.labels_missing(newest, due, coverage, labels.expected_delay, self.now)

    @property
    def _own_states(self) -> list[FeedState]:
        return [state for state in self.states if state.model == self.config.model]


def _installation(states: Sequence[FeedState], waiting: PendingAlerts, faults: Sequence[str], now: datetime) -> Watched:
    attempted = max((state.attempted_at for state in states), default=None)
    results = (
        watching.guard_silent(attempted, now),
        watching.model_files_bad(faults),
        watching.outbox_stuck(waiting.count, waiting.oldest, waiting.last_error, now, waiting.destinations),
    )
    return Watched(INSTALLATION, results)


def _act_on_one(connection: Connection, watched: Watched, links: Sequence[Link], now: datetime) -> int:
    well = {result.cause.value for result in watched.results if result.status is Status.OK}
    audience = Audience(watched.model, watched.owner, watched.channel, watched.alerts)
    resolved = resolve_causes(connection, model=watched.model, causes=well, at=now)
    by_cause = {result.cause.value: result for result in watched.amiss}
    news = [News(cause, _count_in(connection, watched.model, result, now)) for cause, result in by_cause.items()]

    def compose(told: Sequence[News]) -> AlertMessage:
        return _message(watched, [by_cause[each.cause] for each in told], links, now)

    told = tell_news(connection, audience, news, compose, now)
    why = f"At {now:%H:%M} UTC it was well again."
    return told + tell_resolved(connection, audience, resolved, why=why, at=now, links=links)


def _count_in(connection: Connection, model: str, result: WatchResult, now: datetime) -> IncidentChange:
    return open_or_renew_incident(
        connection,
        model=model,
        cause=result.cause.value,
        severity=result.severity,
        title=result.description,
        at=now,
    )


def _message(watched: Watched, news: Sequence[WatchResult], links: Sequence[Link], now: datetime) -> AlertMessage:
    hour = floor_to_slice(now)
    named = ", ".join(result.cause.value.replace("_", " ") for result in news)
    return AlertMessage(
        model=watched.model,
        owner=watched.owner,
        channel=watched.channel,
        title=f"{watched.model}: {named}",
        severity=max((result.severity for result in news), key=lambda severity: severity.rank, default=Severity.NONE),
        window=Window(hour, hour + SLICE_LENGTH),
        verdict=f"Seen at {now:%H:%M} UTC.",
        items=tuple(
            AlertItem(result.severity, result.cause.value, result.description, result.recommendation) for result in news
        ),
        links=tuple(links),
    )


def _overlap(hour: datetime, start: datetime, end: datetime) -> float:
    """The share of ``hour`` that lies within ``[start, end)``."""
    return (min(hour + SLICE_LENGTH, end) - max(hour, start)) / SLICE_LENGTH
