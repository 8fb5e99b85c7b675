"""Coverage and selection of labels."""

import numpy as np
import pytest

from driftline.findings import Comparison, Finding, Severity, Status
from driftline.performance import PerformanceThresholds
from driftline.performance.labels import label_findings
from driftline.profiles import BinaryOutcomeProfile, NumericBinning


def labeled(positives: int, negatives: int) -> BinaryOutcomeProfile:
    labels = np.repeat([True, False], [positives, negatives])
    return BinaryOutcomeProfile.of(labels, labels, None, NumericBinning(np.empty(0)))


def findings(current: BinaryOutcomeProfile | None, *, predictions: int, is_mature: bool = True) -> dict[str, Finding]:
    found = label_findings(
        labeled(100, 900),
        current,
        predictions=predictions,
        thresholds=PerformanceThresholds(minimum_coverage=0.5),
        is_mature=is_mature,
        version="v1",
        segment="carrier=UA",
    )
    assert {(finding.subject, finding.segment) for finding in found} == {("labels", "carrier=UA")}
    return {finding.test: finding for finding in found}


def test_no_labels_at_all_past_their_time_are_a_finding() -> None:
    found = findings(None, predictions=1_000)["label_coverage"]
    assert found.status is Status.DETECTED
    assert found.severity is Severity.HIGH
    assert found.comparison is Comparison.EXPECTATION
    assert (found.statistic, found.threshold, found.effect) == (0, 0.5, 0.5)
    assert found.description == "0 of 1000 predictions (0.0%) have a label; 50% are expected."
    assert "labels.expected_delay" in found.recommendation


def test_too_few_labels_past_their_time_are_a_finding() -> None:
    found = findings(labeled(10, 190), predictions=1_000)["label_coverage"]
    assert (found.status, found.severity, found.statistic) == (Status.DETECTED, Severity.MEDIUM, 0.2)


def test_before_their_time_missing_labels_are_waited_for() -> None:
    found = findings(labeled(10, 190), predictions=1_000, is_mature=False)["label_coverage"]
    assert found.status is Status.NOT_EVALUATED
    assert found.reason == "labels are still expected; 200 of 1000 have come"
    assert found.statistic == 0.2


def test_enough_labels_are_fine_at_any_age() -> None:
    found = findings(labeled(60, 600), predictions=1_000, is_mature=False)["label_coverage"]
    assert found.status is Status.OK
    assert found.details["is_provisional"] is True


def test_a_coverage_that_chance_puts_below_the_minimum_is_no_finding() -> None:
    assert findings(labeled(2, 7), predictions=20)["label_coverage"].status is Status.OK


def test_no_predictions_need_no_labels() -> None:
    found = findings(None, predictions=0)["label_coverage"]
    assert (found.status, found.reason) == (Status.NOT_EVALUATED, "there are no predictions to label")


def test_labels_of_positives_only_are_a_warning() -> None:
    found = findings(labeled(30, 0), predictions=1_000, is_mature=False)["selective_labels"]
    assert found.status is Status.DETECTED
    assert found.severity is Severity.MEDIUM
    assert found.p_value == pytest.approx(0.1**30, abs=0)
    assert found.description == "All 30 labels so far are positive, where 10.0% of the baseline's are positive."


def test_a_few_negatives_in_a_row_are_no_selection() -> None:
    # 0.9 ** 30 = 4 %: likely enough.
    assert findings(labeled(0, 30), predictions=1_000)["selective_labels"].status is Status.OK


def test_a_fully_labeled_window_is_not_asked_about_selection() -> None:
    assert "selective_labels" not in findings(labeled(1_000, 0), predictions=1_000)
