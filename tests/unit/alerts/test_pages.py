from __future__ import annotations

import json

import pytest

from driftline.alerts import AlertItem, AlertMessage, Link, Page
from driftline.alerts.pages import MAX_KEY, MAX_SUMMARY, page_about, page_key
from driftline.findings import Severity

MESSAGE = AlertMessage(
    model="fraud", owner="risk", channel="#risk", title="fraud: Performance in accuracy", severity=Severity.CRITICAL,
    window=None, verdict="Rolling back v2.", items=(AlertItem(Severity.CRITICAL, "accuracy", "fell\nby 20 points"),),
    links=(Link("Run", "http://localhost/run"),),
)  # fmt: skip


def test_a_page_says_what_the_message_says() -> None:
    event = page_about(MESSAGE, page_key("fraud", 7)).event()
    assert event == {
        "summary": "fraud: Performance in accuracy. Rolling back v2.",
        "severity": "critical",
        "source": "driftline",
        "component": "fraud",
        "action": "trigger",
        "dedup_key": "driftline/fraud/incident/7",
        "custom_details": {"accuracy": "fell by 20 points"},
        "links": [{"href": "http://localhost/run", "text": "Run"}],
    }


def test_a_page_survives_the_outbox() -> None:
    page = page_about(MESSAGE, "key")
    assert Page.from_json(json.loads(json.dumps(page.to_json()))) == page


def test_a_second_alert_of_an_incident_has_another_key() -> None:
    assert page_key("fraud", 7, "rollback") == "driftline/fraud/incident/7/rollback"
    assert len(page_key("x" * 300, 7)) == MAX_KEY


def test_the_receivers_limits_are_kept() -> None:
    many = tuple(AlertItem(Severity.HIGH, f"feature {number}", "x" * 5000) for number in range(100))
    long = AlertMessage(
        model="fraud", owner="", channel="", title="t" * 5000, severity=Severity.NONE, window=None, verdict="\x00",
        items=many, links=tuple(Link("x", "http://x") for _ in range(50)),
    )  # fmt: skip
    event = page_about(long, "key").event()
    assert len(event["summary"]) == MAX_SUMMARY
    assert event["severity"] == "info"
    assert len(event["custom_details"]) == 20
    assert len(json.dumps(event)) < 512_000


@pytest.mark.parametrize("fields", [{}, {"action": "shout", "severity": "high", "links": []}])
def test_what_is_no_page_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Page.from_json(fields)
