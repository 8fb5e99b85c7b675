"""Disparities: fairlearn's values, intervals that cover, and what cannot be told."""

from __future__ import annotations

from typing import Any

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, precision_score
from statsmodels.stats.proportion import confint_proportions_2indep

from driftline.fairness import (
    REGRESSION_CRITERIA,
    Criterion,
    GroupCounts,
    Rate,
    binary_groups,
    disparities,
    group_rate,
    pooled,
    regression_groups,
)

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

OF_FAIRLEARN = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
)


def rows_of(seed: int, size: int = 600, groups: int = 3) -> Rows:
    """Label, prediction, group and score of rows whose model leans towards the first group."""
    drawn = np.random.default_rng(seed)
    group = drawn.choice([f"g{index}" for index in range(groups)], size)
    score = drawn.random(size)
    return drawn.random(size) < score, score > np.where(group == "g0", 0.4, 0.6), group, score


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", OF_FAIRLEARN)
def test_differences_and_ratios_are_fairlearns(seed: int, name: str) -> None:
    labels, predicted, group, _ = rows_of(seed, groups=2 + seed % 3)
    expected = getattr(fairlearn, name)(labels, predicted, sensitive_features=group)
    found = disparities(binary_groups(labels, predicted, group, positive_label=True))[name]
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.interval_low is not None
    assert found.interval_high is not None
    assert found.interval_low <= found.value <= found.interval_high


@pytest.mark.parametrize("seed", range(3))
def test_the_others_are_the_difference_of_fairlearns_frame(seed: int) -> None:
    labels, predicted, group, score = rows_of(seed)
    found = disparities(binary_groups(labels, predicted, group, score, positive_label=True))

    def of_frame(metric: Any, first: Any, second: Any) -> float:
        return float(
            fairlearn.MetricFrame(metrics=metric, y_true=first, y_pred=second, sensitive_features=group).difference()
        )

    assert found["predictive_parity_difference"].value == pytest.approx(of_frame(precision_score, labels, predicted))
    calibration = of_frame(lambda truth, scores: float(np.mean(scores - truth)), labels.astype(float), score)
    assert found["calibration_difference"].value == pytest.approx(calibration)


def test_a_regressions_differences_are_those_of_fairlearns_frame() -> None:
    drawn = np.random.default_rng(7)
    labels, group = drawn.normal(size=500), drawn.choice(["a", "b", "c"], 500)
    predicted = labels + drawn.normal(size=500) * np.where(group == "a", 2.0, 1.0) + np.where(group == "b", 0.5, 0.0)
    found = disparities(regression_groups(labels, predicted, group), REGRESSION_CRITERIA)
    frame = fairlearn.MetricFrame(
        metrics={"mae": mean_absolute_error, "bias": lambda truth, made: float(np.mean(made - truth))},
        y_true=labels,
        y_pred=predicted,
        sensitive_features=group,
    )
    assert found["mae_difference"].value == pytest.approx(frame.difference()["mae"])
    assert found["bias_difference"].value == pytest.approx(frame.difference()["bias"])
    assert (found["mae_difference"].highest, found["bias_difference"].highest) == ("a", "b")


def test_an_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe (1998), 7/34 against 1/34; the same through statsmodels.
    groups = {"a": GroupCounts(34, 7), "b": GroupCounts(34, 1)}
    found = disparities(groups, [Criterion.DEMOGRAPHIC_PARITY])["demographic_parity_difference"]
    assert (found.interval_low, found.interval_high) == pytest.approx((0.018921443886, 0.340368687033))
    assert (found.interval_low, found.interval_high) == pytest.approx(
        confint_proportions_2indep(7, 34, 1, 34, method="newcomb", compare="diff")
    )


