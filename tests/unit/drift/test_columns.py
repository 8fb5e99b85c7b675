"""Columns of any kind: whatever comes in, every test gives a defined result or says why not."""

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftline.drift import DriftDetector, DriftStatus, DriftThresholds
from driftline.drift.columns import as_levels, as_numbers, is_numeric, type_name
from driftline.errors import InputError

anything = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**400), 10**400),
    st.text(max_size=3),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
)
columns = st.one_of(
    st.lists(anything, max_size=30),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30),
    st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=30),
    st.lists(st.one_of(st.none(), st.sampled_from("abc")), max_size=30),
)


@example([0.0, 1.7976931348623157e308, -5.3930794045870024e306], [])
@given(columns, columns)
@settings(max_examples=200, deadline=None)
def test_whatever_the_column_holds_every_result_is_defined_or_says_why_not(reference, current):
    detector = DriftDetector(DriftThresholds(minimum_rows=2))
    verdict = detector.detect_multivariate_drift({"feature": reference}, {"feature": current})
    assert verdict.results
    for result in verdict.results:
        if result.status is DriftStatus.NOT_EVALUATED:
            assert result.reason
        else:
            assert math.isfinite(result.statistic)
            assert math.isfinite(result.threshold)
            assert 0 <= result.p_value <= 1
            assert not result.detected or result.statistic >= result.threshold
    for format in ("text", "markdown", "html"):
        assert "feature" in detector.generate_drift_report(verdict, "title", format)


@pytest.mark.parametrize(
    "data",
    [
        np.array([1.0, np.nan, 3.0]),
        pd.Series([1.0, None, 3.0]),
        pd.Series([1, None, 3], dtype="Int64"),
        pa.array([1, None, 3]),
        pa.chunked_array([[1.0, None], [3.0]]),
        [Decimal("1"), None, 3],
        (1, pd.NA, 3.0),
    ],
)
def test_numbers_are_read_from_every_kind_of_column(data):
    numbers = as_numbers(data)
    assert is_numeric(data)
    np.testing.assert_array_equal(numbers.values, [1.0, np.nan, 3.0])
    assert numbers.is_null.tolist() == [False, True, False]
    assert numbers.invalid == 0


@pytest.mark.parametrize(
    "data",
    [
        ["a", None, "a", "b"],
        np.array(["a", None, "a", "b"], dtype=object),
        pd.Series(["a", None, "a", "b"]),
        pd.Series(["a", None, "a", "b"], dtype="category"),
        pa.array(["a", None, "a", "b"]),
        pa.array(["a", None, "a", "b"]).dictionary_encode(),
        pa.chunked_array([["a", None], ["a", "b"]]),
    ],
)
def test_levels_are_read_from_every_kind_of_column(data):
    levels = as_levels(data)
    assert not is_numeric(data)
    assert levels.counts == {"a": 2, "b": 1}
    assert levels.nulls == 1


def test_booleans_are_levels_however_they_are_stored():
    for data in ([True, False, None], np.array([True, False]), pd.Series([True, False]), pa.array([True, False])):
        assert not is_numeric(data)
        assert set(as_levels(data).counts) == {"true", "false"}


def test_text_in_a_numeric_column_is_invalid_and_too_large_a_number_infinite():
    numbers = as_numbers([1, 2.5, "3", 10**400, None])
    assert numbers.invalid == 1
    assert numbers.values[3] == math.inf
    assert is_numeric([1, 2.5, "3", None])


def test_what_is_no_column_is_refused():
    with pytest.raises(InputError, match="an array, a Series or a list; this is a str"):
        as_numbers("abc")
    with pytest.raises(InputError, match="one dimension"):
        as_numbers(np.zeros((2, 2)))


def test_types_are_called_as_where_they_came_from():
    assert type_name(pd.Series([1])) == "int64"
    assert type_name(pa.array([1])) == "int64"
    assert type_name([1]) == "list"
