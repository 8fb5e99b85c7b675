"""Versions, routes and their history, rollbacks, and figures per minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from driftline.live.latency import cell_of
from driftline.rollback import RollbackStatus, Trigger
from driftline.serving import Allocation, TrafficSplitStrategy, VersionHealth, VersionStatus, exact_shares
from driftline.serving.allocation import reallocated
from tests.fleet.plan import HOUR, FleetModel, Task

MINUTE = timedelta(minutes=1)
_LATENCIES = 16
"""Different histograms of a minute's latencies."""


@dataclass(frozen=True)
class Step:
    """One change of a model's routes."""

    at: datetime
    shares: dict[str, Decimal]
    actor: str
    reason: str
    cause_key: str


def route_steps(model: FleetModel, experiment: str | None, until: datetime) -> list[Step]:
    """How the model's traffic went from version to version."""
    first, second = model.versions[:2]
    name = model.name
    steps = [
        _step(model.windows[0].start, {first: 1}, "deploy", "first release", f"{name}/release/1"),
        _step(model.rolled_out, {first: 0.9, second: 0.1}, "deploy", "canary", f"{name}/canary/2"),
        _step(model.rolled_out + 24 * HOUR, {second: 1}, "deploy", "release", f"{name}/release/2"),
    ]
    if model.bad_from is not None and model.bad_until is not None:
        bad = model.versions[2]
        steps.append(_step(model.bad_from, {bad: 1}, "deploy", "release", f"{name}/release/3"))
        reason = f"fairness: {bad} treats sex=F otherwise"
        steps.append(_step(model.bad_until, {second: 1}, "guard_serving", reason, f"{name}/{bad}/fairness/4"))
    if experiment is not None:
        shares = {first: 0.5, second: 0.5}
        steps.append(
            _step(
                until - 48 * HOUR, shares, "run_experiments", f"experiment {experiment}", f"experiment/{experiment}/1"
            )
        )
    return steps


def version_rows(model: FleetModel, experiment: str | None) -> Iterator[dict[str, Any]]:
    begun = {model.versions[0]: model.windows[0].start, model.versions[1]: model.rolled_out}
    for place, version in enumerate(model.versions):
        status = VersionStatus.PRODUCTION if place == 1 else VersionStatus.RETIRED
        if place == 0 and experiment is not None:
            status = VersionStatus.CANARY
        at = begun.get(version, model.bad_from) or model.rolled_out
        yield {
            "model": model.name,
            "version": version,
            "artifact_uri": f"s3://models/{model.name}/{place + 1}",
            "status": (VersionStatus.QUARANTINED if place == 2 else status).value,
            "health": (VersionHealth.UNHEALTHY if place == 2 else VersionHealth.HEALTHY).value,
            "registered_at": at - HOUR,
            "updated_at": at,
        }


def route_rows(model: FleetModel, steps: Sequence[Step]) -> dict[str, list[dict[str, Any]]]:
    """Rows of routes, route_revisions and route_history."""
    allocation, before, history = Allocation(), {}, []
    for revision, step in enumerate(steps, start=1):
        allocation = reallocated(allocation, step.shares)
        history.append(
            {
                "model": model.name,
                "revision": revision,
                "changed_at": step.at,
                "actor": step.actor,
                "reason": step.reason,
                "cause_key": step.cause_key,
                "shares_before": _written(before),
                "shares_after": _written(step.shares),
            }
        )
        before = step.shares
    current = {
        "model": model.name,
        "revision": len(steps),
        "strategy": TrafficSplitStrategy.HASH_BASED.value,
        "salt": model.name,
        "allocation": allocation.to_json(),
    }
    shares = [{"model": model.name, "version": version, "share": share} for version, share in before.items()]
    return {"routes": shares, "route_revisions": [current], "route_history": history}


