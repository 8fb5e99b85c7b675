"""Counts add up; figures are read from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.live import OutcomeCounts, PredictionCounts

COUNTS = st.builds(
    PredictionCounts,
    predictions=st.integers(0, 1000),
    errors=st.integers(0, 1000),
    latencies=st.dictionaries(st.integers(-200, 600), st.integers(1, 100), max_size=5),
)


@given(COUNTS, COUNTS, COUNTS)
def test_minutes_add_up_in_any_order(one: PredictionCounts, two: PredictionCounts, three: PredictionCounts) -> None:
    assert (one + two) + three == three + (two + one)
    assert one + PredictionCounts() == one


def test_a_binary_models_figures() -> None:
    counts = OutcomeCounts(labeled=10, true_positives=3, false_positives=1, false_negatives=2, true_negatives=4)
    assert (counts.accuracy, counts.precision, counts.recall) == (0.7, 0.75, 0.6)
    assert (counts.mae, counts.rmse, counts.bias) == (None, None, None)


def test_a_regressions_figures() -> None:
    """Errors 1, -2, 3."""
    counts = OutcomeCounts(labeled=3, error_sum=2.0, absolute_error_sum=6.0, squared_error_sum=14.0)
    assert (counts.mae, counts.bias) == (2.0, pytest.approx(2 / 3))
    assert counts.rmse == pytest.approx((14 / 3) ** 0.5)
    assert (counts.accuracy, counts.precision) == (None, None)


def test_several_classes_have_micro_averages() -> None:
    """7 right, 3 wrong: a wrong one is a false positive of a class and a false negative of another."""
    counts = OutcomeCounts(labeled=10, true_positives=7, false_positives=3, false_negatives=3)
    assert (counts.accuracy, counts.precision, counts.recall) == (0.7, 0.7, 0.7)
    all_wrong = OutcomeCounts(labeled=4, false_positives=4, false_negatives=4)
    assert (all_wrong.accuracy, all_wrong.mae) == (0.0, None)


def test_what_is_undefined_is_none_and_not_zero() -> None:
    nothing = OutcomeCounts()
    assert (nothing.accuracy, nothing.precision, nothing.recall, nothing.mae) == (None, None, None, None)
    only_negatives = OutcomeCounts(labeled=5, true_negatives=5)
    assert (only_negatives.accuracy, only_negatives.precision, only_negatives.recall) == (1.0, None, None)
    assert PredictionCounts().error_rate is None
    assert PredictionCounts(predictions=4, errors=1).error_rate == 0.25
