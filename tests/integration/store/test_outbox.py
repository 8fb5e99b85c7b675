from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Row, insert, select, text

from driftline.alerts import AlertRefused, DeliveryStatus, DestinationRefused, Outgoing
from driftline.alerts.delivery import LONGEST_WAIT, REFUSALS, RefusedForGood
from driftline.errors import InputError, StoreError
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.failed_alerts import drop_failed, failed_alerts, send_again
from driftline.store.outbox import FAILURES_BEFORE_PAUSE, deliver_pending, enqueue
from driftline.store.tables import alert_outbox

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Mailbox:
    """A receiver in memory, that can be down."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.refuses: Callable[[dict[str, Any]], bool] = lambda message: False
        self.attempts = 0
        self._lock = threading.Lock()

    def __call__(self, outgoing: Outgoing) -> None:
        message = dict(outgoing.message)
        with self._lock:
            self.attempts += 1
            if self.refuses(message):
                raise ConnectionError("https://hooks.slack.com/services/T0/B0/secret is down")
            self.received.append(message)


def _enqueue(engine: Engine, *names: str, model: str = "flight_delay", at: datetime | None = NOON) -> list[bool]:
    with store_transaction(engine) as connection:
        return [
            enqueue(
                connection,
                incident_id=None,
                model=model,
                deduplication_key=name,
                destination="slack_alerts",
                message={"title": name},
                at=at,
            )
            for name in names
        ]


def _rows(engine: Engine) -> dict[str, Row[Any]]:
    with store_transaction(engine) as connection:
        return {row.deduplication_key: row for row in connection.execute(select(alert_outbox))}


def test_an_alert_is_sent_once_however_often_the_outbox_is_drained(store_engine: Engine) -> None:
    mailbox = Mailbox()
    assert _enqueue(store_engine, "a") == [True]
    first, second = (deliver_pending(store_engine, mailbox, now=NOON) for _ in range(2))
    assert (first.sent, first.failed, first.remaining, first.last_error, first.next_attempt_at) == (1, 0, 0, "", None)
    assert second.sent == 0
    assert mailbox.received == [{"title": "a"}]
    row = _rows(store_engine)["a"]
    assert (row.status, row.attempts, row.sent_at) == (DeliveryStatus.SENT, 1, NOON)


def test_an_alert_enqueued_again_is_not_sent_again(store_engine: Engine) -> None:
    mailbox = Mailbox()
    assert _enqueue(store_engine, "a", "a") == [True, False]
    deliver_pending(store_engine, mailbox, now=NOON)
    assert _enqueue(store_engine, "a") == [False]
    deliver_pending(store_engine, mailbox, now=NOON)
    assert len(mailbox.received) == 1


def test_an_alert_of_a_transaction_that_is_rolled_back_is_never_sent(store_engine: Engine) -> None:
    mailbox = Mailbox()
    with pytest.raises(RuntimeError), store_transaction(store_engine) as connection:
        enqueue(
            connection,
            incident_id=None,
            model="m",
            deduplication_key="a",
            destination="slack_alerts",
            message={},
        )
        raise RuntimeError("the findings could not be written")
    assert deliver_pending(store_engine, mailbox).remaining == 0
    assert mailbox.attempts == 0


def test_by_the_databases_clock_an_alert_is_due_at_once(store_engine: Engine) -> None:
    mailbox = Mailbox()
    _enqueue(store_engine, "a", at=None)
    assert deliver_pending(store_engine, mailbox).sent == 1


def test_a_failed_send_is_reported_kept_and_tried_again_when_its_wait_is_over(store_engine: Engine) -> None:
    mailbox = Mailbox()
    mailbox.refuses = lambda message: True
    _enqueue(store_engine, "a")
    failed = deliver_pending(store_engine, mailbox, now=NOON)
    assert (failed.sent, failed.failed, failed.remaining) == (0, 1, 1)
    assert failed.next_attempt_at == NOON + timedelta(seconds=15)
    mailbox.refuses = lambda message: False
    assert deliver_pending(store_engine, mailbox, now=NOON + timedelta(seconds=14)).sent == 0
    assert deliver_pending(store_engine, mailbox, now=NOON + timedelta(seconds=15)).sent == 1
    row = _rows(store_engine)["a"]
    assert (row.attempts, row.last_error) == (2, "")


def test_a_drain_tries_each_alert_once_even_when_it_outlasts_the_wait(
    store_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftline.store.outbox.wait_after", lambda attempts: timedelta(0))
    mailbox = Mailbox()
    mailbox.refuses = lambda message: True
    _enqueue(store_engine, "a", at=None)
    assert deliver_pending(store_engine, mailbox).failed == 1
    assert mailbox.attempts == 1


def test_by_the_databases_clock_a_failed_alert_waits_from_the_moment_it_failed(store_engine: Engine) -> None:
    mailbox = Mailbox()
    mailbox.refuses = lambda message: True
    _enqueue(store_engine, "a", at=None)
    deliver_pending(store_engine, mailbox)
    row = _rows(store_engine)["a"]
    assert timedelta(seconds=15) < row.next_attempt_at - row.created_at < timedelta(seconds=60)


def test_no_webhook_address_is_stored_with_an_error(store_engine: Engine) -> None:
    mailbox = Mailbox()
    mailbox.refuses = lambda message: True
    _enqueue(store_engine, "a")
    delivery = deliver_pending(store_engine, mailbox, now=NOON)
    assert delivery.last_error == "ConnectionError: https://hooks.slack.com/*** is down"
    assert _rows(store_engine)["a"].last_error == delivery.last_error


def test_an_hour_of_outage_loses_nothing_and_repeats_nothing(store_engine: Engine) -> None:
    mailbox = Mailbox()
    mailbox.refuses = lambda message: True
    names = [f"alert {number}" for number in range(7)]
    _enqueue(store_engine, *names)
    for minute in range(60):
        deliver_pending(store_engine, mailbox, now=NOON + timedelta(minutes=minute))
    assert {row.status for row in _rows(store_engine).values()} == {DeliveryStatus.PENDING}
    mailbox.refuses = lambda message: False
    back = NOON + timedelta(hours=1) + LONGEST_WAIT
    assert deliver_pending(store_engine, mailbox, now=back).remaining == 0
    assert sorted(message["title"] for message in mailbox.received) == names


def test_one_message_that_is_always_refused_does_not_stop_the_others(store_engine: Engine) -> None:
    mailbox = Mailbox()
    mailbox.refuses = lambda message: message["title"] == "poison"
    _enqueue(store_engine, "poison", "a", "b")
    delivery = deliver_pending(store_engine, mailbox, now=NOON)
    assert (delivery.sent, delivery.failed, delivery.remaining) == (2, 1, 1)


class Refusing:
    """A receiver that works, and takes only what is not called ``bad``."""

    def __init__(self, refusal: type[RefusedForGood] = AlertRefused) -> None:
        self.refusal = refusal
        self.received: list[str] = []
        self.tries = 0

    def __call__(self, outgoing: Outgoing) -> None:
        self.tries += 1
        if outgoing.message["title"] == "bad":
            raise self.refusal("Slack refused the message for #gone: channel_not_found")
        self.received.append(outgoing.message["title"])


def _drain_for(engine: Engine, send: Any, span: timedelta, since: datetime = NOON) -> None:
    for step in range(int(span / timedelta(minutes=1)) + 1):
        deliver_pending(engine, send, now=since + step * timedelta(minutes=1))


@pytest.mark.parametrize(("refusal", "hours"), [(AlertRefused, 1), (DestinationRefused, 24)])
def test_what_is_refused_for_good_has_failed_after_a_while_and_holds_up_nothing(
    store_engine: Engine, refusal: type[RefusedForGood], hours: int
) -> None:
    receiver = Refusing(refusal)
    _enqueue(store_engine, "bad", "good")
    _drain_for(store_engine, receiver, timedelta(minutes=59))
    assert (_rows(store_engine)["bad"].status, receiver.received) == (DeliveryStatus.PENDING, ["good"])
    _drain_for(store_engine, receiver, timedelta(minutes=20), NOON + timedelta(hours=hours))
    row, tries = _rows(store_engine)["bad"], receiver.tries
    assert row.status == DeliveryStatus.FAILED
    assert "channel_not_found" in row.last_error
    after = deliver_pending(store_engine, receiver, now=NOON + timedelta(days=9))
    assert (after.remaining, after.sent, receiver.tries) == (0, 0, tries)


def test_few_refusals_over_a_long_time_are_not_enough(store_engine: Engine) -> None:
    _enqueue(store_engine, "bad")
    for day in range(REFUSALS - 1):
        deliver_pending(store_engine, Refusing(), now=NOON + timedelta(days=day))
    assert _rows(store_engine)["bad"].status == DeliveryStatus.PENDING


def test_a_failed_alert_is_sent_again_once_or_dropped_as_a_person_says(store_engine: Engine) -> None:
    _enqueue(store_engine, "bad")
    _drain_for(store_engine, Refusing(), timedelta(minutes=80))
    mended, later = Mailbox(), NOON + timedelta(hours=2)
    with store_transaction(store_engine) as connection:
        (alert,) = failed_alerts(connection)
        assert (alert.title, alert.destination) == ("bad", "slack_alerts")
        send_again(connection, [alert.alert_id], later)
    assert _enqueue(store_engine, "bad") == [False]
    for _ in range(2):
        deliver_pending(store_engine, mended, now=later)
    assert mended.received == [{"title": "bad"}]
    for change in (lambda connection: send_again(connection, [alert.alert_id], later), _drop(alert.alert_id)):
        with pytest.raises(InputError, match="no alert of that number"), store_transaction(store_engine) as connection:
            change(connection)


def _drop(alert_id: int) -> Callable[[Any], None]:
    return lambda connection: drop_failed(connection, [alert_id])


def test_a_receiver_that_is_down_is_not_asked_for_every_alert(store_engine: Engine) -> None:
    mailbox = Mailbox()
    mailbox.refuses = lambda message: True
    _enqueue(store_engine, *(str(number) for number in range(10)))
    assert deliver_pending(store_engine, mailbox, now=NOON).failed == FAILURES_BEFORE_PAUSE == mailbox.attempts


def test_two_drains_at_once_send_each_alert_once(store_engine: Engine) -> None:
    mailbox = Mailbox()
    names = [f"{number:02}" for number in range(20)]
    _enqueue(store_engine, *names)

    def slow_send(outgoing: Outgoing) -> None:
        time.sleep(0.01)
        mailbox(outgoing)

    with ThreadPoolExecutor(4) as pool:
        deliveries = list(pool.map(lambda _: deliver_pending(store_engine, slow_send, now=NOON), range(4)))
    assert sum(delivery.sent for delivery in deliveries) == 20
    assert sorted(message["title"] for message in mailbox.received) == names


def test_a_sender_that_dies_before_the_commit_leaves_the_alert_pending(store_engine: Engine) -> None:
    mailbox = Mailbox()
    _enqueue(store_engine, "a")

    def die(outgoing: Outgoing) -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        deliver_pending(store_engine, die, now=NOON)
    assert _rows(store_engine)["a"].attempts == 0
    assert deliver_pending(store_engine, mailbox, now=NOON).sent == 1


def test_the_connection_lost_during_a_send_leaves_the_alert_pending_and_says_so(store_engine: Engine) -> None:
    """The one gap: the receiver has the alert, the commit fails, the next drain repeats it."""
    mailbox = Mailbox()
    _enqueue(store_engine, "a")

    def send_and_lose_the_database(outgoing: Outgoing) -> None:
        mailbox(outgoing)
        with store_engine.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = current_user AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
                )
            )

    with pytest.raises(StoreError, match="broke off"):
        deliver_pending(store_engine, send_and_lose_the_database, now=NOON)
    assert _rows(store_engine)["a"].status == DeliveryStatus.PENDING
    assert deliver_pending(store_engine, mailbox, now=NOON).sent == 1
    assert len(mailbox.received) == 2


def test_a_drain_of_one_model_leaves_the_others_alone(store_engine: Engine) -> None:
    mailbox = Mailbox()
    _enqueue(store_engine, "a")
    _enqueue(store_engine, "b", model="arrival_delay")
    delivery = deliver_pending(store_engine, mailbox, model="arrival_delay", now=NOON)
    assert (delivery.sent, delivery.remaining) == (1, 0)
    assert mailbox.received == [{"title": "b"}]
    assert deliver_pending(store_engine, mailbox, now=NOON).sent == 1


def test_the_limit_leaves_the_rest_for_the_next_drain(store_engine: Engine) -> None:
    mailbox = Mailbox()
    _enqueue(store_engine, "a", "b", "c")
    delivery = deliver_pending(store_engine, mailbox, now=NOON, limit=2)
    assert (delivery.sent, delivery.remaining, delivery.next_attempt_at) == (2, 1, NOON)


def test_the_alert_that_waits_longest_goes_first(store_engine: Engine) -> None:
    mailbox = Mailbox()
    _enqueue(store_engine, "later", at=NOON)
    _enqueue(store_engine, "earlier", at=NOON - timedelta(hours=1))
    deliver_pending(store_engine, mailbox, now=NOON)
    assert [message["title"] for message in mailbox.received] == ["earlier", "later"]


@pytest.mark.parametrize("destination", ["https://hooks.slack.com/services/T0/B0/secret", "", " "])
def test_an_address_is_no_destination(store_engine: Engine, destination: str) -> None:
    with pytest.raises(InputError, match="never stored") as refused, store_transaction(store_engine) as connection:
        enqueue(
            connection,
            incident_id=None,
            model="m",
            deduplication_key="a",
            destination=destination,
            message={},
        )
    assert "secret" not in str(refused.value).replace("is a secret", "")
    assert _rows(store_engine) == {}


def test_a_message_is_stored_without_what_postgres_refuses(store_engine: Engine) -> None:
    mailbox = Mailbox()
    with store_transaction(store_engine) as connection:
        enqueue(
            connection,
            incident_id=None,
            model="m",
            deduplication_key="a",
            destination="slack_alerts",
            message={"title": "a\x00b\ud800", "value": float("nan")},
        )
    deliver_pending(store_engine, mailbox)
    assert mailbox.received == [{"title": "a\ufffdb\ufffd", "value": "nan"}]


def test_an_unreachable_store_is_said_in_words() -> None:
    engine = create_store_engine("postgresql://ops:hunter2@127.0.0.1:1/driftline")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/driftline cannot be reached") as unreachable:
        deliver_pending(engine, Mailbox())
    assert "hunter2" not in str(unreachable.value)


def test_a_row_whose_message_is_broken_is_reported_like_a_failed_send(store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        connection.execute(
            insert(alert_outbox).values(
                model="m", deduplication_key="a", destination="slack_alerts", message=[1], status="pending",
                attempts=0, next_attempt_at=NOON, created_at=NOON, last_error="",
            )
        )  # fmt: skip
    delivery = deliver_pending(store_engine, lambda outgoing: outgoing.message["title"], now=NOON)
    assert (delivery.failed, delivery.last_error.partition(":")[0]) == (1, "TypeError")
