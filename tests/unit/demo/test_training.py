"""Real models, trained for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, root_mean_squared_error

from include.demo.flights import YEAR_LENGTH
from include.demo.replay import FAILING_SHARE, Replay, answers, labels
from include.demo.training import LATE_FROM_SCORE, RECIPES, TRAINING_END, TrainedModel, load_or_train, train


@pytest.fixture(scope="module")
def versions(_flights: pd.DataFrame) -> dict[str, dict[str, TrainedModel]]:
    trained: dict[str, dict[str, TrainedModel]] = {}
    for recipe in RECIPES:
        trained.setdefault(recipe.model, {})[recipe.version] = train(recipe, _flights)
    return trained


def _served(flights: pd.DataFrame) -> pd.DataFrame:
    return flights[(flights["predicted_at"] >= TRAINING_END) & flights["label_at"].notna()]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_flight_delay_ranks_unseen_flights_better_than_chance(
    flights: pd.DataFrame, versions: dict[str, dict[str, TrainedModel]], version: str
) -> None:
    served = _served(flights)
    score = versions["flight_delay"][version].score(served)
    assert ((score >= 0) & (score <= 1)).all()
    assert roc_auc_score(served["is_late"].astype(int), score) > 0.6


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_arrival_delay_is_better_than_the_mean_of_the_first_quarter(
    flights: pd.DataFrame, versions: dict[str, dict[str, TrainedModel]], version: str
) -> None:
    served = _served(flights)
    known = flights[flights["predicted_at"] < TRAINING_END]["delay_minutes"].mean()
    model = root_mean_squared_error(served["delay_minutes"], versions["arrival_delay"][version].score(served))
    guess = root_mean_squared_error(served["delay_minutes"], np.full(len(served), known))
    assert model < guess


def test_the_season_moves_the_model(flights: pd.DataFrame, versions: dict[str, dict[str, TrainedModel]]) -> None:
    """The demo's reason: in the same year the model is good in one month and bad in another."""
    served = _served(flights)
    right = (versions["flight_delay"]["v1"].score(served) > LATE_FROM_SCORE) == served["is_late"].astype(bool)
    by_month = right.groupby(served["departure"].dt.month).mean()
    assert by_month.max() - by_month.min() > 0.05


def test_training_twice_gives_the_same_model(flights: pd.DataFrame, versions) -> None:
    again = train(RECIPES[0], flights)
    some = _served(flights).head(500)
    np.testing.assert_array_equal(again.score(some), versions["flight_delay"]["v1"].score(some))


def test_a_level_that_was_not_in_training_is_no_crash(flights: pd.DataFrame, versions) -> None:
    strange = flights.head(3).assign(carrier="ZZ", destination="???")
    assert np.isfinite(versions["flight_delay"]["v2"].score(strange)).all()


def test_a_kept_model_is_loaded_not_trained(flights: pd.DataFrame, tmp_path: Path) -> None:
    first = load_or_train(RECIPES[2], flights, tmp_path)
    nothing_to_learn_from = flights.head(0)
    second = load_or_train(RECIPES[2], nothing_to_learn_from, tmp_path)
    some = flights.head(100)
    np.testing.assert_array_equal(first.score(some), second.score(some))


def test_answers_have_one_row_a_flight_and_failures_have_no_prediction(flights: pd.DataFrame, versions) -> None:
    replay = Replay(shift=YEAR_LENGTH)
    due = replay.flights_due(flights, "predicted_at", replay.log_start, replay.log_start + YEAR_LENGTH)
    log = answers(due, versions["flight_delay"])
    assert list(log["prediction_id"]) == list(due["prediction_id"])
    failed = log["error"].notna()
    assert failed.mean() == pytest.approx(FAILING_SHARE, rel=0.5)
    assert (log["score"].isna() == failed).all()
    assert (log["predicted_late"].isna() == failed).all()
    assert (log.loc[failed, "latency_ms"] == 2_000).all()


def test_version_2_is_slower_in_the_median_as_its_recipe_says(flights: pd.DataFrame, versions) -> None:
    replay = Replay(shift=YEAR_LENGTH)
    due = replay.flights_due(flights, "predicted_at", replay.log_start, replay.log_start + YEAR_LENGTH)
    log = answers(due, versions["arrival_delay"])
    medians = log.groupby("model_version")["latency_ms"].median()
    assert medians["v1"] == pytest.approx(29, rel=0.02)
    assert medians["v2"] == pytest.approx(41, rel=0.02)


def test_labels_carry_the_outcome_of_their_model(flights: pd.DataFrame) -> None:
    due = _served(flights).head(5).assign(prediction_id=list("abcde"))
    assert list(labels(due, "flight_delay").columns) == ["prediction_id", "label_at", "was_late"]
    assert list(labels(due, "arrival_delay")["delay_minutes"]) == list(due["delay_minutes"])
