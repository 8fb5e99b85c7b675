"""How many samples an experiment needs, and how soon it can end at the earliest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from scipy.optimize import brentq
from scipy.special import ndtri

from driftline.errors import InputError
from driftline.experiments.design import ExperimentDesign, Method, Spending
from driftline.experiments.group_sequential import boundaries, crossing_probability
from driftline.experiments.metric import MetricKind
from driftline.experiments.stages import Stage

LOOK_INTERVAL = timedelta(minutes=5)
"""How often `run_experiments` looks."""
SETTLING = timedelta(minutes=2)
"""Rows of the prediction log are counted when they are so old: some arrive a little late."""


def fixed_samples(control_variance: float, treatment_variance: float, effect: float, alpha: float, power: float) -> int:
    """Samples per arm that a fixed-horizon test of two arms of one size needs to see ``effect``."""
    if not effect:
        raise InputError("An effect of 0 cannot be seen with any number of samples.")
    distance = float(ndtri(1 - alpha / 2) + ndtri(power))
    return math.ceil(distance**2 * (control_variance + treatment_variance) / effect**2)


def proportion_samples(control: float, effect: float, alpha: float, power: float) -> int:
    """`fixed_samples` of a share that goes from ``control`` to ``control + effect``."""
    treatment = control + effect
    if not (0 < control < 1 and 0 <= treatment <= 1):
        raise InputError(f"A share cannot go from {control} by {effect}: it lies between 0 and 1.")
    return fixed_samples(control * (1 - control), treatment * (1 - treatment), effect, alpha, power)


def sequential_inflation(alpha: float, power: float, looks: int, spending: Spending) -> float:
    """How many times a fixed horizon's samples a group sequential test plans for, to have the same power.

    It seldom needs them all: where there is an effect it mostly ends earlier.
    """
    fractions = [step / looks for step in range(1, looks + 1)]
    bounds = boundaries(alpha, fractions, spending, is_last=True)
    fixed = float(ndtri(1 - alpha / 2) + ndtri(power))
    drift = brentq(lambda drift: crossing_probability(bounds, fractions, drift) - power, fixed * 0.9, fixed * 2)
    return float(drift / fixed) ** 2


def horizon_for(design: ExperimentDesign, control_value: float) -> int | None:
    """The `samples` that see the first primary metric's `minimum_effect` with the design's power; None without one.

    Of a share that is ``control_value`` under the control, in the smallest treatment, by the design's method.
    """
    metric = design.primary[0] if design.primary else None
    if metric is None or metric.minimum_effect is None or metric.kind is not MetricKind.PROPORTION:
        return None
    treated = control_value + metric.sign * metric.minimum_effect
    if not (0 < control_value < 1 and 0 <= treated <= 1):
        return None
    shares = {version: percent / 100 for version, percent in design.percents.items()}
    smallest = min(shares[version] for version in design.treatments)
    variance = control_value * (1 - control_value) / shares[design.control] + treated * (1 - treated) / smallest
    level = design.alpha / len(design.treatments)
    distance = float(ndtri(1 - level / 2) + ndtri(design.power))
    inflation = sequential_inflation(level, design.power, design.looks, design.spending)
    return math.ceil(inflation * distance**2 * variance / metric.minimum_effect**2)


@dataclass(frozen=True)
class EarliestEnds:
    """The shortest times from the start to a verdict, whatever the data say; None: cannot come to that.

    Attributes
    ----------
    promotion:
        A treatment is given all the traffic.
    rollback:
        A guardrail ends the experiment.
    """

    promotion: timedelta | None
    rollback: timedelta | None


def earliest_ends(
    design: ExperimentDesign,
    ramp: Sequence[Stage],
    predictions_per_day: float,
    *,
    label_delay: timedelta = timedelta(0),
    rollback_needs_labels: bool = False,
) -> EarliestEnds:
    """When the experiment can end at the earliest at a model's ``predictions_per_day``, each a unit of its own."""
    if not predictions_per_day > 0:
        raise InputError(f"The traffic is {predictions_per_day} predictions a day; give a number above 0.")
    smallest = min(design.percents.values()) / 100
    waiting = LOOK_INTERVAL + SETTLING
    units = max(design.minimum_samples / smallest, _first_decision(design))
    ramp_length = sum((stage.length for stage in ramp[:-1]), timedelta(0))
    reached = time_to(units, ramp, predictions_per_day) + label_delay + waiting
    rollback = time_to(design.minimum_samples / smallest, ramp, predictions_per_day) + waiting
    return EarliestEnds(
        promotion=max(reached, ramp_length + waiting, design.minimum_duration) if design.primary else None,
        rollback=rollback + (label_delay if rollback_needs_labels else timedelta(0)),
    )


def time_to(units: float, ramp: Sequence[Stage], per_day: float) -> timedelta:
    """How long it takes until so many units of the covered traffic have come."""
    passed, left = timedelta(0), units
    for stage in ramp[:-1]:
        rate = per_day * stage.percent / 100
        during = rate * stage.length / timedelta(days=1)
        if during >= left:
            return passed + timedelta(days=left / rate)
        passed, left = passed + stage.length, left - during
    return passed + timedelta(days=left / (per_day * ramp[-1].percent / 100))


def _first_decision(design: ExperimentDesign) -> float:
    """Samples over all arms at the first look at which a decision is likely enough to speak of (bound below 5)."""
    if design.method is not Method.GROUP_SEQUENTIAL:
        return 0.0
    assert design.samples is not None
    fractions = [step / design.looks for step in range(1, design.looks + 1)]
    bounds = boundaries(design.alpha / max(len(design.treatments), 1), fractions, design.spending, is_last=True)
    reachable = next(fraction for fraction, bound in zip(fractions, bounds, strict=True) if bound < 5)
    return reachable * design.samples
