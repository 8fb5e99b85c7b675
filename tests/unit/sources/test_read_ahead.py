"""Reading ahead: the same items in the same order, errors where they belong, nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.sources.read_ahead import read_ahead


@given(st.lists(st.one_of(st.none(), st.integers(), st.text())))
def test_items_come_in_their_order(items: list[object]) -> None:
    assert list(read_ahead(iter(items))) == items


def test_the_next_item_is_fetched_while_the_last_one_is_worked_on() -> None:
    fetched_second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        fetched_second.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == 1
    assert fetched_second.wait(10)


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the server went away")

    ahead = read_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="went away"):
        next(ahead)


def test_leaving_in_the_middle_ends_the_thread() -> None:
    ahead = read_ahead(iter(range(10)))
    next(ahead)
    ahead.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
