"""What was done and what is under way: rollbacks, experiments, incidents, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, func, or_, select

from driftline.alerts.delivery import DeliveryStatus
from driftline.config.experiment_config import ABTestConfig
from driftline.rollback import RollbackStatus
from driftline.store.experiments import ExperimentStatus
from driftline.store.scraping.bounds import RECENT
from driftline.store.tables import (
    alert_destinations,
    alert_outbox,
    experiment_arms,
    experiments,
    incidents,
    rollbacks,
)

_MOST_EXPERIMENTS = 1_000


@dataclass(frozen=True)
class RollbackCount:
    """A model's rollbacks.

    Attributes
    ----------
    made, escalated:
        Ever: that changed its routes, and of these the ones that did not help.
    unverified, awaiting_approval:
        Now.
    """

    model: str
    made: int
    escalated: int
    unverified: int
    awaiting_approval: int


@dataclass(frozen=True)
class ExperimentFigures:
    """An experiment that runs, waits or ended lately.

    Attributes
    ----------
    asked:
        Share of the experiment's units by arm (0 to 1) as its file asks for it.
    units:
        That were seen, by arm.
    """

    experiment: str
    model: str
    status: ExperimentStatus
    is_held: bool
    is_failing: bool
    looked_at: datetime | None
    asked: Mapping[str, float]
    units: Mapping[str, int]


@dataclass(frozen=True)
class IncidentCount:
    """How many incidents of a severity are not resolved."""

    model: str
    severity: str
    count: int


@dataclass(frozen=True)
class PendingCount:
    """What waits for a destination, and since when the oldest does."""

    destination: str
    count: int
    oldest: datetime | None


def rollback_counts(connection: Connection) -> list[RollbackCount]:
    status, made = rollbacks.c.status, rollbacks.c.done_at.is_not(None)
    query = (
        select(
            rollbacks.c.model,
            func.count().filter(made),
            func.count().filter(made, status == RollbackStatus.ESCALATED.value),
            func.count().filter(status == RollbackStatus.DONE.value),
            func.count().filter(status == RollbackStatus.AWAITING_APPROVAL.value),
        )
        .group_by(rollbacks.c.model)
        .order_by(rollbacks.c.model)
    )
    return [RollbackCount(*row) for row in connection.execute(query)]


def experiment_figures(connection: Connection) -> list[ExperimentFigures]:
    """Those that run or wait to, and those that ended within a week; of more than a thousand the newest."""
    is_open = experiments.c.status.in_([ExperimentStatus.CREATED.value, ExperimentStatus.RUNNING.value])
    query = (
        select(*_EXPERIMENT, _UNITS)
        .where(or_(is_open, experiments.c.ended_at >= func.now() - RECENT))
        .order_by(experiments.c.created_at.desc(), experiments.c.experiment)
        .limit(_MOST_EXPERIMENTS)
    )
    return [_experiment(row) for row in connection.execute(query)]


def incident_counts(connection: Connection) -> list[IncidentCount]:
    query = (
        select(incidents.c.model, incidents.c.severity, func.count())
        .where(incidents.c.status != "resolved")
        .group_by(incidents.c.model, incidents.c.severity)
        .order_by(incidents.c.model, incidents.c.severity)
    )
    return [IncidentCount(*row) for row in connection.execute(query)]


def pending_counts(connection: Connection) -> list[PendingCount]:
    """By destination; those that have failed before are there with nothing pending, too."""
    known = select(alert_destinations.c.destination)
    pending = (
        select(alert_outbox.c.destination, func.count(), func.min(alert_outbox.c.created_at))
        .where(alert_outbox.c.status == DeliveryStatus.PENDING.value)
        .group_by(alert_outbox.c.destination)
    )
    found = {name: PendingCount(name, 0, None) for name in connection.execute(known).scalars()}
    found |= {row[0]: PendingCount(*row) for row in connection.execute(pending)}
    return [found[destination] for destination in sorted(found)]


_EXPERIMENT = tuple(
    experiments.c[name]
    for name in ("experiment", "model", "config", "status", "stage", "held_reason", "error", "looked_at")
)
_UNITS = (
    select(func.jsonb_object_agg(experiment_arms.c.version, experiment_arms.c.statistics["units"]))
    .where(
        experiment_arms.c.experiment == experiments.c.experiment, experiment_arms.c.counting == experiments.c.counting
    )
    .scalar_subquery()
    .label("units")
)


def _experiment(row: Any) -> ExperimentFigures:
    return ExperimentFigures(
        experiment=row.experiment,
        model=row.model,
        status=ExperimentStatus(row.status),
        is_held=bool(row.held_reason),
        is_failing=bool(row.error),
        looked_at=row.looked_at,
        asked=_asked(row.config, row.stage),
        units=row.units or {},
    )


def _asked(document: Any, stage: int) -> dict[str, float]:
    """Nothing where the file is of a kind that this version does not know: the experiment itself says so."""
    try:
        config = ABTestConfig.model_validate(document, strict=False)
    except ValidationError:
        return {}
    return {version: percent / 100 for version, percent in config.percents(stage).items()}
