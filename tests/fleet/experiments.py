"""Experiments, moved on look by look by the library's own analysis and rulings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert

from driftline.config.experiment_config import ABTestConfig
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.moments import UnitMoments
from driftline.experiments.traffic import Assignment
from driftline.live.latency import cell_of
from driftline.monitoring.experiment_rulings import judge
from driftline.serving import exact_shares, reallocated
from driftline.serving.allocation import Allocation
from driftline.store.experiment_statistics import keep_arm_statistics, take_batch
from driftline.store.experiments import ExperimentStatus, add_experiment, experiment, move_experiment
from driftline.store.tables import experiment_units
from tests.fleet.plan import HOUR, FleetModel, Task

LOOK_EVERY = 4 * HOUR
UNITS_PER_LOOK = 900
"""Of each arm."""
_KEPT_UNITS = 20


def experiment_name(model: FleetModel) -> str:
    return f"{model.name}-ab"


def add_one(connection: Connection, model: FleetModel, until: datetime, seed: int) -> None:
    """An experiment of the last two days; every other one has a treatment that is better."""
    name, (control, treatment) = experiment_name(model), model.versions[:2]
    begun = until - 48 * HOUR
    add_experiment(connection, _config(model), "ann", begun - HOUR)
    shares = exact_shares({control: 0.5, treatment: 0.5})
    allocation = reallocated(Allocation(), shares)
    placed = Assignment.of(allocation, shares, begun)
    move_experiment(
        connection, name, status=ExperimentStatus.RUNNING.value, phase=1, counting=1, incumbent=control,
        started_at=begun, counted_since=begun, stage_since=begun, assignments=(placed,),
        routes_revision=4,
    )  # fmt: skip
    random = np.random.default_rng([seed, model.index, 2])
    arms = {version: ArmStatistics() for version in (control, treatment)}
    for look in range(1, 13):
        at = begun + look * LOOK_EVERY
        gain = 0.03 if model.index % 2 == 0 else 0.0
        arms = {
            version: arm + _more(random, model.task, gain if version == treatment else 0.0)
            for version, arm in arms.items()
        }
        keep_arm_statistics(connection, name, 1, arms)
        judge(connection, experiment(connection, name), arms, at)
        take_batch(connection, name, f"batch-{look}", at)
    move_experiment(connection, name, predictions_until=until, labels_until=until - timedelta(minutes=30))
    connection.execute(insert(experiment_units), [_unit(name, number) for number in range(_KEPT_UNITS)])


def _config(model: FleetModel) -> ABTestConfig:
    control, treatment = model.versions[:2]
    described: dict[str, Any] = {
        "experiment": experiment_name(model),
        "model": model.name,
        "control": control,
        "arms": {control: 50, treatment: 50},
        "metrics": [
            {"metric": "accuracy" if model.task is Task.BINARY else "mae", "role": "primary", "minimum_effect": 0.02},
            {"metric": "error_rate", "role": "guardrail", "maximum_loss": 0.01},
            {"metric": "latency_p95", "role": "guardrail", "maximum_loss": 0.25},
        ],
        "samples": 40_000,
        "looks": 8,
        "minimum_duration": "0s",
        "maximum_duration": "28d",
        "promote_automatically": False,
    }
    return ABTestConfig.model_validate(described)


def _more(random: np.random.Generator, task: Task, gain: float) -> ArmStatistics:
    units = int(random.poisson(UNITS_PER_LOOK))
    if task is Task.BINARY:
        primary = {"accuracy": UnitMoments.of_proportion(int(random.binomial(units, 0.9 + gain)), units)}
    else:
        primary = {"mae": UnitMoments.of_mean(float(random.normal(5 - 10 * gain, 0.05)), 4.0, units)}
    failed = int(random.binomial(units, 0.002))
    latencies: dict[int, int] = {}
    for latency in random.lognormal(np.log(30), 0.3, 50):
        latencies[cell_of(latency)] = latencies.get(cell_of(latency), 0) + units // 50
    return ArmStatistics(
        units=units,
        predictions=units,
        moments={**primary, "error_rate": UnitMoments.of_proportion(failed, units)},
        latencies=latencies,
    )


def _unit(name: str, number: int) -> dict[str, Any]:
    return {"experiment": name, "counting": 1, "unit": number, "sums": [1.0, 1.0, 0.0]}
