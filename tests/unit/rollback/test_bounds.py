"""The bound of a share holds, however seldom what is counted happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftline.rollback.bounds import share_lower_bound

SIZES = st.integers(1, 100_000)


@given(SIZES, st.data())
def test_the_bound_lies_below_what_was_seen(size: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, size))
    assert 0 <= share_lower_bound(hits, size) <= hits / size


@given(SIZES, st.data(), st.sampled_from([0.95, 0.999, 1 - 1e-6]))
def test_a_share_as_low_as_the_bound_makes_so_many_hits_as_seldom_as_promised(
    size: int, data: st.DataObject, confidence: float
) -> None:
    hits = data.draw(st.integers(1, size))
    bound = share_lower_bound(hits, size, confidence)
    assert stats.binom.sf(hits - 1, size, bound) <= (1 - confidence) * 1.0001


@given(SIZES, st.data())
def test_more_hits_never_lower_the_bound(size: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, size - 1))
    assert share_lower_bound(hits, size) <= share_lower_bound(hits + 1, size) + 1e-12


def test_nothing_seen_bounds_nothing() -> None:
    assert share_lower_bound(0, 1000) == 0
    assert share_lower_bound(0, 0) == 0


def test_an_outage_is_beyond_doubt_within_half_a_minute() -> None:
    """At 4 predictions a second, of which 30 % fail, where 1 % may."""
    assert share_lower_bound(30, 100) > 0.01 * 5


@pytest.mark.parametrize("size", [100, 1_000, 100_000])
def test_the_limit_itself_is_not_beyond_doubt(size: int) -> None:
    assert share_lower_bound(size // 100, size) < 0.01
