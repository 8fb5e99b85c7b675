"""Experiments in a list: without what only their own page shows, which is large. Nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from driftline.config.experiment_config import ABTestConfig
from driftline.store.experiments import ExperimentStatus
from driftline.store.tables import experiments


@dataclass(frozen=True, kw_only=True)
class ListedExperiment:
    """One experiment.

    Attributes
    ----------
    verdict, reason:
        Of the last look; empty where there was none.
    samples, planned_samples:
        Of the first primary metric at the last look, and of the horizon.
    """

    experiment: str
    model: str
    config: ABTestConfig
    status: ExperimentStatus
    stage: int
    verdict: str
    reason: str
    samples: int | None
    planned_samples: int | None
    created_at: datetime
    started_at: datetime | None
    looked_at: datetime | None
    ended_at: datetime | None
    held_reason: str
    end_reason: str
    error: str


_ANALYSIS = experiments.c.analysis
_SHOWN = (
    "experiment", "model", "config", "status", "stage", "created_at", "started_at", "looked_at", "ended_at",
    "held_reason", "end_reason", "error",
)  # fmt: skip


def listed_experiments(connection: Connection) -> list[ListedExperiment]:
    """Those that run first, then those that were made last."""
    runs = experiments.c.status == ExperimentStatus.RUNNING.value
    query = select(
        *(experiments.c[name] for name in _SHOWN),
        _ANALYSIS["verdict"].astext.label("verdict"),
        _ANALYSIS["reason"].astext.label("reason"),
        _ANALYSIS["samples"].as_integer().label("samples"),
        _ANALYSIS["planned_samples"].as_integer().label("planned_samples"),
    ).order_by(runs.desc(), experiments.c.created_at.desc(), experiments.c.experiment)
    return [
        ListedExperiment(
            **{
                **row,
                "config": ABTestConfig.model_validate(row["config"], strict=False),
                "status": ExperimentStatus(row["status"]),
                "verdict": row["verdict"] or "",
                "reason": row["reason"] or "",
            }
        )
        for row in connection.execute(query).mappings()
    ]
