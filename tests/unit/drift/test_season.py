"""The hour of the week in a feature's distribution."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftline.drift.season import Season, harmonics_for, harmonics_of, spread

START = datetime(2026, 1, 5, tzinfo=UTC)


def _hours(first, count):
    return [START + timedelta(hours=first + hour) for hour in range(count)]


def test_windows_of_whole_days_know_no_time_of_day_and_weeks_no_day():
    assert harmonics_for(24, 24 * 28) == (1, 2, 3)
    assert harmonics_for(6, 24 * 28) == (1, 2, 3, 7, 14, 21)
    assert harmonics_for(168, 24 * 60) == ()


def test_a_short_baseline_teaches_no_week():
    assert harmonics_for(6, 24 * 10) == (7, 14, 21)
    assert harmonics_for(24, 24 * 13) == ()


def test_harmonics_repeat_every_week_and_average_to_nothing_over_one():
    one, other = harmonics_of([_hours(5, 24), _hours(5 + 168, 24)], (1, 2, 3))
    np.testing.assert_allclose(one, other, atol=1e-9)
    np.testing.assert_allclose(harmonics_of([_hours(5, 168)], (1, 2, 3)), 0, atol=1e-12)


def test_spreading_keeps_the_sum_and_the_shape_within_groups():
    cells = np.array([1.0, 3.0, 2.0, 4.0])
    changed = spread(cells, np.array([0, 2]), np.array([1.0, -1.0]))
    assert changed.sum() == pytest.approx(10)
    np.testing.assert_allclose(changed, [1.25, 3.75, 5 / 3, 10 / 3])


def test_no_season_leaves_the_reference_as_it_is():
    cells = np.array([1.0, 3.0])
    assert Season((0,), (), (), ()).expected(cells, _hours(0, 24)) is cells


def test_shares_never_become_negative():
    season = Season((0, 1), (1,), (0.0, 0.0), ((5.0, -5.0), (0.0, 0.0)))
    assert season.expected(np.array([10.0, 10.0]), _hours(0, 6)).min() > 0
