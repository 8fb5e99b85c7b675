"""The statistics of experiments: invariants, and beside other implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from driftline.errors import InputError
from driftline.experiments.confidence_sequence import always_valid_p, critical_multiple
from driftline.experiments.correction import holm
from driftline.experiments.design import Spending
from driftline.experiments.fixed_horizon import compare_estimates, compare_means, compare_proportions, compare_ranks
from driftline.experiments.group_sequential import boundaries, crossing_probability, spent
from driftline.experiments.latency_quantile import latency_quantile
from driftline.experiments.moments import UnitMoments
from driftline.experiments.roc_auc import roc_auc
from driftline.experiments.sample_ratio import sample_ratio
from driftline.live.latency import cell_of

COUNTS = st.integers(2, 5_000).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size)))


@given(COUNTS, COUNTS)
def test_an_interval_contains_its_estimate(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    found = compare_proportions(control, treatment)
    assert found.interval is not None
    assert found.interval[0] - 1e-12 <= found.effect <= found.interval[1] + 1e-12
    assert 0 <= found.p_value <= 1


@given(st.floats(10, 1e6), st.floats(0.001, 0.2), st.floats(0.0005, 0.2), st.floats(50, 1e5))
def test_a_stricter_level_is_wider_and_a_sequence_wider_than_one_look(
    samples: float, one: float, other: float, tuned: float
) -> None:
    strict, loose = sorted((one, other))
    assert critical_multiple(samples, strict, tuned) >= critical_multiple(samples, loose, tuned) - 1e-9
    assert critical_multiple(samples, loose, tuned) > -norm.ppf(loose / 2)


@given(st.floats(100, 1e6), st.floats(0.001, 0.2))
def test_the_sequence_leaves_0_out_exactly_where_its_p_value_is_below_alpha(samples: float, alpha: float) -> None:
    bound = critical_multiple(samples, alpha)
    assert always_valid_p(bound, samples, alpha) == pytest.approx(alpha)
    assert always_valid_p(bound * 1.01, samples, alpha) < alpha < always_valid_p(bound * 0.99, samples, alpha)


@settings(max_examples=20)
@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=8, unique=True),
    st.sampled_from(list(Spending)),
    st.sampled_from([0.01, 0.05, 0.1]),
)
def test_whenever_the_looks_come_what_was_planned_is_spent(looks: list[int], spending: Spending, alpha: float) -> None:
    fractions = [look / 200 for look in sorted(looks)]
    bounds = boundaries(alpha, fractions, spending)
    assert crossing_probability(bounds, fractions, 0.0) == pytest.approx(
        spent(spending, alpha, fractions[-1]), abs=2e-7
    )
    last = boundaries(alpha, fractions, spending, is_last=True)
    assert last[:-1] == bounds[:-1]
    assert crossing_probability(last, fractions, 0.0) == pytest.approx(alpha, abs=2e-7)


def test_obrien_fleming_like_bounds_as_published() -> None:
    """Four equal looks at alpha 0.05, two-sided: Lan and DeMets' bounds (4.333, 2.963, 2.359, 2.014), as in Reboussin
    et al. (2000), table of their program."""
    bounds = boundaries(0.05, [0.25, 0.5, 0.75, 1.0], Spending.OBRIEN_FLEMING)
    assert bounds == pytest.approx((4.3326, 2.9631, 2.3590, 2.0141), abs=5e-4)


def test_a_horizon_that_was_overrun_still_spends_alpha_once() -> None:
    fractions = [0.3, 0.9, 1.4]
    bounds = boundaries(0.05, fractions, Spending.OBRIEN_FLEMING)
    assert crossing_probability(bounds, fractions, 0.0) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("fractions", [[], [0.0, 0.5], [0.5, 0.5], [0.6, 0.4]])
def test_looks_that_do_not_rise_are_refused(fractions: list[float]) -> None:
    with pytest.raises(InputError, match="fractions rise"):
        boundaries(0.05, fractions, Spending.OBRIEN_FLEMING)


def test_roc_auc_is_sklearns_and_its_error_is_that_of_repetition() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(2_000) < 0.3
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 0.999).round(2)
    cells: dict[int, tuple[int, int]] = {}
    for score, label in zip(scores, labels, strict=True):
        negatives, positives = cells.get(round(score * 100), (0, 0))
        cells[round(score * 100)] = (negatives + (not label), positives + bool(label))
    found = roc_auc(cells)
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(labels, scores))
    resampled = []
    for _ in range(80):
        chosen = rng.integers(0, 2_000, 2_000)
        resampled.append(roc_auc_score(labels[chosen], scores[chosen]))
    assert math.sqrt(found.variance) == pytest.approx(np.std(resampled), rel=0.25)


def test_a_latency_quantile_and_its_error_are_those_of_repetition() -> None:
    rng = np.random.default_rng(5)

    def counted() -> dict[int, int]:
        cells: dict[int, int] = {}
        for value in rng.lognormal(3, 0.5, 1_000):
            cells[cell_of(value)] = cells.get(cell_of(value), 0) + 1
        return cells

    found = [latency_quantile(counted(), 0.95) for _ in range(60)]
    logarithms = [each.logarithm for each in found if each is not None]
    assert np.mean(logarithms) == pytest.approx(3 + 0.5 * norm.ppf(0.95), abs=0.02)
    errors = [math.sqrt(each.variance) for each in found if each is not None]
    assert np.mean(errors) == pytest.approx(np.std(logarithms), rel=0.25)


def test_a_quantile_of_too_few_latencies_is_none() -> None:
    assert latency_quantile({10: 150}, 0.95) is None
    assert latency_quantile({10: 250}, 0.95) is not None


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), min_size=2, max_size=40))
def test_moments_add_up_and_have_the_variance_of_the_ratio(units: list[tuple[int, int]]) -> None:
    rows = [(n, min(s, n)) for n, s in units]
    moments = sum((UnitMoments(1, n, s, n * n, s * s, n * s) for n, s in rows), UnitMoments())
    n, s = np.array(rows, dtype=float).T
    ratio = s.sum() / n.sum()
    expected = np.var(s - ratio * n, ddof=1) * len(rows) / n.sum() ** 2
    assert moments.value == pytest.approx(ratio)
    assert moments.variance == pytest.approx(expected, abs=1e-12)


def test_welch_of_means_without_spread() -> None:
    assert compare_means((1.0, 0.0, 10), (1.0, 0.0, 10)).p_value == 1.0
    assert compare_means((1.0, 0.0, 10), (2.0, 0.0, 10)).p_value == 0.0
    with pytest.raises(InputError, match="at least two values"):
        compare_means((1.0, 0.0, 1), (2.0, 0.0, 10))


def test_shares_without_a_row_are_refused() -> None:
    with pytest.raises(InputError, match="at least one row"):
        compare_proportions((0, 0), (1, 2))
    assert compare_proportions((0, 50), (0, 50)).p_value == 1.0


def test_ranks_of_nothing_or_of_nan_are_refused() -> None:
    with pytest.raises(InputError, match="at least one value"):
        compare_ranks([], [1.0])
    with pytest.raises(InputError, match="finite"):
        compare_ranks([1.0], [math.nan])
    assert compare_ranks([1.0], [2.0]).interval is None


@settings(max_examples=20)
@given(st.lists(st.floats(-50, 50), min_size=25, max_size=30), st.lists(st.floats(-50, 50), min_size=25, max_size=30))
def test_the_interval_of_the_shift_contains_it(control: list[float], treatment: list[float]) -> None:
    found = compare_ranks(control, treatment)
    assert found.interval is not None
    assert found.interval[0] <= found.effect <= found.interval[1]


def test_estimates_without_an_error_are_certain() -> None:
    assert compare_estimates((1.0, 0.0), (1.0, 0.0), "x").p_value == 1.0
    assert compare_estimates((1.0, 0.0), (2.0, 0.0), "x").p_value == 0.0


def test_a_split_of_too_few_units_is_not_tested() -> None:
    found = sample_ratio({"a": 3, "b": 2}, {"a": 1, "b": 1})
    assert (found.p_value, found.is_mismatch) == (None, False)
    assert sample_ratio({"a": 30}, {"a": 1}).reason == "fewer than two arms have a weight"


# statsmodels collects all garbage at every call.
@settings(max_examples=4)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1]
    found = holm({str(place): p_value for place, p_value in enumerate(p_values)})
    assert list(found.values()) == pytest.approx(list(expected))
