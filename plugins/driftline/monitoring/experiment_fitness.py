"""Whether an experiment can be made, and can go on."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from driftline.config import ModelConfig, Task
from driftline.config.experiment_config import ABTestConfig, ExperimentMetric
from driftline.errors import InputError
from driftline.experiments.metric import STANDARD, Source, StandardMetric
from driftline.serving import Routes, TrafficSplitStrategy, VersionHealth, VersionStatus
from driftline.store.experiments import ExperimentRecord
from driftline.store.registry import route_changes, versions

Fitness = Mapping[str, tuple[VersionStatus, VersionHealth]]
"""Status and health by version."""

_TASKS = {
    StandardMetric.ACCURACY: (Task.BINARY_CLASSIFICATION, Task.MULTICLASS_CLASSIFICATION),
    StandardMetric.POSITIVE_RATE: (Task.BINARY_CLASSIFICATION,),
    StandardMetric.ROC_AUC: (Task.BINARY_CLASSIFICATION,),
    StandardMetric.FAIRNESS_GAP: (Task.BINARY_CLASSIFICATION,),
    StandardMetric.MAE: (Task.REGRESSION,),
    StandardMetric.MSE: (Task.REGRESSION,),
}


def require_fit_versions(connection: Connection, config: ABTestConfig) -> None:
    """Refuses (`InputError`) versions that are not registered, quarantined or unhealthy."""
    known = fitness_of(connection, config.model)
    faults = [fault for name in config.versions if (fault := unfit(known, config.model, name))]
    if faults:
        raise InputError(f"{config.experiment} cannot be: {'; '.join(faults)}.")


def fitness_of(connection: Connection, model: str) -> Fitness:
    """Status and health of the model's registered versions."""
    return {name: (version.status, version.health) for name, version in versions(connection, model).items()}


def unfit(known: Fitness, model: str, name: str) -> str:
    """Why a version cannot serve; empty where it can."""
    if name not in known:
        return f"version {name!r} of {model!r} is not registered"
    status, health = known[name]
    if status is VersionStatus.QUARANTINED:
        return f"version {name!r} of {model!r} is quarantined"
    return f"version {name!r} of {model!r} is unhealthy" if health is VersionHealth.UNHEALTHY else ""


def require_readable(config: ABTestConfig, model: ModelConfig | None) -> None:
    """Refuses (`InputError`) an experiment whose figures the model's log cannot give."""
    if config.source == "application":
        if config.schedule is not None and not config.is_rollout:
            raise InputError(
                f"{config.experiment}: `schedule`: while a ramp goes on, only the prediction log tells who is in the "
                "experiment; leave it out where the application collects its figures."
            )
        return
    if model is None:
        raise InputError(
            f"{config.experiment}: no valid file describes the model {config.model!r}, so that its log cannot be read. "
            "Write one, or set `source: application`."
        )
    faults = [fault for metric in config.metrics if (fault := _unreadable(metric, model))]
    faults += _ramp_faults(config, model)
    if faults:
        raise InputError("\n".join(f"{config.experiment}: {fault}" for fault in faults))


def incumbent_of(config: ABTestConfig, routes: Routes) -> str:
    """The version that serves before the experiment.

    Raises
    ------
    InputError
        When the traffic is split already, or a rollout does not start from what serves.
    """
    if len(routes.shares) > 1:
        told = ", ".join(f"{version} {float(share):.4g}" for version, share in routes.shares.items())
        raise InputError(
            f"{config.experiment}: the traffic of {config.model!r} is split already ({told}). Give it to one version "
            "first: driftline promote."
        )
    incumbent = next(iter(routes.shares), config.control)
    if config.is_rollout and incumbent != config.control:
        raise InputError(
            f"{config.experiment}: {incumbent} serves {config.model!r}, and the rollout's control is {config.control}. "
            "A rollout starts from the version that serves."
        )
    return incumbent


def why_to_stop(
    connection: Connection, record: ExperimentRecord, revision: int | None, known: Fitness
) -> tuple[str, bool]:
    """Why an experiment cannot go on (empty: it can), and whether its routes are still its own.

    Parameters
    ----------
    revision, known
        Of the model's routes and versions, now.
    """
    if revision != record.routes_revision:
        last = next(iter(route_changes(connection, record.model, limit=1)), None)
        by = "" if last is None else f" by {last.actor} ({last.reason})"
        return f"the routes of {record.model} were changed{by} at revision {revision}", False
    faults = [fault for name in record.config.versions if (fault := unfit(known, record.model, name))]
    return "; ".join(faults), True


def _unreadable(metric: ExperimentMetric, model: ModelConfig) -> str:
    standard = metric.standard
    if standard is None:
        return f"{metric.metric} cannot be read from a prediction log"
    tasks = _TASKS.get(standard)
    if tasks is not None and model.task not in tasks:
        return f"{metric.metric} is no metric of {model.task.value}"
    needed = {
        StandardMetric.ERROR_RATE: ("error", model.predictions.error),
        StandardMetric.ROC_AUC: ("score", model.predictions.score),
    }
    key, column = needed.get(standard, ("", "mapped"))
    if standard.value.startswith("latency"):
        key, column = "latency_ms", model.predictions.latency_ms
    if column is None:
        return f"{metric.metric} needs `predictions.{key}`, which the file of {model.model} does not map"
    if STANDARD[standard].source is Source.LABELS and model.labels is None:
        return f"{metric.metric} needs labels, which the file of {model.model} does not map"
    return ""


def _ramp_faults(config: ABTestConfig, model: ModelConfig) -> list[str]:
    has_no_entity = model.predictions.entity is None and config.strategy is not TrafficSplitStrategy.RANDOM
    is_partial = not config.is_rollout and (len(config.stages) > 1 or config.stages[0].percent < 100)
    if is_partial and has_no_entity:
        return [
            "`schedule`: without `predictions.entity` in the model's file the log does not tell who is in the "
            "experiment; map the entity, or leave the schedule out"
        ]
    return []
