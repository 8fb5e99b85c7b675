"""What is ruled on an experiment, and what is done about it. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from driftline.errors import InputError
from driftline.experiments.analysis import analyse
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.design import ExperimentDesign
from driftline.experiments.result import Analysis, Look
from driftline.experiments.ruling import guards_hold, rule
from driftline.experiments.stages import is_due
from driftline.experiments.verdict import Ruling, Verdict
from driftline.monitoring.experiment_traffic import end, go_to_stage, is_last_stage, placement_after, stop
from driftline.serving import RoutesChanged
from driftline.store.experiment_course import is_kept, keep_course
from driftline.store.experiment_verdicts import VerdictRecord, latest_verdict, mark_acted, record_verdict
from driftline.store.experiments import ExperimentRecord, ExperimentStatus, experiment, move_experiment
from driftline.store.promotion import promote

MACHINE = "run_experiments"
"""Who acts where no person does."""


@dataclass(frozen=True)
class Judgement:
    """What a look found, and what follows from it.

    Attributes
    ----------
    looks:
        All of the group sequential test, with the one that was made now.
    """

    analysis: Analysis
    ruling: Ruling
    looks: tuple[Look, ...]

    @property
    def document(self) -> dict[str, Any]:
        """As it is kept."""
        return {**self.analysis.to_json(), "verdict": self.ruling.verdict.value, "reason": self.ruling.reason}


@dataclass(frozen=True)
class Judged:
    """One look: what it found, what follows from it, and the latest verdict, which may be an earlier one."""

    analysis: Analysis
    ruling: Ruling
    verdict: VerdictRecord


def analysis_of(record: ExperimentRecord, arms: Mapping[str, ArmStatistics], at: datetime) -> Analysis:
    """What the arms have shown so far."""
    return analyse(_design(record), arms, record.looks, at=at, elapsed=_elapsed(record, at))


def _design(record: ExperimentRecord) -> ExperimentDesign:
    return record.config.design(record.stage)


def _elapsed(record: ExperimentRecord, at: datetime) -> timedelta:
    return at - (record.counted_since or at)


def judgement_of(record: ExperimentRecord, arms: Mapping[str, ArmStatistics], at: datetime) -> Judgement:
    """Analyses, and rules by it. Nothing is kept."""
    design = _design(record)
    analysis = analyse(design, arms, record.looks, at=at, elapsed=_elapsed(record, at))
    ruling = rule(design, analysis, ramp_is_complete=is_last_stage(record))
    looks = (*record.looks, analysis.look) if analysis.look is not None else record.looks
    return Judgement(analysis, ruling, looks)


def judge(
    connection: Connection, record: ExperimentRecord, arms: Mapping[str, ArmStatistics], at: datetime
) -> tuple[ExperimentRecord, Judged]:
    """Analyses, keeps the analysis, and records the verdict where it is another than before."""
    found = judgement_of(record, arms, at)
    values: dict[str, Any] = {"analysis": found.document, "looked_at": at, "error": ""}
    if found.looks != record.looks:
        values["looks"] = found.looks
    move_experiment(connection, record.experiment, **values)
    if is_kept(record.counted_since or at, record.looked_at, at):
        keep_course(connection, at, {(record.experiment, record.counting): found.analysis.results})
    verdict = _latest_with(connection, record, found, at)
    return replace(record, looks=found.looks, looked_at=at), Judged(found.analysis, found.ruling, verdict)


def _latest_with(connection: Connection, record: ExperimentRecord, found: Judgement, at: datetime) -> VerdictRecord:
    """The latest verdict, after the ruling has been recorded if it is another.

    A final verdict stands, but for a promotion that nobody has made yet and that a guardrail now forbids.
    """
    before = latest_verdict(connection, record.experiment, record.phase)
    if before is not None and stands(record, before, found.ruling):
        return before
    return record_verdict(
        connection,
        experiment=record.experiment,
        phase=record.phase,
        stage=record.stage,
        ruling=found.ruling,
        actor=MACHINE,
        at=at,
        analysis=found.document,
    )


def stands(record: ExperimentRecord, before: VerdictRecord, ruling: Ruling) -> bool:
    """Whether the verdict ``before`` is not to be followed by ``ruling``."""
    is_pending = before.acted_revision is None
    is_forbidden = before.verdict is Verdict.PROMOTE and is_pending and ruling.is_urgent
    # A step back of a rollout was a final verdict on its stage only.
    is_final = before.verdict.is_final and (is_pending or not record.config.is_rollout)
    if is_final and not is_forbidden:
        return True
    is_same = (before.verdict, before.ruling.winner, before.stage) == (ruling.verdict, ruling.winner, record.stage)
    return (is_same and is_pending) or (bool(record.held_reason) and not ruling.is_urgent)


def stage_is_due(record: ExperimentRecord, at: datetime) -> bool:
    """Whether the schedule has a next stage (or its end) whose time has come."""
    assert record.stage_since is not None
    if is_last_stage(record) and not record.config.is_rollout:
        return False
    return is_due(record.config.stages[record.stage], record.stage_since, at)


def act(connection: Connection, record: ExperimentRecord, verdict: VerdictRecord | None, at: datetime) -> str:
    """What the latest verdict asks for, which was read in this transaction; says what was done."""
    if verdict is None or not verdict.verdict.is_final or verdict.acted_revision is not None:
        return ""
    if verdict.verdict is Verdict.PROMOTE and not _may_promote(record, verdict):
        return f"{verdict.ruling.winner} waits for a person to promote it: driftline experiments decide."
    return follow(connection, record, verdict, at)


def _may_promote(record: ExperimentRecord, verdict: VerdictRecord) -> bool:
    return verdict.is_override or (record.config.promote_automatically and not record.held_reason)


def follow(connection: Connection, record: ExperimentRecord, verdict: VerdictRecord, at: datetime) -> str:
    """Does what a verdict says."""
    ruling = verdict.ruling
    if ruling.verdict is Verdict.HOLD:
        move_experiment(connection, record.experiment, held_reason=f"{verdict.actor}: {ruling.reason}")
        return f"{record.experiment} is held."
    if ruling.verdict is Verdict.CONTINUE:
        move_experiment(connection, record.experiment, held_reason="")
        return f"{record.experiment} goes on."
    is_step_back = record.config.is_rollout and ruling.verdict is Verdict.ROLL_BACK and not verdict.is_override
    if is_step_back and record.stage > 0:
        return _step_back(connection, record, verdict, at)
    return _conclude(connection, record, verdict, at)


def _conclude(connection: Connection, record: ExperimentRecord, verdict: VerdictRecord, at: datetime) -> str:
    ruling = verdict.ruling
    winner = ruling.winner if ruling.verdict is Verdict.PROMOTE else record.config.control
    assert winner is not None
    is_running = record.status is ExperimentStatus.RUNNING
    try:
        change = promote(
            connection,
            model=record.model,
            version=winner,
            share=Decimal(1),
            expected_revision=record.routes_revision if is_running else None,
            actor=verdict.actor,
            reason=f"experiment {record.experiment}, {ruling.verdict.value}: {ruling.reason}",
            cause_key=verdict.cause_key,
            at=at,
            **placement_after(record),
        )
    except RoutesChanged as changed:
        stop(connection, record, str(changed), verdict.actor, at, moves_traffic=False)
        return f"Not done: {changed}"
    mark_acted(connection, verdict, change.revision)
    end(connection, record, ExperimentStatus.CONCLUDED, f"{ruling.verdict.value}: {ruling.reason}", at)
    return f"{winner} has all the traffic of {record.model} (revision {change.revision})."


def advance(
    connection: Connection, record: ExperimentRecord, analysis: Analysis, verdict: VerdictRecord | None, at: datetime
) -> str:
    """The next stage, where it is due and guarded."""
    stages = record.config.stages
    if not stage_is_due(record, at):
        return ""
    if record.held_reason or (verdict is not None and verdict.verdict is not Verdict.CONTINUE):
        why = record.held_reason or f"the verdict is {verdict.verdict.value if verdict else ''}"
        return f"Stage {record.stage + 1} stays: {why}."
    unknown = guards_hold(analysis)
    if unknown:
        return f"Stage {record.stage + 1} stays: {unknown}."
    if record.config.is_rollout and (is_last_stage(record) or stages[record.stage + 1].percent >= 100):
        return _complete_rollout(connection, record, analysis, at)
    return go_to_stage(connection, record, record.stage + 1, actor=MACHINE, reason="the schedule goes on", at=at)


def _complete_rollout(connection: Connection, record: ExperimentRecord, analysis: Analysis, at: datetime) -> str:
    treatment = record.config.versions[1]
    reaches_all = record.config.stages[-1].percent >= 100
    ruling = Ruling(Verdict.PROMOTE, "every stage of the schedule was passed with its guardrails well", treatment)
    verdict = record_verdict(
        connection,
        experiment=record.experiment,
        phase=record.phase,
        stage=record.stage,
        ruling=ruling,
        actor=MACHINE,
        at=at,
        analysis=analysis.to_json(),
    )
    if not reaches_all and not record.config.promote_automatically:
        return f"The schedule is complete: {treatment} waits for a person to promote it."
    return _conclude(connection, record, verdict, at)


def _step_back(connection: Connection, record: ExperimentRecord, verdict: VerdictRecord, at: datetime) -> str:
    """Back to the stage before, where the rollout is held until a person lets it go on."""
    told = go_to_stage(connection, record, record.stage - 1, actor=verdict.actor, reason=verdict.ruling.reason, at=at)
    moved = experiment(connection, record.experiment)
    assert moved.routes_revision is not None
    mark_acted(connection, verdict, moved.routes_revision)
    held = f"went back from stage {record.stage + 1}: {verdict.ruling.reason}"
    move_experiment(connection, record.experiment, held_reason=held)
    return f"Back. {told}"


def completed(record: ExperimentRecord, ruling: Ruling, running: str | None) -> Ruling:
    """A person's ruling with the winner that it leaves out.

    Parameters
    ----------
    running
        The experiment that has the model's traffic now.

    Raises
    ------
    InputError
        When it has no reason, or cannot be made.
    """
    config = record.config
    if not ruling.reason.strip():
        raise InputError("The reason is empty. The history keeps why a person ruled: say it.")
    if record.status is ExperimentStatus.CREATED:
        raise InputError(f"{record.experiment} has not started: there is nothing to rule on.")
    if record.status is not ExperimentStatus.RUNNING and ruling.verdict is not Verdict.PROMOTE:
        raise InputError(
            f"{record.experiment} is {record.status.value}; of an ended experiment only a version can be promoted."
        )
    if running not in {None, record.experiment}:
        raise InputError(f"The experiment {running!r} has the traffic of {record.model!r} now. Stop it first.")
    if ruling.verdict is not Verdict.PROMOTE:
        return replace(ruling, winner=config.control if ruling.verdict.is_final else None)
    winner = ruling.winner or (config.versions[1] if len(config.versions) == 2 else None)
    if winner not in config.versions:
        raise InputError(f"The winner is {winner!r}; it is one of {', '.join(config.versions)}.")
    return replace(ruling, winner=winner)
