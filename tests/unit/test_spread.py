"""How much windows differ: a day that differs from others in everything must not look like a fault."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from driftline.findings import Status
from driftline.performance import PerformanceThresholds, performance_findings
from driftline.profiles import BinaryOutcomeProfile, NumericBinning, merge
from driftline.spread import LEAST_WINDOWS, WindowSpread

BINNING = NumericBinning(np.linspace(0.01, 0.99, 99))
DAY = 0.1
"""How much the days of the simulation differ in difficulty, in points of accuracy (standard deviation)."""


def test_the_margin_is_the_prediction_interval_of_one_more_observation() -> None:
    values = [0.1, 0.3, 0.2, 0.4, 0.25, 0.15, 0.35, 0.3]
    spread = WindowSpread.of([{"accuracy": value} for value in values])
    expected = stats.t.ppf(0.975, 7) * np.std(values, ddof=1) * math.sqrt(1 + 1 / 8)
    assert spread.margin("accuracy", 0.95) == pytest.approx(expected, rel=1e-12)


def test_the_p_value_of_the_margin_is_what_confidence_leaves() -> None:
    spread = WindowSpread.of([{"x": float(value)} for value in range(20)])
    assert spread.p_value("x", spread.margin("x", 0.99)) == pytest.approx(0.01, rel=1e-9)


def test_what_was_not_measured_often_enough_changes_nothing() -> None:
    spread = WindowSpread.of([{"x": float(value)} for value in range(LEAST_WINDOWS - 1)])
    assert spread.margin("x", 0.95) == 0
    assert spread.p_value("x", 100.0) == 0


def test_what_was_measured_on_some_windows_only_is_as_uncertain_as_those_are_few() -> None:
    values = [0.1, 0.3, 0.2, 0.4, 0.25, 0.15, 0.35, 0.3]
    alone = WindowSpread.of([{"recall": value} for value in values])
    among = WindowSpread.of([*({"recall": value, "accuracy": 0.9} for value in values), *[{"accuracy": 0.9}] * 20])
    assert among.margin("recall", 0.999) == pytest.approx(alone.margin("recall", 0.999), rel=1e-12)
    assert among.p_value("recall", 0.5) == pytest.approx(alone.p_value("recall", 0.5), rel=1e-12)
    assert WindowSpread.from_json(json.loads(json.dumps(among.to_json()))) == among


def test_it_survives_json() -> None:
    spread = WindowSpread.of([{"x": float(value), "y": 1.0} for value in range(9)])
    assert WindowSpread.from_json(json.loads(json.dumps(spread.to_json()))) == spread


def _day(rng: np.random.Generator, difficulty: float, accuracy: float = 0.85, rows: int = 800) -> BinaryOutcomeProfile:
    """A day of predictions that are right with ``accuracy`` plus the day's own difficulty."""
    label = rng.random(rows) < 0.3
    right = rng.random(rows) < np.clip(accuracy + difficulty, 0, 1)
    predicted = np.where(right, label, ~label)
    return BinaryOutcomeProfile.of(label, predicted, np.where(predicted, 0.8, 0.2), BINNING)


def _accuracy_alarms(spread_known: bool, accuracy: float) -> int:
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(40):
        days = [_day(rng, rng.normal(0, DAY)) for _ in range(28)]
        spread = WindowSpread.of([{"accuracy": (day.true_positives + day.true_negatives) / day.rows} for day in days])
        findings = performance_findings(
            merge(days),
            _day(rng, rng.normal(0, DAY), accuracy),
            predictions=800,
            thresholds=PerformanceThresholds(metrics=("accuracy",), confidence=0.99),
            is_mature=True,
            version="v1",
            spread=WindowSpread(28, spread.deviations) if spread_known else None,
        )
        alarms += findings[0].status is Status.DETECTED
    return alarms


def test_days_that_differ_alarm_without_the_spread_and_not_with_it() -> None:
    assert _accuracy_alarms(spread_known=False, accuracy=0.85) >= 8
    assert _accuracy_alarms(spread_known=True, accuracy=0.85) <= 1


def test_a_fall_of_four_times_what_days_differ_is_still_seen() -> None:
    assert _accuracy_alarms(spread_known=True, accuracy=0.45) >= 25
