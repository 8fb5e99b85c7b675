"""Exact two-sample tests of shares."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from driftline.predictions.evidence import ShareChange


@settings(max_examples=150, deadline=None)
@given(data=st.data(), reference_size=st.integers(1, 400), current_size=st.integers(1, 400))
def test_chances_are_those_of_fishers_exact_test(data: st.DataObject, reference_size: int, current_size: int) -> None:
    change = ShareChange(
        data.draw(st.integers(0, reference_size)), reference_size, data.draw(st.integers(0, current_size)), current_size
    )
    table = [
        [change.current_hits, current_size - change.current_hits],
        [change.reference_hits, reference_size - change.reference_hits],
    ]
    assert change.chance_of_rise() == pytest.approx(fisher_exact(table, "greater").pvalue, rel=1e-7, abs=1e-12)
    assert change.chance_of_fall() == pytest.approx(fisher_exact(table, "less").pvalue, rel=1e-7, abs=1e-12)
    assert 0 <= change.chance_of_change() <= 1


def test_millions_of_rows_take_milliseconds() -> None:
    change = ShareChange(3_000_000, 10_000_000, 100_600, 333_000)
    started = time.perf_counter()
    chance = change.chance_of_rise()
    assert time.perf_counter() - started < 1
    # The normal approximation with continuity correction: z = 2.6, p = 0.0047 (scipy.stats.norm.sf).
    assert chance == pytest.approx(0.0047, abs=0.0005)


def test_a_rise_without_any_doubt_has_a_p_value_of_zero_and_no_warning() -> None:
    assert ShareChange(0, 1_000_000, 500_000, 1_000_000).chance_of_rise() == 0


def test_no_hit_anywhere_is_no_evidence() -> None:
    change = ShareChange(0, 500, 0, 300)
    assert change.chance_of_rise() == change.chance_of_fall() == change.chance_of_change() == 1
    assert change.ratio == pytest.approx(501 / 301)


def test_shares_and_their_complement_mirror_each_other() -> None:
    change = ShareChange(20, 100, 60, 200)
    assert (change.expected, change.seen, change.rise) == pytest.approx((0.2, 0.3, 0.1))
    assert (change.complement.expected, change.complement.seen) == pytest.approx((0.8, 0.7))
    assert change.complement.chance_of_fall() == change.chance_of_rise()


def test_the_detectable_change_shrinks_with_the_root_of_the_rows() -> None:
    small, large = ShareChange(100, 1_000, 100, 1_000), ShareChange(10_000, 100_000, 10_000, 100_000)
    assert small.detectable(0.01) == pytest.approx(10 * large.detectable(0.01), rel=0.01)
