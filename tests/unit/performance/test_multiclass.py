"""Metrics of several classes against scikit-learn on the same rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from driftline.errors import InputError
from driftline.findings import Status
from driftline.performance import (
    PerformanceTracker,
    class_metrics,
    confusion_matrix,
    multiclass_metrics,
    multiclass_outcomes,
)
from driftline.predictions import PredictionTask
from driftline.profiles import CategoricalBinning, MulticlassOutcomeProfile

CLASSES = ("cat", "dog", "eel")
TRACKER = PerformanceTracker(PredictionTask.MULTICLASS_CLASSIFICATION)

Names = NDArray[np.object_]


def sample(rows: int, seed: int, noise: float = 1.0) -> tuple[Names, Names, NDArray[np.float64]]:
    """Labels of three classes, of very different size, with the predictions and scores of a fair model."""
    random = np.random.default_rng(seed)
    true = random.choice(3, rows, p=[0.6, 0.3, 0.1])
    logits = random.normal(0, noise, (rows, 3)) + 2 * np.eye(3)[true]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = np.array(CLASSES, dtype=object)
    return names[true], names[scores.argmax(axis=1)], scores


@pytest.mark.parametrize("rows", [60, 5_000])
def test_metrics_equal_scikit_learns_on_the_rows(rows: int) -> None:
    labels, predicted, scores = sample(rows, seed=rows)
    found = TRACKER.calculate_metrics(labels, predicted, scores)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, predicted),
        "log_loss": sklearn_metrics.log_loss(labels, scores, labels=CLASSES),
        "roc_auc_ovr": sklearn_metrics.roc_auc_score(labels, scores, multi_class="ovr"),
        "roc_auc_ovr_weighted": sklearn_metrics.roc_auc_score(labels, scores, multi_class="ovr", average="weighted"),
    }
    for averaging in ("macro", "weighted"):
        expected[f"precision_{averaging}"] = sklearn_metrics.precision_score(labels, predicted, average=averaging)
        expected[f"recall_{averaging}"] = sklearn_metrics.recall_score(labels, predicted, average=averaging)
        expected[f"f1_{averaging}"] = sklearn_metrics.f1_score(labels, predicted, average=averaging)
    assert {name: metric.value for name, metric in found.items()} == pytest.approx(expected, rel=1e-10)


@settings(max_examples=80)
@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_whatever_is_missing_averages_are_scikit_learns_without_the_undefined_classes(
    rows: list[tuple[int, int]],
) -> None:
    labels, predicted = [label for label, _ in rows], [prediction for _, prediction in rows]
    found = TRACKER.calculate_metrics(labels, predicted)
    for name in ("precision", "recall", "f1"):
        for averaging in ("macro", "weighted"):
            expected = getattr(sklearn_metrics, f"{name}_score")(
                labels, predicted, average=averaging, zero_division=np.nan
            )
            metric = found[f"{name}_{averaging}"]
            # Where no class that has a label is ever predicted, scikit-learn averages over weights of 0 and gives 0.
            is_weightless = (name, averaging) == ("precision", "weighted") and not {*labels} & {*predicted}
            if np.isnan(expected) or is_weightless:
                assert metric.value is None
                assert metric.reason
                continue
            assert metric.value == pytest.approx(expected, abs=1e-12)
            assert metric.interval_low is not None
            assert metric.interval_high is not None
            assert 0 <= metric.interval_low <= metric.value + 1e-12
            assert metric.value - 1e-12 <= metric.interval_high <= 1


def test_the_confusion_matrix_is_scikit_learns() -> None:
    labels, predicted, _ = sample(500, seed=1)
    found = confusion_matrix(multiclass_outcomes(labels, predicted))
    assert found.classes == CLASSES
    np.testing.assert_array_equal(found.counts, sklearn_metrics.confusion_matrix(labels, predicted))


def test_every_class_has_metrics_of_its_own() -> None:
    labels, predicted, scores = sample(800, seed=2)
    found = class_metrics(multiclass_outcomes(labels, predicted, scores))
    recalls = sklearn_metrics.recall_score(labels, predicted, average=None)
    assert [found[name]["recall"].value for name in CLASSES] == pytest.approx(list(recalls))
    eel = sklearn_metrics.roc_auc_score(labels == "eel", scores[:, 2])
    assert found["eel"]["roc_auc"].value == pytest.approx(eel)


def test_a_class_that_is_never_predicted_has_no_precision_and_says_so() -> None:
    found = class_metrics(multiclass_outcomes(["a", "b", "c"], ["a", "b", "a"]))
    assert found["c"]["precision"].value is None
    assert found["c"]["precision"].reason == "no prediction is 'c'"
    assert found["c"]["recall"].value == 0


def test_a_class_never_seen_before_counts_as_other() -> None:
    profile = multiclass_outcomes(["a", "b", "x", "x", "y"], ["a", "a", "x", "b", "x"], classes=["a", "b"])
    assert multiclass_metrics(profile)["accuracy"].value == 2 / 5
    assert confusion_matrix(profile).classes == ("a", "b", "(other)")
    assert confusion_matrix(profile).counts[2] == (0, 1, 2)
    assert class_metrics(profile)["(other)"]["recall"].value == pytest.approx(1 / 3)


def test_a_label_without_a_score_of_its_class_is_left_out_of_the_scores_metrics_only() -> None:
    scores = [[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]]
    profile = multiclass_outcomes(["a", "b", "x"], ["a", "b", "a"], scores, classes=["a", "b"])
    found = multiclass_metrics(profile)
    assert profile.invalid_scores == 1
    assert found["accuracy"].size == 3
    assert found["log_loss"].size == 2


@pytest.mark.parametrize("row", [[np.nan, 0.5, 0.5], [np.inf, 0, 0], [-0.1, 0.6, 0.5], [0.9, 0.9, 0.9]])
def test_scores_that_are_no_probabilities_count_in_the_confusion_only(row: list[float]) -> None:
    labels, predicted, scores = sample(100, seed=3)
    spoiled = np.vstack([scores, row])
    found = TRACKER.calculate_metrics([*labels, "cat"], [*predicted, "cat"], spoiled)
    assert found["accuracy"].size == 101
    assert found["log_loss"].value == pytest.approx(sklearn_metrics.log_loss(labels, scores))


def test_undefined_is_a_reason() -> None:
    nothing = TRACKER.calculate_metrics([], [])
    assert {metric.reason for metric in nothing.values()} == {"no labels"}
    without_scores = TRACKER.calculate_metrics(["a", "b", "c"], ["a", "b", "a"])
    assert without_scores["log_loss"].reason == "none of the 3 labeled rows has valid scores"
    one_class = TRACKER.calculate_metrics(["a"] * 3, ["a"] * 3, np.ones((3, 1)))
    assert one_class["roc_auc_ovr"].value is None
    assert one_class["accuracy"].value == 1


def test_about_95_percent_of_the_intervals_hold_the_true_value() -> None:
    # True values from half a million rows; 300 samples of 400 rows: three standard errors below 95 % is 91.2 %.
    truth = {name: metric.value for name, metric in TRACKER.calculate_metrics(*sample(500_000, seed=11)).items()}
    held = dict.fromkeys(truth, 0)
    for seed in range(300):
        for name, metric in TRACKER.calculate_metrics(*sample(400, seed=5_000 + seed)).items():
            held[name] += metric.interval_low <= truth[name] <= metric.interval_high  # type: ignore[operator]
    assert {name: count for name, count in held.items() if count < 0.912 * 300} == {}


def test_bad_columns_are_refused_in_words() -> None:
    with pytest.raises(InputError, match="different kinds"):
        TRACKER.calculate_metrics(["1", "2"], [1, 2])
    with pytest.raises(InputError, match=r"has 2 columns, and there are 3 classes \(a, b, c\)"):
        TRACKER.calculate_metrics(["a", "b", "c"], ["a", "b", "c"], np.full((3, 2), 0.5))
    with pytest.raises(InputError, match="give 2 rows with one score per class"):
        TRACKER.calculate_metrics(["a", "b"], ["a", "b"], [0.5, 0.5])
    with pytest.raises(InputError, match="not numbers"):
        TRACKER.calculate_metrics(["a", "b"], ["a", "b"], [["x", "y"], ["z", "w"]])
    with pytest.raises(InputError, match="does not fit"):
        MulticlassOutcomeProfile(CategoricalBinning(("a",)), np.zeros((1, 1), dtype=np.int64))


def test_degradation_is_detected_between_two_batches() -> None:
    good, bad = (TRACKER.count_outcomes(*sample(4_000, seed=4, noise=noise)) for noise in (0.5, 2.0))
    worse = {finding.subject for finding in TRACKER.detect_performance_degradation(good, bad) if finding.severity.rank}
    assert {"accuracy", "f1_macro", "roc_auc_ovr", "log_loss"} <= worse
    same = TRACKER.detect_performance_degradation(good, good)
    assert {finding.status for finding in same} == {Status.OK}
