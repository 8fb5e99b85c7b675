"""What the page of an experiment says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from driftline.config import ModelConfig
from driftline.config.durations import format_duration
from driftline.experiments.metric import MetricRole
from driftline.experiments.verdict import Verdict
from driftline.store.experiment_course import CoursePoint, experiment_points, last_points
from driftline.store.experiment_verdicts import VerdictRecord, verdicts
from driftline.store.experiments import ExperimentRecord, ExperimentStatus, experiment
from driftline.web.effect_chart import EffectChart, effect_chart

MOST_CHARTS = 12
SHOWN_VERDICTS = 50


@dataclass(frozen=True)
class Arm:
    """One version of the experiment.

    Attributes
    ----------
    asked:
        Percent of the covered traffic that it is to have.
    seen:
        Percent of the units that it had at the last look; None before it.
    """

    version: str
    is_control: bool
    asked: float
    units: int | None
    predictions: int | None
    seen: float | None


@dataclass(frozen=True)
class ExperimentView:
    """Attributes
    ----------
    results:
        Of the last look, as the analysis keeps them.
    ratio:
        Of the last look, the split that was logged; None before it.
    rulings:
        The newest first.
    next_steps:
        What happens next, a sentence each.
    ends:
        How soon it can end at the traffic so far; empty where that is not known.
    """

    record: ExperimentRecord
    arms: tuple[Arm, ...]
    results: tuple[Mapping[str, Any], ...]
    ratio: Mapping[str, Any] | None
    charts: tuple[EffectChart, ...]
    rulings: tuple[VerdictRecord, ...]
    next_steps: tuple[str, ...]
    ends: str

    @property
    def latest(self) -> VerdictRecord | None:
        """The last ruling of the current phase."""
        return next((each for each in self.rulings if each.phase == self.record.phase), None)

    @property
    def may_start(self) -> bool:
        return self.record.status in {ExperimentStatus.CREATED, ExperimentStatus.STOPPED}

    @property
    def is_running(self) -> bool:
        return self.record.status is ExperimentStatus.RUNNING

    @property
    def may_decide(self) -> tuple[str, ...]:
        """The rulings that a person can make now."""
        if self.record.status is ExperimentStatus.CREATED:
            return ()
        return tuple(each.value for each in Verdict) if self.is_running else (Verdict.PROMOTE.value,)

    @property
    def standing(self) -> str:
        return standing_of(self.record, self.latest)


def standing_of(record: ExperimentRecord, latest: VerdictRecord | None) -> str:
    """What a form about the experiment was decided on; it changes with its state, its routes and its verdict."""
    number = 0 if latest is None else latest.number
    held = sha256(record.held_reason.encode()).hexdigest()[:8]
    return f"{record.status.value}/{record.phase}/{record.stage}/{record.routes_revision}/{number}/{held}"


def view_experiment(connection: Connection, name: str, models: Mapping[str, ModelConfig]) -> ExperimentView:
    """Raises `InputError` where there is no such experiment."""
    record, history = experiment(connection, name), verdicts(connection, name)
    analysis = record.analysis
    ruled = tuple(reversed(history))
    return ExperimentView(
        record=record,
        arms=_arms(record),
        results=() if analysis is None else tuple(analysis["results"]),
        ratio=None if analysis is None else analysis["sample_ratio"],
        charts=_charts(record, experiment_points(connection, name, record.counting)),
        rulings=ruled[:SHOWN_VERDICTS],
        next_steps=tuple(_next_steps(record, next((each for each in ruled if each.phase == record.phase), None))),
        ends=_ends(record, models.get(record.model)),
    )


def _arms(record: ExperimentRecord) -> tuple[Arm, ...]:
    analysis: Mapping[str, Any] = record.analysis or {}
    units, predictions = analysis.get("units", {}), analysis.get("predictions", {})
    total = sum(units.values())
    percents = record.config.percents(record.stage)
    return tuple(
        Arm(
            version=version,
            is_control=version == record.config.control,
            asked=percents.get(version, 0.0),
            units=units.get(version),
            predictions=predictions.get(version),
            seen=100 * units.get(version, 0) / total if total else None,
        )
        for version in record.config.versions
    )


def _charts(record: ExperimentRecord, course: dict[str, list[CoursePoint]]) -> tuple[EffectChart, ...]:
    metrics = {metric.metric: metric for metric in record.config.metrics}
    newest = last_points(record.analysis) if record.analysis is not None else {}
    charts = []
    for each in (record.analysis or {"results": []})["results"][:MOST_CHARTS]:
        key = "/".join(part for part in (each["treatment"], each["metric"], each["group"]) if part)
        measured = metrics[each["metric"]].measured
        points = [point for point in course.get(key, []) if point.at < newest[key].at]
        is_guarded = measured.role is not MetricRole.PRIMARY
        limit = -measured.sign * measured.maximum_loss if is_guarded else None
        better = "above" if measured.higher_is_better else "below"
        name = f"{each['metric']} {each['group']}".strip().replace("_", " ")
        chart = effect_chart(
            f"{name}: {each['treatment']} against {record.config.control}",
            f"{measured.role.value}; {better} 0 is better",
            [*points, newest[key]],
            limit,
        )
        charts += [] if chart is None else [chart]
    return tuple(charts)


def _next_steps(record: ExperimentRecord, latest: VerdictRecord | None) -> list[str]:
    match record.status:
        case ExperimentStatus.CREATED:
            return ["It has not started: nobody is routed by it."]
        case ExperimentStatus.CONCLUDED:
            return ["It has ended for good. A person can still promote one of its versions."]
        case ExperimentStatus.STOPPED:
            return ["It has ended without a verdict. It can start again: a new phase that counts from nothing."]
    if record.held_reason:
        return [
            f"It is held ({record.held_reason}). Nothing goes on until a person rules: continue, promote or roll back."
        ]
    if latest is not None and latest.verdict is Verdict.PROMOTE and latest.acted_revision is None:
        return [f"{latest.ruling.winner} has won, and waits for a person to promote it."]
    return [*_stage_steps(record), *_horizon_steps(record), "Harm proven by a guardrail rolls it back at once."]


def _stage_steps(record: ExperimentRecord) -> list[str]:
    stages = record.config.stages
    if record.stage >= len(stages) - 1 and not record.config.is_rollout:
        return []
    stage = stages[record.stage]
    until = (
        "" if record.stage_since is None else f" until {record.stage_since + stage.length:%Y-%m-%d %H:%M} UTC at least"
    )
    told = f"Stage {record.stage + 1} of {len(stages)} ({stage.percent:g} %) goes on{until}"
    if record.stage < len(stages) - 1:
        return [f"{told}; then comes {stages[record.stage + 1].percent:g} %, if all that guards it is well."]
    return [f"{told}; then the new version has all the traffic, if all that guards it is well."]


def _horizon_steps(record: ExperimentRecord) -> list[str]:
    config = record.config
    if config.is_rollout:
        return []
    who = "gets all the traffic by itself" if config.promote_automatically else "waits for a person to promote it"
    told = [f"A treatment that is proven better {who}, not before {format_duration(config.minimum_duration)} of it."]
    ends = [f"{config.samples:,} samples"] if config.samples else []
    ends += [f"{format_duration(config.maximum_duration)}"] if config.maximum_duration else []
    return [*told, f"Without a winner it ends after {' or '.join(ends)}." if ends else "It is open-ended."]


def _ends(record: ExperimentRecord, model: ModelConfig | None) -> str:
    """The shortest times to a verdict, at the traffic that the experiment has had."""
    from driftline.monitoring.experiment_report import told_ends

    analysis: Mapping[str, Any] = record.analysis or {}
    elapsed = timedelta(seconds=analysis.get("elapsed_seconds", 0))
    counted = sum(analysis.get("predictions", {}).values())
    if not counted or elapsed < timedelta(minutes=5):
        return ""
    covered = counted / (elapsed / timedelta(days=1))
    traffic = round(covered / (record.config.coverage(record.stage) / 100), 3)
    told: Sequence[str] = told_ends(record.config, model, traffic)["told"]
    return told[0]
