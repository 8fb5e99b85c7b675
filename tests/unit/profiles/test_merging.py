"""Profiles add up: in any order and grouping the parts give the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.profiles import (
    BinaryOutcomeProfile,
    CategoricalBinning,
    CategoricalProfile,
    Moments,
    NumericBinning,
    NumericProfile,
    Profile,
    RegressionOutcomeProfile,
    merge,
)
from driftline.profiles.categorical import NAMED_UNSEEN_LEVELS
from tests.unit.profiles.profile_equality import assert_same_profile

Floats = NDArray[np.float64]

CELLS = NumericBinning.from_values(np.random.default_rng(0).normal(10, 20, 2_000), maximum_cells=40)
SCORES = NumericBinning(np.linspace(0.1, 0.9, 9))
LEVELS = CategoricalBinning(("a", "b"), frozenset({"c", "d"}))

# Values whose spread is not far below their size: beyond that no formula keeps twelve digits.
NUMBERS = st.one_of(st.floats(-1e3, 1e3).map(lambda value: round(value, 3)), st.sampled_from([np.nan, np.inf, -np.inf]))
TEXTS = st.sampled_from(["a", "b", "c", "d", "new", "it's", 'quo"te', ""])


def numeric(rows: list[float]) -> Profile:
    return NumericProfile.of(np.array(rows, dtype=np.float64), CELLS)


def categorical(rows: list[str | None]) -> Profile:
    present = [row for row in rows if row is not None]
    return CategoricalProfile.of({level: present.count(level) for level in set(present)}, LEVELS, rows.count(None))


def binary(rows: list[tuple[bool, bool, float]]) -> Profile:
    labels, predictions, scores = (np.array(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return BinaryOutcomeProfile.of(
        np.asarray(labels, dtype=bool), np.asarray(predictions, dtype=bool), np.asarray(scores, dtype=float), SCORES
    )


def regression(rows: list[tuple[float, float]]) -> Profile:
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return RegressionOutcomeProfile.of(table[:, 0], table[:, 1], CELLS)


KINDS = [
    pytest.param(NUMBERS, numeric, id="numeric"),
    pytest.param(st.one_of(st.none(), TEXTS), categorical, id="categorical"),
    pytest.param(
        st.tuples(st.booleans(), st.booleans(), st.floats(-0.1, 1.1) | st.just(np.nan)), binary, id="binary outcome"
    ),
    pytest.param(st.tuples(NUMBERS, NUMBERS), regression, id="regression outcome"),
]


@pytest.mark.parametrize(("row", "counted"), KINDS)
class TestEveryKind:
    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_merged_parts_in_any_order_equal_the_whole_counted_at_once(self, row, counted, data) -> None:  # type: ignore[no-untyped-def]
        parts = data.draw(st.lists(st.lists(row, max_size=12), min_size=1, max_size=6))
        order = data.draw(st.permutations(parts))
        whole = counted([value for part in parts for value in part])
        assert_same_profile(merge([counted(part) for part in order]), whole, rounding=1e-12)

    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_the_grouping_does_not_matter(self, row, counted, data) -> None:  # type: ignore[no-untyped-def]
        one, two, three = (counted(data.draw(st.lists(row, max_size=12))) for _ in range(3))
        left, right = one.merged(two).merged(three), one.merged(two.merged(three))
        assert_same_profile(left, right, rounding=1e-12)

    @settings(max_examples=20, deadline=None)
    @given(data=st.data())
    def test_an_empty_profile_changes_nothing(self, row, counted, data) -> None:  # type: ignore[no-untyped-def]
        profile = counted(data.draw(st.lists(row, max_size=12)))
        assert_same_profile(profile.merged(counted([])), profile, rounding=0.0)
        assert_same_profile(counted([]).merged(profile), profile, rounding=0.0)

    @settings(max_examples=20, deadline=None)
    @given(data=st.data())
    def test_rows_are_neither_lost_nor_made_up(self, row, counted, data) -> None:  # type: ignore[no-untyped-def]
        rows = data.draw(st.lists(row, max_size=30))
        assert counted(rows).rows == len(rows)

    def test_merging_leaves_the_parts_as_they_were(self, row, counted) -> None:  # type: ignore[no-untyped-def]
        examples = {
            numeric: [1.0, np.nan],
            categorical: ["a", None, "new"],
            binary: [(True, False, 0.5)],
            regression: [(1.0, 2.0)],
        }
        rows = examples[counted]
        left, right = counted(rows), counted(rows)
        merge([left, right])
        assert_same_profile(left, counted(rows), rounding=0.0)
        assert_same_profile(right, counted(rows), rounding=0.0)


def test_twenty_four_hours_equal_their_day() -> None:
    random = np.random.default_rng(1)
    hours = [random.normal(10 + 5 * np.sin(hour / 4), 20, 5_000) for hour in range(24)]
    day = numeric(list(np.concatenate(hours)))
    assert_same_profile(merge([numeric(list(hour)) for hour in hours]), day, rounding=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    offset=st.sampled_from([0.0, 1e3, -1e6, 1e9]),
    parts=st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=20), min_size=1, max_size=8),
)
def test_moments_far_from_zero_keep_what_floats_can(offset: float, parts: list[list[float]]) -> None:
    # Each mean is exact to about eps * |offset|; the sum of squared deviations inherits that times the deviations.
    shifted = [np.array(part) + offset for part in parts]
    merged = Moments()
    for part in shifted:
        merged = merged.merged(Moments.of(part))
    at_once = Moments.of(np.concatenate(shifted))
    assert merged.n == at_once.n
    assert merged.mean == pytest.approx(at_once.mean, rel=1e-12, abs=1e-12)
    tolerance = 1e-12 * max(1.0, at_once.m2) + 8 * np.finfo(float).eps * abs(offset) * merged.n * 20
    assert merged.m2 == pytest.approx(at_once.m2, rel=1e-12, abs=tolerance)


def test_moments_are_numpys() -> None:
    values = np.random.default_rng(2).lognormal(0, 1, 10_000)
    moments = Moments.of(values)
    assert moments.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert moments.variance == pytest.approx(np.var(values, ddof=1), rel=1e-12)
    assert moments.standard_deviation == pytest.approx(np.std(values, ddof=1), rel=1e-12)


@pytest.mark.parametrize("moments", [Moments(), Moments(n=1, mean=4.0)])
def test_fewer_than_two_values_have_no_spread(moments: Moments) -> None:
    assert np.isnan(moments.variance)
    assert np.isnan(moments.standard_deviation)


def test_huge_values_merge_without_an_error() -> None:
    huge = numeric([1.7e308, -1.7e308, 1e308])
    merged = merge([huge, huge, numeric([1.0])])
    assert isinstance(merged, NumericProfile)
    assert merged.finite == 7
    assert (merged.minimum, merged.maximum) == (-1.7e308, 1.7e308)
    assert merged.moments.mean == pytest.approx(2 * (1e308 / 7), rel=1e-12)
    assert not np.isfinite(merged.moments.standard_deviation)


@pytest.mark.parametrize("value", [0.1, -3.3, 1e16 / 3, 1.7e308, 5e-324])
def test_a_constant_column_keeps_its_value_and_no_spread_however_it_is_cut(value: float) -> None:
    parts = [Moments.of(np.full(size, value)) for size in (1, 3, 7, 1_000)]
    for merged in (parts[0].merged(parts[1]).merged(parts[2]).merged(parts[3]), parts[3].merged(parts[1])):
        assert (merged.mean, merged.m2) == (value, 0)


class TestRefusals:
    def test_different_cells_do_not_merge(self) -> None:
        other = NumericBinning(np.array([0.0]))
        with pytest.raises(InputError, match="different binnings cannot be merged; count the slices again"):
            merge([numeric([1.0]), NumericProfile.empty(other)])  # type: ignore[type-var]

    def test_different_levels_do_not_merge(self) -> None:
        with pytest.raises(InputError, match="different binnings"):
            CategoricalProfile.empty(LEVELS).merged(CategoricalProfile.empty(CategoricalBinning(("a",))))

    def test_different_score_cells_do_not_merge(self) -> None:
        with pytest.raises(InputError, match="different binnings"):
            BinaryOutcomeProfile.empty(SCORES).merged(BinaryOutcomeProfile.empty(CELLS))

    def test_equal_cells_made_twice_do_merge(self) -> None:
        twin = NumericBinning(CELLS.edges.copy())
        assert NumericProfile.empty(CELLS).merged(NumericProfile.of(np.array([1.0]), twin)).finite == 1

    def test_nothing_has_no_sum(self) -> None:
        with pytest.raises(InputError, match="no profile to merge"):
            merge([])

    def test_counts_that_do_not_fit_the_cells_are_refused(self) -> None:
        with pytest.raises(InputError, match="3 counts do not fit a binning of 10 cells"):
            NumericProfile(binning=SCORES, counts=np.zeros(3, dtype=np.int64))
        with pytest.raises(InputError, match="3 counts do not fit a binning of 2 levels"):
            CategoricalProfile(binning=LEVELS, counts=np.zeros(3, dtype=np.int64))


class TestLevels:
    def test_levels_are_counted_where_they_belong(self) -> None:
        profile = CategoricalProfile.of({"a": 5, "c": 2, "d": 1, "new": 3, "rare": 1}, LEVELS, nulls=4)
        np.testing.assert_array_equal(profile.counts, [5, 0])
        assert (profile.other, profile.unseen, profile.nulls, profile.rows) == (3, 4, 4, 16)
        assert profile.unseen_levels == {"new": 3, "rare": 1}

    def test_of_many_new_levels_the_commonest_keep_their_names_and_all_are_counted(self) -> None:
        crowd = {f"level {index:05d}": 1 + (index == 4_321) for index in range(NAMED_UNSEEN_LEVELS + 4_000)}
        profile = CategoricalProfile.of(crowd, LEVELS)
        assert profile.unseen == NAMED_UNSEEN_LEVELS + 4_001
        assert len(profile.unseen_levels) == NAMED_UNSEEN_LEVELS
        assert profile.unseen_levels["level 04321"] == 2


class TestCounting:
    def test_a_nan_without_a_mask_is_a_null_as_in_pandas(self) -> None:
        profile = NumericProfile.of(np.array([1.0, np.nan, np.inf]), CELLS)
        assert (profile.finite, profile.nulls, profile.non_finite) == (1, 1, 1)

    def test_a_nan_beside_a_mask_is_not_finite(self) -> None:
        is_null = np.array([False, False, True])
        profile = NumericProfile.of(np.array([1.0, np.nan, np.nan]), CELLS, is_null)
        assert (profile.finite, profile.nulls, profile.non_finite) == (1, 1, 1)

    def test_what_is_no_number_is_counted_apart_from_nulls(self) -> None:
        is_null = np.array([False, True, True])
        profile = NumericProfile.of(np.array([1.0, np.nan, np.nan]), CELLS, is_null, invalid=1)
        assert (profile.finite, profile.nulls, profile.invalid, profile.rows) == (1, 1, 1, 3)

    def test_a_masked_value_counts_as_null_whatever_it_holds(self) -> None:
        profile = NumericProfile.of(np.array([7.0, 8.0]), CELLS, np.array([True, False]))
        assert (profile.finite, profile.nulls, profile.minimum) == (1, 1, 8.0)

    def test_no_value_has_no_minimum_and_no_quantile(self) -> None:
        profile = NumericProfile.of(np.array([np.nan]), CELLS)
        assert (profile.minimum, profile.maximum) == (np.inf, -np.inf)
        assert np.isnan(profile.quantile(0.5))

    def test_counting_leaves_the_values_as_they_were(self) -> None:
        values = np.array([3.0, np.nan, 1.0])
        NumericProfile.of(values, CELLS)
        np.testing.assert_array_equal(values, [3.0, np.nan, 1.0])


class TestOutcomes:
    def test_the_confusion_matrix_and_losses_are_those_of_the_rows(self) -> None:
        labels = np.array([True, True, False, False, False])
        predictions = np.array([True, False, True, False, False])
        scores = np.array([0.9, 0.4, 0.6, 0.2, 0.0])
        profile = BinaryOutcomeProfile.of(labels, predictions, scores, SCORES)
        assert (profile.true_positives, profile.false_negatives) == (1, 1)
        assert (profile.false_positives, profile.true_negatives) == (1, 2)
        np.testing.assert_array_equal(profile.positives + profile.negatives, SCORES.count(scores))
        assert profile.score_sums.sum() == pytest.approx(scores.sum())
        assert profile.brier.mean == pytest.approx(np.mean((scores - labels) ** 2))

    def test_a_score_of_certainty_that_errs_has_a_finite_loss(self) -> None:
        # As scikit-learn: scores are clipped at 2.2e-16, so that the loss is -log of that, 36.04.
        profile = BinaryOutcomeProfile.of(np.array([True]), np.array([False]), np.array([0.0]), SCORES)
        assert profile.log_loss.mean == pytest.approx(36.0436533891172)

    @pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf, -1e-9, 1 + 1e-9])
    def test_a_score_that_is_none_counts_as_invalid_only(self, score: float) -> None:
        profile = BinaryOutcomeProfile.of(np.array([True]), np.array([True]), np.array([score]), SCORES)
        assert (profile.rows, profile.invalid_scores, profile.log_loss.n) == (1, 1, 0)

    def test_a_regression_keeps_errors_labels_and_their_relation(self) -> None:
        profile = RegressionOutcomeProfile.of(np.array([2.0, 0.0, 4.0]), np.array([3.0, 1.0, 2.0]), CELLS)
        assert profile.errors.moments.mean == pytest.approx(0)
        assert profile.absolute_errors.mean == pytest.approx(4 / 3)
        assert profile.squared_errors.mean == pytest.approx(2)
        assert (profile.relative_errors.n, profile.relative_errors.mean) == (2, 0.5)
        assert profile.labels.mean == 2

    def test_errors_beyond_floats_are_not_finite_and_raise_nothing(self) -> None:
        profile = RegressionOutcomeProfile.of(np.array([-1.7e308, 1.0]), np.array([1.7e308, 1.0]), CELLS)
        assert (profile.rows, profile.errors.finite, profile.errors.non_finite) == (2, 1, 1)
