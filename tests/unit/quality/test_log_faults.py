"""What is wrong between predictions and labels, by its share."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.findings import Finding, Severity, Status
from driftline.quality import LABEL_TESTS, LabelFaults, RowsAhead, label_fault_findings, rows_ahead_findings


def found(faults: LabelFaults, usual: dict[str, int] | None = None) -> dict[str, Finding]:
    return {one.test: one for one in label_fault_findings(faults, tolerated_share=0.01, usual=usual)}


@pytest.mark.parametrize(
    ("unknown", "severity"),
    [(0, Severity.NONE), (100, Severity.NONE), (101, Severity.LOW), (200, Severity.MEDIUM), (1_100, Severity.HIGH),
     (5_100, Severity.CRITICAL), (10_000, Severity.CRITICAL)],
)  # fmt: skip
def test_severity_goes_by_the_points_beyond_what_is_tolerated(unknown: int, severity: Severity) -> None:
    one = found(LabelFaults(labels=10_000, unknown=unknown))["unknown_prediction"]
    assert (one.status, one.severity) == (Status.OK if severity is Severity.NONE else Status.DETECTED, severity)
    assert one.statistic == unknown / 10_000
    assert bool(one.recommendation) is (one.status is Status.DETECTED)


def test_what_was_usual_is_tolerated_too() -> None:
    faults = LabelFaults(labels=1_000, unknown=300, early=300)
    both = found(faults, LabelFaults(labels=50_000, unknown=15_000).to_json())
    assert both["unknown_prediction"].status is Status.OK
    assert both["unknown_prediction"].threshold == pytest.approx(0.31)
    assert both["label_before_prediction"].severity is Severity.HIGH


def test_every_fault_carries_its_counts() -> None:
    told = found(
        LabelFaults(labels=100, unknown=4, early=5, longest_lead=timedelta(hours=2), changed_once=7, changed_again=3)
    )
    assert {test: one.details["count"] for test, one in told.items()} == {
        "unknown_prediction": 4, "label_before_prediction": 5, "changed_twice": 3,
    }  # fmt: skip
    assert told["changed_twice"].details["changed_once"] == 7
    assert "The longest lead is 2:00:00." in told["label_before_prediction"].description


def test_without_labels_nothing_is_said() -> None:
    assert {one.status for one in found(LabelFaults()).values()} == {Status.NOT_EVALUATED}


def test_rows_ahead_are_told_beside_those_of_the_window() -> None:
    rows, labels = rows_ahead_findings(
        RowsAhead(predictions=100_000, labels=0, counted_to=100_000), predictions=0, labels=0, tolerated_share=0.01
    )
    assert (rows.subject, rows.severity) == ("rows", Severity.CRITICAL)
    assert rows.description.startswith("At least 100,000 predictions have a time in the future")
    assert (labels.status, labels.reason) == (Status.NOT_EVALUATED, "The window has no labels.")


@given(st.integers(1, 10**7), st.data())
def test_shares_stay_shares(labels: int, data: st.DataObject) -> None:
    counts = {name: data.draw(st.integers(0, labels)) for name in ("unknown", "early", "changed_again")}
    told = found(LabelFaults(labels=labels, **counts))
    assert set(told) == set(LABEL_TESTS)
    assert all(0 <= (one.statistic or 0.0) <= 1 and one.effect is not None and one.effect >= 0 for one in told.values())
