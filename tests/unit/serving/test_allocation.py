from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError
from driftline.serving import Allocation, exact_shares, reallocated
from driftline.serving.allocation import POSITIONS


def line(allocation: Allocation) -> np.ndarray:
    """The version at every position."""
    found = np.empty(POSITIONS, dtype=object)
    for version, start, end in allocation.ranges:
        found[start:end] = version
    return found


def shares_strategy() -> st.SearchStrategy[dict[str, Decimal]]:
    weights = st.dictionaries(st.sampled_from(["v1", "v2", "v3", "v4"]), st.integers(0, 1_000), min_size=1)
    return weights.filter(lambda found: sum(found.values()) > 0).map(
        lambda found: exact_shares({name: weight / sum(found.values()) for name, weight in found.items()})
    )


@given(st.lists(shares_strategy(), min_size=1, max_size=8))
def test_shares_are_met_exactly_and_only_those_move_that_must(steps: list[dict[str, Decimal]]) -> None:
    before = Allocation()
    for shares in steps:
        after = reallocated(before, shares)
        assert after.positions == {version: int(share * POSITIONS) for version, share in shares.items()}
        if before.bounds:
            moved = int(np.count_nonzero(line(before) != line(after)))
            held = before.positions
            lost = sum(max(held[version] - after.positions.get(version, 0), 0) for version in held)
            assert moved == lost
        before = after


def test_raising_a_share_moves_entities_to_that_version_only() -> None:
    before = reallocated(Allocation(), exact_shares({"v1": 0.6, "v2": 0.35, "v3": 0.05}))
    after = reallocated(before, exact_shares({"v1": 0.5, "v2": 0.3, "v3": 0.2}))
    was, now = line(before), line(after)
    assert set(now[was != now]) == {"v3"}
    assert np.count_nonzero(was != now) == 150_000


def test_neighbouring_ranges_of_a_version_become_one() -> None:
    there = reallocated(Allocation(), exact_shares({"v1": 0.5, "v2": 0.5}))
    away = reallocated(there, exact_shares({"v1": 0.4, "v2": 0.6}))
    assert reallocated(away, exact_shares({"v1": 0.5, "v2": 0.5})).positions == there.positions
    assert reallocated(away, {"v2": Decimal(1)}) == Allocation((POSITIONS,), ("v2",))


@given(shares_strategy())
def test_json_keeps_an_allocation(shares: dict[str, Decimal]) -> None:
    allocation = reallocated(Allocation(), shares)
    assert Allocation.from_json(allocation.to_json()) == allocation


@pytest.mark.parametrize(
    ("bounds", "versions"),
    [((5, POSITIONS), ("a",)), ((5, 5, POSITIONS), ("a", "b", "c")), ((5,), ("a",)), ((0, POSITIONS), ("a", "b"))],
)
def test_a_line_with_gaps_or_overlaps_is_refused(bounds: tuple[int, ...], versions: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="rising from above 0 to 1000000"):
        Allocation(bounds, versions)


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(InputError, match="do not add up"):
        reallocated(Allocation(), {"v1": Decimal("0.4")})