def rollback_rows(model: FleetModel, incident_id: int | None) -> list[dict[str, Any]]:
    """The bad roll-out's, which helped."""
    if model.bad_from is None or model.bad_until is None:
        return []
    bad, at = model.versions[2], model.bad_until
    return [
        {
            "model": model.name,
            "bad_version": bad,
            "target_version": model.versions[1],
            "trigger": Trigger.FAIRNESS.value,
            "status": RollbackStatus.VERIFIED.value,
            "reason": f"{bad}: the share of positive predictions of sex=F is 5 %, that of the other groups 40 %",
            "explanation": "After the rollback all limits hold.",
            "cause_key": f"{model.name}/{bad}/fairness/4",
            "actor": f"monitor__{model.name}",
            "evidence": {},
            "first_seen_at": model.bad_from,
            "created_at": at,
            "updated_at": at + 2 * MINUTE,
            "done_at": at,
            "verify_at": at + 2 * MINUTE,
            "ended_at": at + 2 * MINUTE,
            "incident_id": incident_id,
        }
    ]


def live_rows(
    model: FleetModel, shares: dict[str, Decimal], until: datetime, hours: int, seed: int
) -> dict[str, list[dict[str, Any]]]:
    """Predictions and labels per minute of the versions that serve, and how far they are counted."""
    random = np.random.default_rng([seed, model.index, 1])
    minutes = [until - MINUTE * back for back in range(hours * 60, 0, -1)]
    shapes = [_latencies(model, random) for _ in range(_LATENCIES)]
    predictions, outcomes = [], []
    for version, share in shares.items():
        counts = random.poisson(float(share) * model.daily_rows / 1440, len(minutes)).tolist()
        drawn = random.random((len(minutes), 2)).tolist()
        for minute, count, (first, second) in zip(minutes, counts, drawn, strict=True):
            key = {"model": model.name, "minute": minute, "version": version}
            errors = int(first < 0.02 * count)
            shape = shapes[int(second * _LATENCIES)]
            scaled = {cell: max(1, round(part * count)) for cell, part in shape.items()} if count else {}
            predictions.append({**key, "predictions": count, "errors": min(errors, count), "latencies": scaled})
            outcomes.append({**key, **_outcomes(model.task, count, second)})
    return {"live_predictions": predictions, "live_outcomes": outcomes, "live_watermarks": list(_marks(model, until))}


def _marks(model: FleetModel, until: datetime) -> Iterator[dict[str, Any]]:
    for feed in ("predictions", "labels"):
        yield {
            "model": model.name,
            "feed": feed,
            "counted_until": until,
            "rescanned_from": until - HOUR,
            "newest_row": until - MINUTE,
            "rows_ahead": 0,
            "first_attempt_at": model.windows[0].start,
            "attempted_at": until,
            "counted_at": until,
            "error": "",
        }


def _latencies(model: FleetModel, random: np.random.Generator) -> dict[str, float]:
    """Shares by cell, most around 20 to 100 ms."""
    drawn = random.lognormal(np.log(20 * (1 + model.index % 5)), 0.3, 12)
    return {str(cell_of(value)): 1 / 12 for value in drawn}


def _outcomes(task: Task, count: int, drawn: float) -> dict[str, Any]:
    wrong = min(count, int(0.05 * count + drawn))
    confusion = task is Task.BINARY
    positives = (count - wrong) // 5
    return {
        "labeled": count,
        "true_positives": positives if confusion else 0,
        "true_negatives": count - wrong - positives if confusion else 0,
        "false_positives": wrong // 2 if confusion else 0,
        "false_negatives": wrong - wrong // 2 if confusion else 0,
        "error_sum": 0.0 if confusion else count * (drawn - 0.5),
        "absolute_error_sum": 0.0 if confusion else count * (1 + drawn),
        "squared_error_sum": 0.0 if confusion else count * (1 + drawn) ** 2,
    }


def _step(at: datetime, shares: dict[str, float], actor: str, reason: str, cause_key: str) -> Step:
    return Step(at, exact_shares(shares), actor, reason, cause_key)


def _written(shares: dict[str, Decimal]) -> dict[str, str]:
    return {version: format(share, "f") for version, share in shares.items()}
