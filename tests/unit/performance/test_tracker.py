"""Performance on arrays."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from driftline.errors import InputError
from driftline.findings import Status
from driftline.performance import PerformancePoint, PerformanceThresholds, PerformanceTracker
from driftline.predictions import PredictionTask

REGRESSION = PerformanceTracker(PredictionTask.REGRESSION)


def test_arrays_give_scikit_learns_metrics() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 300)
    scores = np.clip(random.normal(0.3 + 0.4 * labels, 0.2), 0, 1)
    predicted = (scores > 0.5).astype(int)
    found = PerformanceTracker().calculate_metrics(labels, predicted, scores)
    assert found["f1"].value == pytest.approx(sklearn_metrics.f1_score(labels, predicted))
    assert found["roc_auc"].value == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))


def test_predict_probas_two_columns_serve_as_scores() -> None:
    labels, scores = [1, 0, 1, 0], np.array([0.9, 0.2, 0.4, 0.6])
    one = PerformanceTracker().calculate_metrics(labels, labels, scores)
    two = PerformanceTracker().calculate_metrics(labels, labels, np.column_stack([1 - scores, scores]))
    assert one == two


@pytest.mark.parametrize(
    ("labels", "predicted", "positive"),
    [
        (["yes", "no", "yes", "yes"], ["yes", "yes", "no", "yes"], "yes"),
        ([True, False, True, True], [True, True, False, True], True),
        ([1, 0, 1, 1], [1.0, 1.0, 0.0, 1.0], 1),
        (np.array([2, 1, 2, 2]), np.array([2, 2, 1, 2]), 2),
        (pd.Series([1, 0, 1, 1], dtype="Int64"), pd.Series([1, 1, 0, 1]), 1),
    ],
)
def test_classes_may_be_text_booleans_or_numbers(labels: object, predicted: object, positive: object) -> None:
    found = PerformanceTracker(positive_label=positive).calculate_metrics(labels, predicted)
    assert found["recall"].value == pytest.approx(2 / 3)
    assert found["precision"].value == pytest.approx(2 / 3)


def test_rows_without_a_label_or_prediction_are_left_out() -> None:
    labels = pd.Series([1, None, 0, 1, pd.NA], dtype="Int64")
    found = PerformanceTracker().calculate_metrics(labels, [1, 1, 0, None, 1], [0.9, 0.1, 0.2, 0.3, 0.4])
    assert found["accuracy"].value == 1
    assert found["accuracy"].size == 2
    assert found["roc_auc"].size == 2


def test_labels_of_another_type_than_predictions_are_refused() -> None:
    with pytest.raises(InputError, match=r"different kinds \(y_true: text; y_pred: number; positive_label: number\)"):
        PerformanceTracker().calculate_metrics(["1", "0"], [1, 0])


def test_a_positive_label_of_another_type_is_refused() -> None:
    with pytest.raises(InputError, match="positive_label: text"):
        PerformanceTracker(positive_label="1").calculate_metrics([1, 0], [1, 0])


def test_more_than_two_classes_are_refused() -> None:
    with pytest.raises(InputError, match=r"2 classes besides 1 \(0, 2\); binary metrics need one"):
        PerformanceTracker().calculate_metrics([0, 1, 2], [0, 1, 1])


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="y_true 2, y_pred 3"):
        PerformanceTracker().calculate_metrics([0, 1], [0, 1, 1])


def test_tables_are_refused_as_columns() -> None:
    with pytest.raises(InputError, match="y_true has 2 dimensions"):
        PerformanceTracker().calculate_metrics([[0, 1]], [0])


def test_a_regression_gives_scikit_learns_metrics() -> None:
    labels, predicted = [1.0, 2.0, None, 4.0], [1.5, 2.0, 3.0, 2.0]
    found = REGRESSION.calculate_metrics(labels, predicted)
    assert found["mae"].value == pytest.approx(2.5 / 3)
    assert found["r2"].value == pytest.approx(sklearn_metrics.r2_score([1, 2, 4], [1.5, 2, 2]))


def test_a_regression_refuses_text() -> None:
    with pytest.raises(InputError, match="y_pred holds '3', which is text"):
        REGRESSION.calculate_metrics([1.0, 2.0], [1.0, "3"])


def test_nothing_to_measure_is_undefined_not_an_error() -> None:
    for found in (PerformanceTracker().calculate_metrics([], [], []), REGRESSION.calculate_metrics([], [])):
        assert all(metric.value is None and metric.reason for metric in found.values())


def test_inputs_are_not_modified() -> None:
    labels, predicted, scores = np.array([1, 0, 1]), np.array([1, 1, 0]), np.array([0.9, 0.8, 0.2])
    copies = labels.copy(), predicted.copy(), scores.copy()
    PerformanceTracker().calculate_metrics(labels, predicted, scores)
    for before, after in zip(copies, (labels, predicted, scores), strict=True):
        np.testing.assert_array_equal(before, after)


def test_degradation_is_detected_between_two_batches() -> None:
    random = np.random.default_rng(2)
    tracker = PerformanceTracker(thresholds=PerformanceThresholds(metrics=("accuracy",)))
    labels = random.integers(0, 2, 3_000)
    good = tracker.count_outcomes(labels, np.where(random.random(3_000) < 0.94, labels, 1 - labels))
    bad = tracker.count_outcomes(labels, np.where(random.random(3_000) < 0.76, labels, 1 - labels))
    assert [f.status for f in tracker.detect_performance_degradation(good, bad)] == [Status.DETECTED, Status.OK]
    assert [f.status for f in tracker.detect_performance_degradation(good, good)] == [Status.OK, Status.OK]


def test_performance_is_tracked_per_metric() -> None:
    from datetime import UTC, datetime, timedelta

    start = datetime(2026, 1, 1, tzinfo=UTC)
    points = [PerformancePoint(start + timedelta(days=day), 0.9 - 0.001 * day) for day in range(20)]
    trends = PerformanceTracker().track_performance_over_time(
        {"accuracy": points, "recall": []}, objectives={"accuracy": 0.88}
    )
    assert trends["accuracy"].slope_per_day == pytest.approx(-0.001)
    assert trends["accuracy"].days_until_slo_violation == pytest.approx(1)
    assert trends["recall"].reason == "no window has a value"
