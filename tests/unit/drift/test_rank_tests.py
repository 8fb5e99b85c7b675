"""Kolmogorov-Smirnov, Cramér-von Mises and Wasserstein against scipy, on arrays and on profiles."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.drift import CramerVonMises, DriftStatus, KolmogorovSmirnovTest, WassersteinDistance
from driftline.profiles import NumericBinning, NumericProfile, pooled_binning

# The reference values, "Small continuous pair"; p-values by scipy 1.17 (exact Kolmogorov-Smirnov).
SMALL_REFERENCE = [38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0]
SMALL_CURRENT = [39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8]

tied_samples = st.lists(st.integers(-5, 5).map(lambda n: n / 4), min_size=2, max_size=80).filter(
    lambda x: len(set(x)) > 1
)


def test_kolmogorov_smirnov_of_the_small_pair():
    result = KolmogorovSmirnovTest().detect_drift(SMALL_REFERENCE, SMALL_CURRENT, "pressure")
    assert (result.feature_name, result.test) == ("pressure", "kolmogorov_smirnov")
    assert result.statistic == pytest.approx(0.625, abs=1e-12)
    assert result.p_value == pytest.approx(0.08702408702408701, abs=1e-12)


def test_wasserstein_of_the_small_pair_in_reference_deviations():
    result = WassersteinDistance().detect_drift(SMALL_REFERENCE, SMALL_CURRENT)
    assert result.statistic == pytest.approx(0.781236105789365, abs=1e-12)


def test_cramer_von_mises_of_the_small_pair():
    assert CramerVonMises().detect_drift(SMALL_REFERENCE, SMALL_CURRENT).statistic == pytest.approx(0.4375, abs=1e-12)


def test_two_seeded_normal_samples():
    # scipy norm.rvs(size=100) with seeds 0 and 1: KS 0.08, p 0.9084105017744525; Wasserstein 0.12306371704444828
    reference = stats.norm.rvs(size=100, random_state=0)
    current = stats.norm.rvs(size=100, random_state=1)
    result = KolmogorovSmirnovTest().detect_drift(reference, current)
    assert result.statistic == pytest.approx(0.08, abs=1e-12)
    assert result.p_value == pytest.approx(0.9084105017744525, abs=1e-10)
    distance = WassersteinDistance().detect_drift(reference, current)
    assert distance.statistic * reference.std() == pytest.approx(0.12306371704444828, abs=1e-12)


@given(tied_samples, tied_samples)
@settings(max_examples=60, deadline=None)
def test_statistics_on_arrays_equal_scipy_with_ties(reference, current):
    expected = stats.ks_2samp(reference, current)
    result = KolmogorovSmirnovTest().detect_drift(reference, current)
    assert result.statistic == pytest.approx(expected.statistic, abs=1e-12)
    squares = stats.cramervonmises_2samp(reference, current, method="auto")
    result = CramerVonMises().detect_drift(reference, current)
    assert result.statistic == pytest.approx(squares.statistic, abs=1e-9)
    assert result.p_value == pytest.approx(squares.pvalue, abs=1e-6)
    distance = stats.wasserstein_distance(reference, current) / np.std(reference)
    assert WassersteinDistance().detect_drift(reference, current).statistic == pytest.approx(distance, abs=1e-9)


def test_large_samples_have_the_asymptotic_p_value_of_scipy():
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=2_000), rng.normal(0.05, 1, size=1_500)
    expected = stats.ks_2samp(reference, current, method="asymp")
    result = KolmogorovSmirnovTest().detect_drift(reference, current)
    assert result.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert result.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.parametrize("shift", [0.08, 0.1, 0.12])
def test_the_tail_of_large_samples_is_that_of_scipy_within_a_few_per_cent(shift):
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=8_000), rng.normal(shift, 1, size=6_000)
    expected = stats.ks_2samp(reference, current, method="asymp")
    assert expected.pvalue < 0.025
    result = KolmogorovSmirnovTest().detect_drift(reference, current)
    assert result.p_value == pytest.approx(expected.pvalue, rel=0.03)


@given(
    st.integers(0, 2**31),
    st.integers(2, 40),
    st.floats(-1.0, 1.0),
    st.sampled_from([None, 0, 1]),
)
@settings(max_examples=80, deadline=None)
def test_kolmogorov_smirnov_on_profiles_is_within_the_stated_bound(seed, cells, shift, decimals):
    rng = np.random.default_rng(seed)
    reference, current = rng.normal(size=300), rng.normal(shift, 1, size=200)
    if decimals is not None:
        reference, current = reference.round(decimals), current.round(decimals)
    binning = NumericBinning.from_values(reference, maximum_cells=cells)
    left, right = NumericProfile.of(reference, binning), NumericProfile.of(current, binning)
    on_cells = KolmogorovSmirnovTest().detect_profile_drift(left, right).statistic
    exact = stats.ks_2samp(reference, current).statistic
    smaller = np.minimum(left.counts / left.finite, right.counts / right.finite)
    assert on_cells <= exact + 1e-12
    assert exact <= on_cells + float(smaller[~binning.atoms].max()) + 1e-12


def test_the_baseline_binning_keeps_the_error_below_a_cells_mass_around_a_moving_spike():
    # A spike that moves by 0.001 inside a quantile cell: without atoms the distance would be missed altogether.
    rng = np.random.default_rng(3)
    reference = np.concatenate([rng.normal(size=20_000), np.full(20_000, 0.5)])
    current = np.concatenate([rng.normal(size=20_000), np.full(20_000, 0.501)])
    binning = NumericBinning.from_values(reference)
    result = KolmogorovSmirnovTest().detect_profile_drift(
        NumericProfile.of(reference, binning), NumericProfile.of(current, binning)
    )
    assert result.statistic == pytest.approx(stats.ks_2samp(reference, current).statistic, abs=0.001)


@pytest.mark.parametrize("kind", [np.asarray, list, pd.Series, pa.array, lambda x: pa.chunked_array([x])])
def test_every_kind_of_column_gives_the_same_result(kind):
    result = KolmogorovSmirnovTest().detect_drift(kind(SMALL_REFERENCE), SMALL_CURRENT)
    assert result.statistic == pytest.approx(0.625, abs=1e-12)


def test_integers_and_floats_compare():
    result = KolmogorovSmirnovTest().detect_drift(np.array([1, 2, 3, 4]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert result.statistic == 0.0


def test_the_inputs_are_not_modified():
    reference, current = np.array([3.0, 1.0, np.nan]), pd.Series([2.0, None, 5.0])
    before = reference.copy(), current.copy()
    for test in (KolmogorovSmirnovTest(), CramerVonMises(), WassersteinDistance()):
        test.detect_drift(reference, current)
    np.testing.assert_array_equal(reference, before[0])
    pd.testing.assert_series_equal(current, before[1])


@pytest.mark.parametrize(
    "test", [KolmogorovSmirnovTest(), CramerVonMises(), WassersteinDistance()], ids=lambda t: t.name
)
@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        ([], [1.0, 2.0], "The reference has 0 rows"),
        ([1.0, 2.0], [3.0], "The current window has 1 rows"),
        ([None, None, None], [1.0, 2.0], "The reference has no finite value"),
        ([1.0, 2.0], [np.inf, -np.inf], "The current window has no finite value"),
        ([5.0, 5.0], [5.0, 5.0], "The feature is constant"),
        ([1.0, 2.0], ["a", "b"], "2 not a number"),
    ],
)
def test_what_cannot_be_computed_is_not_evaluated_and_says_why(test, reference, current, reason):
    result = test.detect_drift(reference, current)
    assert result.status is DriftStatus.NOT_EVALUATED
    assert reason in result.reason


def test_a_frozen_feature_is_drift_although_it_is_constant_now():
    reference = np.random.default_rng(0).normal(size=1_000)
    result = KolmogorovSmirnovTest().detect_drift(reference, np.full(500, 0.1))
    assert result.detected
    assert "every value is 0.1 now" in result.description


def test_huge_and_infinite_values_do_not_break_the_statistic():
    reference = np.array([1e308, -1e308, 1.0, 2.0] * 50)
    current = np.array([1e308, np.inf, 1.0, 3.0] * 50)
    assert KolmogorovSmirnovTest().detect_drift(reference, current).statistic == pytest.approx(1 / 3, abs=0.09)
    assert WassersteinDistance().detect_drift(reference, current).status is DriftStatus.NOT_EVALUATED


def test_certain_but_tiny_is_not_drift():
    rng = np.random.default_rng(0)
    result = KolmogorovSmirnovTest().detect_drift(rng.normal(size=100_000), rng.normal(0.05, 1, size=100_000))
    assert result.p_value < 1e-6
    assert not result.detected


def test_profiles_in_different_binnings_are_named():
    left, right = pooled_binning([np.array([1.0, 2.0])]), pooled_binning([np.array([1.0, 3.0])])
    result = KolmogorovSmirnovTest().detect_profile_drift(
        NumericProfile.of(np.array([1.0, 2.0]), left), NumericProfile.of(np.array([1.0, 3.0]), right)
    )
    assert "different binnings" in result.reason


def test_the_smallest_detectable_shift_falls_with_the_rows():
    rng = np.random.default_rng(0)
    small = KolmogorovSmirnovTest(floor=0.01).detect_drift(rng.normal(size=300), rng.normal(size=300))
    large = KolmogorovSmirnovTest(floor=0.01).detect_drift(rng.normal(size=30_000), rng.normal(size=30_000))
    assert 0.01 < large.minimum_detectable_shift < small.minimum_detectable_shift < 1
