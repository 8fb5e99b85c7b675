"""Alerts over real HTTP, by Airflow's providers: threads, pages, tickets, and receivers that fail."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from driftline.alerts import AlertMessage, Ticket
from driftline.config import Alerts, ModelConfig
from driftline.findings import Severity
from driftline.local.page_receiver import PageReceiver
from driftline.local.slack_receiver import Failure, SlackReceiver
from driftline.monitoring.reminding import remind
from driftline.monitoring.telling import open_ticket, page, tell, tell_acknowledged
from driftline.store.engine import store_transaction
from driftline.store.incidents import acknowledge_incident
from tests.integration.alerts.conftest import NOON, SECRETS, TICKET_TOKEN, Deliverer, Teller, minutes

WEBHOOK = Alerts(slack_connection="slack_alerts")
FRAUD = ModelConfig.model_validate(
    {
        "model": "fraud",
        "slack_channel": "#risk",
        "task": "binary_classification",
        "connection": "prediction_log",
        "predictions": {"table": "t", "id": "i", "time": "t", "version": "v", "prediction": "p"},
        "features": "discover",
        "baseline": {"first": "7d"},
        "alerts": {"slack_connection": "slack_api", "pagerduty_connection": "pagerduty"},
    }
)


def titles(slack: SlackReceiver) -> list[str]:
    return [body["blocks"][0]["text"]["text"] for body in slack.messages]


def timestamps(slack: SlackReceiver) -> list[str]:
    return [json.loads(request.answer)["ts"] for request in slack.requests if request.is_message]


def test_an_incident_is_told_in_one_thread_from_opened_to_resolved(
    deliverer: Deliverer, teller: Teller, slack: SlackReceiver
) -> None:
    (incident,) = teller.find("drift")
    assert deliverer.drain(NOON)["remaining"] == 0
    teller.widen(incident, "country", NOON + minutes(10))
    teller.find("drift", severity=Severity.CRITICAL, at=NOON + minutes(20))
    deliverer.drain(NOON + minutes(20))
    remind(teller.store, [FRAUD], NOON + minutes(20) + minutes(24 * 60))
    teller.resolve("drift", at=NOON + minutes(30) + minutes(24 * 60))
    deliverer.drain(NOON + minutes(48 * 60))
    opened, *others = slack.messages
    assert opened["channel"] == "#risk"
    assert "thread_ts" not in opened
    assert {body["thread_ts"] for body in others} == {timestamps(slack)[0]}
    assert {body["channel"] for body in others} == {"C-risk"}
    assert [title.removeprefix("🟠 fraud: ") for title in titles(slack)] == [
        "drift", "drift", "🔴 fraud: drift", "🔁 fraud: drift still open", "✅ fraud: drift resolved"
    ]  # fmt: skip
    assert [body["reply_broadcast"] for body in others] == [True, True, True, False], "a resolution is for the thread"


def test_incidents_of_one_message_share_its_thread_and_a_new_one_never_hides_in_an_old_one(
    deliverer: Deliverer, teller: Teller, slack: SlackReceiver
) -> None:
    teller.find("drift", "quality")
    deliverer.drain(NOON)
    teller.resolve("quality", at=NOON + minutes(10))
    teller.find("drift", "performance", severity=Severity.CRITICAL, at=NOON + minutes(20))
    teller.resolve("drift", "performance", at=NOON + minutes(30))
    deliverer.drain(NOON + minutes(40))
    first, second = timestamps(slack)[0], timestamps(slack)[2]
    threads = {title: body.get("thread_ts") for title, body in zip(titles(slack), slack.messages, strict=True)}
    assert threads == {
        "🟠 fraud: drift, quality": None,
        "✅ fraud: quality resolved": first,
        "🔴 fraud: performance, drift": None,
        "✅ fraud: drift resolved": first,
        "✅ fraud: performance resolved": second,
    }


def test_by_a_webhook_the_same_messages_go_out_unthreaded_and_name_their_incident(
    deliverer: Deliverer, teller: Teller, slack: SlackReceiver
) -> None:
    teller.alerts = WEBHOOK
    teller.find("drift", "quality")
    teller.resolve("drift", "quality", at=NOON + minutes(10))
    deliverer.drain(NOON + minutes(10))
    opened, resolved = slack.messages
    for body in (opened, resolved):
        assert "thread_ts" not in body
        assert "*Incident* #1, #2" in str(body["blocks"][1])
    assert resolved["text"].startswith("[resolved] fraud: drift, quality resolved")


def test_a_thread_that_is_gone_is_begun_anew(deliverer: Deliverer, teller: Teller, slack: SlackReceiver) -> None:
    (incident,) = teller.find("drift")
    deliverer.drain(NOON)
    slack.fail(Failure(200, error="thread_not_found"))
    for count in (10, 20):
        teller.widen(incident, f"subject {count}", NOON + minutes(count))
        deliverer.drain(NOON + minutes(count))
    assert [body.get("thread_ts") for body in slack.messages] == [None, None, timestamps(slack)[1]]


def test_a_page_is_triggered_acknowledged_and_resolved_once_each(
    deliverer: Deliverer, teller: Teller, pages: PageReceiver
) -> None:
    (incident,) = teller.find("performance")
    deliverer.drain(NOON)
    assert pages.events == [], "only what is critical calls"
    for count in (1, 2):
        teller.find("performance", severity=Severity.CRITICAL, at=NOON + minutes(count))
    with store_transaction(teller.store) as connection:
        acknowledged = acknowledge_incident(connection, incident, by="ada", at=NOON + minutes(3))
        tell_acknowledged(connection, teller.audience, acknowledged, at=NOON + minutes(3))
    teller.resolve("performance", at=NOON + minutes(4))
    deliverer.drain(NOON + minutes(5))
    deliverer.drain(NOON + minutes(6))
    assert [event["event_action"] for event in pages.events] == ["trigger", "acknowledge", "resolve"]
    assert {event["dedup_key"] for event in pages.events} == {"driftline/fraud/incident/1"}
    assert pages.events[0]["payload"] == {
        "summary": "fraud: performance. Alert.", "severity": "critical", "source": "driftline", "component": "fraud",
        "custom_details": {"amount": "moved; password=***"},
    }  # fmt: skip


def test_a_failed_rollback_calls_again_and_opens_a_ticket(
    deliverer: Deliverer, teller: Teller, pages: PageReceiver, slack: SlackReceiver
) -> None:
    (incident,) = teller.find("performance", severity=Severity.CRITICAL)
    message = AlertMessage(
        model="fraud", owner="risk", channel="#risk", title="fraud: rollback failed", severity=Severity.CRITICAL,
        window=None, verdict="v2 still serves.", incidents=(incident,),
    )  # fmt: skip
    ticket = Ticket(
        kind="rollback", model="fraud", owner="risk", title="fraud: rolled back", description="v2 to v1",
        severity=Severity.CRITICAL, happened_at=NOON, incident_id=incident,
        facts={"bad_version": "v2", "target_version": "v1"},
    )  # fmt: skip
    for _ in range(2):
        with store_transaction(teller.store) as connection:
            tell(connection, teller.audience, message, key="rollback/1", at=NOON)
            page(connection, teller.audience, message, key="rollback/1", at=NOON)
            open_ticket(connection, teller.audience, ticket, key="rollback/1", at=NOON)
    pages.fail(Failure(500), Failure(429, "20"), Failure(200, silence_seconds=1.5))
    for count in (0, 1, 2, 3, 4, 10):
        deliverer.drain(NOON + minutes(count))
    assert [event["dedup_key"] for event in pages.events] == [
        "driftline/fraud/incident/1", "driftline/fraud/incident/1/rollback"
    ]  # fmt: skip
    assert list(pages.tickets) == ["rollback/1/ticket"]
    assert Ticket.from_json(pages.tickets["rollback/1/ticket"]) == ticket
    assert set(pages.authorizations) == {f"Bearer {TICKET_TOKEN}"}
    assert {row.receipt for row in teller.rows() if row.kind == "ticket"} == {"OPS-1"}
    assert [body.get("thread_ts") for body in slack.messages] == [None, timestamps(slack)[0]]


FAILURES = {
    "429": Failure(429, retry_after="30"),
    "429 without a word": Failure(429),
    "500": Failure(500),
    "503 until a date": Failure(503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
    "not JSON, not Slack": Failure(200, error="a proxy's page"),
}


# A webhook's answer is its status alone: it cannot be a proxy's page with the status 200.
OUTAGES = [
    pytest.param(connection, failure, id=f"{connection}, {name}")
    for connection in ("slack_api", "slack_alerts")
    for name, failure in FAILURES.items()
    if connection == "slack_api" or failure.status != 200
]


@pytest.mark.parametrize(("slack_connection", "failure"), OUTAGES)
def test_an_hour_of_outage_loses_and_repeats_nothing_and_holds_up_nobody_else(  # noqa: PLR0917
    deliverer: Deliverer,
    teller: Teller,
    slack: SlackReceiver,
    pages: PageReceiver,
    failure: Failure,
    slack_connection: str,
) -> None:
    teller.alerts = teller.alerts.model_copy(update={"slack_connection": slack_connection})
    slack.fail(*[failure] * 500)
    ids = teller.find("drift", severity=Severity.CRITICAL) + teller.find("quality", severity=Severity.CRITICAL)
    for count in range(0, 60, 5):
        now = NOON + minutes(count)
        if count in {15, 30}:
            for incident in ids:
                teller.widen(incident, f"subject {count}", now)
        drained = deliverer.drain(now)
        assert drained["remaining"] > 0
        assert drained["waiting_for"] == [slack_connection]
    assert [event["dedup_key"][-1] for event in pages.events] == ["1", "2"], "PagerDuty works"
    assert slack.messages == []
    asked = len(slack.requests)
    assert 12 <= asked <= 12 * 3 + 6
    slack.mend()
    for count in (70, 81, 92, 103):
        drained = deliverer.drain(NOON + minutes(count))
    assert (drained["remaining"], drained["waiting_for"]) == (0, [])
    told = Counter(titles(slack))
    assert told == {"🔴 fraud: drift": 3, "🔴 fraud: quality": 3}
    assert slack.messages[0].get("thread_ts") is None
    if slack_connection == "slack_api":
        threads = [body.get("thread_ts") for body in slack.messages if "quality" in body["text"]]
        assert threads[0] is None
        assert len(set(threads[1:])) == 1


def test_the_receivers_pause_is_kept_by_all_alerts_for_it(
    deliverer: Deliverer, teller: Teller, slack: SlackReceiver
) -> None:
    slack.fail(Failure(429, retry_after="120"))
    teller.find("drift")
    deliverer.drain(NOON)
    teller.find("quality", at=NOON + minutes(1))
    for count in (1, 1.5, 1.99):
        assert deliverer.drain(NOON + minutes(count))["remaining"] == 2
    assert len(slack.requests) == 1
    assert deliverer.drain(NOON + minutes(2))["sent"] == 2


def test_a_receiver_that_hangs_or_is_not_there_holds_up_no_other(
    deliverer: Deliverer, teller: Teller, slack: SlackReceiver, pages: PageReceiver
) -> None:
    slack.fail(*[Failure(200, silence_seconds=1.5)] * 2)
    teller.find("drift", severity=Severity.CRITICAL)
    teller.alerts = teller.alerts.model_copy(update={"slack_connection": "slack_refused"})
    teller.find("quality", severity=Severity.CRITICAL)
    drained = deliverer.drain(NOON)
    assert sorted(drained["waiting_for"]) == ["slack_api", "slack_refused"]
    assert len(pages.events) == 2
    for count in (1, 2, 3):
        deliverer.drain(NOON + minutes(count))
    assert titles(slack) == ["🔴 fraud: drift"]
    assert {row.destination: row.status for row in teller.rows()} == {
        "slack_api": "sent", "pagerduty": "sent", "slack_refused": "pending"
    }  # fmt: skip
    assert "refused" in next(row.last_error for row in teller.rows() if row.status == "pending")


def test_two_deliverers_at_once_send_each_alert_once_and_in_order(
    deliverer: Deliverer, teller: Teller, slack: SlackReceiver
) -> None:
    ids = [teller.find(cause)[0] for cause in ("drift", "quality", "performance", "fairness")]
    for count in range(1, 5):
        for incident in ids:
            teller.widen(incident, f"subject {count}", NOON + minutes(count))
    for _ in range(5):
        deliverer.drain(NOON + minutes(10), at_once=2)
    assert len(slack.messages) == 20
    for cause in ("drift", "quality", "performance", "fairness"):
        threads = [body.get("thread_ts") for body in slack.messages if cause in body["text"]]
        assert threads[0] is None
        assert len(threads) == 5
        assert len(set(threads[1:])) == 1


def test_an_alert_that_is_refused_holds_up_nothing_and_stays(
    deliverer: Deliverer, teller: Teller, slack: SlackReceiver
) -> None:
    slack.fail(Failure(200, error="invalid_blocks"))
    (incident,) = teller.find("drift")
    teller.widen(incident, "country", NOON + minutes(1))
    drained = deliverer.drain(NOON + minutes(1))
    assert (drained["sent"], drained["failed"], drained["remaining"]) == (1, 1, 1)
    assert "invalid_blocks" in drained["last_error"]


def test_a_connection_that_is_missing_or_of_the_wrong_type_is_named(deliverer: Deliverer, teller: Teller) -> None:
    for wrong in ("nowhere", "tickets"):
        teller.alerts = Alerts(slack_connection=wrong)
        teller.find(f"cause of {wrong}")
        deliverer.drain(NOON)
    errors = [row.last_error for row in teller.rows()]
    assert "no connection 'nowhere'" in errors[0]
    assert "type 'http', which carries no message. Give it one of these types: slack, slackwebhook" in errors[1]


def test_no_secret_is_in_any_row_or_anything_that_is_said(
    deliverer: Deliverer, teller: Teller, slack: SlackReceiver, pages: PageReceiver
) -> None:
    slack.fail(Failure(500), Failure(401), Failure(200, error="not_authed xoxb-1234567890-s3cret"))
    pages.fail(Failure(401), Failure(500), Failure(403))
    teller.find("drift", severity=Severity.CRITICAL)
    ticket = Ticket(
        kind="rollback", model="fraud", owner="risk", title="t", description="Bearer tick3t-s3cret",
        severity=Severity.CRITICAL, happened_at=NOON,
    )  # fmt: skip
    with store_transaction(teller.store) as connection:
        open_ticket(connection, teller.audience, ticket, key="rollback/1", at=NOON)
    for alerts in (WEBHOOK, Alerts(slack_connection="slack_refused")):
        teller.alerts = alerts
        teller.find(f"cause of {alerts.slack_connection}")
    kept: list[Any] = []
    for count in (0, 2, 4):
        deliverer.drain(NOON + minutes(count))
        kept += map(str, teller.rows())
    assert sum("Error" in row or "NotDelivered" in row for row in kept) >= 5
    everything = "\n".join([*kept, *deliverer.said, *map(str, slack.messages)])
    for secret in SECRETS:
        assert secret not in everything


def test_the_databases_clock_says_when_by_default(store_engine: Engine, teller: Teller, deliverer: Deliverer) -> None:
    now = datetime.now(UTC)
    teller.find("drift", at=now)
    assert deliverer.drain(datetime.now(UTC))["sent"] == 1
