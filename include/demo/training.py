"""The two models of the demo, in two versions each: scikit-learn's gradient boosting, trained on January to March."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from include.demo.flights import CALENDAR_AND_ROUTE, CATEGORICAL, FEATURES, YEAR_START

TRAINING_END = YEAR_START + timedelta(weeks=13)
"""The first quarter; what comes after is what the models serve."""
TAKEOVER = YEAR_START + timedelta(weeks=35)
"""From the beginning of September on, version 2 serves."""

LATE_FROM_SCORE = 0.3
"""Chosen on the first quarter so that about as many flights are called late as are."""

_SEED = 13


@dataclass(frozen=True)
class Recipe:
    """How one version of a model is made."""

    model: str
    version: str
    features: list[str]
    parameters: dict[str, Any]
    median_latency_ms: float
    """Of its answers; they are lognormal."""
    latency_spread: float
    """Standard deviation of the logarithm of the latency."""

    @property
    def is_classifier(self) -> bool:
        return self.model == "flight_delay"


_FIRST_FEATURES = [*CALENDAR_AND_ROUTE, "temperature", "wind_speed", "precipitation", "visibility"]

RECIPES = (
    Recipe("flight_delay", "v1", _FIRST_FEATURES, {"max_iter": 80, "max_leaf_nodes": 15}, 34.0, 0.35),
    Recipe("flight_delay", "v2", FEATURES, {"max_iter": 120, "l2_regularization": 1.0}, 47.0, 0.40),
    Recipe("arrival_delay", "v1", _FIRST_FEATURES, {"max_iter": 80, "max_leaf_nodes": 15}, 29.0, 0.35),
    Recipe("arrival_delay", "v2", FEATURES, {"max_iter": 120, "l2_regularization": 1.0}, 41.0, 0.40),
)


@dataclass(frozen=True)
class TrainedModel:
    """A version that can answer."""

    recipe: Recipe
    estimator: Any = field(repr=False)
    levels: dict[str, list[str]] = field(repr=False)
    """Levels of each categorical feature in training; any other counts as missing."""

    def score(self, flights: pd.DataFrame) -> np.ndarray:
        """Probability of arriving late (`flight_delay`) or the delay in minutes (`arrival_delay`), one per flight."""
        inputs = _inputs(flights, self.recipe.features, self.levels)
        with _one_thread():
            if self.recipe.is_classifier:
                return np.asarray(self.estimator.predict_proba(inputs)[:, 1])
            return np.asarray(self.estimator.predict(inputs))


def train(recipe: Recipe, flights: pd.DataFrame) -> TrainedModel:
    """The version that ``recipe`` makes of the flights of the first quarter."""
    known = flights[(flights["predicted_at"] < TRAINING_END) & flights["label_at"].notna()]
    levels = {name: sorted(known[name].unique()) for name in CATEGORICAL}
    target = known["is_late"].astype(int) if recipe.is_classifier else known["delay_minutes"]
    kind = HistGradientBoostingClassifier if recipe.is_classifier else HistGradientBoostingRegressor
    estimator = kind(categorical_features="from_dtype", random_state=_SEED, **recipe.parameters)
    with _one_thread():
        estimator.fit(_inputs(known, recipe.features, levels), target)
    return TrainedModel(recipe, estimator, levels)


def load_or_train(recipe: Recipe, flights: pd.DataFrame, folder: Path) -> TrainedModel:
    """The version kept in ``folder`` by an earlier call, else a newly trained one, which is kept there.

    The files are ours alone: they are pickles, and never to be taken from elsewhere.
    """
    path = folder / f"{recipe.model}-{recipe.version}-sklearn{sklearn.__version__}.joblib"
    if path.exists():
        kept = joblib.load(path)
        if isinstance(kept, TrainedModel) and kept.recipe == recipe:
            return kept
    folder.mkdir(parents=True, exist_ok=True)
    trained = train(recipe, flights)
    draft = path.with_suffix(".new")
    joblib.dump(trained, draft)
    draft.replace(path)
    return trained


def _one_thread() -> threadpool_limits:
    """OpenMP's threads wait for each other by spinning: beside a starting Airflow that takes eight times as long."""
    return threadpool_limits(limits=1, user_api="openmp")


def _inputs(flights: pd.DataFrame, features: list[str], levels: dict[str, list[str]]) -> pd.DataFrame:
    inputs = flights[features].copy()
    for name in CATEGORICAL:
        inputs[name] = pd.Categorical(inputs[name], categories=levels[name])
    return inputs
