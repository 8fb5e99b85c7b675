"""``driftline incidents`` and ``driftline silence``."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from driftline.alerts import AlertMessage
from driftline.findings import Severity
from driftline.monitoring.telling import Audience, News, tell_news
from driftline.store.engine import store_transaction
from driftline.store.incidents import open_or_renew_incident
from driftline.store.outbox import enqueue
from driftline.store.tables import alert_outbox
from tests.integration.cli.conftest import Command


@pytest.fixture
def incident(store_engine: Engine) -> int:
    """One that was told, of a model whose file names no PagerDuty."""
    now = datetime.now(UTC)
    with store_transaction(store_engine) as connection:
        change = open_or_renew_incident(
            connection, model="fraud", cause="drift", severity=Severity.HIGH, title="amount [moved]", at=now
        )
        message = AlertMessage(
            model="fraud", owner="", channel="", title="fraud: drift", severity=Severity.HIGH, window=None, verdict=""
        )
        tell_news(connection, Audience("fraud"), [News("drift", change)], lambda _news: message, now)
    return change.incident_id


def test_incidents_are_listed_shown_acknowledged_and_resolved(
    driftline: Command, incident: int, store_engine: Engine
) -> None:
    assert "amount [moved]" in driftline("incidents", "list").out
    assert "acknowledged" in driftline("incidents", "acknowledge", "1").out
    refused = driftline("incidents", "acknowledge", "1")
    assert (refused.code, "already" in refused.err) == (2, True)
    shown = json.loads(driftline("incidents", "show", "1", "--json").out)
    assert (shown["status"], shown["cause"], shown["acknowledged_by"] != "") == ("open", "drift", True)
    assert [alert["status"] for alert in shown["alerts"]] == ["pending", "pending"]
    assert "message to slack_alerts: pending" in driftline("incidents", "show", "1").out
    assert driftline("incidents", "resolve", "1", "--reason", " ").code == 2
    resolved = json.loads(driftline("incidents", "resolve", "1", "--reason", "a drill", "--json").out)
    assert resolved["status"] == "resolved"
    assert json.loads(driftline("incidents", "list", "--json").out) == []
    assert [each["incident"] for each in json.loads(driftline("incidents", "list", "--all", "--json").out)] == [1]
    with store_transaction(store_engine) as connection:
        messages = connection.execute(select(alert_outbox.c.message).order_by(alert_outbox.c.alert_id)).scalars().all()
    assert [message["event"] for message in messages] == ["news", "acknowledged", "resolved"]
    assert messages[-1]["verdict"].endswith(": a drill")


@pytest.mark.parametrize("command", [("show", "9"), ("acknowledge", "9"), ("resolve", "9", "--reason", "x")])
def test_an_unknown_incident_is_refused(driftline: Command, command: tuple[str, ...]) -> None:
    ran = driftline("incidents", *command)
    assert ran.code == 2
    assert "There is no incident 9" in ran.err


def test_a_silence_is_made_listed_and_ended(driftline: Command) -> None:
    made = driftline("silence", "fraud", "--check", "drift", "--for", "4h", "--reason", "a release")
    assert made.code == 0
    assert made.out.startswith("Silence 1: fraud, drift until ")
    (listed,) = json.loads(driftline("silence", "list", "--json").out)
    assert (listed["model"], listed["check"], listed["reason"]) == ("fraud", "drift", "a release")
    assert listed["is_in_force"]
    assert "a release" in driftline("silence", "list").out
    assert driftline("silence", "end", "1").code == 0
    assert json.loads(driftline("silence", "list", "--json").out) == []
    assert len(json.loads(driftline("silence", "list", "--all", "--json").out)) == 1
    assert driftline("silence", "end", "1").code == 2


def test_options_may_come_first_and_the_installation_can_be_silenced(driftline: Command) -> None:
    ran = driftline("silence", "--for", "30m", "--reason", "an upgrade", "driftline", "--check", "latency", "--json")
    assert json.loads(ran.out)["model"] == "driftline"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("nothing", "--for", "4h", "--reason", "x"), "no valid file describes the model 'nothing'"),
        (("fraud", "--for", "soon", "--reason", "x"), "is not a duration"),
        (("fraud", "--for", "60d", "--reason", "x"), "at most 30 days"),
        (("fraud", "--for", "0h", "--reason", "x"), "at most 30 days"),
        (("fraud", "--for", "4h", "--reason", " "), "needs a reason"),
        (("fraud", "--for", "4h", "--reason", "x", "--check", "weather"), "Choose from: quality, drift, "),
    ],
)
def test_a_bad_silence_is_refused(driftline: Command, arguments: tuple[str, ...], fault: str) -> None:
    ran = driftline("silence", *arguments)
    assert ran.code == 2
    assert fault in ran.err.replace("\n", " ")


def test_failed_alerts_are_shown_sent_again_and_dropped(driftline: Command, store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        for name in ("one", "two", "three"):
            enqueue(
                connection, incident_id=None, model="fraud", deduplication_key=name, destination="slack_alerts",
                message={"title": name},
            )  # fmt: skip
        connection.exec_driver_sql("UPDATE driftline.alert_outbox SET status = 'failed', last_error = 'is_archived'")
    shown = json.loads(driftline("alerts", "failed", "--json").out)
    assert [each["title"] for each in shown] == ["one", "two", "three"]
    assert {each["last_error"] for each in shown} == {"is_archived"}
    first, second, _ = (str(each["alert_id"]) for each in shown)
    assert "1 alerts are in the outbox again" in driftline("alerts", "resend", first).out
    assert "1 alerts are dropped" in driftline("alerts", "drop", second).out
    assert "1 alerts are in the outbox again" in driftline("alerts", "resend", "--all").out
    assert "No alert has failed" in driftline("alerts", "failed").out
    refused = driftline("alerts", "resend")
    assert (refused.code, "Name the alerts" in refused.err) == (2, True)
