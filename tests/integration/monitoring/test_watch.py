"""The watcher of the monitors on real tables."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from driftline.alerts import AlertMessage, slack_payload, violations
from driftline.config import ModelConfig
from driftline.decisions import Verdict
from driftline.errors import ConnectionNotConfigured
from driftline.findings import Severity, Status
from driftline.local.provisioning import Urls
from driftline.monitoring.action import deliver_all_alerts
from driftline.monitoring.live import count_live
from driftline.monitoring.watch import INSTALLATION, DagState, Watched, act_on, watch
from driftline.store.decisions import DecisionRecord, record_decision
from driftline.store.engine import store_transaction
from driftline.store.incidents import open_incidents, open_or_update_incident, resolve_incidents
from driftline.store.outbox import enqueue
from driftline.store.tables import alert_outbox, incidents, slices
from driftline.watching import Cause
from driftline.windows import Window
from tests.integration.shop_log import END, START, ShopLog

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
MINUTE = timedelta(minutes=1)
NOW = END + 10 * MINUTE
"""Ten minutes after the log's end: 60 predictions an hour were usual a week ago."""


@dataclass
class Watcher:
    shop: ShopLog
    store: Engine
    urls: Urls

    def look(self, now: datetime = NOW, *configs: ModelConfig, airflow: DagState | None = None) -> dict[str, Watched]:
        found = watch(
            self.store, configs or [self.shop.config()], self.resolve,
            ask_airflow=lambda _config, _end: airflow or DagState(False, False, ""), now=now,
        )  # fmt: skip
        return {each.model: each for each in found}

    def status(self, cause: Cause, now: datetime = NOW, **changes: Any) -> Status:
        watched = self.look(now, self.shop.config(**changes))
        found = [result for each in watched.values() for result in each.results if result.cause is cause]
        return found[0].status

    def resolve(self, connection: str) -> str:
        if connection == "nowhere":
            raise ConnectionNotConfigured("Nothing says where 'nowhere' leads.")
        return self.urls.log_reader

    def act(self, now: datetime = NOW) -> int:
        return act_on(self.store, list(self.look(now).values()), now=now)

    def open(self) -> set[tuple[str, str]]:
        with store_transaction(self.store) as connection:
            return {(incident.model, incident.cause) for incident in open_incidents(connection)}

    def messages(self) -> list[AlertMessage]:
        with store_transaction(self.store) as connection:
            kept = connection.execute(select(alert_outbox.c.message).order_by(alert_outbox.c.alert_id)).scalars()
            return [AlertMessage.from_json(message) for message in kept]

    def decide(self, end: datetime) -> None:
        window = Window.ending(end, DAY)
        record = DecisionRecord("fraud", window, Verdict.NOTHING, Severity.NONE, "", False, {}, "run")
        with store_transaction(self.store) as connection:
            record_decision(connection, record, end)


@pytest.fixture
def watcher(shop: ShopLog, store_engine: Engine, urls: Urls) -> Watcher:
    return Watcher(shop, store_engine, urls)


@pytest.fixture
def long_log(watcher: Watcher) -> Watcher:
    """Four weeks: the log's two, and the same again before."""
    watcher.shop.execute(
        "INSERT INTO {schema}.predictions (prediction_id, predicted_at, is_fraud) "
        "SELECT prediction_id + 2000000, predicted_at - interval '2 weeks', is_fraud FROM {schema}.predictions"
    )
    return watcher


def test_silence_at_a_time_that_is_usually_busy(long_log: Watcher) -> None:
    assert long_log.status(Cause.NO_PREDICTIONS) is Status.OK, "10 predictions are not enough to miss"
    assert long_log.status(Cause.NO_PREDICTIONS, END + 25 * MINUTE) is Status.DETECTED
    long_log.shop.predict(END + 22 * MINUTE)
    assert long_log.status(Cause.NO_PREDICTIONS, END + 25 * MINUTE) is Status.OK


def test_a_night_that_is_always_quiet_is_not_missed(long_log: Watcher) -> None:
    long_log.shop.execute(
        "DELETE FROM {schema}.predictions WHERE extract(hour FROM predicted_at) < 5 AND predicted_at > %s", START
    )
    assert long_log.status(Cause.NO_PREDICTIONS, END + 4 * HOUR) is Status.OK
    assert long_log.status(Cause.NO_PREDICTIONS, END + 6 * HOUR) is Status.DETECTED


