"""The test on the spread."""

import numpy as np
import pytest
from scipy import stats

from driftline.drift import DriftStatus, SpreadTest
from driftline.drift.distances import normal_scores
from driftline.profiles import NumericBinning, NumericProfile


def test_a_variance_of_one_and_a_half_times_is_half_its_logarithm():
    rng = np.random.default_rng(0)
    result = SpreadTest().detect_drift(rng.normal(size=20_000), rng.normal(0, 1.5**0.5, 20_000))
    assert result.detected
    assert result.statistic == pytest.approx(np.log(1.5) / 2, abs=0.02)


def test_a_shift_of_the_level_alone_changes_little():
    rng = np.random.default_rng(0)
    result = SpreadTest().detect_drift(rng.normal(size=20_000), rng.normal(0.3, 1, 20_000))
    assert not result.detected


def test_outliers_do_not_count_by_their_size():
    rng = np.random.default_rng(0)
    reference, current = rng.normal(size=5_000), rng.normal(size=5_000)
    current[:5] = 1e300
    assert SpreadTest().detect_drift(reference, current).statistic < 0.05


def test_p_values_are_even_without_drift():
    rng = np.random.default_rng(1)
    p_values = [
        SpreadTest().detect_drift(rng.exponential(size=900), rng.exponential(size=500)).p_value for _ in range(200)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_a_frozen_feature_has_a_finite_and_critical_effect():
    result = SpreadTest().detect_drift(np.random.default_rng(0).normal(size=1_000), np.full(500, 0.2))
    assert result.detected
    assert np.isfinite(result.effect)


def test_profiles_give_what_arrays_give():
    rng = np.random.default_rng(0)
    reference, current = rng.normal(size=30_000), rng.normal(0, 1.3, 20_000)
    binning = NumericBinning.from_values(reference)
    on_profiles = SpreadTest().detect_profile_drift(
        NumericProfile.of(reference, binning), NumericProfile.of(current, binning)
    )
    assert on_profiles.statistic == pytest.approx(SpreadTest().detect_drift(reference, current).statistic, rel=0.04)


def test_scores_are_normal_quantiles_of_the_middle_ranks():
    np.testing.assert_allclose(normal_scores(np.array([1.0, 2.0, 1.0])), stats.norm.ppf([0.125, 0.5, 0.875]))


def test_a_constant_reference_has_no_spread():
    assert SpreadTest().detect_drift(np.full(300, 1.0), np.array([1.0, 2.0] * 150)).status is DriftStatus.NOT_EVALUATED
