"""Mixed columns as one matrix."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.drift.encoding import Encoding, read_tables


def _mixed(seed=0, rows=400):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(0, 2, rows),
            "age": pd.array(rng.integers(18, 90, rows), dtype="Int64"),
            "country": pd.Categorical(rng.choice(["de", "fr", "it"], rows)),
            "is_new": rng.random(rows) < 0.3,
        }
    )


def test_every_column_has_mean_zero_and_variance_one_where_it_was_fitted():
    frame = _mixed()
    frame.loc[:40, "amount"] = None
    table = read_tables(frame, frame).reference
    encoding = Encoding.fitted(table)
    matrix = encoding.encode(table)
    assert np.allclose(matrix.mean(axis=0), 0, atol=1e-12)
    assert np.allclose(matrix.var(axis=0), 1)
    assert sorted(set(encoding.owners)) == ["age", "amount", "country", "is_new"]
    assert encoding.owners.count("amount") == 2, "its normal score and whether it is missing"
    assert encoding.owners.count("country") == 3
    assert encoding.owners.count("is_new") == 1


def test_a_number_is_its_normal_score():
    values = np.random.default_rng(1).lognormal(0, 3, 301)
    table = read_tables({"x": values}, {"x": values}).reference
    expected = stats.norm.ppf((stats.rankdata(values) - 0.5) / 301)
    assert np.allclose(Encoding.fitted(table).encode(table)[:, 0], expected / expected.std())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=5, max_size=40, unique=True), st.booleans())
def test_numbers_are_free_of_their_unit(values, is_falling):
    """Any increasing change of the unit leaves the encoding as it is."""
    array = np.array(values) * (-1 if is_falling else 1)
    table = read_tables({"x": array}, {"x": array}).reference
    ranks = stats.rankdata(array, method="ordinal").astype(float)
    other = read_tables({"x": np.exp(ranks / 10)}, {"x": ranks}).reference
    assert np.allclose(Encoding.fitted(table).encode(table), Encoding.fitted(other).encode(other))


def test_infinite_values_are_missing_and_extreme_ones_stay_bounded():
    values = np.random.default_rng(2).standard_normal(500)
    values[:3], values[3:20] = 1e300, np.inf
    table = read_tables({"x": values}, {"x": values}).reference
    matrix = Encoding.fitted(table).encode(table)
    assert np.isfinite(matrix).all()
    assert np.abs(matrix[:, 0]).max() < 4
    assert (matrix[3:20, 1] > 0).all()


def test_levels_beyond_the_commonest_ten_and_rare_ones_have_no_column():
    rng = np.random.default_rng(3)
    levels = [f"level {index}" for index in rng.integers(0, 30, 3_000)]
    table = read_tables({"x": levels}, {"x": levels}).reference
    assert Encoding.fitted(table).encode(table).shape == (3_000, 10)
    rare = ["a", "b"] * 1_000 + ["c"] * 3
    table = read_tables({"x": rare}, {"x": rare}).reference
    assert Encoding.fitted(table).encode(table).shape[1] == 2


def test_what_cannot_be_compared_is_named_and_hides_nothing():
    reference, current = _mixed(0), _mixed(1)
    reference["empty"], current["empty"] = None, np.nan
    reference["constant"], current["constant"] = 1, 1
    reference["gone"], current["arrived"] = 1.0, 1.0
    reference["infinite"], current["infinite"] = np.inf, -np.inf
    pair = read_tables(reference, current)
    assert set(pair.reference.features) == {"amount", "age", "country", "is_new"} == set(pair.current.features)
    assert set(pair.left_out) == {"empty", "constant", "gone", "arrived", "infinite"}
    assert "constant" in pair.left_out["constant"]
    assert "The current data has no column 'gone'" in pair.left_out["gone"]
    assert "no usable value" in pair.left_out["infinite"]


def test_a_column_of_another_length_is_left_out():
    pair = read_tables({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0]}, {"a": [1.0, 2.0], "b": [1.0, 3.0]})
    assert pair.reference.features == ("a",)
    assert "rows" in pair.left_out["b"]


@pytest.mark.parametrize("make", [pa.Table.from_pandas, lambda frame: {name: list(frame[name]) for name in frame}])
def test_pandas_arrow_and_mappings_read_alike(make):
    frame = _mixed()
    frame["country"] = frame["country"].astype(str)
    frame["age"] = frame["age"].astype(float)
    plain, other = read_tables(frame, frame).reference, read_tables(make(frame), make(frame)).reference
    assert plain.rows == other.rows
    assert np.array_equal(Encoding.fitted(plain).encode(plain), Encoding.fitted(other).encode(other))


def test_inputs_are_not_modified():
    frame = _mixed()
    before = frame.copy(deep=True)
    Encoding.fitted(read_tables(frame, frame).reference)
    pd.testing.assert_frame_equal(frame, before)


def test_thinning_takes_the_same_rows_every_time():
    table = read_tables(_mixed(), _mixed()).reference
    assert np.array_equal(table.thinned(50, 1).numbers["amount"], table.thinned(50, 1).numbers["amount"])
    assert table.thinned(50, 1).rows == 50
    assert table.thinned(10_000, 1) is table
