"""Trends: mean, slope with honest significance, days until the objective breaks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftline.errors import InputError
from driftline.performance import PerformancePoint, performance_trend

START = datetime(2026, 3, 1, tzinfo=UTC)


def history(values: list[float | None], hours: int = 6) -> list[PerformancePoint]:
    return [PerformancePoint(START + timedelta(hours=hours * index), value) for index, value in enumerate(values)]


def falling(points: int, per_day: float, noise: float = 0.0, seed: int = 0) -> list[float | None]:
    random = np.random.default_rng(seed)
    return [0.94 - per_day * index / 4 + noise * random.standard_normal() for index in range(points)]


def test_a_straight_fall_has_its_slope_and_its_day_of_violation() -> None:
    trend = performance_trend("accuracy", history(falling(40, per_day=0.002)), objective=0.90)
    assert trend.slope_per_day == pytest.approx(-0.002)
    assert trend.p_value == 0
    # 39 steps of 6 h have used 9.75 days of the 20 that lead from 94 % to 90 %.
    assert trend.days_until_slo_violation == pytest.approx(10.25)
    assert trend.earliest_days == pytest.approx(10.25)
    assert trend.latest_days == pytest.approx(10.25)


def test_a_noisy_fall_gives_a_range_around_the_day() -> None:
    trend = performance_trend("accuracy", history(falling(120, per_day=0.001, noise=0.004)), objective=0.85)
    assert trend.p_value is not None
    assert trend.p_value < 0.001
    assert trend.slope_low is not None
    assert trend.slope_high is not None
    assert trend.slope_low < -0.001 < trend.slope_high < 0
    assert trend.earliest_days is not None
    assert trend.latest_days is not None
    # From 94 to 85 % at a point in ten days: 90 days, of which 29.75 are over.
    assert trend.earliest_days < 90 - 29.75 < trend.latest_days


def test_a_slope_that_may_be_zero_has_no_latest_day() -> None:
    trend = performance_trend("accuracy", history(falling(40, per_day=0.0, noise=0.01, seed=3)), objective=0.85)
    assert trend.p_value is not None
    assert trend.p_value > 0.05
    assert trend.latest_days is None
    assert trend.earliest_days is not None


def test_a_metric_heading_away_from_its_objective_never_breaks_it() -> None:
    trend = performance_trend("accuracy", history(falling(40, per_day=-0.001)), objective=0.90)
    assert trend.days_until_slo_violation is None
    assert trend.earliest_days is None


def test_a_broken_objective_has_no_days_left() -> None:
    trend = performance_trend("accuracy", history(falling(40, per_day=0.002)), objective=0.95)
    assert trend.days_until_slo_violation == 0


def test_an_error_breaks_its_objective_by_rising() -> None:
    rising = [10 + 0.25 * index for index in range(40)]
    trend = performance_trend("mae", history(rising), objective=25.0)  # type: ignore[arg-type]
    # 1 a day; at 19.75 now.
    assert trend.days_until_slo_violation == pytest.approx(5.25)
    assert performance_trend("mae", history(rising[::-1]), objective=25.0).days_until_slo_violation is None  # type: ignore[arg-type]


def test_only_the_last_thirty_days_count() -> None:
    trend = performance_trend("accuracy", history([0.5] * 100 + [0.9] * 120))
    assert trend.points == 120
    assert trend.mean == pytest.approx(0.9)
    assert trend.slope_per_day == pytest.approx(0, abs=1e-12)
    assert trend.p_value == 1


def test_the_order_of_the_history_does_not_matter() -> None:
    points = history(falling(40, per_day=0.001, noise=0.003))
    shuffled = [points[index] for index in np.random.default_rng(1).permutation(40)]
    assert performance_trend("accuracy", shuffled) == performance_trend("accuracy", points)


def test_windows_without_a_value_are_left_out() -> None:
    values = falling(40, per_day=0.002)
    values[3] = None
    values[7] = float("nan")
    assert performance_trend("accuracy", history(values)).points == 38


def test_too_few_windows_have_a_mean_but_no_slope() -> None:
    trend = performance_trend("accuracy", history([0.9] * 11), objective=0.8)
    assert (trend.points, trend.mean, trend.slope_per_day) == (11, pytest.approx(0.9), None)
    assert trend.reason == "11 windows with a value, at least 12 at different times are needed"


def test_no_window_with_a_value_is_said() -> None:
    assert performance_trend("accuracy", history([None])).reason == "no window has a value"


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(InputError, match="has no time zone"):
        performance_trend("accuracy", [PerformancePoint(datetime(2026, 3, 1), 0.9)])  # noqa: DTZ001 - that is the point


def test_an_objective_for_a_metric_without_a_worse_side_is_refused() -> None:
    with pytest.raises(InputError, match="bias has no worse side"):
        performance_trend("bias", history([0.0] * 20), objective=1.0)


@pytest.mark.parametrize("overlap", [1, 4])
def test_stable_windows_look_like_a_trend_about_as_often_as_promised(overlap: int) -> None:
    # 30 days of 6-hourly windows, independent or of 24 h (each shares 18 h with the next). The documented sizes are
    # 4.7 and 6.0 %; 400 runs have a standard error of 1.1 points. Plain least squares errs in 34 % at overlap 4.
    random = np.random.default_rng(overlap)
    alarms = 0
    for _ in range(400):
        noise = np.convolve(random.standard_normal(119 + overlap), np.ones(overlap) / overlap, mode="valid")
        p_value = performance_trend("accuracy", history(list(0.9 + 0.01 * noise))).p_value
        assert p_value is not None
        alarms += p_value < 0.05
    assert 0.015 <= alarms / 400 <= 0.09
