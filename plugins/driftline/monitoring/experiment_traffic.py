"""An experiment's traffic: its start, the stages of its schedule, its end. In the caller's transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict

from sqlalchemy import Connection

from driftline.errors import InputError
from driftline.experiments.traffic import Assignment, arm_shares, routed_shares
from driftline.monitoring.experiment_fitness import fitness_of, incumbent_of, require_fit_versions, unfit
from driftline.serving import TrafficSplitStrategy, VersionStatus
from driftline.store.experiment_statistics import drop_units
from driftline.store.experiments import ExperimentRecord, ExperimentStatus, experiment, move_experiment, running_on
from driftline.store.model_versions import lock_model, set_status, versions
from driftline.store.routing import change_routes, current_routes


class PlacementAfter(TypedDict):
    """What a change of routes takes; None leaves it as it is."""

    strategy: TrafficSplitStrategy | None
    salt: str | None


def start(connection: Connection, record: ExperimentRecord, actor: str, at: datetime) -> ExperimentRecord:
    """Begins a phase of the (locked) experiment."""
    config = record.config
    if record.status not in {ExperimentStatus.CREATED, ExperimentStatus.STOPPED}:
        raise InputError(
            f"{record.experiment} is {record.status.value} and cannot be started. A verdict is final: make a new "
            "experiment, with a name of its own."
        )
    lock_model(connection, config.model)
    other = running_on(connection, config.model)
    if other is not None:
        raise InputError(
            f"{record.experiment}: the experiment {other!r} has the traffic of {config.model!r}. A prediction is "
            "answered by one version, so that two experiments on one model cannot be layered: wait, stop the other, or "
            "put all versions into one experiment with several arms."
        )
    require_fit_versions(connection, config)
    routes = current_routes(connection, config.model)
    incumbent = incumbent_of(config, routes)
    begun = replace(record, phase=record.phase + 1, stage=0, incumbent=incumbent, routes_revision=routes.revision)
    revision, assignment = _route_stage(
        connection, begun, 0, actor=actor, reason=f"experiment {config.experiment} starts", at=at
    )
    for version in config.versions:
        if versions(connection, config.model)[version].status in {VersionStatus.REGISTERED, VersionStatus.SHADOW}:
            set_status(connection, model=config.model, version=version, status=VersionStatus.CANARY, at=at)
    move_experiment(
        connection,
        record.experiment,
        status=ExperimentStatus.RUNNING.value,
        phase=begun.phase,
        stage=0,
        incumbent=incumbent,
        routes_revision=revision,
        strategy_before=routes.strategy.value,
        salt_before=routes.salt,
        started_at=at,
        ended_at=None,
        end_reason="",
        held_reason="",
        error="",
        **_counting_anew(record, assignment, at),
    )
    return experiment(connection, record.experiment)


def _counting_anew(record: ExperimentRecord, assignment: Assignment, at: datetime) -> dict[str, Any]:
    return {
        "counting": record.counting + 1,
        "assignments": (assignment,),
        "looks": (),
        "analysis": None,
        "counted_since": at,
        "stage_since": at,
        "predictions_until": None,
        "labels_until": None,
        "looked_at": None,
        "reference": None,
    }


def _route_stage(
    connection: Connection, record: ExperimentRecord, stage: int, *, actor: str, reason: str, at: datetime
) -> tuple[int, Assignment]:
    """Routes by a stage of the schedule; the revision, and who is in which arm from now on."""
    config = record.config
    percents, coverage = config.percents(stage), config.coverage(stage)
    change = change_routes(
        connection,
        model=config.model,
        shares=routed_shares(percents, coverage, record.incumbent),
        expected_revision=record.routes_revision,
        actor=actor,
        reason=f"{reason}: {coverage:g} % of the traffic, "
        + ", ".join(f"{version} {percent:g} %" for version, percent in percents.items()),
        cause_key=f"experiment/{record.experiment}/{record.phase}/revision/{record.routes_revision}",
        at=at,
        strategy=config.strategy,
        salt=record.salt,
    )
    allocation = current_routes(connection, config.model).allocation
    return change.revision, Assignment.of(allocation, arm_shares(percents, coverage), at)


def go_to_stage(
    connection: Connection, record: ExperimentRecord, stage: int, *, actor: str, reason: str, at: datetime
) -> str:
    """Routes by another stage of the schedule; says so."""
    told = f"experiment {record.experiment}, stage {stage + 1}: {reason}"
    revision, assignment = _route_stage(connection, record, stage, actor=actor, reason=told, at=at)
    values: dict[str, Any] = {"stage_since": at, "assignments": (*record.assignments, assignment)}
    if record.config.is_rollout:
        # The shares have another ratio now: what was counted before must not be mixed with what comes.
        values = _counting_anew(record, assignment, at)
    move_experiment(connection, record.experiment, stage=stage, routes_revision=revision, **values)
    return f"Stage {stage + 1} of {len(record.config.stages)} (revision {revision})."


def is_last_stage(record: ExperimentRecord) -> bool:
    """Whether no further stage of the schedule is to come."""
    return record.stage >= len(record.config.stages) - 1


def stop(
    connection: Connection, record: ExperimentRecord, reason: str, actor: str, at: datetime, *, moves_traffic: bool
) -> None:
    """Ends it without a verdict; the version that served before gets all the traffic, where it can."""
    known = fitness_of(connection, record.model)
    candidates = [name for name in (record.incumbent, record.config.control) if not unfit(known, record.model, name)]
    if moves_traffic and candidates:
        _give_back(connection, record, candidates[0], actor=actor, reason=reason, at=at)
    elif moves_traffic:
        reason += "; the routes stay as they are, for no version that served before is fit: route by hand"
    end(connection, record, ExperimentStatus.STOPPED, reason, at)


def _give_back(
    connection: Connection, record: ExperimentRecord, version: str, *, actor: str, reason: str, at: datetime
) -> None:
    """All traffic to a version that served before; also where another of the experiment is no longer registered."""
    change = change_routes(
        connection,
        model=record.model,
        shares={version: Decimal(1)},
        expected_revision=record.routes_revision,
        actor=actor,
        reason=f"experiment {record.experiment} stopped: {reason}",
        cause_key=f"experiment/{record.experiment}/{record.phase}/stop",
        at=at,
        **placement_after(record),
    )
    known = versions(connection, record.model)
    for name in change.shares_before:
        if name in known and known[name].status in {VersionStatus.CANARY, VersionStatus.PRODUCTION}:
            status = VersionStatus.PRODUCTION if name == version else VersionStatus.RETIRED
            set_status(connection, model=record.model, version=name, status=status, at=at)


def placement_after(record: ExperimentRecord) -> PlacementAfter:
    """How entities are to be placed when the experiment has ended: as before it, unless its file says otherwise."""
    if record.config.keep_placement or record.status is not ExperimentStatus.RUNNING:
        return {"strategy": None, "salt": None}
    return {"strategy": record.strategy_before, "salt": record.salt_before}


def end(connection: Connection, record: ExperimentRecord, status: ExperimentStatus, reason: str, at: datetime) -> None:
    """Ends it; what is kept of single entities goes."""
    move_experiment(connection, record.experiment, status=status.value, ended_at=at, end_reason=reason)
    drop_units(connection, record.experiment)
