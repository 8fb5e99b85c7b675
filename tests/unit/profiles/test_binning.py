"""Binnings: fixed cells, atoms, digests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.profiles import CategoricalBinning, NumericBinning, NumericProfile, latency_binning, pooled_binning
from tests.unit.profiles.profile_equality import assert_same_profile

Floats = NDArray[np.float64]

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY = st.floats(allow_nan=True, allow_infinity=True)


def ks(left: Floats, right: Floats, binning: NumericBinning) -> float:
    """The Kolmogorov-Smirnov statistic as the cells see it."""
    shares = [np.cumsum(binning.count(values)) / values.size for values in (left, right)]
    return float(np.abs(shares[0] - shares[1]).max())


class TestEdges:
    @given(values=arrays(np.float64, st.integers(0, 300), elements=ANY), cells=st.integers(2, 50))
    @settings(max_examples=150, deadline=None)
    def test_every_finite_value_lands_in_the_one_cell_that_holds_it(self, values: Floats, cells: int) -> None:
        binning = NumericBinning.from_values(values, maximum_cells=cells)
        finite = values[np.isfinite(values)]
        counts = binning.count(finite)
        assert counts.shape == (binning.cells,)
        assert counts.sum() == finite.size
        np.testing.assert_array_equal(counts, np.bincount(binning.locate(finite), minlength=binning.cells))

    def test_cells_are_closed_on_the_right(self) -> None:
        binning = NumericBinning(np.array([0.0, 1.0]))
        np.testing.assert_array_equal(binning.count(np.array([-1.0, 0.0, 0.5, 1.0, 1.5])), [2, 2, 1])

    def test_values_beyond_the_baseline_fall_into_the_open_ends(self) -> None:
        binning = NumericBinning.from_values(np.linspace(0, 1, 10_000), maximum_cells=10)
        np.testing.assert_array_equal(binning.count(np.array([-1e300, 1e300]))[[0, -1]], [1, 1])

    def test_many_values_get_cells_of_nearly_equal_mass(self) -> None:
        values = np.random.default_rng(1).lognormal(0, 2, 100_000)
        counts = NumericBinning.from_values(values).count(values)
        assert counts.size == 1_000
        assert counts.min() == counts.max() == 100

    def test_no_more_edges_than_cells_and_atoms_ask_for(self) -> None:
        # 999 quantiles, and two edges for an atom: a spike of 40 %.
        random = np.random.default_rng(2)
        values = np.concatenate([random.normal(size=60_000), np.full(40_000, 0.25)])
        assert NumericBinning.from_values(values).edges.size <= 999 + 2

    @pytest.mark.parametrize("edges", [[1.0, 1.0], [2.0, 1.0], [0.0, np.nan], [0.0, np.inf], [[0.0, 1.0]]])
    def test_edges_that_do_not_rise_or_are_not_finite_are_refused(self, edges: object) -> None:
        with pytest.raises(InputError, match="finite, strictly rising"):
            NumericBinning(np.array(edges))

    def test_edges_cannot_be_changed_afterwards(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            NumericBinning(np.array([0.0])).edges[0] = 1.0

    def test_making_a_binning_leaves_the_values_as_they_were(self) -> None:
        values = np.array([3.0, np.nan, 1.0, 2.0])
        before = values.copy()
        NumericBinning.from_values(values)
        NumericBinning(values[[2, 3, 0]])
        np.testing.assert_array_equal(values, before)
        values[0] = 4.0

    def test_the_edges_given_are_copied_not_shared(self) -> None:
        edges = np.array([1.0, 2.0])
        binning = NumericBinning(edges)
        edges[0] = 1.5
        assert binning.edges[0] == 1.0

    @pytest.mark.parametrize("values", [[], [np.nan, np.inf, -np.inf]])
    def test_nothing_finite_makes_one_cell(self, values: list[float]) -> None:
        binning = NumericBinning.from_values(np.array(values))
        assert binning.cells == 1
        np.testing.assert_array_equal(binning.count(np.array([1.0, 2.0])), [2])

    @pytest.mark.parametrize("value", [0.0, -7.25, 1e-320, 1.7976931348623157e308, -1.7976931348623157e308])
    def test_a_constant_has_a_cell_of_its_own(self, value: float) -> None:
        binning = NumericBinning.from_values(np.full(500, value))
        beside = [math.nextafter(value, -math.inf), math.nextafter(value, math.inf)]
        neighbors = np.array([neighbor for neighbor in beside if np.isfinite(neighbor)])
        own = binning.locate(np.array([value]))[0]
        assert own not in binning.locate(neighbors)


class TestAtoms:
    def test_few_distinct_values_get_a_cell_each(self) -> None:
        values = np.repeat([1.0, 2.0, 5.0], [10, 20, 30])
        binning = NumericBinning.from_values(values)
        np.testing.assert_array_equal(binning.atoms[binning.locate(np.array([1.0, 2.0, 5.0]))], True)
        np.testing.assert_array_equal(binning.count(values)[binning.atoms], [10, 20, 30])

    def test_a_spike_that_moves_by_a_thousandth_is_seen_within_a_cells_mass(self) -> None:
        # The design's example: without atoms KS is off by 0.58 here, with them by at most a cell's mass, 0.001.
        random = np.random.default_rng(3)
        reference = np.concatenate([random.normal(size=42_000), np.full(58_000, 0.5)])
        current = np.concatenate([random.normal(size=42_000), np.full(58_000, 0.501)])
        binning = NumericBinning.from_values(reference)
        exact = ks(reference, current, pooled_binning([reference, current]))
        assert exact > 0.57
        assert ks(reference, current, binning) == pytest.approx(exact, abs=0.001)

    def test_a_value_that_holds_a_cells_mass_is_an_atom_and_a_rarer_one_is_not(self) -> None:
        values = np.concatenate([np.linspace(10, 20, 99_000), np.full(900, 3.0), np.full(100, 4.0)])
        binning = NumericBinning.from_values(values, maximum_cells=200)
        is_atom = binning.atoms[binning.locate(np.array([3.0, 4.0]))]
        assert is_atom.tolist() == [True, False]


class TestPooled:
    @settings(max_examples=100, deadline=None)
    @given(
        left=arrays(np.float64, st.integers(1, 60), elements=FINITE),
        right=arrays(np.float64, st.integers(1, 60), elements=FINITE),
    )
    def test_cells_of_every_pooled_value_give_the_exact_kolmogorov_smirnov_statistic(
        self, left: Floats, right: Floats
    ) -> None:
        points = np.concatenate([left, right])
        shares = [np.mean(sample[:, None] <= points, axis=0) for sample in (left, right)]
        exact = np.abs(shares[0] - shares[1]).max()
        assert ks(left, right, pooled_binning([left, right])) == pytest.approx(exact, abs=1e-12)

    def test_the_published_pair_gives_its_published_statistic(self) -> None:
        # reference-values.md, "Small continuous pair": scipy's exact KS is 0.625.
        left = np.array([38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0])
        right = np.array([39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8])
        assert ks(left, right, pooled_binning([left, right])) == 0.625


def test_latency_cells_are_2_3_percent_wide() -> None:
    edges = latency_binning().edges
    np.testing.assert_allclose(edges[1:] / edges[:-1], 1.0233, rtol=1e-4)
    assert (edges[0], edges[-1]) == (0.01, 1_000_000)


class TestDigest:
    @given(
        left=st.lists(FINITE, max_size=5, unique=True).map(sorted),
        right=st.lists(FINITE, max_size=5, unique=True).map(sorted),
    )
    def test_numeric_digests_are_equal_for_equal_edges_only(self, left: list[float], right: list[float]) -> None:
        digests = [NumericBinning(np.array(edges, dtype=np.float64)).digest for edges in (left, right)]
        assert (digests[0] == digests[1]) == (left == right)

    @given(
        left=st.tuples(st.sets(st.text(alphabet="a\x00\x01,\"'", max_size=3)), st.sets(st.text(max_size=2))),
        right=st.tuples(st.sets(st.text(alphabet="a\x00\x01,\"'", max_size=3)), st.sets(st.text(max_size=2))),
    )
    def test_categorical_digests_are_equal_for_equal_levels_only(
        self, left: tuple[set[str], set[str]], right: tuple[set[str], set[str]]
    ) -> None:
        binnings = [CategoricalBinning(tuple(sorted(named)), frozenset(rare - named)) for named, rare in (left, right)]
        assert (binnings[0].digest == binnings[1].digest) == (binnings[0] == binnings[1])

    def test_a_level_that_looks_like_the_separator_is_not_one(self) -> None:
        assert CategoricalBinning(("a", "\x01")).digest != CategoricalBinning(("a",), frozenset({"\x01"})).digest

    def test_the_two_zeros_are_one_edge(self) -> None:
        assert NumericBinning(np.array([-0.0])).digest == NumericBinning(np.array([0.0])).digest


class TestLevels:
    def test_the_largest_levels_get_a_cell_and_the_rest_are_pooled(self) -> None:
        binning = CategoricalBinning.from_counts({"a": 5, "b": 50, "c": 7, "d": 7}, maximum_levels=3)
        assert binning.levels == ("b", "c", "d")
        assert binning.pooled_levels == {"a"}

    @given(counts=st.dictionaries(st.text(max_size=3), st.integers(1, 5), max_size=12))
    def test_the_order_in_which_levels_were_met_does_not_matter(self, counts: dict[str, int]) -> None:
        turned = dict(reversed(counts.items()))
        assert CategoricalBinning.from_counts(counts, 4) == CategoricalBinning.from_counts(turned, 4)

    def test_a_level_named_twice_is_refused(self) -> None:
        with pytest.raises(InputError, match="names each level once"):
            CategoricalBinning(("a", "a"))
        with pytest.raises(InputError, match="names each level once"):
            CategoricalBinning(("a",), frozenset({"a"}))


class TestBaselineProfile:
    @pytest.mark.parametrize("distinct", [0, 3, 700, 50_000])
    def test_sorting_once_counts_as_binning_and_counting_do(self, distinct: int) -> None:
        random = np.random.default_rng(distinct)
        values = random.normal(size=50_000) if distinct > 700 else random.integers(0, distinct or 1, 50_000) * 1.5
        values[:100], values[100:150] = np.nan, np.inf
        counted = NumericProfile.of_baseline(values)
        assert_same_profile(counted, NumericProfile.of(values, NumericBinning.from_values(values)))

    @pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
    def test_without_a_finite_value_all_is_missing(self, values: list[float]) -> None:
        counted = NumericProfile.of_baseline(np.array(values))
        assert (counted.finite, counted.rows) == (0, len(values))