def test_a_log_that_is_too_young_is_not_judged(watcher: Watcher) -> None:
    watcher.shop.execute("DELETE FROM {schema}.predictions WHERE predicted_at < %s", END - 3 * DAY)
    assert watcher.status(Cause.NO_PREDICTIONS, NOW + HOUR) is Status.NOT_EVALUATED


def test_counted_hours_say_what_was_usual_where_the_log_no_longer_does(watcher: Watcher) -> None:
    watcher.shop.execute("DELETE FROM {schema}.predictions WHERE predicted_at < %s", END - HOUR)
    assert watcher.status(Cause.NO_PREDICTIONS, END + 90 * MINUTE) is Status.NOT_EVALUATED
    with store_transaction(watcher.store) as connection:
        connection.execute(
            text(
                "INSERT INTO driftline.baselines VALUES (1, 'fraud', '2026-01-01', '2026-01-02', 10, now(), true, '{}')"
            )
        )
        for weeks, hour in itertools.product(range(1, 5), range(-1, 3)):
            start = END - weeks * WEEK + hour * HOUR
            values = {"model": "fraud", "baseline_id": 1, "part": "predictions", "slice_start": start}
            connection.execute(slices.insert().values(**values, log_rows=60, counted_at=END))
    assert watcher.status(Cause.NO_PREDICTIONS, END + 90 * MINUTE) is Status.DETECTED


def test_labels_that_stop_coming(watcher: Watcher) -> None:
    """Labels come two hours after their prediction; six hours are allowed."""
    assert watcher.status(Cause.NO_LABELS, END + 3 * HOUR) is Status.OK
    watcher.shop.execute("DELETE FROM {schema}.labels WHERE known_at > %s", END - 9 * HOUR)
    assert watcher.status(Cause.NO_LABELS, END - 4 * HOUR) is Status.OK
    assert watcher.status(Cause.NO_LABELS, END + HOUR) is Status.DETECTED
    watcher.shop.execute("DELETE FROM {schema}.labels")
    assert watcher.status(Cause.NO_LABELS) is Status.DETECTED
    assert watcher.status(Cause.NO_LABELS, labels=None) is Status.OK


def test_a_monitor_that_does_not_decide(watcher: Watcher) -> None:
    assert watcher.status(Cause.MONITOR_LATE) is Status.DETECTED
    watcher.decide(END - 6 * HOUR)
    assert watcher.status(Cause.MONITOR_LATE) is Status.OK, "the window that ended ten minutes ago has time left"
    assert watcher.status(Cause.MONITOR_LATE, END + 31 * MINUTE) is Status.DETECTED
    watcher.decide(END)
    assert watcher.status(Cause.MONITOR_LATE, END + 31 * MINUTE) is Status.OK


@pytest.mark.parametrize(
    ("state", "causes"),
    [
        (DagState(True, False, ""), {Cause.MONITOR_PAUSED}),
        (DagState(False, True, ""), {Cause.MONITOR_FAILING}),
        (DagState(False, False, ""), set()),
        (DagState(), set()),
    ],
)
def test_what_airflow_says(watcher: Watcher, state: DagState, causes: set[Cause]) -> None:
    watcher.decide(END)
    watched = watcher.look(airflow=state)["fraud"]
    assert {result.cause for result in watched.amiss} == causes


def test_a_guard_that_stands_still_and_a_model_that_it_cannot_count(watcher: Watcher) -> None:
    now = datetime.now(UTC)
    assert watcher.status(Cause.GUARD_SILENT, now) is Status.DETECTED
    broken = watcher.shop.config(predictions=watcher.shop.mapping(time="gone"))
    count_live(watcher.store, [broken], watcher.resolve)
    now = datetime.now(UTC)
    assert watcher.status(Cause.GUARD_SILENT, now) is Status.OK
    assert watcher.status(Cause.NOT_COUNTED, now) is Status.OK
    assert watcher.status(Cause.NOT_COUNTED, now + 3 * MINUTE) is Status.DETECTED
    assert watcher.status(Cause.GUARD_SILENT, now + 3 * MINUTE) is Status.DETECTED