def test_an_interval_of_a_ratio_is_close_to_the_log_ratios_and_covers_as_it_says() -> None:
    groups = {"a": GroupCounts(900, 300), "b": GroupCounts(1_100, 500)}
    found = disparities(groups, [Criterion.DEMOGRAPHIC_PARITY])["demographic_parity_ratio"]
    by_logarithm = confint_proportions_2indep(300, 900, 500, 1_100, method="log", compare="ratio")
    assert (found.interval_low, found.interval_high) == pytest.approx(by_logarithm, abs=0.005)
    drawn = np.random.default_rng(3)
    covered = 0
    for lower, higher in zip(drawn.binomial(120, 0.2, 1_000), drawn.binomial(150, 0.4, 1_000), strict=True):
        each = disparities(
            {"a": GroupCounts(120, int(lower)), "b": GroupCounts(150, int(higher))}, [Criterion.DEMOGRAPHIC_PARITY]
        )["demographic_parity_ratio"]
        assert each.interval_low is not None
        assert each.interval_high is not None
        covered += each.interval_low <= 0.5 <= each.interval_high
    assert 930 <= covered <= 970


def test_of_equalized_odds_the_worse_rate_counts() -> None:
    labels = np.array([1] * 100 + [0] * 100)
    group = np.array((["a"] * 50 + ["b"] * 50) * 2)
    predicted = np.concatenate([np.repeat([1, 0], 50), np.repeat([1, 0, 1, 0], [10, 40, 5, 45])])
    found = disparities(binary_groups(labels, predicted, group))["equalized_odds_difference"]
    assert (found.value, found.rate, found.lowest, found.highest) == (1.0, Rate.TRUE_POSITIVE_RATE, "b", "a")


def test_what_cannot_be_told_says_why() -> None:
    silent = {"a": GroupCounts(80, 0), "b": GroupCounts(90, 0), "c": GroupCounts(3, 2)}
    found = disparities(silent, minimum_rows=50)
    assert found["demographic_parity_difference"].value == 0
    assert found["demographic_parity_ratio"].value is None
    assert found["demographic_parity_ratio"].reason == "no group has a rate above 0, so that there is no ratio"
    assert found["equalized_odds_difference"].reason == (
        "0 of the groups have enough rows, at least 2 are needed to compare"
    )


def test_rows_without_a_group_and_failed_predictions_are_left_out() -> None:
    labels, predicted = [1, 0, 1, 0, 1], [1, 1, None, 0, 1]
    found = binary_groups(labels, predicted, ["a", "a", "a", "b", None])
    assert {name: (of.predictions, of.predicted_positive) for name, of in found.items()} == {"a": (2, 2), "b": (1, 0)}


rows = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from("abc"), st.floats(0, 1)), min_size=1, max_size=60
)


@given(rows)
def test_disparities_stay_in_range_and_do_not_depend_on_the_order_of_groups(
    drawn: list[tuple[bool, bool, str, float]],
) -> None:
    labels, predicted, group, score = (np.array(column) for column in zip(*drawn, strict=True))
    groups = binary_groups(labels, predicted, group, score, positive_label=True)
    found = disparities(groups)
    turned = disparities(dict(reversed(groups.items())))
    for name, one in found.items():
        assert one.value == turned[name].value
        assert one.value is None or 0 <= one.value <= (2 if name == "calibration_difference" else 1)
        assert (one.value is None) == bool(one.reason)
        if one.value is not None and one.interval_low is not None and one.interval_high is not None:
            assert one.interval_low <= one.value + 1e-12
            assert one.value <= one.interval_high + 1e-12


@given(rows, st.integers(0, 60))
def test_counts_of_parts_add_up_to_the_counts_of_the_whole(
    drawn: list[tuple[bool, bool, str, float]], cut: int
) -> None:
    labels, predicted, group, score = (np.array(column) for column in zip(*drawn, strict=True))
    in_first = np.arange(len(drawn)) < cut
    # The part as a further attribute: both parts are counted in the cells of all rows.
    by_part = binary_groups(
        labels, predicted, np.char.add(group, np.where(in_first, "1", "2")), score, positive_label=True
    )
    for name, whole in binary_groups(labels, predicted, group, score, positive_label=True).items():
        parts = pooled(counts for part, counts in by_part.items() if part[0] == name)
        assert (parts.predictions, parts.predicted_positive) == (whole.predictions, whole.predicted_positive)
        for rate in Rate:
            of_parts, of_whole = group_rate(rate, parts, 0.95), group_rate(rate, whole, 0.95)
            assert of_parts.size == of_whole.size
            assert of_parts.value == (None if of_whole.value is None else pytest.approx(of_whole.value, abs=1e-9))
