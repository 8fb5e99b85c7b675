"""Shares of missing rows and of never-seen levels."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportions_ztest

from driftline.drift import ChiSquareTest, DriftSeverity, DriftStatus, NewLevelTest, NullShareTest
from driftline.drift.share_tests import two_proportions


def _column(rows, nulls):
    return [None] * nulls + list(np.arange(rows - nulls, dtype=float))


def test_a_null_surge_is_drift():
    result = NullShareTest().detect_drift(_column(5_000, 50), _column(1_000, 100), "age")
    assert result.detected
    assert result.statistic == pytest.approx(0.09)
    assert (result.details["reference_share"], result.details["current_share"]) == (0.01, 0.1)
    assert "age" in result.recommendation


def test_nulls_that_vanish_are_drift_too():
    assert NullShareTest().detect_drift(_column(5_000, 1_000), _column(1_000, 0)).detected


def test_infinite_and_invalid_values_count_as_missing():
    result = NullShareTest().detect_drift([1.0, 2.0] * 500, [1.0, np.inf, "broken", None] * 100)
    assert result.statistic == pytest.approx(0.75)
    assert (result.details["non_finite"], result.details["invalid"]) == (100, 100)
    assert result.severity is DriftSeverity.CRITICAL


def test_nothing_missing_on_either_side_is_no_drift():
    result = NullShareTest().detect_drift([1.0, 2.0], [1.0, 3.0])
    assert (result.status, result.statistic, result.p_value) == (DriftStatus.OK, 0.0, 1.0)


def test_the_p_value_is_the_pooled_two_proportion_test():
    # statsmodels has no continuity correction: at these sizes it is worth 2 % of p.
    _, expected = proportions_ztest([5_100, 10_500], [100_000, 200_000])
    assert two_proportions((5_100, 10_500), (100_000, 200_000)) == pytest.approx(expected, rel=0.025)


def test_a_new_level_is_drift_by_its_mass_not_by_its_presence():
    reference = ["a"] * 5_000 + ["b"] * 5_000
    assert NewLevelTest().detect_drift(reference, ["a"] * 950 + ["c"] * 50).detected
    single = NewLevelTest().detect_drift(reference, ["a"] * 999 + ["c"])
    assert not single.detected
    assert single.details["new_levels"] == {"c": 1}


def test_new_levels_are_expected_where_the_reference_has_many_single_ones():
    rng = np.random.default_rng(0)
    reference, current = rng.zipf(1.3, 5_000).astype(str), rng.zipf(1.3, 1_000).astype(str)
    result = NewLevelTest().detect_drift(reference, current)
    assert result.statistic > 0.01
    assert not result.detected


def test_a_window_of_a_column_with_ever_new_levels_is_no_drift_to_the_chi_square_test_either():
    # 40 clean windows at 1 %: 4 or more have a probability of 0.07 % (binomial).
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(40):
        reference, current = rng.zipf(1.4, 8_000).astype(str), rng.zipf(1.4, 1_000).astype(str)
        alarms += ChiSquareTest(floor=0.0).detect_drift(reference, current).detected
    assert alarms < 4


def test_vanished_levels_are_named_with_their_share():
    result = NewLevelTest().detect_drift(["a"] * 70 + ["b"] * 30, ["a"] * 100)
    assert result.details["vanished_levels"] == {"b": 0.3}


def test_new_levels_of_numbers_are_not_evaluated():
    assert NewLevelTest().detect_drift([1.0, 2.0], [1.0, 2.0]).status is DriftStatus.NOT_EVALUATED
