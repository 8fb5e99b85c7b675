"""Labels of some predictions only."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.findings import Finding, Severity, Status
from driftline.performance import selection_findings
from driftline.performance.multiclass_arrays import multiclass_outcomes
from driftline.profiles import (
    BinaryOutcomeProfile,
    CategoricalBinning,
    CategoricalProfile,
    NumericBinning,
    NumericProfile,
    RegressionOutcomeProfile,
)
from driftline.profiles.profile import Profile

CLASSES = CategoricalBinning(("false", "true"))
SCORES = NumericBinning(np.linspace(0.01, 0.99, 99))


def side(negative: tuple[int, int], positive: tuple[int, int]) -> tuple[dict[str, Profile], BinaryOutcomeProfile]:
    """Of each class the predictions and how many of them have a label (all of them right)."""
    labels = np.repeat([False, True], [negative[1], positive[1]])
    scores = np.where(labels, 0.9, 0.1)
    outcome = BinaryOutcomeProfile.of(labels, labels, scores, SCORES)
    everything = np.repeat([0.1, 0.9], [negative[0], positive[0]])
    return {
        "prediction": CategoricalProfile.of({"false": negative[0], "true": positive[0]}, CLASSES),
        "score": NumericProfile.of(everything, SCORES),
    }, outcome


EVEN = side((900, 810), (100, 90))
ONLY_POSITIVES = side((900, 18), (100, 95))


def found(current: object, reference: object = EVEN, *, is_mature: bool = True) -> dict[str, Finding]:
    findings = selection_findings(
        reference, current, positives={"true"}, is_mature=is_mature, version="v1", segment="country=DE"
    )
    return {finding.test: finding for finding in findings}


def test_labels_of_the_positive_predictions_only_are_told_with_the_evidence() -> None:
    one = found(ONLY_POSITIVES)["coverage_by_prediction"]
    assert (one.status, one.severity, one.version, one.segment) == (
        Status.DETECTED,
        Severity.MEDIUM,
        "v1",
        "country=DE",
    )
    assert one.statistic == pytest.approx(0.93)
    assert one.p_value < 1e-100
    assert one.details["coverage"] == {"positive": 0.95, "negative": 0.02}
    assert one.description.startswith("95.0% of positive predictions have a label, and 2.0% of negative ones")
    assert "Find out which predictions get a label" in one.recommendation


def test_labels_that_depend_on_the_score_are_told() -> None:
    assert found(ONLY_POSITIVES)["coverage_by_score"].severity is Severity.MEDIUM


def test_a_selection_that_the_baseline_has_too_is_only_noted() -> None:
    assert found(ONLY_POSITIVES, ONLY_POSITIVES)["coverage_by_prediction"].severity is Severity.LOW


def test_a_selection_while_labels_are_expected_is_only_noted() -> None:
    one = found(ONLY_POSITIVES, is_mature=False)["coverage_by_prediction"]
    assert (one.status, one.severity) == (Status.DETECTED, Severity.LOW)
    assert one.details["is_provisional"]


def test_even_labels_are_fine() -> None:
    assert {one.status for one in found(side((900, 450), (100, 52))).values()} == {Status.OK}


def test_a_difference_that_chance_explains_is_none() -> None:
    assert found(side((40, 24), (31, 12)))["coverage_by_prediction"].status is Status.OK


def test_complete_labels_and_no_labels_are_not_selected() -> None:
    assert found(side((900, 900), (100, 100))) == {}
    assert {one.status for one in found(side((900, 0), (100, 0))).values()} == {Status.OK}


def test_more_labels_than_predictions_break_nothing() -> None:
    assert found(side((900, 950), (100, 10)))["coverage_by_prediction"].details["coverage"]["negative"] == 1.0


def test_classes_of_several_are_told_apart() -> None:
    binning = CategoricalBinning(("bird", "cat", "dog"))
    prediction = CategoricalProfile.of({"bird": 300, "cat": 300, "dog": 300}, binning)
    names = np.repeat(["bird", "cat", "dog"], [290, 280, 10])
    outcome = multiclass_outcomes(names, names, classes=["bird", "cat", "dog"])
    whole = (({"prediction": prediction}), multiclass_outcomes(["bird", "cat"] * 300, ["bird", "cat"] * 300))
    one = found(({"prediction": prediction}, outcome), whole)["coverage_by_prediction"]
    assert one.status is Status.DETECTED
    assert "3.3% of dog ones" in one.description


NUMBERS = np.random.default_rng(1).normal(100, 10, 2_000)


def numbers_side(labeled: np.ndarray) -> tuple[dict[str, Profile], RegressionOutcomeProfile]:
    """A regression's predictions, and those of them that have a label (2 less each)."""
    outcome = RegressionOutcomeProfile.of(labeled - 2, labeled, SCORES)
    return {"prediction": NumericProfile.of(NUMBERS, SCORES)}, outcome


EVERY_OTHER = numbers_side(NUMBERS[::2])


def test_labels_of_a_regressions_large_predictions_only_are_told_with_the_evidence() -> None:
    one = found(numbers_side(NUMBERS[NUMBERS > 105]), EVERY_OTHER)["labeled_predictions"]
    assert (one.status, one.severity, one.segment) == (Status.DETECTED, Severity.MEDIUM, "country=DE")
    expected = (NUMBERS[NUMBERS > 105].mean() - NUMBERS.mean()) / NUMBERS.std(ddof=1)
    assert one.statistic == pytest.approx(expected)
    assert one.p_value < 1e-100
    assert "standard deviations above all of them on average" in one.description
    assert "Find out which predictions get a label" in one.recommendation


def test_a_regressions_even_labels_are_fine() -> None:
    assert {one.status for one in found(EVERY_OTHER, EVERY_OTHER).values()} == {Status.OK}


def test_a_regressions_selection_that_was_there_before_or_may_even_out_is_only_noted() -> None:
    selected = numbers_side(NUMBERS[NUMBERS < 95])
    for one in (found(selected, selected), found(selected, EVERY_OTHER, is_mature=False)):
        assert one["labeled_predictions"].severity is Severity.LOW


def test_a_few_labels_of_a_regression_that_chance_explains_are_fine() -> None:
    chosen = NUMBERS[NUMBERS.mean() < NUMBERS][:5]
    one = found(numbers_side(chosen), EVERY_OTHER)["labeled_predictions"]
    assert (one.statistic or 0) > 0.2
    assert one.status is Status.OK


@pytest.mark.parametrize("labeled", [NUMBERS, NUMBERS[:0]], ids=["all", "none"])
def test_a_regression_with_all_labels_or_none_is_not_selected(labeled: np.ndarray) -> None:
    assert found(numbers_side(labeled), EVERY_OTHER) == {}


def test_a_constant_regression_has_nothing_to_select() -> None:
    outcome = RegressionOutcomeProfile.of(np.zeros(5), np.zeros(5), SCORES)
    numbers = {"prediction": NumericProfile.of(np.zeros(50), SCORES)}
    assert found((numbers, outcome), (numbers, outcome)) == {}
