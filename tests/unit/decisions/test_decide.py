"""What findings lead to, case by case."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.decisions import EarlierWindow, Persistence, Policy, Verdict, decide
from driftline.findings import Check, Comparison, Finding, Severity, Status, worst

ROLLS_BACK_ON_PERFORMANCE = Policy(rollback_checks=frozenset({Check.PERFORMANCE}))


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "check": Check.DRIFT,
        "version": "v2",
        "subject": "amount",
        "test": "psi",
        "comparison": Comparison.BASELINE,
        "status": Status.OK,
    }
    return Finding(**{**values, **changes})


def detected(severity: Severity, **changes: Any) -> Finding:
    return finding(status=Status.DETECTED, severity=severity, **changes)


def bad(**changes: Any) -> Finding:
    """A critical, final drop in performance of v2."""
    critical = {"check": Check.PERFORMANCE, "subject": "accuracy", "severity": Severity.CRITICAL}
    return detected(**{**critical, **changes})


@pytest.mark.parametrize(
    ("alert_severity", "severity", "verdict"),
    [
        (Severity.MEDIUM, Severity.LOW, Verdict.NOTHING),
        (Severity.MEDIUM, Severity.MEDIUM, Verdict.ALERT),
        (Severity.MEDIUM, Severity.CRITICAL, Verdict.ALERT),
        (Severity.CRITICAL, Severity.HIGH, Verdict.NOTHING),
        (Severity.LOW, Severity.LOW, Verdict.ALERT),
    ],
)
def test_a_finding_alerts_from_the_configured_severity_on(
    alert_severity: Severity, severity: Severity, verdict: Verdict
) -> None:
    decision = decide(Policy(alert_severity=alert_severity), [detected(severity)])
    assert decision.verdict is verdict
    assert decision.severity is severity


@pytest.mark.parametrize("status", [Status.OK, Status.NOT_EVALUATED])
def test_what_was_not_detected_never_alerts_whatever_its_severity_says(status: Status) -> None:
    decision = decide(Policy(), [finding(status=status, severity=Severity.CRITICAL)])
    assert decision.verdict is Verdict.NOTHING
    assert decision.severity is Severity.NONE


@pytest.mark.parametrize(
    ("findings", "reason"),
    [
        ([], "No check is enabled"),
        ([finding()], "All clear"),
        ([detected(Severity.LOW)], "Noted, too small to alert: amount"),
        (
            [finding(status=Status.NOT_EVALUATED, reason="12 rows are too few")],
            "Nothing could be evaluated: 12 rows are too few",
        ),
        (
            [finding(), finding(subject="country", status=Status.NOT_EVALUATED, reason="12 rows are too few.")],
            "Nothing found; not evaluated: country (12 rows are too few)",
        ),
        (
            [detected(Severity.LOW), finding(subject="country", status=Status.NOT_EVALUATED, reason="constant")],
            "Noted, too small to alert: amount; not evaluated: country (constant)",
        ),
        (
            [detected(Severity.LOW, subject=name) for name in "abcdefg"],
            "Noted, too small to alert: a, b, c, d, e and 2 more",
        ),
    ],
)
def test_nothing_says_why(findings: list[Finding], reason: str) -> None:
    decision = decide(Policy(), findings)
    assert decision.verdict is Verdict.NOTHING
    assert decision.reason == reason
    assert decision.causes == ()


def test_each_check_is_one_cause_and_the_worst_comes_first() -> None:
    decision = decide(
        Policy(),
        [
            detected(Severity.MEDIUM, check=Check.QUALITY, subject="basket"),
            detected(Severity.MEDIUM, subject="country"),
            detected(Severity.HIGH, subject="amount"),
            detected(Severity.LOW, subject="is_member"),
        ],
    )
    assert [(cause.check, cause.severity) for cause in decision.causes] == [
        (Check.DRIFT, Severity.HIGH),
        (Check.QUALITY, Severity.MEDIUM),
    ]
    assert [found.subject for found in decision.causes[0].findings] == ["amount", "country"]
    assert decision.reason == "Drift: amount, country (high); Quality: basket (medium)"


def test_a_subject_with_many_findings_is_named_once() -> None:
    found = [detected(Severity.HIGH, test=test) for test in ("psi", "kolmogorov_smirnov")]
    assert decide(Policy(), found).causes[0].title == "Drift: amount"


def test_a_critical_final_finding_on_one_version_rolls_it_back() -> None:
    good = finding(check=Check.PERFORMANCE, subject="accuracy", version="v1")
    decision = decide(ROLLS_BACK_ON_PERFORMANCE, [good, bad()])
    assert decision.verdict is Verdict.ROLL_BACK
    assert decision.bad_version == "v2"
    assert decision.causes


def test_the_only_version_in_the_window_is_rolled_back_too() -> None:
    assert decide(ROLLS_BACK_ON_PERFORMANCE, [bad()]).bad_version == "v2"


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([bad(severity=Severity.HIGH)], id="not critical"),
        pytest.param([bad(details={"is_provisional": True})], id="provisional"),
        pytest.param([bad(segment="country=DE")], id="of a segment"),
        pytest.param([bad(version="")], id="of no version"),
        pytest.param([bad(check=Check.DRIFT)], id="of a check that does not roll back"),
        pytest.param([bad(), bad(version="v1")], id="of every version: the fault lies upstream"),
    ],
)
def test_a_finding_alerts_but_does_not_roll_back(found: list[Finding]) -> None:
    decision = decide(ROLLS_BACK_ON_PERFORMANCE, found)
    assert decision.verdict is Verdict.ALERT
    assert decision.bad_version is None


def test_nothing_is_rolled_back_without_a_policy_for_it() -> None:
    assert decide(Policy(), [bad()]).verdict is Verdict.ALERT


def test_a_final_finding_rolls_back_though_another_is_provisional() -> None:
    other = bad(subject="recall", details={"is_provisional": True})
    assert decide(ROLLS_BACK_ON_PERFORMANCE, [other, bad()]).bad_version == "v2"


def test_the_order_of_the_findings_does_not_matter() -> None:
    found = [
        bad(),
        detected(Severity.HIGH),
        detected(Severity.HIGH, subject="country"),
        finding(status=Status.NOT_EVALUATED, subject="basket"),
    ]
    decisions = [decide(ROLLS_BACK_ON_PERFORMANCE, order) for order in permutations(found)]
    assert all(decision == decisions[0] for decision in decisions)


@given(
    st.lists(
        st.builds(
            finding,
            check=st.sampled_from(Check),
            status=st.sampled_from(Status),
            severity=st.sampled_from(Severity),
            version=st.sampled_from(["", "v1", "v2"]),
            segment=st.sampled_from(["", "country=DE"]),
        ),
        max_size=6,
    ),
    st.sampled_from([severity for severity in Severity if severity is not Severity.NONE]),
)
def test_there_are_causes_exactly_where_something_follows(found: list[Finding], alert_severity: Severity) -> None:
    policy = Policy(alert_severity=alert_severity, rollback_checks=frozenset({Check.PERFORMANCE}))
    decision = decide(policy, found)
    assert bool(decision.causes) == (decision.verdict is not Verdict.NOTHING)
    assert (decision.bad_version is not None) == (decision.verdict is Verdict.ROLL_BACK)
    assert decision.severity is worst(found)
    assert decision.reason


PATIENT = Policy(
    rollback_checks=frozenset({Check.DRIFT, Check.FAIRNESS}),
    persistence={Check.DRIFT: Persistence(2, 3), Check.FAIRNESS: Persistence()},
)
DRIFTED = detected(Severity.CRITICAL)
CALM = EarlierWindow(frozenset({Check.DRIFT}))
BAD = EarlierWindow(frozenset({Check.DRIFT}), frozenset({(Check.DRIFT, "v2")}))
OTHER = EarlierWindow(frozenset({Check.DRIFT}), frozenset({(Check.DRIFT, "v1")}))
BLIND = EarlierWindow(frozenset({Check.FAIRNESS}))


@pytest.mark.parametrize(
    ("earlier", "verdict"),
    [
        ([], Verdict.ALERT),
        ([CALM, CALM, BAD], Verdict.ALERT),
        ([OTHER, OTHER], Verdict.ALERT),
        ([BAD], Verdict.ROLL_BACK),
        ([CALM, BAD], Verdict.ROLL_BACK),
        ([BLIND, CALM, BLIND, BAD], Verdict.ROLL_BACK),
    ],
)
def test_drift_rolls_back_once_two_of_the_last_three_windows_that_could_tell_found_it(
    earlier: list[EarlierWindow], verdict: Verdict
) -> None:
    decision = decide(PATIENT, [DRIFTED], earlier)
    assert decision.verdict is verdict
    assert decision.critical == {(Check.DRIFT, "v2")}
    assert ("2 of 3 windows find it critical: 1 so far" in decision.reason) is (verdict is Verdict.ALERT)


def test_a_fairness_breach_waits_for_no_second_window() -> None:
    unfair = detected(Severity.CRITICAL, check=Check.FAIRNESS, subject="sex=F")
    assert decide(PATIENT, [DRIFTED, unfair], []).bad_version == "v2"
    assert decide(PATIENT, [unfair, detected(Severity.CRITICAL, version="v1")], [BAD]).bad_version is None
