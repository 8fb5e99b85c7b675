"""How many samples are needed, and how soon an experiment can end."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from statsmodels.stats.power import NormalIndPower

from driftline.errors import InputError
from driftline.experiments.design import Spending
from driftline.experiments.group_sequential import boundaries, crossing_probability
from driftline.experiments.planning import (
    earliest_ends,
    fixed_samples,
    horizon_for,
    proportion_samples,
    sequential_inflation,
    time_to,
)
from driftline.experiments.stages import Stage, stages_of
from tests.unit.experiments.test_analysis import ACCURACY, ERRORS, design

WHOLE = (Stage(0, 100),)


def test_samples_of_a_fixed_horizon_are_statsmodels() -> None:
    expected = NormalIndPower().solve_power(effect_size=0.1, alpha=0.05, power=0.8)
    assert fixed_samples(1.0, 1.0, 0.1, 0.05, 0.8) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("spending", list(Spending))
def test_the_inflated_horizon_has_the_power_of_the_fixed_one(spending: Spending) -> None:
    inflation = sequential_inflation(0.05, 0.8, 5, spending)
    fractions = [step / 5 for step in range(1, 6)]
    bounds = boundaries(0.05, fractions, spending, is_last=True)
    drift = (1.959964 + 0.841621) * math.sqrt(inflation)
    assert crossing_probability(bounds, fractions, drift) == pytest.approx(0.8, abs=1e-5)
    assert 1.01 < inflation < 1.15
    assert sequential_inflation(0.05, 0.8, 1, spending) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(("control", "effect"), [(0.5, 0.6), (0.0, 0.1), (0.9, -0.95)])
def test_shares_that_cannot_be_are_refused(control: float, effect: float) -> None:
    with pytest.raises(InputError, match="lies between 0 and 1"):
        proportion_samples(control, effect, 0.05, 0.8)
    with pytest.raises(InputError, match="effect of 0"):
        fixed_samples(1.0, 1.0, 0.0, 0.05, 0.8)


def test_a_ramp_makes_it_slower() -> None:
    ramp = stages_of([[1_440, 10], [0, 100]])
    assert time_to(50, ramp, 1_000) == timedelta(hours=12)
    assert time_to(600, ramp, 1_000) == timedelta(days=1.5)
    assert time_to(600, WHOLE, 1_000) == timedelta(days=0.6)


def test_the_earliest_ends_follow_from_the_rules() -> None:
    plan = design(ACCURACY, ERRORS, minimum_samples=200)
    open_ended = earliest_ends(plan, WHOLE, 4_000, label_delay=timedelta(hours=6))
    assert open_ended.promotion == timedelta(days=0.1, hours=6, minutes=7)
    assert open_ended.rollback == timedelta(days=0.1, minutes=7)
    patient = design(ACCURACY, ERRORS, minimum_duration=timedelta(days=7))
    assert earliest_ends(patient, WHOLE, 4_000).promotion == timedelta(days=7)
    planned = design(ACCURACY, ERRORS, samples=40_000, looks=4, spending=Spending.QUADRATIC)
    assert earliest_ends(planned, WHOLE, 4_000).promotion == timedelta(days=2.5, minutes=7)
    assert earliest_ends(design(ERRORS), WHOLE, 4_000).promotion is None
    with pytest.raises(InputError, match="above 0"):
        earliest_ends(plan, WHOLE, 0)


def test_the_horizon_for_the_smallest_effect_that_matters() -> None:
    matters = replace(ACCURACY, minimum_effect=0.02)
    equal = horizon_for(design(matters, looks=1), 0.85)
    assert equal == pytest.approx(2 * proportion_samples(0.85, 0.02, 0.05, 0.8), abs=2)
    uneven = horizon_for(design(matters, looks=1, percents={"a": 90, "b": 10}), 0.85)
    assert uneven is not None
    assert uneven > 2 * (equal or 0)
    assert horizon_for(design(ACCURACY), 0.85) is None
    assert horizon_for(design(matters), 0.99) is None
