"""The largest change of a correlation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.drift import CorrelationTest, DriftSeverity, DriftStatus
from driftline.drift.encoding import read_tables
from driftline.drift.multivariate_correlation import LOWEST_SCORE, MaximumUnit, correlation_change, largest_change
from driftline.drift.severity import severity_of


def _pair(seed, rows, correlation, features=6):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, features))
    values[:, 1] = correlation * values[:, 0] + np.sqrt(1 - correlation**2) * values[:, 1]
    return pd.DataFrame(values, columns=[f"f{index}" for index in range(features)])


def _change(reference, current):
    pair = read_tables(reference, current)
    return correlation_change(pair.reference, pair.current)


def test_the_change_is_cohens_q_of_the_two_correlations():
    """Cohen (1988), table 4: r 0.60 has z 0.693, so that 0.6 to -0.6 is q 1.386."""
    found = _change(_pair(1, 20_000, 0.6), _pair(2, 20_000, -0.6))
    assert found.largest == pytest.approx(1.386, abs=0.03)
    assert found.pairs[0].features == ("f0", "f1")
    assert (found.pairs[0].before, found.pairs[0].now) == pytest.approx((0.6, -0.6), abs=0.02)
    assert found.compared == 15
    assert len(found.chance) == 100
    assert max(found.chance) < 0.1


def test_correlations_are_those_of_normal_scores():
    rng = np.random.default_rng(3)
    reference = pd.DataFrame({"a": rng.lognormal(0, 2, 400), "b": rng.standard_cauchy(400)})
    current = pd.DataFrame({"a": rng.lognormal(0, 2, 300), "b": rng.standard_cauchy(300)})
    pooled = pd.concat([reference, current]).apply(lambda column: stats.norm.ppf((stats.rankdata(column) - 0.5) / 700))
    before, now = pooled[:400].corr().iloc[0, 1], pooled[400:].corr().iloc[0, 1]
    found = _change(reference, current).pairs[0]
    assert (found.before, found.now) == pytest.approx((before, now))
    assert found.change == pytest.approx(abs(np.arctanh(now) - np.arctanh(before)))


def test_one_pair_among_many_is_found_and_named_also_in_few_rows():
    result = CorrelationTest(significance=1e-3).detect_drift(_pair(4, 1_000, 0.5, 30), _pair(5, 200, -0.5, 30))
    assert result.detected
    assert result.severity is DriftSeverity.HIGH
    assert result.details["pairs"][0]["features"] == ("f0", "f1")
    assert "f0 and f1 went from +0.5" in result.description
    assert "Look at f0 and f1 together" in result.recommendation


def test_the_dependence_of_two_levels_is_seen_and_levels_of_one_feature_are_no_pair():
    rng = np.random.default_rng(6)
    country = rng.choice(["de", "fr", "it"], 900)
    plan = np.where(rng.random(900) < 0.8, country, rng.choice(["de", "fr", "it"], 900))
    reference = pd.DataFrame({"country": country, "plan": plan})
    current = pd.DataFrame({"country": country, "plan": rng.permutation(plan)})
    found = _change(reference, current)
    assert found.pairs[0].features == ("country", "plan")
    assert found.compared == 9
    assert found.largest > 0.5


def test_margins_that_move_change_no_correlation():
    reference, current = _pair(7, 3_000, 0.6), _pair(8, 3_000, 0.6) + 0.5
    assert not CorrelationTest().detect_drift(reference, current).detected


def test_copies_of_a_column_and_frozen_ones_are_no_infinite_change():
    reference, current = _pair(9, 400, 0.0), _pair(10, 400, 0.0)
    reference["f1"] = reference["f0"]
    current["f1"], current["f2"] = current["f0"], 0.5
    found = CorrelationTest().detect_drift(reference, current)
    assert found.status is DriftStatus.OK
    assert np.isfinite(found.statistic)


def test_a_change_of_one_pair_is_never_critical():
    assert severity_of("correlation_change", 2.6, 0.0) is DriftSeverity.HIGH
    assert severity_of("correlation_change", 0.35, 0.0) is DriftSeverity.MEDIUM
    assert severity_of("correlation_change", 2.6, 0.02) is DriftSeverity.LOW


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(20, 80), st.integers(20, 80))
def test_the_order_of_rows_and_columns_does_not_matter(seed, before, now):
    rng = np.random.default_rng(seed)
    reference, current = _pair(seed, before, 0.3, 4), _pair(seed + 1, now, 0.3, 4)
    shuffled = current.sample(frac=1, random_state=seed % 1_000)[list(rng.permutation(current.columns))]
    first, second = read_tables(reference, current), read_tables(reference[shuffled.columns], shuffled)
    expected = largest_change(first.reference, first.current).largest
    assert largest_change(second.reference, second.current).largest == pytest.approx(expected)


@pytest.mark.parametrize("compared", [1, 6, 300])
@pytest.mark.parametrize("change", [0.05, 0.2, 1.0, 5.0])
def test_the_unit_leads_back(compared, change):
    unit = MaximumUnit(compared, (1_000, 200))
    score = unit.of(change)
    if score > LOWEST_SCORE:
        assert unit.back(score) == pytest.approx(change, rel=1e-6)


@pytest.mark.parametrize("compared", [1, 6, 300])
def test_chance_is_standard_normal_in_the_unit(compared):
    """4,000 maxima, fixed seed: mean within 0.06 (3.8 standard errors), deviation within 0.05."""
    unit = MaximumUnit(compared, (1_000, 200))
    normal = np.random.default_rng(compared).standard_normal((4_000, compared))
    scores = [unit.of(value) for value in np.abs(normal).max(axis=1) * unit.standard_error]
    assert np.mean(scores) == pytest.approx(0, abs=0.06)
    assert np.std(scores) == pytest.approx(1, abs=0.05)
