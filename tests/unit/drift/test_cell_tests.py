"""PSI, Jensen-Shannon, Hellinger, total variation and chi-square on levels and deciles."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftline.drift import (
    ChiSquareTest,
    DriftStatus,
    HellingerDistance,
    JensenShannonDivergence,
    PopulationStabilityIndex,
    TotalVariation,
)
from driftline.profiles import NumericBinning, NumericProfile

# The reference values, "Categorical counts" (Evidently's fixture), recomputed with scipy 1.17.
REFERENCE = [str(value) for value, rows in zip(range(1, 7), [16, 18, 16, 14, 12, 12], strict=True) for _ in range(rows)]
CURRENT = [str(value) for value, rows in zip(range(1, 7), [16, 16, 16, 16, 16, 8], strict=True) for _ in range(rows)]
ALL = [
    PopulationStabilityIndex(),
    JensenShannonDivergence(),
    HellingerDistance(),
    TotalVariation(),
    ChiSquareTest(),
]

level_counts = st.lists(st.integers(1, 60), min_size=3, max_size=8)


def test_reference_values_of_the_categorical_fixture():
    chi_square = ChiSquareTest().detect_drift(REFERENCE, CURRENT)
    assert chi_square.statistic == pytest.approx(1.6224089635854342, abs=1e-12)
    assert chi_square.p_value == pytest.approx(0.8985262394026607, abs=1e-12)
    variation = TotalVariation().detect_drift(REFERENCE, CURRENT)
    assert variation.statistic == pytest.approx(0.06818181818181819, abs=1e-12)
    assert variation.details["largest_share_difference"] == pytest.approx(0.04545454545454547, abs=1e-12)
    assert HellingerDistance().detect_drift(REFERENCE, CURRENT).statistic == pytest.approx(
        0.06812774370983345, abs=1e-12
    )
    divergence = JensenShannonDivergence().detect_drift(REFERENCE, CURRENT).statistic
    assert divergence == pytest.approx(0.08173421330573742**2, abs=1e-12)
    assert PopulationStabilityIndex().detect_drift(REFERENCE, CURRENT).statistic == pytest.approx(
        0.037218381577290835, abs=1e-12
    )


@pytest.mark.parametrize(("rows", "expected"), enumerate([None, 0.0743, 0.11, 0.1188, 0.108, 0.1777]))
def test_psi_with_missing_as_a_category_and_a_row_added_to_each_cell(rows, expected):
    # Phoenix 3.2.1: reference [-1, 0, 1, 2, 3, None, ""], current range(i)
    test = PopulationStabilityIndex(pseudo_rows=1, minimum_rows=1)
    result = test.detect_drift(["-1", "0", "1", "2", "3", None, ""], [str(level) for level in range(rows)])
    if expected is None:
        assert result.status is DriftStatus.NOT_EVALUATED
    else:
        assert result.statistic == pytest.approx(expected, abs=5e-5)


@given(level_counts, st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_statistics_equal_scipy(counts, seed):
    levels = [f"level {index}" for index in range(len(counts))]
    current_counts = np.random.default_rng(seed).integers(1, 60, size=len(counts))
    reference, current = np.repeat(levels, counts), np.repeat(levels, current_counts)
    pooled = stats.chi2_contingency([counts, current_counts], correction=False)
    result = ChiSquareTest().detect_drift(reference, current)
    if (
        min(sum(counts), current_counts.sum())
        * (np.add(counts, current_counts) / np.add(counts, current_counts).sum()).min()
        >= 5
    ):
        assert result.statistic == pytest.approx(pooled.statistic, abs=1e-9)
        assert result.p_value == pytest.approx(pooled.pvalue, abs=1e-9)
    distance = jensenshannon(counts, current_counts, 2)
    assert JensenShannonDivergence().detect_drift(reference, current).statistic == pytest.approx(distance**2, abs=1e-9)


@given(st.integers(0, 2**31), st.floats(-2, 2))
@settings(max_examples=40, deadline=None)
def test_distances_stay_in_their_ranges_and_are_zero_for_the_same_data(seed, shift):
    rng = np.random.default_rng(seed)
    reference, current = rng.normal(size=200), rng.normal(shift, 1, size=150)
    for test in ALL[1:4]:
        assert 0 <= test.detect_drift(reference, current).statistic <= 1
    for test in ALL:
        assert test.detect_drift(reference, reference).statistic == pytest.approx(0, abs=1e-12)


def test_psi_noise_without_drift_has_its_known_quantile():
    # Yurdakul (2018): PSI n m / (n + m) is chi-square with 9 degrees of freedom for ten deciles: the 99 % quantile at
    # n = m = 1,000 is 21.666 * 2 / 1,000 = 0.0433 (scipy.stats.chi2.isf(0.01, 9)).
    rng = np.random.default_rng(5)
    test = PopulationStabilityIndex()
    values = [test.detect_drift(rng.normal(size=1_000), rng.normal(size=1_000)).statistic for _ in range(400)]
    assert np.quantile(values, 0.99) == pytest.approx(0.0433, abs=0.006)
    assert np.mean(values) == pytest.approx(9 * 2 / 1_000, rel=0.1)


def test_missing_values_are_a_cell_of_their_own():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=2_000)
    current = np.where(rng.random(2_000) < 0.2, np.nan, rng.normal(size=2_000))
    assert PopulationStabilityIndex().detect_drift(reference, current).detected
    assert not PopulationStabilityIndex().detect_drift(reference, current[np.isfinite(current)]).detected


def test_a_value_below_a_constant_reference_is_seen():
    reference, current = np.full(500, 5.0), np.full(500, 4.0)
    for test in ALL:
        assert test.detect_drift(reference, current).detected, test.name


def test_text_and_pandas_categories_compare_by_name():
    result = TotalVariation().detect_drift(REFERENCE, pd.Series(CURRENT, dtype="category"))
    assert result.statistic == pytest.approx(0.06818181818181819, abs=1e-12)


def test_whole_numbers_and_text_of_the_same_name_are_the_same_level():
    result = TotalVariation().detect_drift(["1", "2", "2"], [1, 2.0, 2])
    assert result.statistic == 0.0


def test_levels_that_no_side_has_and_rare_levels_do_not_break_the_chi_square_test():
    reference = ["a"] * 500 + ["b"] * 500 + [f"rare {index}" for index in range(20)]
    current = ["a"] * 250 + ["b"] * 250 + [f"other {index}" for index in range(10)]
    result = ChiSquareTest().detect_drift(reference, current)
    assert result.details["degrees_of_freedom"] == 2
    assert not result.detected


@pytest.mark.parametrize("test", ALL, ids=lambda test: test.name)
def test_deciles_of_a_profile_equal_those_of_the_array(test):
    rng = np.random.default_rng(0)
    reference, current = rng.normal(size=50_000), rng.normal(0.4, 1, size=20_000)
    binning = NumericBinning.from_values(reference)
    on_profiles = test.detect_profile_drift(NumericProfile.of(reference, binning), NumericProfile.of(current, binning))
    on_arrays = test.detect_drift(reference, current)
    assert on_profiles.effect == pytest.approx(on_arrays.effect, rel=0.01)


@pytest.mark.parametrize("test", ALL, ids=lambda test: test.name)
@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        ([], ["a", "b"], "0 rows"),
        ([None, None], ["a", "b"], "no value"),
        (["a", "a"], ["a", "a"], "constant"),
        (["a", "b"], [None, None], "no value"),
    ],
)
def test_what_cannot_be_computed_is_not_evaluated(test, reference, current, reason):
    result = test.detect_drift(reference, current)
    assert result.status is DriftStatus.NOT_EVALUATED
    assert reason in result.reason
