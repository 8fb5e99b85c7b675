from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from driftline.alerts import AlertMessage, Link, compose_alert, slack_payload, violations
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.windows import Window

WINDOW = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))

findings = st.builds(
    Finding,
    check=st.sampled_from(Check),
    version=st.just("v1"),
    subject=st.sampled_from(["dep_delay", "temp", "carrier"]),
    test=st.sampled_from(["ks", "psi"]),
    comparison=st.just(Comparison.BASELINE),
    status=st.sampled_from(Status),
    segment=st.sampled_from(["", "carrier=UA"]),
    severity=st.sampled_from(Severity),
)


def test_findings_of_one_subject_become_one_item_led_by_the_worst() -> None:
    message = _alert(
        _finding("dep_delay", "psi", Severity.MEDIUM, description="PSI 0.16"),
        _finding("dep_delay", "ks", Severity.HIGH, description="KS 0.21", recommendation="Look at the feed."),
        _finding("dep_delay", "ks", Severity.LOW, segment="carrier=UA"),
    )
    (item,) = message.items
    assert (item.severity, item.subject) == (Severity.HIGH, "dep_delay")
    assert item.description == "KS 0.21 (also by psi; also in carrier=UA)"
    assert item.recommendation == "Look at the feed."
    assert message.title == "flight_delay: Drift in dep_delay"
    assert message.severity is Severity.HIGH


def test_among_equals_the_whole_leads_and_a_segment_alone_is_named() -> None:
    whole_first = _alert(
        _finding("temp", "ks", Severity.HIGH, segment="carrier=AA", description="segment"),
        _finding("temp", "ks", Severity.HIGH, description="whole"),
    )
    assert whole_first.items[0].description == "whole (also in carrier=AA)"
    alone = _alert(_finding("temp", "ks", Severity.HIGH, segment="carrier=AA", description="moved"))
    assert alone.items[0].subject == "temp in carrier=AA"


def test_what_decided_leads_before_what_only_supports_it() -> None:
    message = _alert(
        _finding("temp", "chi_square", Severity.HIGH, description="chi-square", details={"decides": False}),
        _finding("temp", "psi", Severity.HIGH, description="PSI", details={"decides": True}),
    )
    assert message.items[0].description == "PSI (also by chi_square)"


def test_the_title_names_the_checks_and_the_two_worst_subjects() -> None:
    message = _alert(
        _finding("temp", "ks", Severity.LOW),
        _finding("dep_delay", "ks", Severity.CRITICAL),
        _finding("wind", "ks", Severity.MEDIUM),
        _finding("accuracy", "drop", Severity.HIGH, check=Check.PERFORMANCE),
    )
    assert message.title == "flight_delay: Drift, performance in dep_delay, accuracy and 2 more"
    assert [item.subject for item in message.items] == ["dep_delay", "accuracy", "wind", "temp"]


def test_what_was_not_evaluated_is_told_once_per_reason_behind_what_was_found() -> None:
    message = _alert(
        *(_finding(name, "ks", Severity.NONE, status=Status.NOT_EVALUATED, reason="12 rows") for name in "abcd"),
        _finding("temp", "ks", Severity.LOW),
    )
    found, unevaluated = message.items
    assert found.subject == "temp"
    assert (unevaluated.subject, unevaluated.description) == ("a, b and 2 more", "not evaluated: 12 rows")


def test_a_window_without_data_does_not_pass_in_silence() -> None:
    message = _alert(_finding("rows", "ks", Severity.NONE, status=Status.NOT_EVALUATED, reason="no rows"))
    assert message.title == "flight_delay: not evaluated"
    assert "not evaluated: no rows" in str(slack_payload(message))


def test_findings_that_are_ok_are_left_out() -> None:
    message = _alert(_finding("temp", "ks", Severity.NONE, status=Status.OK))
    assert message.items == ()
    assert message.title == "flight_delay: nothing found"


def test_the_decision_the_owner_and_the_links_are_passed_on() -> None:
    message = _alert()
    assert (message.owner, message.channel, message.verdict) == ("ops", "#ops", "Alert.")
    assert message.links == (Link("Run", "http://localhost:8080"),)


@given(st.lists(findings, max_size=30), st.randoms())
def test_every_detected_subject_has_exactly_one_item_whatever_the_order(found: list[Finding], random: Any) -> None:
    message = _alert(*found)
    detected = {finding.subject for finding in found if finding.status is Status.DETECTED}
    about_detected = [item for item in message.items if "not evaluated" not in item.description]
    assert sorted(item.subject.split(" in ")[0] for item in about_detected) == sorted(detected)
    assert violations(slack_payload(message)) == []
    shuffled = random.sample(found, len(found))
    assert {item.subject for item in _alert(*shuffled).items if item in about_detected} <= {
        item.subject for item in about_detected
    }
    assert _alert(*shuffled).severity is message.severity


def _alert(*found: Finding) -> AlertMessage:
    return compose_alert(
        model="flight_delay",
        owner="ops",
        channel="#ops",
        window=WINDOW,
        findings=found,
        decision="Alert.",
        links=[Link("Run", "http://localhost:8080")],
    )


def _finding(subject: str, test: str, severity: Severity, **others: Any) -> Finding:
    values: dict[str, Any] = {
        "check": Check.DRIFT,
        "version": "v1",
        "comparison": Comparison.BASELINE,
        "status": Status.DETECTED,
    }
    return Finding(**{**values, **others, "subject": subject, "test": test, "severity": severity})
