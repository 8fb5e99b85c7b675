"""An experiment as JSON, and how soon it can end: for the command line, the pages and their API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftline.config import ModelConfig
    from driftline.config.experiment_config import ABTestConfig
    from driftline.store.experiment_verdicts import VerdictRecord
    from driftline.store.experiments import ExperimentRecord


def record_json(record: ExperimentRecord) -> dict[str, Any]:
    """The experiment's state."""
    config = record.config
    return {
        "experiment": record.experiment,
        "model": record.model,
        "status": record.status.value,
        "control": config.control,
        "percents": config.percents(record.stage),
        "coverage": config.coverage(record.stage),
        "strategy": config.strategy.value,
        "phase": record.phase,
        "stage": record.stage + 1,
        "stages": [[stage.minutes, stage.percent] for stage in config.stages],
        "method": config.design(record.stage).method.value,
        "started_at": None if record.started_at is None else record.started_at.isoformat(),
        "ended_at": None if record.ended_at is None else record.ended_at.isoformat(),
        "end_reason": record.end_reason,
        "held_reason": record.held_reason,
        "error": record.error,
        "analysis": record.analysis,
    }


def verdict_json(verdict: VerdictRecord) -> dict[str, Any]:
    """One ruling."""
    return {
        "number": verdict.number,
        "at": verdict.decided_at.isoformat(),
        "verdict": verdict.verdict.value,
        "winner": verdict.ruling.winner,
        "reason": verdict.ruling.reason,
        "actor": verdict.actor,
        "is_override": verdict.is_override,
        "routes_revision": verdict.acted_revision,
    }


def told_ends(config: ABTestConfig, model: ModelConfig | None, traffic: float) -> dict[str, Any]:
    """How soon the experiment can end at so many predictions a day."""
    from driftline.experiments.metric import STANDARD, MetricRole, Source
    from driftline.experiments.planning import earliest_ends

    guards = [metric.standard for metric in config.metrics if metric.role is MetricRole.GUARDRAIL]
    needs_labels = bool(guards) and all(each and STANDARD[each].source is Source.LABELS for each in guards)
    delay = model.labels.expected_delay if model is not None and model.labels and config.needs_labels else timedelta(0)
    ends = earliest_ends(config.design(), config.stages, traffic, label_delay=delay, rollback_needs_labels=needs_labels)
    promotion = None if ends.promotion is None else ends.promotion.total_seconds()
    rollback = None if ends.rollback is None else ends.rollback.total_seconds()
    told = [
        f"At {traffic:g} predictions a day it can promote after {_duration(ends.promotion)} at the earliest, and roll "
        f"back by a guardrail after {_duration(ends.rollback)}."
    ]
    return {"earliest_promotion_seconds": promotion, "earliest_rollback_seconds": rollback, "told": told}


def _duration(span: timedelta | None) -> str:
    if span is None:
        return "its whole schedule"
    minutes = round(span.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes / 60:.1f} hours" if minutes < 2_880 else f"{minutes / 1_440:.1f} days"
