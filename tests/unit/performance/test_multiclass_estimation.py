"""Estimates of several classes against what the labels of the same rows show."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.performance import (
    ESTIMATED_CLASS_METRICS,
    ClassScores,
    MulticlassCalibration,
    estimate_multiclass_metrics,
    multiclass_metrics,
    multiclass_outcomes,
)
from driftline.profiles import NumericProfile
from driftline.profiles.multiclass import probability_binning

CLASSES = ("bird", "cat", "dog")
NAMES = np.array(CLASSES, dtype=object)
Rows = tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.float64]]


def rows_of(rng: np.random.Generator, rows: int, *, difficulty: float = 1.0, tilt: float = 0.0) -> Rows:
    """Labels drawn from true chances, of which the scores are a sharpened (badly calibrated) copy."""
    logits = rng.normal(size=(rows, 3)) * 2 / difficulty + np.array([tilt, 0.0, -tilt])
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random(rows)[:, None] > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    scores = chances**1.7
    scores /= scores.sum(axis=1, keepdims=True)
    return NAMES[labels], NAMES[scores.argmax(axis=1)], scores


def counted(rows: Rows) -> list[ClassScores]:
    _, predictions, scores = rows
    return [ClassScores.of(scores[:, index], predictions == name) for index, name in enumerate(CLASSES)]


def realised(rows: Rows) -> dict[str, float | None]:
    labels, predictions, scores = rows
    found = multiclass_metrics(multiclass_outcomes(labels, predictions, scores, classes=list(CLASSES)))
    return {name: metric.value for name, metric in found.items()}


@pytest.fixture(scope="module")
def learned() -> MulticlassCalibration:
    return MulticlassCalibration.learned(CLASSES, [rows_of(np.random.default_rng(1), 30_000)])


@pytest.mark.parametrize("shift", [{}, {"tilt": 0.8}], ids=["as before", "other classes"])
def test_labels_come_out_inside_the_interval(learned: MulticlassCalibration, shift: dict[str, float]) -> None:
    """Of 60 windows: the interval is of 95 %, and rather wide than narrow."""
    rng, inside = np.random.default_rng(2), dict.fromkeys(ESTIMATED_CLASS_METRICS, 0)
    for _ in range(60):
        window = rows_of(rng, 1_500, **shift)
        estimated, truth = estimate_multiclass_metrics(learned, counted(window)), realised(window)
        for name in ESTIMATED_CLASS_METRICS:
            low, high, value = estimated[name].interval_low, estimated[name].interval_high, truth[name]
            assert low is not None and high is not None and value is not None
            inside[name] += low <= value <= high
    assert min(inside.values()) >= 53, inside


def test_harder_cases_are_seen_without_a_label(learned: MulticlassCalibration) -> None:
    rng = np.random.default_rng(3)
    easy, hard = (rows_of(rng, 20_000, difficulty=difficulty) for difficulty in (1.0, 2.0))
    before, now = (estimate_multiclass_metrics(learned, counted(rows)) for rows in (easy, hard))
    for name in ("accuracy", "f1_macro"):
        worse = (realised(hard)[name] or 0.0) - (realised(easy)[name] or 0.0)
        assert worse < -0.1
        assert (now[name].value or 0.0) - (before[name].value or 0.0) == pytest.approx(worse, abs=0.03)


def test_profiles_give_what_rows_give(learned: MulticlassCalibration) -> None:
    rows = rows_of(np.random.default_rng(4), 5_000)
    _, predictions, scores = rows
    binning = probability_binning()
    of_profiles = [
        ClassScores.from_profiles(
            NumericProfile.of(scores[:, index], binning), NumericProfile.of(scores[predictions == name, index], binning)
        )
        for index, name in enumerate(CLASSES)
    ]
    exact, by_cells = (estimate_multiclass_metrics(learned, each) for each in (counted(rows), of_profiles))
    for name in ESTIMATED_CLASS_METRICS:
        assert by_cells[name].value == pytest.approx(exact[name].value, rel=0.01)
        assert by_cells[name].size == exact[name].size == 5_000


def test_fewer_labels_widen_the_interval(learned: MulticlassCalibration) -> None:
    rows = counted(rows_of(np.random.default_rng(5), 4_000))
    whole, part = estimate_multiclass_metrics(learned, rows), estimate_multiclass_metrics(learned, rows, labeled=40)
    for name in ESTIMATED_CLASS_METRICS:
        widths = [(found[name].interval_high or 0.0) - (found[name].interval_low or 0.0) for found in (whole, part)]
        assert widths[1] > 3 * widths[0]
        assert part[name].size == 40


def test_what_was_learned_survives_json(learned: MulticlassCalibration) -> None:
    again = MulticlassCalibration.from_json(json.loads(json.dumps(learned.to_json())))
    rows = counted(rows_of(np.random.default_rng(6), 500))
    assert estimate_multiclass_metrics(again, rows) == estimate_multiclass_metrics(learned, rows)
    with pytest.raises(InputError, match="no calibration of several classes"):
        MulticlassCalibration.from_json({"classes": ["a"]})


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(InputError, match="There are 150 labels with valid scores of all classes; a calibration needs"):
        MulticlassCalibration.learned(CLASSES, [rows_of(np.random.default_rng(7), 150)])


def test_a_class_that_was_never_predicted_has_a_wide_interval_once_it_is() -> None:
    labels, predictions, scores = rows_of(np.random.default_rng(8), 3_000)
    known = predictions != "dog"
    learned = MulticlassCalibration.learned(CLASSES, [(labels[known], predictions[known], scores[known])])
    found = estimate_multiclass_metrics(learned, counted((labels, predictions, scores)))["accuracy"]
    assert found.interval_low is not None and found.interval_high is not None
    assert found.interval_high - found.interval_low > 0.2


@pytest.mark.parametrize("score", [np.nan, -0.1, 1.5, np.inf])
def test_invalid_scores_are_left_out(learned: MulticlassCalibration, score: float) -> None:
    labels, predictions, scores = rows_of(np.random.default_rng(9), 400)
    spoilt = scores.copy()
    spoilt[:] = score
    found = estimate_multiclass_metrics(learned, counted((labels, predictions, spoilt)))
    assert {metric.value for metric in found.values()} == {None}
    assert {metric.reason for metric in found.values()} == {"no predictions with a valid score"}


@given(rows=st.integers(1, 400), seed=st.integers(0, 10_000), difficulty=st.floats(0.3, 4.0))
def test_estimates_stay_in_their_range_with_the_value_inside(
    learned: MulticlassCalibration, rows: int, seed: int, difficulty: float
) -> None:
    window = rows_of(np.random.default_rng(seed), rows, difficulty=difficulty)
    for name, metric in estimate_multiclass_metrics(learned, counted(window)).items():
        assert metric.value is not None and metric.interval_low is not None and metric.interval_high is not None
        assert 0 <= metric.interval_low <= metric.value <= metric.interval_high
        assert name == "log_loss" or metric.interval_high <= 1
