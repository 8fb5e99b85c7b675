"""The picture of an effect: what is drawn where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from driftline.store.experiment_course import EARLY_STEP, FIRST, LATE_STEP, CoursePoint, is_kept
from driftline.web.effect_chart import HEIGHT, LEFT, WIDTH, effect_chart

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
bounds = st.one_of(st.none(), st.floats(-1e9, 1e9))


def course(*effects: float) -> list[CoursePoint]:
    return [
        CoursePoint(NOON + timedelta(hours=number), effect, effect - 0.1, effect + 0.1)
        for number, effect in enumerate(effects)
    ]


def test_nothing_found_is_not_drawn() -> None:
    assert effect_chart("accuracy", "", [CoursePoint(NOON, None, None, None)], None) is None


def test_higher_effects_stand_higher_and_later_looks_further_right() -> None:
    chart = effect_chart("accuracy", "", course(-0.2, 0.0, 0.3), None)
    assert chart is not None
    (x0, y0), (x1, y1), (x2, y2) = [tuple(map(float, point.split(","))) for point in chart.line.split()]
    assert x0 == LEFT < x1 < x2 <= WIDTH
    assert y0 > y1 > y2
    assert y1 == chart.zero


def test_a_limit_is_drawn_where_it_is() -> None:
    chart = effect_chart("errors", "", course(0.0, 0.0), 0.05)
    assert chart is not None
    assert chart.zero is not None
    assert chart.limit is not None
    assert chart.limit < chart.zero, "a loss of 0.05 is above 0"


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), bounds, bounds), min_size=1, max_size=30), bounds)
def test_whatever_is_found_stays_inside_the_picture(
    found: list[tuple[float, float | None, float | None]], limit: float | None
) -> None:
    points = [CoursePoint(NOON + timedelta(minutes=5 * number), *values) for number, values in enumerate(found)]
    chart = effect_chart("metric", "", points, limit)
    assert chart is not None
    places = [tuple(map(float, point.split(","))) for point in f"{chart.band} {chart.line}".split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert len(chart.band.split()) == 2 * len(points)


def test_the_first_look_of_each_step_is_kept() -> None:
    looks = [NOON + timedelta(minutes=5 * number) for number in range(12 * 30)]
    kept = [at for before, at in zip([None, *looks], looks, strict=False) if is_kept(NOON, before, at)]
    assert sum(at - NOON < FIRST for at in kept) == FIRST / EARLY_STEP
    assert sum(at - NOON >= FIRST for at in kept) == timedelta(hours=6) / LATE_STEP
