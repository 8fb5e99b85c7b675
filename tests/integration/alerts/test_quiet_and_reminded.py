"""Silences, reminders, acknowledging and resolving by hand, as the outbox sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from driftline.alerts import IncidentStatus
from driftline.config import Alerts
from driftline.errors import InputError
from driftline.findings import Severity
from driftline.monitoring.reminding import remind
from driftline.monitoring.telling import tell_acknowledged, tell_resolved
from driftline.store.engine import store_transaction
from driftline.store.incidents import acknowledge_incident, known_incidents, resolve_incident
from driftline.store.outbox import deliver_pending
from driftline.store.silences import add_silence, all_silences, end_silence, silences_in_force
from tests.integration.alerts.conftest import NOON, Teller, minutes

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def silence(engine: Engine, **changes: Any) -> int:
    values = {"model": "fraud", "reason": "a release", "created_by": "ada", "at": NOON, "span": 4 * HOUR, **changes}
    with store_transaction(engine) as connection:
        return add_silence(connection, **values).silence_id


def let_go(teller: Teller) -> None:
    deliver_pending(teller.store, lambda outgoing: None, now=NOON + 100 * DAY)


def test_what_is_silenced_is_opened_and_kept_and_told_once_when_the_silence_ends(teller: Teller) -> None:
    silence(teller.store)
    teller.find("drift", severity=Severity.CRITICAL)
    kept = [
        ("message", "incident/1/critical", "silenced"),
        ("page", "incident/1/page", "silenced"),
    ]
    assert teller.statuses() == kept
    assert remind(teller.store, [], NOON + 3 * HOUR) == 0
    assert teller.statuses() == kept
    assert remind(teller.store, [], NOON + 4 * HOUR) == 2
    assert {status for *_, status in teller.statuses()} == {"pending"}
    assert teller.rows()[0].message["verdict"] == (
        "Silenced until now, and still open (as of 2026-03-01 12:00 UTC). Alert."
    )
    let_go(teller)
    assert remind(teller.store, [], NOON + 5 * HOUR) == 0


def test_of_what_was_silenced_only_the_latest_is_told(teller: Teller) -> None:
    silence(teller.store)
    (incident,) = teller.find("drift")
    teller.widen(incident, "country", NOON + HOUR)
    assert remind(teller.store, [], NOON + 4 * HOUR) == 1
    assert [status for *_, status in teller.statuses()] == ["dropped", "pending"]


def test_a_silenced_incident_that_is_resolved_meanwhile_is_never_told(teller: Teller) -> None:
    silence(teller.store)
    teller.find("drift", severity=Severity.CRITICAL)
    teller.resolve("drift", at=NOON + HOUR)
    assert remind(teller.store, [], NOON + 5 * HOUR) == 0
    assert {status for *_, status in teller.statuses()} == {"dropped"}
    assert len(teller.statuses()) == 2


def test_what_was_told_before_the_silence_is_resolved_in_it(teller: Teller) -> None:
    teller.find("drift")
    silence(teller.store, at=NOON + HOUR)
    teller.resolve("drift", at=NOON + 2 * HOUR)
    assert teller.statuses()[-1] == ("message", "incident/1/resolved", "pending")


@pytest.mark.parametrize(
    ("changes", "is_silenced"),
    [
        ({"cause": "drift"}, True),
        ({"cause": "quality"}, False),
        ({"subject": "amount"}, True),
        ({"subject": "country"}, False),
        ({"cause": "drift", "subject": "amount"}, True),
        ({"cause": "quality", "subject": "amount"}, False),
        ({"model": "other"}, False),
        ({"at": NOON + HOUR}, False),
        ({"at": NOON - 4 * HOUR}, False),
    ],
)
def test_a_silence_is_for_a_cause_a_subject_and_a_time(
    teller: Teller, changes: dict[str, Any], is_silenced: bool
) -> None:
    silence(teller.store, **changes)
    teller.find("drift")
    assert [status for *_, status in teller.statuses()] == ["silenced" if is_silenced else "pending"]


def test_of_several_incidents_the_others_are_told(teller: Teller) -> None:
    silence(teller.store, cause="drift")
    teller.find("drift", "quality")
    assert teller.statuses() == [
        ("message", "incident/1/high", "silenced"),
        ("message", "incident/2/high", "pending"),
    ]


def test_a_silence_that_is_ended_early_lets_go_and_a_second_one_keeps_back(teller: Teller) -> None:
    first, second = silence(teller.store), silence(teller.store, cause="drift")
    teller.find("drift")
    for number, let in ((first, 0), (second, 1)):
        with store_transaction(teller.store) as connection:
            end_silence(connection, number, ended_by="bo", at=NOON + HOUR)
        assert remind(teller.store, [], NOON + HOUR) == let
    with store_transaction(teller.store) as connection:
        assert silences_in_force(connection, NOON + HOUR) == ()
        assert {(each.ended_by, each.reason) for each in all_silences(connection)} == {("bo", "a release")}
        with pytest.raises(InputError, match="No silence 1 is in force"):
            end_silence(connection, first, ended_by="bo", at=NOON + HOUR)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"span": timedelta(0)}, "at most 30 days"),
        ({"span": timedelta(days=31)}, "at most 30 days"),
        ({"reason": " "}, "needs a reason"),
    ],
)
def test_a_silence_without_end_or_reason_is_refused(store_engine: Engine, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        silence(store_engine, **changes)


def test_an_incident_that_nobody_acknowledges_is_told_again_once_per_day(teller: Teller) -> None:
    teller.find("drift", "quality")
    let_go(teller)
    assert remind(teller.store, [], NOON + DAY - minutes(1)) == 0
    assert [remind(teller.store, [], NOON + DAY) for _ in range(3)] == [1, 0, 0]
    assert remind(teller.store, [], NOON + 2 * DAY) == 0, "the first reminder is not even sent"
    let_go(teller)
    assert remind(teller.store, [], NOON + 2 * DAY) == 1
    message = teller.rows()[-1].message
    assert message["title"] == "fraud: drift, quality still open"
    assert message["verdict"] == "Open for 48 hours, and nobody has acknowledged it."
    assert message["recommendation"].endswith("driftline incidents acknowledge 1; driftline incidents acknowledge 2")


def test_an_acknowledged_incident_is_told_again_only_when_it_gets_worse(teller: Teller) -> None:
    (incident,) = teller.find("drift")
    with store_transaction(teller.store) as connection:
        changed = acknowledge_incident(connection, incident, by="ada", at=NOON + HOUR)
        tell_acknowledged(connection, teller.audience, changed, at=NOON + HOUR)
        with pytest.raises(InputError, match="ada has acknowledged incident 1 already"):
            acknowledge_incident(connection, incident, by="bo", at=NOON + HOUR)
    let_go(teller)
    assert remind(teller.store, [], NOON + 3 * DAY) == 0
    teller.find("drift", severity=Severity.CRITICAL, at=NOON + 4 * DAY)
    let_go(teller)
    assert remind(teller.store, [], NOON + 5 * DAY) == 1


def test_a_silence_keeps_reminders_back(teller: Teller) -> None:
    teller.find("drift")
    let_go(teller)
    silence(teller.store, at=NOON + DAY - HOUR)
    assert remind(teller.store, [], NOON + DAY) == 0
    assert remind(teller.store, [], NOON + DAY + 3 * HOUR) == 1


def test_a_person_resolves_an_incident_and_its_page(teller: Teller) -> None:
    (incident,) = teller.find("drift", severity=Severity.CRITICAL)
    with store_transaction(teller.store) as connection:
        resolve_incident(connection, incident, by="ada", at=NOON + HOUR)
        tell_resolved(connection, teller.audience, [incident], why="Resolved by ada: a test", at=NOON + HOUR)
        (resolved,) = known_incidents(connection, [incident])
        with pytest.raises(InputError, match="is resolved, since 2026-03-01 13:00"):
            resolve_incident(connection, incident, by="bo", at=NOON + HOUR)
        with pytest.raises(InputError, match="There is no incident 7"):
            acknowledge_incident(connection, 7, by="bo", at=NOON)
    assert (resolved.status, resolved.resolved_by) == (IncidentStatus.RESOLVED, "ada")
    kinds = [(row.kind, row.message.get("event") or row.message.get("action")) for row in teller.rows()]
    assert kinds == [("message", "news"), ("page", "trigger"), ("message", "resolved"), ("page", "resolve")]


def test_without_pagerduty_or_tickets_there_are_only_messages(teller: Teller) -> None:
    teller.alerts = Alerts()
    teller.find("drift", severity=Severity.CRITICAL)
    assert [(row.kind, row.destination) for row in teller.rows()] == [("message", "slack_alerts")]