def test_an_outbox_that_does_not_drain(watcher: Watcher) -> None:
    with store_transaction(watcher.store) as connection:
        enqueue(
            connection, incident_id=None, model="fraud", deduplication_key="k", destination="slack_alerts", message={},
            at=NOW - 14 * MINUTE,
        )  # fmt: skip
    assert watcher.status(Cause.OUTBOX_STUCK) is Status.OK
    assert watcher.status(Cause.OUTBOX_STUCK, NOW + 2 * MINUTE) is Status.DETECTED


def test_what_is_amiss_is_told_once_and_resolved_when_it_is_over(watcher: Watcher) -> None:
    assert watcher.act() == 2
    sent: list[str] = []
    assert deliver_all_alerts(watcher.store, lambda outgoing: sent.append(outgoing.destination)).sent == 2
    expected = {("fraud", "monitor_late"), (INSTALLATION, "guard_silent")}
    assert watcher.open() == expected
    for minutes in (5, 10, 15):
        assert watcher.act(NOW + minutes * MINUTE) == 0
    assert watcher.open() == expected
    watcher.decide(END)
    assert watcher.act(NOW + 20 * MINUTE) == 1
    assert watcher.open() == {(INSTALLATION, "guard_silent")}
    assert [message.title for message in watcher.messages()][2:] == ["fraud: monitor late resolved"]
    # A second time is news again, even within the same hour.
    with store_transaction(watcher.store) as connection:
        connection.execute(text("DELETE FROM driftline.decisions"))
    assert watcher.act(NOW + 25 * MINUTE) == 1
    with store_transaction(watcher.store) as connection:
        kept = connection.execute(select(incidents.c.status).where(incidents.c.cause == "monitor_late")).scalars().all()
    assert sorted(kept) == ["open", "resolved"]


def test_messages_keep_slacks_limits_and_say_what_to_do(watcher: Watcher) -> None:
    watcher.act()
    for message in watcher.messages():
        payload = slack_payload(message)
        assert violations(payload) == []
        assert "What to do" in str(payload)
    assert any("monitor late" in message.title for message in watcher.messages())


def test_not_to_know_resolves_nothing(watcher: Watcher) -> None:
    watcher.decide(END)
    act_on(watcher.store, list(watcher.look(airflow=DagState(True, False, "")).values()), now=NOW)
    assert ("fraud", "monitor_paused") in watcher.open()
    act_on(watcher.store, list(watcher.look(airflow=DagState()).values()), now=NOW + 5 * MINUTE)
    assert ("fraud", "monitor_paused") in watcher.open()


def test_a_monitors_window_leaves_the_watchers_incidents_alone_and_the_other_way_round(watcher: Watcher) -> None:
    window = Window(END - 6 * HOUR, END)
    with store_transaction(watcher.store) as connection:
        open_or_update_incident(
            connection, model="fraud", cause="drift", severity=Severity.HIGH, title="t", findings=[], window=window,
            at=NOW,
        )  # fmt: skip
    watcher.act()
    assert {("fraud", "drift"), ("fraud", "monitor_late")} <= watcher.open()
    newer = Window(END, END + 6 * HOUR)
    with store_transaction(watcher.store) as connection:
        resolve_incidents(connection, model="fraud", causes_still_open=(), window=newer, at=NOW)
    assert ("fraud", "drift") not in watcher.open()
    assert ("fraud", "monitor_late") in watcher.open()


def test_a_model_that_cannot_be_looked_at_does_not_hide_the_others(watcher: Watcher) -> None:
    lost = watcher.shop.config(model="lost", connection="nowhere")
    watched = watcher.look(NOW, lost, watcher.shop.config())
    assert set(watched) == {INSTALLATION, "lost", "fraud"}
    unknown = {result.cause for result in watched["lost"].results if result.status is Status.NOT_EVALUATED}
    assert unknown == {Cause.NO_PREDICTIONS, Cause.NO_LABELS}


def test_looking_writes_nothing(watcher: Watcher) -> None:
    watcher.look()
    assert watcher.open() == set()
    assert watcher.messages() == []
