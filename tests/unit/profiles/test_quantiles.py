"""Quantiles read from cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from driftline.profiles import NumericBinning, NumericProfile, latency_binning

Floats = NDArray[np.float64]


@settings(max_examples=150, deadline=None)
@given(
    values=arrays(np.float64, st.integers(1, 200), elements=st.floats(-1e6, 1e6)),
    cells=st.integers(2, 30),
    share=st.floats(0, 1),
)
def test_a_quantile_lies_in_the_cell_that_the_rows_own_quantile_lies_in(
    values: Floats, cells: int, share: float
) -> None:
    binning = NumericBinning.from_values(values, maximum_cells=cells)
    found = NumericProfile.of(values, binning).quantile(share)
    assert values.min() <= found <= values.max()
    exact = np.quantile(values, [max(share - 1e-9, 0), min(share + 1e-9, 1)], method="inverted_cdf")
    own, (low, high) = binning.locate(np.array([found]))[0], binning.locate(exact)
    # A cell's lower edge belongs to the cell before: the interpolation may come to lie on it.
    assert low - 1 <= own <= high


@settings(max_examples=100, deadline=None)
@given(
    values=arrays(np.float64, st.integers(1, 100), elements=st.floats(-1e6, 1e6)),
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=6).map(sorted),
)
def test_quantiles_rise_with_the_share(values: Floats, shares: list[float]) -> None:
    profile = NumericProfile.of(values, NumericBinning.from_values(values, maximum_cells=10))
    found = [profile.quantile(share) for share in shares]
    assert found == sorted(found)


def test_a_thousand_cells_give_quantiles_close_to_the_rows() -> None:
    values = np.random.default_rng(1).lognormal(3, 1, 200_000)
    profile = NumericProfile.of(values, NumericBinning.from_values(values))
    for share in (0.01, 0.25, 0.5, 0.95, 0.99):
        assert profile.quantile(share) == pytest.approx(np.quantile(values, share), rel=1e-3)


def test_an_atoms_quantile_is_the_atom() -> None:
    profile = NumericProfile.of(
        np.repeat([1.0, 2.0, 9.0], [5, 4, 1]), NumericBinning.from_values(np.array([1.0, 2, 9]))
    )
    assert [profile.quantile(share) for share in (0.0, 0.4, 0.6, 0.9, 0.95, 1.0)] == [1.0, 1.0, 2.0, 2.0, 9.0, 9.0]


def test_latency_percentiles_come_within_1_2_percent() -> None:
    values = np.random.default_rng(2).lognormal(np.log(200), 0.8, 100_000)
    profile = NumericProfile.of(values, latency_binning())
    for share in (0.5, 0.95, 0.99):
        assert profile.quantile(share) == pytest.approx(np.quantile(values, share), rel=0.012)


def test_values_far_beyond_the_baseline_interpolate_to_their_own_extremes() -> None:
    binning = NumericBinning.from_values(np.linspace(0, 1, 5_000))
    profile = NumericProfile.of(np.array([500.0, 600.0]), binning)
    assert profile.quantile(1.0) == 600
    assert 1 <= profile.quantile(0.1) <= 600
