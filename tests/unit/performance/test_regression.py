"""Regression metrics against scikit-learn on the same rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from driftline.performance import regression_metrics
from driftline.performance.regression import ERROR_QUANTILES
from driftline.profiles import NumericBinning, RegressionOutcomeProfile, pooled_binning

Floats = NDArray[np.float64]


def counted(labels: Floats, predictions: Floats) -> RegressionOutcomeProfile:
    return RegressionOutcomeProfile.of(labels, predictions, pooled_binning([predictions - labels]))


def sample(rows: int, seed: int) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    labels = random.gamma(2.0, 10.0, rows)
    return labels, 0.8 * labels + random.normal(3.0, 6.0, rows)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-3), st.floats(-1e6, 1e6)),
        min_size=2,
        max_size=50,
    )
)
def test_metrics_equal_scikit_learns_on_the_rows(rows: list[tuple[float, float]]) -> None:
    labels, predictions = np.array(rows).T
    found = regression_metrics(counted(labels, predictions))
    expected = {
        "mae": sklearn_metrics.mean_absolute_error(labels, predictions),
        "rmse": sklearn_metrics.root_mean_squared_error(labels, predictions),
        "bias": np.mean(predictions - labels),
        "mape": sklearn_metrics.mean_absolute_percentage_error(labels, predictions),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-9)
    if np.ptp(labels) > 1e-6 * np.abs(labels).max():
        expected_r2 = sklearn_metrics.r2_score(labels, predictions)
        assert found["r2"].value == pytest.approx(expected_r2, rel=1e-6, abs=1e-6)


def test_the_errors_quantiles_are_those_of_the_rows() -> None:
    labels, predictions = sample(5_000, seed=1)
    found = regression_metrics(counted(labels, predictions))
    for name, share in ERROR_QUANTILES.items():
        expected = np.quantile(predictions - labels, share, method="inverted_cdf")
        assert found[name].value == pytest.approx(expected, abs=0.02)


def test_about_95_percent_of_the_intervals_hold_the_true_value() -> None:
    # True values from a million rows; 500 samples of 500 rows. Three standard errors below 95 % are 92.1 %.
    truth = {name: metric.value for name, metric in regression_metrics(counted(*sample(1_000_000, seed=2))).items()}
    held = dict.fromkeys(truth, 0)
    for seed in range(500):
        for name, metric in regression_metrics(counted(*sample(500, seed=100 + seed))).items():
            held[name] += metric.interval_low <= truth[name] <= metric.interval_high  # type: ignore[operator]
    assert {name: count for name, count in held.items() if count < 0.921 * 500 and name != "mape"} == {}


def test_labels_of_zero_are_left_out_of_mape() -> None:
    found = regression_metrics(counted(np.array([0.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0])))["mape"]
    assert found.value == pytest.approx((0.5 + 0.25) / 2)
    assert found.size == 2


def test_labels_that_are_all_zero_leave_mape_undefined() -> None:
    found = regression_metrics(counted(np.zeros(5), np.arange(5.0)))
    assert found["mape"].value is None
    assert found["mape"].reason == "all 5 labels are 0"


@pytest.mark.parametrize("label", [0.0, 0.1, 1e9, -3.3])
def test_constant_labels_leave_r2_undefined(label: float) -> None:
    found = regression_metrics(counted(np.full(7, label), np.arange(7.0)))
    assert found["r2"].value is None
    assert found["r2"].reason == "all 7 labels are the same, so there is nothing to explain"


def test_perfect_predictions_have_no_error_and_explain_everything() -> None:
    labels = np.array([1.0, 2.0, 5.0])
    found = regression_metrics(counted(labels, labels))
    assert (found["mae"].value, found["rmse"].value, found["r2"].value) == (0, 0, 1)


def test_nothing_at_all_is_undefined_throughout() -> None:
    found = regression_metrics(RegressionOutcomeProfile.empty(NumericBinning(np.array([0.0]))))
    assert all(metric.value is None and metric.reason for metric in found.values())


def test_rows_that_are_not_finite_are_left_out() -> None:
    labels = np.array([1.0, np.nan, 3.0, 4.0, np.inf])
    predictions = np.array([2.0, 2.0, np.inf, 3.0, 1.0])
    found = regression_metrics(RegressionOutcomeProfile.of(labels, predictions, NumericBinning(np.array([0.0]))))
    assert found["mae"].value == 1
    assert found["mae"].size == 2


def test_values_near_the_limit_of_floats_are_undefined_and_raise_nothing() -> None:
    labels = np.array([1e308, -1e308, 1e300])
    profile = RegressionOutcomeProfile.of(labels, -labels, NumericBinning(np.array([0.0])))
    found = regression_metrics(profile)
    assert found["rmse"].value is None
    assert found["rmse"].reason == "values are too large for floating-point numbers"
    assert found["r2"].value is None
