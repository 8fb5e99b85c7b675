"""Windows: half open, whole hours of UTC, made of slices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError
from driftline.windows import SLICE_LENGTH, Window, as_utc, floor_to_slice

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")

HOURS = st.integers(0, 24 * 365 * 60).map(lambda hours: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
LENGTHS = st.integers(1, 24 * 14).map(lambda hours: timedelta(hours=hours))
MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zones
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, BERLIN, KOLKATA, timezone(timedelta(hours=-9, minutes=-30))]),
)


@given(end=HOURS, length=LENGTHS)
def test_a_windows_slices_tile_it(end: datetime, length: timedelta) -> None:
    window = Window.ending(end, length)
    assert window.length == length
    assert window.slices[0] == window.start
    assert window.slices[-1] + SLICE_LENGTH == window.end == end
    assert all(after - before == SLICE_LENGTH for before, after in zip(window.slices, window.slices[1:], strict=False))


@given(end=HOURS, length=LENGTHS)
def test_a_window_and_the_previous_one_meet_without_overlap(end: datetime, length: timedelta) -> None:
    window = Window.ending(end, length)
    assert window.previous.end == window.start
    assert window.previous.length == window.length
    assert not window.overlaps(window.previous)
    assert not window.previous.overlaps(window)
    assert window.overlaps(window)


@given(starts=st.tuples(HOURS, HOURS), lengths=st.tuples(LENGTHS, LENGTHS))
def test_windows_overlap_exactly_where_they_share_a_slice(
    starts: tuple[datetime, datetime], lengths: tuple[timedelta, timedelta]
) -> None:
    one, two = (Window(start, start + length) for start, length in zip(starts, lengths, strict=True))
    assert one.overlaps(two) == bool(set(one.slices) & set(two.slices))


@given(moment=MOMENTS)
def test_a_moment_falls_into_the_one_slice_that_holds_it(moment: datetime) -> None:
    start = floor_to_slice(moment)
    assert start <= moment < start + SLICE_LENGTH
    assert start.tzinfo is UTC
    assert Window(start, start + SLICE_LENGTH).slices == (start,)


def test_an_event_at_the_end_belongs_to_the_next_window() -> None:
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert floor_to_slice(window.end) not in window.slices
    assert floor_to_slice(window.end - timedelta(microseconds=1)) == window.slices[-1]


class TestDaylightSaving:
    """Hours are hours of UTC: a change of the clocks neither adds nor drops a slice."""

    @pytest.mark.parametrize(
        ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)]
    )
    def test_a_local_day_has_as_many_slices_as_it_has_hours(self, day: date, hours: int) -> None:
        start = datetime(day.year, day.month, day.day, tzinfo=BERLIN)
        end = datetime(day.year, day.month, day.day, tzinfo=BERLIN) + timedelta(days=1)
        window = Window(start, end)
        assert len(window.slices) == len(set(window.slices)) == hours

    def test_24_hours_back_are_24_slices_across_the_change(self) -> None:
        end = datetime(2026, 3, 29, 12, tzinfo=BERLIN).astimezone(UTC)
        assert len(Window.ending(end, timedelta(hours=24)).slices) == 24

    def test_the_hour_that_happens_twice_is_two_slices(self) -> None:
        first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=0)
        second = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
        assert floor_to_slice(second) - floor_to_slice(first) == SLICE_LENGTH


class TestEquality:
    def test_windows_of_the_same_instants_are_equal_whatever_zone_they_were_given_in(self) -> None:
        utc = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
        berlin = Window(datetime(2026, 1, 1, 1, tzinfo=BERLIN), datetime(2026, 1, 2, 1, tzinfo=BERLIN))
        assert utc == berlin
        assert hash(utc) == hash(berlin)
        assert str(utc) == str(berlin) == "2026-01-01 00:00 to 2026-01-02 00:00 UTC"

    def test_windows_order_by_start_then_end(self) -> None:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        short, long = Window(start, start + SLICE_LENGTH), Window(start, start + 2 * SLICE_LENGTH)
        assert sorted([long, short]) == [short, long]

    def test_bounds_are_plain_datetimes_even_when_given_as_a_subclass(self) -> None:
        class Moment(datetime):
            """As Airflow's pendulum dates are: a subclass with ways of its own."""

        window = Window(Moment(2026, 1, 1, tzinfo=UTC), Moment(2026, 1, 2, tzinfo=UTC))
        assert type(window.start) is type(window.end) is datetime
        assert type(window.slices[0]) is datetime


class TestRefused:
    aware = datetime(2026, 1, 1, tzinfo=UTC)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the point

    def test_a_naive_bound_is_refused_with_the_way_to_write_it(self) -> None:
        with pytest.raises(InputError) as refusal:
            Window(self.naive, self.aware + SLICE_LENGTH)
        assert str(refusal.value) == (
            "The window's start 2026-01-01T00:00:00 has no time zone. Write one, for example 2026-01-01T00:00:00+00:00."
        )
        with pytest.raises(InputError, match=r"The window's end .* has no time zone"):
            Window(self.aware, self.naive)

    @pytest.mark.parametrize("length", [timedelta(0), timedelta(hours=-1)])
    def test_an_empty_window_is_refused(self, length: timedelta) -> None:
        with pytest.raises(InputError, match="which is not before its end"):
            Window(self.aware, self.aware + length)

    @pytest.mark.parametrize(
        "start",
        [
            datetime(2026, 1, 1, 0, 30, tzinfo=UTC),
            datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC),
            datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            datetime(2026, 1, 1, 0, 0, tzinfo=KOLKATA),
        ],
    )
    def test_a_bound_off_the_hour_of_utc_is_refused_with_the_hour_to_use(self, start: datetime) -> None:
        with pytest.raises(InputError, match=r"not on a whole hour of UTC\. .*use 20[-T0-9]+:00:00\+00:00"):
            Window(start, self.aware + timedelta(days=2))

    def test_a_length_off_the_hour_is_refused(self) -> None:
        with pytest.raises(InputError, match="not on a whole hour"):
            Window.ending(self.aware, timedelta(minutes=90))

    def test_a_naive_moment_has_no_slice(self) -> None:
        with pytest.raises(InputError, match=r"The moment .* has no time zone"):
            floor_to_slice(self.naive)
        with pytest.raises(InputError, match=r"The label time .* has no time zone"):
            as_utc(self.naive, "label time")
