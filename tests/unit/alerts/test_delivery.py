from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from driftline.alerts.delivery import LONGEST_WAIT, wait_after


def test_the_wait_doubles_from_fifteen_seconds_to_ten_minutes() -> None:
    assert [wait_after(attempts).total_seconds() for attempts in range(1, 8)] == [15, 30, 60, 120, 240, 480, 600]


@given(st.integers(1, 10**9))
def test_however_often_it_failed_the_wait_stays_bounded_and_never_shrinks(attempts: int) -> None:
    assert timedelta(0) < wait_after(attempts) <= wait_after(attempts + 1) <= LONGEST_WAIT
