from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftline.alerts import AlertEvent, AlertMessage, Incident, IncidentStatus, slack_payload, violations
from driftline.alerts.standing import compose_reminder, compose_standing
from driftline.findings import Severity

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def incident(number: int, cause: str, severity: Severity = Severity.HIGH) -> Incident:
    return Incident(
        incident_id=number, model="fraud", cause=cause, status=IncidentStatus.OPEN, severity=severity,
        title=f"{cause} of amount.", findings=(), opened_at=NOON, updated_at=NOON, resolved_at=None,
        first_window_end=NOON, last_window_end=NOON,
    )  # fmt: skip


BOTH = [incident(1, "drift"), incident(2, "no_labels", Severity.CRITICAL)]


def test_a_resolution_names_its_incidents_and_their_story() -> None:
    message = compose_standing(BOTH, AlertEvent.RESOLVED, "It is well again.", owner="risk", channel="#risk")
    assert message.title == "fraud: drift, no labels resolved"
    assert message.severity is Severity.CRITICAL
    assert message.incidents == (1, 2)
    assert [item.description for item in message.items][1] == "drift of amount. Open since 2026-03-01 12:00 UTC."
    payload = slack_payload(message)
    assert violations(payload) == []
    assert payload["text"] == "[resolved] fraud: drift, no labels resolved"
    assert payload["blocks"][0]["text"]["text"].startswith("✅ ")
    assert "*Incident* #1, #2" in str(payload)
    assert AlertMessage.from_json(message.to_json()) == message


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (timedelta(minutes=30), "30 min"),
        (timedelta(hours=24), "24 hours"),
        (timedelta(days=4), "4 days"),
    ],
)
def test_a_reminder_says_how_long_and_what_to_do(after: timedelta, said: str) -> None:
    message = compose_reminder(BOTH, NOON + after, owner="risk", channel="#risk")
    assert message.verdict == f"Open for {said}, and nobody has acknowledged it."
    assert "driftline incidents acknowledge 1; driftline incidents acknowledge 2" in message.recommendation
    assert violations(slack_payload(message)) == []


def test_only_news_and_reminders_are_for_everybody() -> None:
    assert [event.is_for_everybody for event in AlertEvent] == [True, True, False, False]


def test_a_message_of_an_earlier_release_is_still_read() -> None:
    fields = compose_standing(BOTH, AlertEvent.NEWS, "x", owner="", channel="").to_json()
    del fields["incidents"], fields["event"]
    message = AlertMessage.from_json(fields)
    assert (message.incidents, message.event) == ((), AlertEvent.NEWS)


def test_many_incidents_are_counted() -> None:
    message = compose_standing([incident(n, "drift") for n in range(1, 15)], AlertEvent.NEWS, "", owner="", channel="")
    assert "#10 and 4 more" in str(slack_payload(message))
