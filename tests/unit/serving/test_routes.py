from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError
from driftline.serving import exact_shares

weights = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 1000), min_size=1, max_size=8).filter(
    lambda by_version: sum(by_version.values()) > 0
)


@given(weights)
def test_any_split_adds_up_to_exactly_one_and_stays_within_a_millionth_per_version(by_version: dict[str, int]) -> None:
    total = sum(by_version.values())
    asked = {version: weight / total for version, weight in by_version.items()}
    shares = exact_shares(asked)
    assert sum(shares.values()) == 1
    for version, share in asked.items():
        assert abs(float(shares.get(version, Decimal(0))) - share) <= 1e-6 * len(asked)
    assert all(share.as_tuple().exponent >= -6 for share in shares.values())  # type: ignore[operator]


def test_three_thirds_add_up_and_the_first_takes_what_is_left() -> None:
    assert exact_shares({"b": 1 / 3, "a": 1 / 3, "c": 1 / 3}) == {
        "a": Decimal("0.333334"),
        "b": Decimal("0.333333"),
        "c": Decimal("0.333333"),
    }


def test_a_share_of_zero_is_no_route() -> None:
    assert exact_shares({"v1": Decimal(1), "v2": 0.0}) == {"v1": Decimal(1)}


def test_the_shares_given_are_not_changed() -> None:
    shares = {"v1": 0.5, "v2": 0.5}
    exact_shares(shares)
    assert shares == {"v1": 0.5, "v2": 0.5}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({}, "add up to 0"),
        ({"v1": 0.5}, "{v1: 0.5} add up to 0.5. Shares of traffic must add up to 1."),
        ({"v1": 0.9, "v2": 0.2}, "add up to 1.1"),
        ({"v1": 1.1, "v2": -0.1}, "The share of version 'v2' is -0.1"),
        ({"v1": float("nan")}, "The share of version 'v1' is nan"),
        ({"v1": float("inf")}, "The share of version 'v1' is inf"),
        ({"v1": Decimal("NaN")}, "The share of version 'v1' is NaN"),
    ],
)
def test_shares_that_are_none_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(InputError) as refused:
        exact_shares(shares)
    assert message in str(refused.value)
