"""Which window a run is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config import Schedule
from driftline.errors import InputError
from driftline.monitoring.schedule import last_tick, resolve_window, window_ends
from driftline.windows import Window

SIX_HOURLY = Schedule(cron="0 */6 * * *", lookback=timedelta(hours=24))
NOW = datetime(2026, 3, 10, 13, 20, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("params", "interval_end", "expected"),
    [
        pytest.param({}, at(10, 6), Window(at(9, 6), at(10, 6)), id="a scheduled run: its interval's end"),
        pytest.param({}, None, Window(at(9, 12), at(10, 12)), id="no interval: the last tick"),
        pytest.param(
            {"window_end": "2026-03-08T00:00:00+00:00"}, at(10, 6), Window(at(7, 0), at(8, 0)), id="params win"
        ),
        pytest.param(
            {"window_start": "2026-03-07T22:00:00Z", "window_end": "2026-03-08T00:00:00Z"},
            None,
            Window(at(7, 22), at(8, 0)),
            id="both bounds",
        ),
        pytest.param({"window_end": at(8, 0)}, None, Window(at(7, 0), at(8, 0)), id="a datetime, not a text"),
        pytest.param({"window_start": None, "window_end": None}, at(10, 6), Window(at(9, 6), at(10, 6)), id="nulls"),
        pytest.param(
            {"window_end": "2026-03-08T05:00:00+05:00"},
            None,
            Window(at(7, 0), at(8, 0)),
            id="another zone, same moment",
        ),
        pytest.param({"window_end": "2026-03-10T13:00:00Z"}, None, Window(at(9, 13), at(10, 13)), id="just closed"),
    ],
)
def test_the_window_of_a_run(params: dict[str, Any], interval_end: datetime | None, expected: Window) -> None:
    assert resolve_window(SIX_HOURLY, params, interval_end, NOW) == expected


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"window_start": "2026-03-08T00:00:00Z"}, "without window_end"),
        ({"window_end": "2026-03-08T00:00:00"}, "no time zone"),
        ({"window_start": "2026-03-07T00:00:00", "window_end": "2026-03-08T00:00:00Z"}, "no time zone"),
        ({"window_end": datetime(2026, 3, 8)}, "no time zone"),  # noqa: DTZ001 - the fault
        ({"window_end": "yesterday"}, "window_end is 'yesterday', which is no date and time"),
        ({"window_end": 5}, "no date and time"),
        ({"window_end": "2026-03-08T00:30:00Z"}, "not on a whole hour"),
        ({"window_end": "2026-03-08T00:00:00+05:30"}, "not on a whole hour"),
        ({"window_end": "2026-03-10T18:00:00Z"}, "has not closed yet"),
        ({"window_start": "2026-03-09T00:00:00Z", "window_end": "2026-03-08T00:00:00Z"}, "not before its end"),
        ({"window_start": "2026-03-08T00:00:00Z", "window_end": "2026-03-08T00:00:00Z"}, "not before its end"),
        ({"window_end": "2026-03-08'; DROP TABLE windows; --"}, "no date and time"),
    ],
)
def test_what_is_no_closed_window_of_whole_hours_is_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve_window(SIX_HOURLY, params, None, NOW)


def test_a_run_that_starts_on_the_tick_is_about_the_window_that_ends_there() -> None:
    assert resolve_window(SIX_HOURLY, {}, None, at(10, 12)).end == at(10, 12)


def test_a_clock_that_is_a_little_behind_does_not_refuse_the_scheduled_window() -> None:
    assert resolve_window(SIX_HOURLY, {}, at(10, 12), at(10, 12) - timedelta(seconds=30)).end == at(10, 12)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        # 2026-03-08 02:00: clocks in New York go from UTC-5 to UTC-4; 2026-11-01 02:00: back.
        (datetime(2026, 3, 7, 12, tzinfo=NEW_YORK), datetime(2026, 3, 8, 12, tzinfo=NEW_YORK)),
        (datetime(2025, 11, 1, 12, tzinfo=NEW_YORK), datetime(2025, 11, 2, 12, tzinfo=NEW_YORK)),
    ],
)
def test_a_day_with_a_clock_change_has_the_hours_that_really_passed(start: datetime, end: datetime) -> None:
    window = resolve_window(SIX_HOURLY, {"window_start": start, "window_end": end}, None, NOW)
    assert len(window.slices) == (end.astimezone(UTC) - start.astimezone(UTC)) // timedelta(hours=1)
    assert len(window.slices) in {23, 25}


def test_windows_by_lookback_keep_their_length_over_a_clock_change() -> None:
    end = datetime(2026, 3, 8, 12, tzinfo=NEW_YORK)
    window = resolve_window(SIX_HOURLY, {"window_end": end}, None, NOW)
    assert len(window.slices) == 24


@given(
    moment=st.datetimes(
        datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        datetime(2030, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, NEW_YORK, timezone(timedelta(hours=5, minutes=30))]),
    ),
    cron=st.sampled_from(["0 * * * *", "0 */6 * * *", "0 3 * * *", "0 0 * * 1", "0 0 1 * *"]),
)
def test_the_last_tick_is_on_an_hour_of_utc_and_not_after_the_moment(moment: datetime, cron: str) -> None:
    tick = last_tick(cron, moment)
    assert tick <= moment
    assert (tick.minute, tick.second, tick.microsecond, tick.utcoffset()) == (0, 0, 0, timedelta(0))
    assert last_tick(cron, tick) == tick
    assert last_tick(cron, tick + timedelta(microseconds=1)) == tick


def test_the_last_tick_before_a_naive_moment_is_refused() -> None:
    with pytest.raises(InputError, match="no time zone"):
        last_tick("0 * * * *", datetime(2026, 3, 8))  # noqa: DTZ001 - the fault


def test_many_window_ends_include_both_ends() -> None:
    assert window_ends("0 */6 * * *", at(1, 0), at(1, 12)) == [at(1, 0), at(1, 6), at(1, 12)]
    assert window_ends("0 */6 * * *", at(1, 1), at(1, 5)) == []
    assert len(window_ends("0 */6 * * *", at(1, 0), at(30, 18))) == 120


def test_many_window_ends_are_hours_of_utc_over_a_clock_change() -> None:
    ends = window_ends("0 */6 * * *", datetime(2026, 3, 7, 19, tzinfo=NEW_YORK), at(9, 0))
    assert ends == [at(8, 0), at(8, 6), at(8, 12), at(8, 18), at(9, 0)]
