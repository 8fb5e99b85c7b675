"""The suite that configuration and baseline lead to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.errors import InputError
from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile
from driftline.quality import (
    ColumnExpectation,
    ColumnKind,
    ColumnRole,
    ExpectationType,
    ExpectedColumn,
    derive_expectations,
)
from driftline.quality.expectations import tolerated_null_share


def numeric_profile(values: list[float]) -> NumericProfile:
    array = np.asarray(values, dtype=np.float64)
    return NumericProfile.of(array, NumericBinning.from_values(array))


def categorical_profile(levels: dict[str, int], nulls: int = 0, maximum_levels: int = 1_000) -> CategoricalProfile:
    return CategoricalProfile.of(levels, CategoricalBinning.from_counts(levels, maximum_levels), nulls)


def feature(name: str, kind: ColumnKind = ColumnKind.NUMERIC, **options: object) -> ExpectedColumn:
    return ExpectedColumn(name=name, role=ColumnRole.FEATURE, kind=kind, **options)  # type: ignore[arg-type]


def derived(column: ExpectedColumn, **options: float) -> dict[ExpectationType, ColumnExpectation]:
    expectations = derive_expectations([column], rows=10_000, **options)
    return {expectation.type: expectation for expectation in expectations}


def test_an_identifier_exists_is_never_null_and_is_unique() -> None:
    suite = derived(ExpectedColumn(name="request_id", role=ColumnRole.IDENTIFIER, kind=ColumnKind.TEXT))
    assert set(suite) == {ExpectationType.COLUMN_EXISTS, ExpectationType.NOT_NULL, ExpectationType.UNIQUE_IDS}
    assert suite[ExpectationType.UNIQUE_IDS].tolerated_share == 0


@pytest.mark.parametrize(
    ("role", "limits"),
    [
        (ColumnRole.SCORE, (0.0, 1.0)),
        (ColumnRole.LATENCY, (0.0, None)),
        (ColumnRole.PREDICTION, (None, None)),
    ],
)
def test_possible_values_follow_from_the_role(role: ColumnRole, limits: tuple[float | None, float | None]) -> None:
    possible = derived(ExpectedColumn(name="x", role=role, kind=ColumnKind.NUMERIC))[ExpectationType.POSSIBLE_VALUES]
    assert (possible.lowest, possible.highest) == limits


def test_configured_limits_are_the_possible_values_of_a_feature() -> None:
    possible = derived(feature("age", lowest=0.0, highest=130.0))[ExpectationType.POSSIBLE_VALUES]
    assert (possible.lowest, possible.highest, possible.tolerated_share) == (0.0, 130.0, 0.0)


def test_a_range_reaches_a_margin_beyond_the_baselines_extremes() -> None:
    suite = derived(feature("age", baseline=numeric_profile([10.0, 15.0, 20.0])), tolerated_share=0.03)
    expected = suite[ExpectationType.VALUE_RANGE]
    assert (expected.lowest, expected.highest) == pytest.approx((9.0, 21.0))
    assert expected.tolerated_share == 0.03


@pytest.mark.parametrize("values", [[7.0, 7.0], [], [-1e308, 1e308], [float("nan")]])
def test_a_baseline_without_a_usable_spread_gives_no_range(values: list[float]) -> None:
    assert ExpectationType.VALUE_RANGE not in derived(feature("x", baseline=numeric_profile(values)))


def test_levels_are_the_baselines() -> None:
    suite = derived(feature("carrier", ColumnKind.CATEGORICAL, baseline=categorical_profile({"UA": 5, "AA": 7})))
    assert set(suite[ExpectationType.KNOWN_LEVELS].levels) == {"UA", "AA"}


def test_a_column_of_more_levels_than_a_binning_names_has_no_closed_set() -> None:
    many = categorical_profile({f"level {number}": 1 for number in range(1_001)})
    assert ExpectationType.KNOWN_LEVELS not in derived(feature("x", ColumnKind.CATEGORICAL, baseline=many))
    thousand = categorical_profile({f"level {number}": 1 for number in range(1_000)})
    assert ExpectationType.KNOWN_LEVELS in derived(feature("x", ColumnKind.CATEGORICAL, baseline=thousand))


def test_without_a_baseline_nothing_is_expected_of_nulls_ranges_and_levels() -> None:
    for kind in ColumnKind:
        assert not derived(feature("x", kind)).keys() & {
            ExpectationType.NULL_SHARE, ExpectationType.VALUE_RANGE, ExpectationType.KNOWN_LEVELS,
        }  # fmt: skip


def test_infinities_that_the_baseline_has_are_tolerated() -> None:
    usual = numeric_profile([1.0, 2.0, 3.0, float("inf")])
    # Null of a quarter of the rows, plus 2 points: the tolerance lies above 27 %.
    assert derived(feature("x", baseline=usual))[ExpectationType.POSSIBLE_VALUES].tolerated_share > 0.27


# The smallest k with P(Binomial(rows, share + 0.02) > k) <= 1e-4, over rows: 9 and 160 summed exactly in Python
# (math.comb), 4235 by scipy 1.17.
@pytest.mark.parametrize(
    ("share", "rows", "expected"), [(0.0, 100, 0.09), (0.0, 200_000, 0.021175), (0.1, 1_000, 0.16)]
)  # fmt: skip
def test_the_tolerated_null_share_allows_for_the_rows_number(share: float, rows: int, expected: float) -> None:
    assert tolerated_null_share(share, rows, 0.02) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(share=st.floats(0, 1), rows=st.integers(1, 100_000), margin=st.floats(0, 0.2))
def test_an_unchanged_null_share_hardly_ever_exceeds_the_tolerated_one(share: float, rows: int, margin: float) -> None:
    tolerated = tolerated_null_share(share, rows, margin)
    assert 0 <= tolerated <= 1
    # The chance of more nulls than tolerated, when the true share is the baseline's.
    assert stats.binom.sf(round(tolerated * rows), rows, share) <= 1e-4 * (1 + 1e-6)


def test_each_subject_and_test_is_named_once_per_window() -> None:
    columns = [
        ExpectedColumn(name="id", role=ColumnRole.IDENTIFIER, kind=ColumnKind.TEXT),
        ExpectedColumn(name="time", role=ColumnRole.TIME, kind=ColumnKind.TIMESTAMP),
        ExpectedColumn(name="version", role=ColumnRole.VERSION, kind=ColumnKind.TEXT),
        ExpectedColumn(name="customer", role=ColumnRole.ENTITY, kind=ColumnKind.TEXT),
        ExpectedColumn(name="proba", role=ColumnRole.SCORE, kind=ColumnKind.NUMERIC),
        feature("time"),
        feature("amount", feature="spend"),
    ]
    keys = [(expectation.subject, expectation.test) for expectation in derive_expectations(columns, rows=100)]
    assert len(set(keys)) == len(keys)
    assert {("rows", "unique_ids"), ("rows", "time_not_null"), ("score", "possible_values")} <= set(keys)
    assert ("spend", "value_type") in keys


def test_a_feature_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"'amount'.*name each feature"):
        derive_expectations([feature("amount"), feature("spend", feature="amount")], rows=100)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(InputError, match=r"tolerated_share is .*from 0 to 1"):
        derive_expectations([], rows=100, tolerated_share=share)


@pytest.mark.parametrize("lowest", [2.0, float("nan")])
def test_impossible_limits_that_cross_are_refused(lowest: float) -> None:
    with pytest.raises(InputError, match=r"'age'.*is not below its highest, 1\."):
        derive_expectations([feature("age", lowest=lowest, highest=1.0)], rows=100)
