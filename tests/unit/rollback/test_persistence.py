"""k of n looks, each at newer data than the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.findings import Status
from driftline.rollback import Limits, Reading, Trigger, TriggerState, looked

LIMITS = Limits(held=2, of=3)
START = datetime(2026, 3, 1, tzinfo=UTC)
EVERY = timedelta(seconds=20)


def reading(status: Status, since: str, latest: str) -> Reading:
    return Reading(
        trigger=Trigger.ERROR_RATE, version="v2", status=status, since=since, latest=latest, value=0.1, limit=0.01
    )


def after(seen: list[Status | None], limits: Limits = LIMITS) -> TriggerState:
    """The state after looks, 20 seconds apart, each at new data; None: at the same data as before."""
    state, latest = TriggerState(model="fraud", version="v2", trigger=Trigger.ERROR_RATE), 0
    for number, status in enumerate(seen):
        latest += status is not None
        seen = "" if state.reading is None else state.reading.latest
        look = reading(status or Status.DETECTED, seen, str(latest))
        state = looked(state, look, START + number * EVERY, limits)
    return state


BAD, GOOD, UNKNOWN = Status.DETECTED, Status.OK, Status.NOT_EVALUATED


@pytest.mark.parametrize(
    ("seen", "held"),
    [
        ([BAD], False),
        ([BAD, BAD], True),
        ([BAD, GOOD, BAD], True),
        ([BAD, BAD, GOOD], False),
        ([BAD, GOOD, GOOD, BAD], False),
        ([BAD, UNKNOWN, BAD], True),
        ([BAD, None], False),
        ([], False),
    ],
)
def test_an_excess_counts_once_it_has_held(seen: list[Status | None], held: bool) -> None:
    assert after(seen).is_held(LIMITS) is held


def test_it_is_over_once_enough_looks_say_so() -> None:
    assert not after([BAD, BAD, GOOD, GOOD]).is_over(LIMITS)
    assert after([BAD, BAD, GOOD, GOOD, GOOD]).is_over(LIMITS)
    assert not after([GOOD, GOOD]).is_over(LIMITS)


def test_a_look_that_could_not_tell_changes_nothing() -> None:
    assert after([BAD, UNKNOWN]) == after([BAD])


def test_a_clock_that_was_set_back_changes_nothing() -> None:
    state = after([BAD])
    assert looked(state, reading(BAD, "1", "2"), START - EVERY, LIMITS) == state


def test_of_two_that_looked_at_once_one_counts() -> None:
    state = after([BAD])
    assert looked(state, reading(BAD, "", "1"), START + EVERY, LIMITS) == state


def test_since_when_it_is_exceeded() -> None:
    assert after([GOOD, BAD, GOOD, BAD]).exceeded_since == START + EVERY
    assert after([BAD, GOOD, GOOD, GOOD, BAD]).exceeded_since == START + 4 * EVERY
    assert after([BAD, GOOD, GOOD, GOOD]).exceeded_since is None


@given(
    st.lists(st.sampled_from([BAD, GOOD, UNKNOWN, None]), max_size=30),
    st.integers(1, 5).flatmap(lambda of: st.tuples(st.integers(1, of), st.just(of))),
)
def test_never_held_and_over_at_once(seen: list[Status | None], persistence: tuple[int, int]) -> None:
    limits = Limits(held=persistence[0], of=persistence[1])
    state = after(seen, limits)
    assert len(state.looks) <= limits.of
    assert not (state.is_held(limits) and state.is_over(limits))
