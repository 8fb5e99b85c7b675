"""Experiments as they stand: one row each, locked by whoever moves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from driftline.config.experiment_config import ABTestConfig
from driftline.errors import InputError
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.clustering import Reference
from driftline.experiments.result import Look
from driftline.experiments.traffic import Assignment
from driftline.serving import TrafficSplitStrategy, VersionHealth, VersionStatus
from driftline.store.json_values import json_safe
from driftline.store.tables import experiment_arms, experiments, model_versions, route_revisions


class ExperimentStatus(StrEnum):
    """Where an experiment is in its life."""

    CREATED = "created"
    RUNNING = "running"
    CONCLUDED = "concluded"
    """Ended by a verdict, for good."""
    STOPPED = "stopped"
    """Ended without one; it may start again, as a new phase that counts from nothing."""


@dataclass(frozen=True, kw_only=True)
class ExperimentRecord:
    """An experiment and its state.

    Attributes
    ----------
    phase:
        Starts so far. Each phase has a salt of its own, so that its entities are placed anew.
    stage:
        Of the schedule, from 0.
    counting:
        Which set of statistics is current: another one begins with each phase and each stage of a rollout.
    incumbent:
        The version that served before, and gets the traffic that is not in the experiment.
    routes_revision:
        Of the routes as the experiment left them: at another revision somebody else has changed them.
    counted_since, stage_since:
        Since when the current statistics are counted, and the current stage goes on.
    predictions_until, labels_until:
        How far the prediction log has been read.
    held_reason:
        Why nothing goes on until a person says so; empty where it does.
    error:
        Why the last look failed; empty where it did not.
    reference:
        What the errors of ROC-AUC and latencies are measured by, by entity; None before enough rows have come.
    strategy_before, salt_before:
        Of the routes before the phase began; None of an experiment that was started before they were kept.
    """

    experiment: str
    model: str
    config: ABTestConfig
    status: ExperimentStatus
    phase: int
    stage: int
    counting: int
    incumbent: str
    routes_revision: int | None
    assignments: tuple[Assignment, ...]
    looks: tuple[Look, ...]
    analysis: dict[str, Any] | None
    created_at: datetime
    created_by: str
    started_at: datetime | None
    counted_since: datetime | None
    stage_since: datetime | None
    predictions_until: datetime | None
    labels_until: datetime | None
    looked_at: datetime | None
    ended_at: datetime | None
    held_reason: str
    end_reason: str
    error: str
    reference: Reference | None
    strategy_before: TrafficSplitStrategy | None
    salt_before: str | None

    @property
    def salt(self) -> str:
        return f"{self.experiment}/{self.phase}"


@dataclass(frozen=True)
class Surroundings:
    """What an experiment depends on, as it is now.

    Attributes
    ----------
    routes_revision:
        Of the model's routes.
    versions:
        The model's registered versions.
    arms:
        The current statistics of its arms.
    """

    routes_revision: int | None
    versions: Mapping[str, tuple[VersionStatus, VersionHealth]]
    arms: Mapping[str, ArmStatistics]


def add_experiment(connection: Connection, config: ABTestConfig, actor: str, at: datetime) -> bool:
    """Keeps a new experiment; False where the very same is kept already.

    Raises
    ------
    InputError
        When there is another of that name.
    """
    document = config.model_dump(mode="json")
    added = connection.execute(
        insert(experiments)
        .values(
            experiment=config.experiment,
            model=config.model,
            config=document,
            status=ExperimentStatus.CREATED.value,
            phase=0,
            stage=0,
            counting=0,
            incumbent="",
            assignments=[],
            looks=[],
            created_at=at,
            created_by=json_safe(actor),
            held_reason="",
            end_reason="",
            error="",
        )
        .on_conflict_do_nothing()
        .returning(experiments.c.experiment)
    ).scalar_one_or_none()
    if added is None and experiment(connection, config.experiment).config != config:
        raise InputError(
            f"There is another experiment {config.experiment!r}. What is judged by is fixed before it begins: "
            "give the new one another name."
        )
    return added is not None


def experiment(connection: Connection, name: str, *, lock: bool = False) -> ExperimentRecord:
    """The experiment of that name; with ``lock`` nobody else moves it until the transaction ends.

    Raises
    ------
    InputError
        When there is none.
    """
    query = select(experiments).where(experiments.c.experiment == name)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        known = list(connection.execute(select(experiments.c.experiment).order_by(experiments.c.experiment)).scalars())
        raise InputError(f"There is no experiment {name!r}. There are: {', '.join(known[:20]) or 'none'}.")
    return _record(row._mapping)


def take_experiments(
    connection: Connection, names: Iterable[str], *, source: str | None = None
) -> dict[str, tuple[ExperimentRecord, Surroundings]]:
    """Of ``names`` those that run and that nobody else is at, locked, with what they depend on.

    Without their last analyses, which are large, and which the next ones take the place of. One whose row cannot be
    read is left out where several are asked for.

    Parameters
    ----------
    source
        Of the configuration: only experiments of that one.
    """
    wanted = list(names)
    running = select(experiments.c.experiment).where(
        experiments.c.experiment.in_(wanted), experiments.c.status == ExperimentStatus.RUNNING.value
    )
    if source is not None:
        running = running.where(experiments.c.config["source"].astext == source)
    # Read by a statement of its own: one that locks sees what it depends on as of before it had the lock.
    locked = list(connection.execute(running.with_for_update(skip_locked=True)).scalars())
    rows = connection.execute(
        select(*_COLUMNS, _REVISION, _VERSIONS, _ARMS).where(experiments.c.experiment.in_(locked))
    )
    taken = {}
    for row in rows.all() if locked else ():
        try:
            taken[row.experiment] = _taken(row._mapping)
        except Exception:
            if len(wanted) == 1:
                raise
    return taken


def _taken(row: Mapping[Any, Any]) -> tuple[ExperimentRecord, Surroundings]:
    values = dict(row)
    surroundings = Surroundings(
        routes_revision=values.pop(_REVISION.name),
        versions={
            version: (VersionStatus(status), VersionHealth(health))
            for version, (status, health) in (values.pop(_VERSIONS.name) or {}).items()
        },
        arms={
            version: ArmStatistics.from_json(document) for version, document in (values.pop(_ARMS.name) or {}).items()
        },
    )
    return _record({**values, "analysis": None}), surroundings


def all_experiments(connection: Connection, *, model: str | None = None) -> list[ExperimentRecord]:
    """All of them, or a model's, those that were made last first."""
    query = select(experiments).order_by(experiments.c.created_at.desc(), experiments.c.experiment)
    if model is not None:
        query = query.where(experiments.c.model == model)
    return [_record(row._mapping) for row in connection.execute(query)]


