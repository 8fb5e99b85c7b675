"""Numbers that other well-known tools assert in their own tests, recomputed (shared/reference-values.md)."""

from __future__ import annotations

import math

import pytest
from scipy.stats import mannwhitneyu

from driftline.experiments.confidence_sequence import critical_multiple, mixture_bound, mixture_rho
from driftline.experiments.correction import holm
from driftline.experiments.design import Spending
from driftline.experiments.fixed_horizon import ProportionInterval, compare_means, compare_proportions, compare_ranks
from driftline.experiments.group_sequential import boundaries, crossing_probability
from driftline.experiments.sample_ratio import sample_ratio


def test_pooled_z_of_two_proportions() -> None:
    """statsmodels' own test of proportions_ztest: 5 of 83 against 12 of 99."""
    found = compare_proportions((12, 99), (5, 83))
    assert found.statistic == pytest.approx(-1.4078304151258787)
    assert found.p_value == pytest.approx(0.15918129181156992)
    assert "fixed horizon" in found.method


@pytest.mark.parametrize(
    ("interval", "low", "high"),
    [
        (ProportionInterval.NEWCOMBE, 0.018921443886, 0.340368687033),
        (ProportionInterval.AGRESTI_CAFFO, 0.011611670142, 0.321721663191),
    ],
)
def test_intervals_of_a_difference_of_proportions(interval: ProportionInterval, low: float, high: float) -> None:
    """statsmodels' own tests of confint_proportions_2indep: 7 of 34 against 1 of 34."""
    assert compare_proportions((1, 34), (7, 34), interval=interval).interval == pytest.approx((low, high))


def test_welch() -> None:
    """(1, 2, 3) against (1.1, 2.9, 4.2)."""
    control, treatment = (1.1 + 2.9 + 4.2) / 3, 2.0
    variance = sum((value - control) ** 2 for value in (1.1, 2.9, 4.2)) / 2
    found = compare_means((control, variance, 3), (treatment, 1.0, 3))
    assert found.statistic == pytest.approx(-0.68649512735572582)
    assert found.p_value == pytest.approx(0.53619490753126731)


@pytest.mark.parametrize(
    ("observed", "weights", "p_value"),
    [
        ([1000, 1200], [0.5, 0.5], 2.0079e-05),
        ([135, 115], [0.5, 0.5], 0.205903211),
        ([310, 98], [0.75, 0.25], 0.647434186),
        ([0, 10, 10], [0.34, 0.33, 0.33], 0.005790624),
    ],
)
def test_sample_ratio(observed: list[int], weights: list[float], p_value: float) -> None:
    found = sample_ratio(dict(zip("abc", observed, strict=False)), dict(zip("abc", weights, strict=False)))
    assert found.p_value == pytest.approx(p_value, rel=1e-4)
    assert found.is_mismatch is (p_value < 0.001)


def test_an_arm_without_weight_leaves_the_total() -> None:
    with_it = sample_ratio({"a": 135, "b": 115, "c": 9_999}, {"a": 0.5, "b": 0.5, "c": 0.0})
    assert with_it.p_value == pytest.approx(0.205903211, rel=1e-6)


def test_asymptotic_confidence_sequence_of_a_lift() -> None:
    """GrowthBook's sequential test: 1396 of 3000 against 2422 of 3461, relative, tuned for 5000."""
    control, treatment = 1396 / 3000, 2422 / 3461
    lift = (treatment - control) / control
    variances = control * (1 - control) / 3000, treatment * (1 - treatment) / 3461
    error = math.sqrt(variances[1] / control**2 + variances[0] * treatment**2 / control**4)
    reach = critical_multiple(6461, 0.05, 5000) * error
    assert lift == pytest.approx(0.50386, abs=5e-6)
    assert (lift - reach, lift + reach) == pytest.approx((0.40098, 0.60675), abs=5e-5)


def test_normal_mixture() -> None:
    """Howard et al.'s confseq: the best rho for v = 100 at alpha 0.05, and its two-sided bound there."""
    rho = mixture_rho(100, 0.05)
    assert rho == pytest.approx(12.60056, abs=5e-6)
    assert mixture_bound(100, rho, 0.05) == pytest.approx(30.35209, abs=5e-6)


def test_group_sequential_with_quadratic_spending() -> None:
    """Totals 250, 450, 630, 810 at alpha 0.01, two-sided: the nominal levels, as the last total is the horizon."""
    bounds = boundaries(0.01, [250 / 810, 450 / 810, 630 / 810, 1.0], Spending.QUADRATIC)
    nominal = [math.erfc(bound / math.sqrt(2)) for bound in bounds]
    assert nominal == pytest.approx([0.00095, 0.00241, 0.00410, 0.00636], abs=6e-6)


def test_what_28_looks_cost() -> None:
    """Naive testing at alpha 0.05 errs 27.6 %, group sequential testing 5 %; its power, with quadratic spending, is
    0.76 where one look has 0.80."""
    fractions = [step / 28 for step in range(1, 29)]
    assert crossing_probability([1.959964] * 28, fractions, 0.0) == pytest.approx(0.276, abs=0.002)
    bounds = boundaries(0.05, fractions, Spending.QUADRATIC)
    assert crossing_probability(bounds, fractions, 0.0) == pytest.approx(0.05, abs=1e-6)
    fixed_horizon_power_80 = 1.959964 + 0.841621
    assert crossing_probability(bounds, fractions, fixed_horizon_power_80) == pytest.approx(0.76, abs=0.005)


def test_holm() -> None:
    raw = {str(value): value for value in (0.01, 0.04, 0.03, 0.005, 0.55, 0.6)}
    corrected = {"0.005": 0.03, "0.01": 0.05, "0.03": 0.12, "0.04": 0.12, "0.55": 1.0, "0.6": 1.0}
    assert holm(raw) == pytest.approx(corrected)


def test_hodges_lehmann() -> None:
    found = compare_ranks([1, 2, 3, 4], [10, 20, 30, 40])
    assert found.interval == (6, 39)
    assert found.effect == 22.5


def test_a_canary_that_kayenta_passes_is_told_apart() -> None:
    """[100] x 7 and [1] x 3 against [1] x 10."""
    found = compare_ranks([1.0] * 10, [100.0] * 7 + [1.0] * 3)
    assert found.p_value == pytest.approx(0.0016, abs=5e-5)
    assert found.p_value == pytest.approx(mannwhitneyu([100.0] * 7 + [1.0] * 3, [1.0] * 10).pvalue)
