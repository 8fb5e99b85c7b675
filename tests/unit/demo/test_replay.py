"""The year moved to now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.demo.flights import YEAR_LENGTH, YEAR_START
from include.demo.replay import Replay
from include.demo.training import TAKEOVER

NOW = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)


@given(days=st.floats(0, 30_000))
def test_one_to_two_weeks_of_the_year_lie_ahead_and_weekdays_stay(days: float) -> None:
    now = datetime(2014, 1, 1, tzinfo=UTC) + timedelta(days=days)
    replay = Replay.ending_after(now)
    ahead = YEAR_START + YEAR_LENGTH + replay.shift - now
    assert timedelta(weeks=1) < ahead <= timedelta(weeks=2)
    assert replay.shift % timedelta(weeks=1) == timedelta(0)


def test_weekday_and_hour_of_a_flight_stay(flights: pd.DataFrame) -> None:
    replay = Replay.ending_after(NOW)
    due = replay.flights_due(flights, "predicted_at", NOW - timedelta(days=1), NOW)
    origin = due["predicted_at"] - replay.shift
    assert len(due) > 500
    assert (origin.dt.dayofweek == due["predicted_at"].dt.dayofweek).all()
    assert (origin.dt.hour == due["predicted_at"].dt.hour).all()


def test_nothing_is_logged_of_the_flights_that_the_models_learned_from(flights: pd.DataFrame) -> None:
    replay = Replay.ending_after(NOW)
    due = replay.flights_due(flights, "predicted_at", replay.log_start - timedelta(days=400), NOW)
    assert due["predicted_at"].min() >= replay.log_start


def test_no_label_comes_for_a_flight_that_was_not_asked_about(flights: pd.DataFrame) -> None:
    replay = Replay.ending_after(NOW)
    after = replay.log_start - timedelta(days=3)
    asked = set(replay.flights_due(flights, "predicted_at", after, NOW)["prediction_id"])
    labeled = set(replay.flights_due(flights, "label_at", after, NOW)["prediction_id"])
    assert labeled < asked


@settings(deadline=None, max_examples=15)
@given(cuts=st.lists(st.integers(0, 72), max_size=6))
def test_spans_tile_whatever_is_due_is_due_once(_flights_of_spring: pd.DataFrame, cuts: list[int]) -> None:
    replay = Replay.ending_after(NOW)
    start = replay.log_start + timedelta(days=2)
    moments = [start + timedelta(hours=hours) for hours in sorted({0, 72, *cuts})]
    parts = [replay.flights_due(_flights_of_spring, "label_at", after, until) for after, until in pairwise(moments)]
    whole = replay.flights_due(_flights_of_spring, "label_at", moments[0], moments[-1])
    ids = pd.concat(parts)["prediction_id"]
    assert ids.is_unique
    assert set(ids) == set(whole["prediction_id"])


def test_when_the_year_runs_out_it_begins_again_without_a_gap(flights: pd.DataFrame) -> None:
    replay = Replay.ending_after(NOW)
    end = YEAR_START + YEAR_LENGTH + replay.shift
    due = replay.flights_due(flights, "predicted_at", end - timedelta(days=2), end + timedelta(days=2))
    by_day = due["predicted_at"].dt.floor("D").value_counts()
    assert len(by_day) >= 4
    assert by_day.sort_index().iloc[1:-1].min() > 500
    assert due["prediction_id"].is_unique


def test_version_2_takes_over_in_september_and_stays(flights: pd.DataFrame) -> None:
    replay = Replay.ending_after(NOW)
    until = replay.log_start + timedelta(days=365)
    due = replay.flights_due(flights, "predicted_at", replay.log_start, until)
    assert (due["serves_v2"] == (due["predicted_at"] >= TAKEOVER + replay.shift)).all()
    assert 0.4 < due["serves_v2"].mean() < 0.8


def test_the_flights_that_are_given_are_left_as_they_are(flights: pd.DataFrame) -> None:
    before = flights.copy()
    Replay.ending_after(NOW).flights_due(flights, "predicted_at", NOW - timedelta(days=1), NOW)
    pd.testing.assert_frame_equal(flights, before)


@pytest.fixture(scope="module")
def _flights_of_spring(_flights: pd.DataFrame) -> pd.DataFrame:
    return _flights[_flights["departure"].dt.month == 4]
