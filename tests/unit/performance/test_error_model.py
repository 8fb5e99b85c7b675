"""The error of a regression, estimated without labels."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from driftline.errors import InputError
from driftline.performance import ErrorModel, estimate_errors, estimate_errors_of_profile, regression_outcomes
from driftline.performance.regression import regression_metrics
from driftline.profiles import NumericBinning, NumericProfile

Floats = NDArray[np.float64]


def drawn(rows: int, seed: int, shift: float = 0.0) -> tuple[Floats, Floats]:
    """Predictions, and errors whose spread grows with them."""
    random = np.random.default_rng(seed)
    predictions = random.uniform(shift, 10 + shift, rows)
    return predictions, random.normal(0, 0.2 + 0.1 * np.clip(predictions, 0, 10))


def test_errors_are_seen_to_grow_where_the_predictions_move_to_harder_ones() -> None:
    predictions, errors = drawn(20_000, seed=1)
    model = ErrorModel.learned({"prediction": predictions}, errors)
    harder, their_errors = drawn(5_000, seed=2, shift=4)
    realised = regression_metrics(regression_outcomes(harder - their_errors, harder))
    for name, metric in estimate_errors(model, {"prediction": harder}).items():
        assert metric.value == pytest.approx(realised[name].value, rel=0.05)
        assert metric.value > 1.15 * {"mae": np.abs(errors).mean(), "rmse": np.sqrt(np.mean(errors**2))}[name]


def test_about_95_percent_of_the_intervals_hold_what_the_labels_show() -> None:
    # 300 pairs of a baseline of 3,000 and a window of 500; three standard errors below 95 % is 91.2 %.
    held = {"mae": 0, "rmse": 0}
    for seed in range(300):
        model = ErrorModel.learned(*_columns(*drawn(3_000, seed=1_000 + seed)))
        predictions, errors = drawn(500, seed=5_000 + seed)
        realised = regression_metrics(regression_outcomes(predictions - errors, predictions))
        for name, metric in estimate_errors(model, {"prediction": predictions}).items():
            held[name] += metric.interval_low <= realised[name].value <= metric.interval_high  # type: ignore[operator]
    assert min(held.values()) >= 0.912 * 300, held


def test_a_profile_of_predictions_gives_the_estimate_of_the_rows() -> None:
    model = ErrorModel.learned(*_columns(*drawn(20_000, seed=3)))
    predictions, _ = drawn(4_000, seed=4, shift=2)
    profile = NumericProfile.of(predictions, NumericBinning.from_values(drawn(20_000, seed=3)[0]))
    of_rows, of_profile = (
        estimate_errors(model, {"prediction": predictions}),
        estimate_errors_of_profile(model, profile),
    )
    for name in ("mae", "rmse"):
        assert of_profile[name].value == pytest.approx(of_rows[name].value, rel=0.01)


def test_fewer_labels_make_a_wider_interval() -> None:
    model = ErrorModel.learned(*_columns(*drawn(20_000, seed=3)))
    profile = NumericProfile.of(drawn(4_000, seed=4)[0], NumericBinning.from_values(drawn(4_000, seed=4)[0]))
    few, all_of_them = (estimate_errors_of_profile(model, profile, labeled=labeled)["mae"] for labeled in (100, None))
    assert few.value == all_of_them.value
    assert few.interval_high > all_of_them.interval_high  # type: ignore[operator]


def test_features_can_tell_the_error_too_and_rows_fall_into_scikit_learns_leaves() -> None:
    random = np.random.default_rng(5)
    table = {"prediction": random.normal(size=5_000), "age": random.integers(18, 90, 5_000).astype(float)}
    errors = random.normal(0, np.where(table["age"] > 60, 3.0, 1.0))
    model = ErrorModel.learned(table, errors)
    tree = DecisionTreeRegressor(max_leaf_nodes=64, min_samples_leaf=50, random_state=0)
    tree.fit(np.column_stack(list(table.values())), np.abs(errors))
    np.testing.assert_array_equal(model.leaves(table), tree.apply(np.column_stack(list(table.values()))))
    old = {"prediction": random.normal(size=2_000), "age": np.full(2_000, 75.0)}
    assert estimate_errors(model, old)["mae"].value == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.15)


def test_a_model_survives_json() -> None:
    model = ErrorModel.learned(*_columns(*drawn(2_000, seed=6)))
    again = ErrorModel.from_json(json.loads(json.dumps(model.to_json())))
    asked = {"prediction": np.linspace(-5, 20, 200)}
    assert estimate_errors(again, asked) == estimate_errors(model, asked)
    with pytest.raises(InputError, match="no model of a regression's error"):
        ErrorModel.from_json({"columns": ["prediction"]})


def test_bad_input_is_refused_or_left_out() -> None:
    predictions, errors = drawn(500, seed=7)
    with pytest.raises(InputError, match="needs at least 200"):
        ErrorModel.learned(*_columns(predictions[:150], errors[:150]))
    spoiled = np.append(predictions, [np.nan, np.inf])
    model = ErrorModel.learned({"prediction": spoiled}, np.append(errors, [1.0, 1.0]))
    assert model.rows.sum() == 500
    assert estimate_errors(model, {"prediction": spoiled})["mae"].size == 500
    nothing = estimate_errors(model, {"prediction": np.array([np.nan])})
    assert {metric.reason for metric in nothing.values()} == {"no predictions that are finite numbers"}
    with pytest.raises(InputError, match="asks for prediction"):
        estimate_errors(model, {"amount": predictions})


def test_a_profile_cannot_answer_a_model_that_asks_for_features() -> None:
    predictions, errors = drawn(500, seed=8)
    model = ErrorModel.learned({"prediction": predictions, "age": predictions * 2}, errors)
    profile = NumericProfile.of(predictions, NumericBinning.from_values(predictions))
    with pytest.raises(InputError, match="asks for prediction, age; a profile has the prediction only"):
        estimate_errors_of_profile(model, profile)


def _columns(predictions: Floats, errors: Floats) -> tuple[dict[str, Floats], Floats]:
    return {"prediction": predictions}, errors
