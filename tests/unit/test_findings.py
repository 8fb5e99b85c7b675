"""Findings: severity, order and identity."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.findings import Check, Comparison, Finding, Severity, Status, by_severity, worst


def finding(
    subject: str = "amount", severity: Severity = Severity.NONE, status: Status = Status.OK, **others: str
) -> Finding:
    return Finding(
        check=Check.DRIFT,
        version="v1",
        subject=subject,
        test=others.pop("test", "psi"),
        comparison=Comparison.BASELINE,
        status=status,
        severity=severity,
        **others,  # type: ignore[arg-type]
    )


FINDINGS = st.lists(
    st.builds(
        finding,
        subject=st.sampled_from(["a", "b", "c"]),
        severity=st.sampled_from(Severity),
        status=st.sampled_from(Status),
        test=st.sampled_from(["psi", "ks"]),
    ),
    max_size=12,
)


def test_severities_rank_from_none_to_critical() -> None:
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3, 4]
    assert Severity("critical").rank > Severity("high").rank


def test_only_detected_findings_count_for_the_worst() -> None:
    # A stored row that was not evaluated may keep no severity: it must never outrank a detected one.
    findings = [
        finding(severity=Severity.CRITICAL, status=Status.NOT_EVALUATED),
        finding(severity=Severity.MEDIUM, status=Status.DETECTED),
        finding(severity=Severity.LOW, status=Status.DETECTED),
    ]
    assert worst(findings) is Severity.MEDIUM


def test_nothing_detected_is_of_no_severity() -> None:
    assert worst([]) is Severity.NONE
    assert worst([finding()]) is Severity.NONE


@given(findings=FINDINGS)
def test_the_worst_is_no_lesser_than_any_detected_one(findings: list[Finding]) -> None:
    ranks = [found.severity.rank for found in findings if found.status is Status.DETECTED]
    assert worst(iter(findings)).rank == max(ranks, default=0)


@given(findings=FINDINGS, seed=st.integers(0, 100))
def test_the_order_by_severity_is_falling_complete_and_independent_of_the_input(
    findings: list[Finding], seed: int
) -> None:
    ordered = by_severity(findings)
    ranks = [found.severity.rank for found in ordered]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ordered) == len(findings)
    shuffled = findings.copy()
    random.Random(seed).shuffle(shuffled)
    names = [(found.severity, found.subject, found.test) for found in ordered]
    assert [(found.severity, found.subject, found.test) for found in by_severity(shuffled)] == names


def test_a_finding_is_named_by_version_comparison_segment_subject_and_test() -> None:
    assert finding(segment="carrier=UA").key == ("v1", "baseline", "carrier=UA", "amount", "psi")
    assert finding(segment="carrier=UA").key != finding().key


def test_a_finding_cannot_be_changed_afterwards() -> None:
    with pytest.raises(AttributeError):
        finding().severity = Severity.LOW  # type: ignore[misc]
