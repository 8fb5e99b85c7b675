"""Numbers that other well-known tools assert in their own tests, recomputed with scipy 1.17 and statsmodels 0.15."""

import math

import numpy as np
import pytest
from scipy import stats

from driftline.drift import (
    ChiSquareTest,
    CramerVonMises,
    HellingerDistance,
    JensenShannonDivergence,
    KolmogorovSmirnovTest,
    PopulationStabilityIndex,
    TotalVariation,
    WassersteinDistance,
)
from driftline.drift.distances import population_stability_index

# Evidently's fixture for categorical counts: values 1 to 6, 88 rows on each side.
COUNTS = [16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]
NUMBERS = tuple(np.repeat(np.arange(1, 7), counts) for counts in COUNTS)
LEVELS = tuple(side.astype(str) for side in NUMBERS)

# Evidently's fixture for a small continuous pair.
SMALL = [38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0], [39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8]


@pytest.mark.parametrize(
    ("test", "statistic"),
    [
        (ChiSquareTest(), 1.6224089635854342),
        (HellingerDistance(), 0.06812774370983345),
        (TotalVariation(), 0.06818181818181819),
        (JensenShannonDivergence(), 0.08173421330573742**2),
        (PopulationStabilityIndex(), 0.037218381577290835),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_categorical_counts(test, statistic):
    assert test.detect_drift(*LEVELS).statistic == pytest.approx(statistic, abs=1e-12)


def test_the_chi_square_p_value_is_the_two_sample_one_and_not_the_one_against_an_exact_reference():
    p_value = ChiSquareTest().detect_drift(*LEVELS).p_value
    assert p_value == pytest.approx(0.8985262394026607, abs=1e-12)
    assert stats.chisquare(COUNTS[1], COUNTS[0]).pvalue == pytest.approx(0.6730876006966301, abs=1e-12)


def test_the_largest_difference_of_a_share():
    details = TotalVariation().detect_drift(*LEVELS).details
    assert details["largest_share_difference"] == pytest.approx(0.04545454545454547, abs=1e-12)


def test_the_jensen_shannon_distance_in_either_base_is_the_root_of_the_divergence():
    divergence = JensenShannonDivergence().detect_drift(*LEVELS).statistic
    assert math.sqrt(divergence) == pytest.approx(0.08173421330573742, abs=1e-12)
    assert math.sqrt(divergence * math.log(2)) == pytest.approx(0.06804819617703854, abs=1e-12)


def test_kolmogorov_smirnov_of_the_counts_as_numbers():
    result = KolmogorovSmirnovTest().detect_drift(*NUMBERS)
    assert result.statistic == pytest.approx(0.045454545454545456, abs=1e-12)
    assert result.p_value == pytest.approx(0.9999926089855543, abs=1e-10)


def test_the_small_pair():
    distance = KolmogorovSmirnovTest().detect_drift(*SMALL)
    assert (distance.statistic, distance.p_value) == pytest.approx((0.625, 0.08702408702408701), abs=1e-12)
    squares = CramerVonMises().detect_drift(*SMALL)
    assert (squares.statistic, squares.p_value) == pytest.approx((0.4375, 0.06433566433566433), abs=1e-12)
    moved = WassersteinDistance().detect_drift(*SMALL).statistic
    assert moved == pytest.approx(0.781236105789365, abs=1e-12)
    assert moved * np.std(SMALL[0]) == pytest.approx(4.1625, abs=1e-12)


def test_two_seeded_normal_samples():
    reference, current = (stats.norm.rvs(size=100, random_state=seed) for seed in (0, 1))
    distance = KolmogorovSmirnovTest().detect_drift(reference, current)
    assert (distance.statistic, distance.p_value) == pytest.approx((0.08, 0.9084105017744525), abs=1e-10)
    moved = WassersteinDistance().detect_drift(reference, current).statistic * reference.std()
    assert moved == pytest.approx(0.12306371704444828, abs=1e-12)


# 99 % quantiles of PSI without drift on ten reference deciles. The values are those of a reference of about 7,000 rows
# (found by 20,000 simulated windows); with as few rows on both sides they are about twice as high.
@pytest.mark.parametrize(
    ("rows", "quantile"), [(100, 0.239), (200, 0.111), (500, 0.044), (1_000, 0.025), (5_000, 0.0075)]
)
def test_psi_without_drift_is_larger_the_fewer_rows_there_are(rows, quantile):
    rng, reference = np.random.default_rng(rows), 7_000
    shares = rng.dirichlet(np.full(10, reference / 10), 3_000)
    deciles = np.full(10, reference / 10)
    values = [population_stability_index(deciles, rng.multinomial(rows, each).astype(float)) for each in shares]
    assert np.quantile(values, 0.99) == pytest.approx(quantile, rel=0.12)
    assert np.mean(values) == pytest.approx(9 * (1 / rows + 1 / reference), rel=0.1)
