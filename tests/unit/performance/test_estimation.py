"""Estimates without labels: NannyML's published values, and that the interval holds what the labels show."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from driftline.errors import InputError
from driftline.performance import (
    ESTIMATED_METRICS,
    ScoreCalibration,
    ScoredPredictions,
    binary_metrics,
    binary_outcomes,
    estimate_binary_metrics,
    threshold_misfit,
)
from driftline.profiles import BinaryOutcomeProfile, NumericBinning, NumericProfile

Floats = NDArray[np.float64]

NANNYML = Path(__file__).parents[2] / "data" / "nannyml_synthetic_sample.npz"  # provenance: README.md beside it


def drawn(rows: int, seed: int, shift: float = 0.0) -> tuple[NDArray[np.bool_], Floats]:
    """Labels whose chance is ``score ** 1.5``: scores are miscalibrated, always in the same way."""
    random = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-random.normal(shift, 2, rows)))
    return random.random(rows) < scores**1.5, scores


def outcomes(labels: NDArray[np.bool_], scores: Floats, binning: NumericBinning) -> BinaryOutcomeProfile:
    return BinaryOutcomeProfile.of(labels, scores >= 0.5, scores, binning)


@pytest.fixture(scope="module")
def learned() -> tuple[NumericBinning, ScoreCalibration]:
    labels, scores = drawn(20_000, seed=1)
    binning = NumericBinning.from_values(scores)
    return binning, ScoreCalibration.learned(outcomes(labels, scores, binning))


def test_nannymls_published_estimates_are_matched() -> None:
    data = np.load(NANNYML)
    reference = binary_outcomes(data["reference_label"], data["reference_predicted"], data["reference_percent"] / 100)
    calibration = ScoreCalibration.learned(reference)
    window = ScoredPredictions.of(data["analysis_predicted"], data["analysis_percent"] / 100)
    found = estimate_binary_metrics(calibration, window)
    # NannyML 0.13.1, tests/performance_estimation/CBPE (reference-values.md).
    expected = {
        "precision": 0.9436121782324026,
        "recall": 0.9522429574319092,
        "specificity": 0.9434949869571513,
        "accuracy": 0.9478536003143163,
        "f1": 0.9479079222515973,
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected, rel=1e-12)
    # NannyML draws the ROC curve row by row, in an arbitrary order where scores are tied: ties count half here.
    assert found["roc_auc"].value == pytest.approx(0.9711028571137201, abs=1e-8)


def test_nannymls_labels_come_out_inside_the_intervals() -> None:
    data = np.load(NANNYML)
    reference = binary_outcomes(data["reference_label"], data["reference_predicted"], data["reference_percent"] / 100)
    calibration = ScoreCalibration.learned(reference)
    analysis = binary_outcomes(data["analysis_label"], data["analysis_predicted"], data["analysis_percent"] / 100)
    realised = binary_metrics(analysis)
    window = ScoredPredictions.of(data["analysis_predicted"], data["analysis_percent"] / 100)
    for name, metric in estimate_binary_metrics(calibration, window).items():
        assert metric.interval_low <= realised[name].value <= metric.interval_high, name  # type: ignore[operator]


def test_the_calibration_is_the_one_that_scikit_learn_fits_to_the_rows() -> None:
    labels, scores = drawn(3_000, seed=2)
    scores = scores.round(2)
    calibration = ScoreCalibration.learned(binary_outcomes(labels, scores >= 0.5, scores, positive_label=True))
    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    asked = np.linspace(0, 1, 501)
    np.testing.assert_allclose(calibration.chance(asked), fitted.predict(asked), atol=1e-12)


def test_a_calibration_survives_json(learned: tuple[NumericBinning, ScoreCalibration]) -> None:
    import json

    _, calibration = learned
    again = ScoreCalibration.from_json(json.loads(json.dumps(calibration.to_json())))
    asked = np.linspace(0, 1, 101)
    np.testing.assert_array_equal(again.chance(asked), calibration.chance(asked))
    np.testing.assert_array_equal(again.block_variances, calibration.block_variances)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"scores": "x"},
        {"scores": [0.5, 0.1], "chances": [0, 1], "block_ends": [1], "block_rows": [1], "block_positives": [1]},
    ],
)
def test_what_is_no_calibration_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InputError, match="score calibration"):
        ScoreCalibration.from_json(document)


@pytest.mark.parametrize("labels", [[1] * 50, [0] * 50, [1] * 9 + [0] * 41])
def test_too_few_labels_of_a_class_teach_no_calibration(labels: list[int]) -> None:
    profile = binary_outcomes(labels, labels, np.linspace(0, 1, 50))
    with pytest.raises(InputError, match=r"positive and \d+ negative labels with a valid score"):
        ScoreCalibration.learned(profile)


def test_a_profile_of_scores_gives_the_estimate_of_the_rows(learned: tuple[NumericBinning, ScoreCalibration]) -> None:
    binning, calibration = learned
    _, scores = drawn(5_000, seed=3, shift=0.7)
    of_rows = estimate_binary_metrics(calibration, ScoredPredictions.of(scores >= 0.5, scores, positive_label=True))
    profile = NumericProfile.of(scores, binning)
    of_profile = estimate_binary_metrics(
        calibration, ScoredPredictions.from_profile(profile, int(np.count_nonzero(scores >= 0.5)))
    )
    for name in ESTIMATED_METRICS:
        assert of_profile[name].value == pytest.approx(of_rows[name].value, abs=1e-3)
        assert of_profile[name].interval_low == pytest.approx(of_rows[name].interval_low, abs=2e-3)


def test_about_95_percent_of_the_intervals_hold_what_the_labels_show() -> None:
    # 400 pairs of a baseline of 4,000 and a shifted window of 1,000 rows; one standard error is 1.1 points, so 91.7 %
    # is three below 95 %.
    held = dict.fromkeys(ESTIMATED_METRICS, 0)
    for seed in range(400):
        labels, scores = drawn(4_000, seed=10_000 + seed)
        binning = NumericBinning.from_values(scores)
        calibration = ScoreCalibration.learned(outcomes(labels, scores, binning))
        labels, scores = drawn(1_000, seed=20_000 + seed, shift=0.5)
        window = outcomes(labels, scores, binning)
        realised = binary_metrics(window)
        for name, metric in estimate_binary_metrics(calibration, ScoredPredictions.from_outcomes(window)).items():
            held[name] += metric.interval_low <= realised[name].value <= metric.interval_high  # type: ignore[operator]
    assert {name: count for name, count in held.items() if count < 0.917 * 400} == {}
    assert {name: count for name, count in held.items() if count > 0.99 * 400} == {}


def test_a_smaller_baseline_makes_a_wider_interval() -> None:
    _, scores = drawn(50_000, seed=4)
    widths = []
    for rows in (500, 20_000):
        labels, before = drawn(rows, seed=5)
        calibration = ScoreCalibration.learned(outcomes(labels, before, NumericBinning.from_values(before)))
        found = estimate_binary_metrics(calibration, ScoredPredictions.of(scores >= 0.5, scores, positive_label=True))
        metric = found["accuracy"]
        assert metric.interval_low is not None
        assert metric.interval_high is not None
        widths.append(metric.interval_high - metric.interval_low)
    assert widths[0] > 2 * widths[1]


@settings(max_examples=50)
@given(rows=st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50))
def test_whatever_the_scores_estimates_are_shares_within_their_intervals(rows: list[tuple[bool, float]]) -> None:
    labels, scores = drawn(500, seed=6)
    calibration = ScoreCalibration.learned(outcomes(labels, scores, NumericBinning.from_values(scores)))
    predictions = ScoredPredictions.of([label for label, _ in rows], [score for _, score in rows], positive_label=True)
    for metric in estimate_binary_metrics(calibration, predictions).values():
        if metric.value is None:
            assert metric.reason
            continue
        assert metric.interval_low is not None
        assert metric.interval_high is not None
        assert 0 <= metric.interval_low <= metric.value + 1e-12
        assert metric.value - 1e-12 <= metric.interval_high <= 1


def test_nothing_to_estimate_is_undefined_with_the_reason(learned: tuple[NumericBinning, ScoreCalibration]) -> None:
    binning, calibration = learned
    empty = ScoredPredictions.from_profile(NumericProfile.empty(binning), 0)
    found = estimate_binary_metrics(calibration, empty)
    assert {metric.reason for metric in found.values()} == {"no predictions with a valid score"}
    none_positive = ScoredPredictions.of([0, 0, 0], [0.1, 0.2, 0.4])
    found = estimate_binary_metrics(calibration, none_positive)
    assert found["precision"].value is None
    assert found["precision"].reason == "none of the predictions is positive"
    assert found["recall"].value == 0


def test_scores_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(InputError, match=r"holds 97 \(2 such values\); scores are chances from 0 to 1"):
        ScoredPredictions.of([1, 0, 1], [97, 0.2, np.inf])


def test_predictions_by_one_threshold_fit_and_others_do_not() -> None:
    labels, scores = drawn(5_000, seed=7)
    binning = NumericBinning.from_values(scores)
    assert threshold_misfit(outcomes(labels, scores, binning)) < 0.001
    at_random = np.random.default_rng(8).random(5_000) < 0.5
    assert threshold_misfit(BinaryOutcomeProfile.of(labels, at_random, scores, binning)) > 0.05
