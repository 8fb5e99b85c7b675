"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("6h", timedelta(hours=6)),
        ("28d", timedelta(days=28)),
        ("2w", timedelta(days=14)),
        ("24 h", timedelta(hours=24)),
        (timedelta(hours=3), timedelta(hours=3)),
    ],
)
def test_a_number_and_a_unit_are_a_duration(written: object, meant: timedelta) -> None:
    assert parse_duration(written) == meant


@pytest.mark.parametrize("written", ["", "h", "6", 6, 6.5, None, "6 hours", "-6h", "1.5h", "6H", "6h30m", " 6h", True])
def test_anything_else_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match="for example 24h"):
        parse_duration(written)


def test_a_duration_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than a duration can be"):
        parse_duration("9999999999999w")


@given(seconds=st.integers(0, 10**9))
def test_what_is_written_reads_back_the_same(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert parse_duration(format_duration(span)) == span


@pytest.mark.parametrize(("seconds", "written"), [(0, "0s"), (90, "90s"), (3_600, "1h"), (86_400 * 14, "14d")])
def test_the_shortest_exact_spelling_is_chosen(seconds: int, written: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == written
