"""Intervals against published values and their own definitions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.performance.intervals import (
    critical_value,
    difference_interval,
    mean_interval,
    ratio_interval,
    wilson_interval,
)
from driftline.profiles import Moments


def test_the_critical_value_at_95_percent_is_1_96() -> None:
    assert critical_value(0.95) == pytest.approx(1.959963984540054, abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "size", "low", "high"),
    [
        # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3 (Wilson).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_newcombes_published_intervals(successes: int, size: int, low: float, high: float) -> None:
    assert wilson_interval(successes / size, size, 0.95) == pytest.approx((low, high), abs=5e-5)


def test_the_difference_of_two_shares_has_newcombes_interval() -> None:
    # statsmodels' test of 7/34 against 1/34, method "newcombe" (reference-values.md).
    left, right = wilson_interval(7 / 34, 34, 0.95), wilson_interval(1 / 34, 34, 0.95)
    assert difference_interval(7 / 34, left, 1 / 34, right) == pytest.approx(
        (0.018921443886, 0.340368687033), abs=1e-11
    )


def test_a_mean_has_the_normal_interval() -> None:
    # By hand: mean 10, standard error 2 over 10.
    assert mean_interval(Moments(n=100, mean=10.0, m2=99 * 4.0), 0.95) == pytest.approx((9.608007, 10.391993), abs=1e-6)


@pytest.mark.parametrize("moments", [Moments(), Moments(n=1, mean=3.0), Moments(n=5, mean=1.0, m2=math.inf)])
def test_a_mean_of_too_few_or_endless_values_has_no_interval(moments: Moments) -> None:
    assert mean_interval(moments, 0.95) is None


@given(
    numerator=st.floats(0.1, 100),
    denominator=st.floats(0.1, 100),
    widths=st.tuples(*[st.floats(0.0, 0.9)] * 4),
)
def test_a_ratios_interval_holds_the_ratio_and_narrows_with_its_parts(
    numerator: float, denominator: float, widths: tuple[float, ...]
) -> None:
    top = (numerator * (1 - widths[0]), numerator * (1 + widths[1]))
    bottom = (denominator * (1 - widths[2]), denominator * (1 + widths[3]))
    low, high = ratio_interval(numerator, top, denominator, bottom)
    ratio = numerator / denominator
    assert low <= ratio * (1 + 1e-9)
    assert high >= ratio * (1 - 1e-9)
    alone = ratio_interval(numerator, top, denominator, (denominator, denominator))
    assert alone == pytest.approx((top[0] / denominator, top[1] / denominator))
    assert low <= alone[0] * (1 + 1e-9)
    assert high >= alone[1] * (1 - 1e-9)


def test_a_ratio_over_a_share_that_may_be_zero_is_open_upward() -> None:
    assert ratio_interval(1.0, (0.5, 1.5), 1.0, (0.0, 1.9))[1] == math.inf


@given(share=st.floats(0, 1), size=st.integers(1, 10**9))
def test_wilsons_interval_stays_within_0_and_1_and_holds_the_share(share: float, size: int) -> None:
    low, high = wilson_interval(share, size, 0.95)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
