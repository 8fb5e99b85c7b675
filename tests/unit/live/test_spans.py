"""Which minutes a pass counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from driftline.live import SpanPlan, Watermark, plan_spans
from driftline.live.spans import AHEAD, LIVE_SPAN, MINUTE, OVERLAP, RESCAN_CHUNK, RESCAN_DEPTH

NOW = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MOMENTS = st.datetimes(datetime(2026, 2, 1), datetime(2026, 4, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
MINUTES = MOMENTS.map(lambda moment: moment.replace(second=0, microsecond=0))


def usual(now: datetime = NOW) -> SpanPlan:
    return plan_spans(Watermark(now - 20 * SECOND, NOON - timedelta(hours=3)), NOON - MINUTE, now)


def test_a_usual_pass_counts_the_overlap_and_the_next_step_back() -> None:
    plan = usual()
    assert plan.live.start == NOON - OVERLAP
    assert plan.live.end == NOON + AHEAD + MINUTE
    assert plan.rescan.end == NOON - timedelta(hours=3)
    assert plan.rescan.start == plan.rescan.end - RESCAN_CHUNK
    assert plan.after == Watermark(NOW, plan.rescan.start)


def test_a_lost_watermark_begins_with_the_last_hour_and_goes_back_from_there() -> None:
    plan = plan_spans(None, NOON, NOW)
    assert plan.live.start == NOON - LIVE_SPAN
    assert plan.rescan.end == plan.live.start


def test_a_watermark_in_the_future_is_not_believed() -> None:
    ahead = Watermark(NOW + timedelta(days=3), NOON)
    assert plan_spans(ahead, NOON, NOW) == plan_spans(None, NOON, NOW)


def test_a_watermark_far_behind_counts_the_newest_first_and_the_rest_in_steps() -> None:
    plan = plan_spans(Watermark(NOW - timedelta(hours=7), NOON - timedelta(hours=9)), NOON - timedelta(hours=7), NOW)
    assert plan.live.start == NOON - LIVE_SPAN
    assert plan.rescan.end == plan.live.start


def test_a_watermark_ahead_of_the_figures_is_not_believed() -> None:
    """Figures of the last half hour are lost, the watermark is not."""
    plan = plan_spans(Watermark(NOW, NOON), NOON - timedelta(minutes=31), NOW)
    assert plan.live.start == NOON - timedelta(minutes=30) - OVERLAP


def test_a_log_that_is_loaded_by_the_hour_is_counted_from_its_newest_row() -> None:
    plan = plan_spans(Watermark(NOW - 20 * SECOND, NOON - timedelta(hours=2)), NOON - timedelta(minutes=50), NOW)
    assert plan.live.start == NOON - timedelta(minutes=49) - OVERLAP


def test_going_back_ends_after_a_day_and_begins_anew() -> None:
    plan, passes = usual(), 0
    while plan.rescan.start > NOON - RESCAN_DEPTH:
        plan, passes = plan_spans(plan.after, NOON - MINUTE, NOW), passes + 1
    assert passes <= RESCAN_DEPTH / RESCAN_CHUNK
    assert plan_spans(plan.after, NOON - MINUTE, NOW).rescan.end == NOON - OVERLAP


@given(st.none() | st.builds(Watermark, MOMENTS, MOMENTS), st.none() | MINUTES)
def test_whatever_the_watermark_says_a_pass_is_short_and_holds_the_newest(
    watermark: Watermark | None, newest: datetime | None
) -> None:
    plan = plan_spans(watermark, newest, NOW)
    assert plan.live.start <= NOON - OVERLAP
    assert plan.live.end - plan.live.start <= LIVE_SPAN + AHEAD + MINUTE
    assert plan.live.start < NOW < plan.live.end
    assert timedelta(0) < plan.rescan.end - plan.rescan.start <= RESCAN_CHUNK
    assert plan.rescan.start >= NOON - RESCAN_DEPTH
    assert plan.rescan.end <= plan.live.start


@given(st.none() | st.builds(Watermark, MOMENTS, MOMENTS), st.none() | MINUTES)
def test_every_minute_of_a_day_is_counted_within_so_many_passes(
    watermark: Watermark | None, newest: datetime | None
) -> None:
    counted: set[datetime] = set()
    for _ in range(2 * int(RESCAN_DEPTH / RESCAN_CHUNK)):
        plan = plan_spans(watermark, newest, NOW)
        watermark, newest = plan.after, NOON
        for span in (plan.live, plan.rescan):
            counted |= {span.start + n * MINUTE for n in range((span.end - span.start) // MINUTE)}
    assert {NOON - n * MINUTE for n in range(24 * 60 + 1)} <= counted