def running_experiments(connection: Connection) -> list[str]:
    """The names of those that run; the one that was looked at longest ago comes first."""
    query = select(experiments.c.experiment).where(experiments.c.status == ExperimentStatus.RUNNING.value)
    return list(
        connection.execute(
            query.order_by(experiments.c.looked_at.asc().nulls_first(), experiments.c.experiment)
        ).scalars()
    )


def running_on(connection: Connection, model: str) -> str | None:
    """The experiment that has the model's traffic."""
    query = select(experiments.c.experiment).where(
        experiments.c.model == model, experiments.c.status == ExperimentStatus.RUNNING.value
    )
    return connection.execute(query).scalar_one_or_none()


def move_experiment(connection: Connection, name: str, **values: Any) -> None:
    """Writes some of an experiment's state."""
    if "assignments" in values:
        values["assignments"] = [assignment.to_json() for assignment in values["assignments"]]
    if "looks" in values:
        values["looks"] = [json_safe(look.to_json()) for look in values["looks"]]
    if values.get("reference") is not None:
        values["reference"] = values["reference"].to_json()
    if "analysis" in values:
        values["analysis"] = json_safe(values["analysis"])
    for key in ("held_reason", "end_reason", "error"):
        if key in values:
            values[key] = json_safe(values[key])
    connection.execute(update(experiments).where(experiments.c.experiment == name).values(**values))


_COLUMNS = [column for column in experiments.c if column.name != "analysis"]
_REVISION = (
    select(route_revisions.c.revision)
    .where(route_revisions.c.model == experiments.c.model)
    .scalar_subquery()
    .label("revision_now")
)
_VERSIONS = (
    select(
        func.jsonb_object_agg(
            model_versions.c.version, func.jsonb_build_array(model_versions.c.status, model_versions.c.health)
        )
    )
    .where(model_versions.c.model == experiments.c.model)
    .scalar_subquery()
    .label("versions_now")
)
_ARMS = (
    select(func.jsonb_object_agg(experiment_arms.c.version, experiment_arms.c.statistics))
    .where(
        experiment_arms.c.experiment == experiments.c.experiment,
        experiment_arms.c.counting == experiments.c.counting,
    )
    .scalar_subquery()
    .label("arms_now")
)


def _record(row: Mapping[Any, Any]) -> ExperimentRecord:
    values: dict[str, Any] = {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()
    }
    values |= {
        "config": ABTestConfig.model_validate(row["config"], strict=False),
        "status": ExperimentStatus(row["status"]),
        "assignments": tuple(Assignment.from_json(document) for document in row["assignments"]),
        "looks": tuple(Look.from_json(document) for document in row["looks"]),
        "reference": None if row["reference"] is None else Reference.from_json(row["reference"]),
        "strategy_before": None if row["strategy_before"] is None else TrafficSplitStrategy(row["strategy_before"]),
    }
    return ExperimentRecord(**values)
