"""Cells looked up in a table are the cells of comparing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from driftline.profiles.binning import MANY_VALUES, NumericBinning
from driftline.profiles.lookup import MAXIMUM_CELLS, CellLookup, count_by_sorting

Floats = NDArray[np.float64]

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def compared(values: Floats, edges: Floats) -> NDArray[np.int64]:
    """Counts per right-closed cell, by comparing every value with every edge."""
    return np.bincount((values[:, None] > edges[None, :]).sum(axis=1), minlength=edges.size + 1)


@settings(deadline=None)
@given(
    edges=st.lists(FINITE, min_size=2, max_size=30, unique=True),
    values=arrays(np.float64, st.integers(0, 50), elements=FINITE),
)
def test_the_table_counts_as_comparing_does(edges: list[float], values: Floats) -> None:
    rising = np.sort(np.asarray(edges))
    rising = rising[np.concatenate([[True], np.diff(rising) > 0])] if np.isfinite(rising).all() else rising
    with np.errstate(over="ignore"):
        on_and_beside = np.concatenate([rising, np.nextafter(rising, -np.inf), np.nextafter(rising, np.inf)])
    everything = np.concatenate([values, on_and_beside[np.isfinite(on_and_beside)]])
    expected = compared(everything, rising)
    np.testing.assert_array_equal(count_by_sorting(everything, rising), expected)
    if CellLookup.worth_making(rising):
        np.testing.assert_array_equal(CellLookup(rising).count(everything), expected)


@pytest.mark.parametrize("name", ["normal", "lognormal", "zero-inflated", "integers", "constant", "huge"])
def test_a_binning_counts_many_values_as_few(name: str) -> None:
    random = np.random.default_rng(7)
    samples = {
        "normal": random.normal(size=20_000),
        "lognormal": random.lognormal(sigma=3, size=20_000),
        "zero-inflated": random.exponential(size=20_000) * (random.random(20_000) < 0.5),
        "integers": random.integers(0, 5_000, 20_000).astype(np.float64),
        "constant": np.full(20_000, 3.0),
        "huge": random.normal(size=20_000) * 1e307,
    }
    binning = NumericBinning.from_values(samples[name][:10_000])
    values = samples[name][10_000:]
    assert values.size >= MANY_VALUES
    pieces = sum(binning.count(piece) for piece in np.array_split(values, 100))
    np.testing.assert_array_equal(binning.count(values), pieces)
    np.testing.assert_array_equal(binning.count(values), np.bincount(binning.locate(values), minlength=binning.cells))


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param([], id="none"),
        pytest.param([1.0], id="one"),
        pytest.param([0.0, 5e-324], id="subnormal"),
        pytest.param([-1.7e308, 1.7e308], id="beyond a float's span"),
        pytest.param(list(range(MAXIMUM_CELLS)), id="too many"),
    ],
)
def test_edges_that_a_table_does_not_serve_are_counted_by_sorting(edges: list[float]) -> None:
    assert not CellLookup.worth_making(np.asarray(edges, dtype=np.float64))
    binning = NumericBinning(np.asarray(edges, dtype=np.float64))
    values = np.linspace(-2, 2, 2 * MANY_VALUES)
    assert binning.count(values).sum() == values.size
