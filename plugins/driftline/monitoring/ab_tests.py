"""A/B tests and gradual rollouts, from their creation to their end. All state is in Postgres: any process goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from driftline.config import ModelConfig
from driftline.config.experiment_config import ABTestConfig
from driftline.errors import DriftlineError, InputError
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.result import Analysis
from driftline.experiments.verdict import Ruling, Verdict
from driftline.monitoring.experiment_alerts import tell_of
from driftline.monitoring.experiment_fitness import require_fit_versions, require_readable, why_to_stop
from driftline.monitoring.experiment_looks import Step, look_at_those_that_go_on
from driftline.monitoring.experiment_metrics import read_new_rows
from driftline.monitoring.experiment_rulings import MACHINE, act, advance, analysis_of, completed, follow, judge
from driftline.monitoring.experiment_traffic import start, stop
from driftline.monitoring.telling import Audience
from driftline.serving.strategy import EntityId, Placement
from driftline.sources import PredictionLog
from driftline.sources.kept_sessions import KeptSessions
from driftline.store.engine import store_transaction
from driftline.store.experiment_statistics import arm_statistics, keep_arm_statistics, take_batch
from driftline.store.experiment_verdicts import VerdictRecord, latest_verdict, record_verdict
from driftline.store.experiments import (
    ExperimentRecord,
    ExperimentStatus,
    add_experiment,
    all_experiments,
    experiment,
    move_experiment,
    running_experiments,
    running_on,
    take_experiments,
)
from driftline.store.routing import current_routes

log = logging.getLogger(__name__)

ConnectionResolver = Callable[[str], str]
"""From a connection's id to its URL; raises `ConnectionNotConfigured`."""


_WORKERS = 4
"""Experiments looked at at a time: a log that does not answer holds up a quarter of the others at most."""
_TOGETHER = 50
"""Looked at in one transaction: a person's ruling waits for it, which takes a fifth of a second."""


@dataclass(frozen=True, eq=False)
class ABTestController:
    """Creates experiments, splits their traffic, reads and judges their figures, and ends them.

    Parameters
    ----------
    store
        Driftline's database.
    models
        The models' configurations: where their prediction logs are. Not needed for experiments whose application
        collects its own figures.
    resolve
        Where connections lead.
    """

    store: Engine
    models: Mapping[str, ModelConfig]
    resolve: ConnectionResolver

    def create_ab_test(self, config: ABTestConfig, *, actor: str, at: datetime | None = None) -> ExperimentRecord:
        """Keeps an experiment, which does not run yet; the same one again changes nothing.

        Raises
        ------
        InputError
            When a version is unknown, quarantined or unhealthy, a metric cannot be read, or another experiment has
            its name.
        """
        require_readable(config, self.models.get(config.model))
        with store_transaction(self.store) as connection:
            require_fit_versions(connection, config)
            add_experiment(connection, config, actor, _now(at))
            return experiment(connection, config.experiment)

    def keep_described(self, configs: Iterable[ABTestConfig], *, at: datetime | None = None) -> list[Step]:
        """Creates the experiments of the files that are new, and starts those that are to start by themselves.

        What cannot be is in its step's error, and stops no other.
        """
        wanted = list(configs)
        if not wanted:
            return []
        with store_transaction(self.store) as connection:
            known = {record.experiment: record.config for record in all_experiments(connection)}
        return [self._keep(config, _now(at)) for config in wanted if known.get(config.experiment) != config]

    def start_ab_test(self, name: str, *, actor: str, at: datetime | None = None) -> ExperimentRecord:
        """Begins a phase: a new salt, the first stage of the schedule, and counting from nothing.

        Raises
        ------
        InputError
            When it runs already, is concluded, another experiment has the model's traffic, the traffic is split, or a
            version is not fit.
        """
        with store_transaction(self.store) as connection:
            return self.start_in(connection, name, actor=actor, at=_now(at))

    def start_in(self, connection: Connection, name: str, *, actor: str, at: datetime) -> ExperimentRecord:
        """`start_ab_test`, in the caller's transaction."""
        return start(connection, experiment(connection, name, lock=True), actor, at)

    def route_prediction_request(self, name: str, entity_id: EntityId) -> str:
        """The version that answers for an entity now: what a `Router` says, asked of the database.

        For tests and single questions; a serving application asks its `Router`, which takes a microsecond.
        """
        with store_transaction(self.store) as connection:
            routes = current_routes(connection, experiment(connection, name).model)
        if not routes.allocation.bounds:
            raise InputError(f"Nothing is routed for {routes.model!r} yet: start the experiment first.")
        position = Placement(routes.salt).position_of(entity_id)
        return next(version for version, _, end in routes.allocation.ranges if position < end)

    def collect_ab_test_metrics(
        self,
        name: str,
        statistics: Mapping[str, ArmStatistics] | None = None,
        *,
        batch_key: str = "",
        at: datetime | None = None,
    ) -> dict[str, ArmStatistics]:
        """Adds what is new to the arms' statistics, and returns them.

        Parameters
        ----------
        statistics
            By version, from an application that collects its own figures: of units that it has not told of before.
            Without it the prediction log is read on from where the last reading ended.
        batch_key
            Names the application's batch; one that has come before changes nothing.
        """
        with store_transaction(self.store) as connection:
            record = experiment(connection, name, lock=True)
            _require_running(record)
            if statistics is None:
                record = self._read(connection, record)
            else:
                _add_batch(connection, record, statistics, batch_key, _now(at))
            return arm_statistics(connection, name, record.counting)

    def analyze_ab_test_results(self, name: str, *, at: datetime | None = None) -> tuple[Analysis, Ruling]:
        """Judges what has been collected, and records the verdict. Nothing is done about it yet."""
        with store_transaction(self.store) as connection:
            record = experiment(connection, name, lock=True)
            _require_running(record)
            _, judged = judge(connection, record, arm_statistics(connection, name, record.counting), _now(at))
            return judged.analysis, judged.ruling

    def auto_promote_or_rollback(self, name: str, *, at: datetime | None = None) -> str:
        """Does what the latest verdict says, in one transaction with reading it; says what was done.

        The winner gets all the traffic where the experiment is to be promoted automatically, or a person ruled so;
        after a roll-back and an inconclusive verdict the control gets it. The same verdict acts once.
        """
        with store_transaction(self.store) as connection:
            record = experiment(connection, name, lock=True)
            if record.status is not ExperimentStatus.RUNNING:
                return f"{name} does not run: it is {record.status.value}."
            return act(connection, record, latest_verdict(connection, name, record.phase), _now(at))

    def gradual_rollout(self, name: str, *, at: datetime | None = None) -> str:
        """Takes the next stage of the schedule where it is due and all that guards it is known to be well.

        Says what was done, or why the stage stays.
        """
        moment = _now(at)
        with store_transaction(self.store) as connection:
            record = experiment(connection, name, lock=True)
            _require_running(record)
            verdict = latest_verdict(connection, name, record.phase)
            analysis = analysis_of(record, arm_statistics(connection, name, record.counting), moment)
            return advance(connection, record, analysis, verdict, moment)

    def stop_ab_test(self, name: str, *, actor: str, reason: str, at: datetime | None = None) -> ExperimentRecord:
        """Ends it without a verdict: the version that served before gets all the traffic."""
        with store_transaction(self.store) as connection:
            return self.stop_in(connection, name, actor=actor, reason=reason, at=_now(at))

    def stop_in(self, connection: Connection, name: str, *, actor: str, reason: str, at: datetime) -> ExperimentRecord:
        """`stop_ab_test`, in the caller's transaction."""
        if not reason.strip():
            raise InputError("The reason is empty. The history keeps why an experiment was stopped: say it.")
        record = experiment(connection, name, lock=True)
        _require_running(record)
        is_ours = current_routes(connection, record.model).revision == record.routes_revision
        stop(connection, record, f"stopped by {actor}: {reason}", actor, at, moves_traffic=is_ours)
        return experiment(connection, name)

    def decide_ab_test(
        self, name: str, ruling: Ruling, *, actor: str, at: datetime | None = None
    ) -> tuple[VerdictRecord, str]:
        """Records a person's ruling, whatever the analysis says, and acts on it in the same transaction.

        Raises
        ------
        InputError
            When it has no reason, the winner takes no part, or an ended experiment is to go on.
        """
        with store_transaction(self.store) as connection:
            return self.decide_in(connection, name, ruling, actor=actor, at=_now(at))

    def decide_in(
        self, connection: Connection, name: str, ruling: Ruling, *, actor: str, at: datetime
    ) -> tuple[VerdictRecord, str]:
        """`decide_ab_test`, in the caller's transaction."""
        record = experiment(connection, name, lock=True)
        ruling = completed(record, ruling, running_on(connection, record.model))
        verdict = record_verdict(
            connection,
            experiment=name,
            phase=record.phase,
            stage=record.stage,
            ruling=ruling,
            actor=actor,
            at=at,
            is_override=True,
            analysis=record.analysis,
        )
        return verdict, follow(connection, record, verdict, at)

    def run(self, name: str, *, at: datetime | None = None) -> Step:
        """One look: read, judge, act, go on with the schedule; one transaction, so that a crash leaves nothing half.

        Where another process is at it, or the clock went back since the last look, nothing changes.
        """
        with store_transaction(self.store) as connection:
            return self.run_in(connection, name, _now(at))

    def run_in(self, connection: Connection, name: str, at: datetime, sessions: KeptSessions | None = None) -> Step:
        """`run`, in the caller's transaction; ``sessions`` keeps those on prediction logs open for the next one."""
        taken = take_experiments(connection, [name])
        if name not in taken:
            return Step(name, note="it does not run, or another process is at it")
        record, now = taken[name]
        if record.looked_at is not None and at < record.looked_at:
            return Step(name, note=f"the clock went back: the last look was at {record.looked_at.isoformat()}")
        reason, is_ours = why_to_stop(connection, record, now.routes_revision, now.versions)
        if reason:
            stop(connection, record, reason, MACHINE, at, moves_traffic=is_ours)
            self._tell(connection, name, at)
            return Step(name, note=f"stopped: {reason}")
        arms = now.arms
        if record.config.source == "prediction_log":
            record = self._read(connection, record, sessions)
            arms = arm_statistics(connection, name, record.counting)
        record, judged = judge(connection, record, arms, at)
        note = act(connection, record, judged.verdict, at)
        if not note:
            note = advance(connection, record, judged.analysis, judged.verdict, at)
        if note or judged.verdict.verdict is not Verdict.CONTINUE:
            self._tell(connection, name, at)
        return Step(name, judged.analysis, judged.ruling, note)

    def run_all(self, at: datetime | None = None) -> list[Step]:
        """One look at each experiment that runs; one that fails never stops the others.

        Raises
        ------
        StoreError
            When the store cannot be used: then nothing at all can be looked at.
        """
        moment = _now(at)
        with store_transaction(self.store) as connection:
            names = running_experiments(connection)
        parts = [names[worker::_WORKERS] for worker in range(_WORKERS)]
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="experiments") as workers:
            done = workers.map(lambda part: self._run_some(part, moment), parts)
            steps = {step.experiment: step for part in done for step in part}
        return [steps[name] for name in names]

    def _run_some(self, names: Sequence[str], at: datetime) -> list[Step]:
        with self.store.connect() as connection, KeptSessions() as sessions:
            steps = [step for some in _chunks(names) for step in _look_at_some(connection, some, at)]
            done = {step.experiment for step in steps}
            return [*steps, *(self._run_safely(connection, name, at, sessions) for name in names if name not in done)]

    def _run_safely(self, connection: Connection, name: str, at: datetime, sessions: KeptSessions) -> Step:
        """In a transaction of its own, on a connection that all share."""
        try:
            with connection.begin():
                step = self.run_in(connection, name, at, sessions)
        except DriftlineError as error:
            step = Step(name, error=str(error))
        except Exception as error:
            log.exception("The look at %s broke", name)
            step = Step(name, error=f"{type(error).__name__}: {error}")
        if step.error:
            with store_transaction(self.store) as other:
                move_experiment(other, name, error=step.error)
        return step

    def _tell(self, connection: Connection, name: str, at: datetime) -> None:
        record = experiment(connection, name)
        model = self.models.get(record.model)
        audience = Audience(record.model, record.config.owner) if model is None else Audience.of(model)
        tell_of(connection, audience, record, at)

    def _keep(self, config: ABTestConfig, at: datetime) -> Step:
        try:
            self.create_ab_test(config, actor=MACHINE, at=at)
            if not config.start_automatically:
                return Step(config.experiment, note="created; it waits for a person to start it")
            self.start_ab_test(config.experiment, actor=MACHINE, at=at)
        except DriftlineError as error:
            return Step(config.experiment, error=str(error))
        return Step(config.experiment, note="created and started")

    def _read(
        self, connection: Connection, record: ExperimentRecord, sessions: KeptSessions | None = None
    ) -> ExperimentRecord:
        model = self.models.get(record.model)
        require_readable(record.config, model)
        assert model is not None
        return read_new_rows(connection, record, PredictionLog(model, self.resolve(model.connection)), sessions)


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[first : first + _TOGETHER] for first in range(0, len(names), _TOGETHER))


def _look_at_some(connection: Connection, names: Sequence[str], at: datetime) -> list[Step]:
    """In one transaction; none where that fails: a look of its own tells what is amiss with which."""
    try:
        with connection.begin():
            return look_at_those_that_go_on(connection, names, at)
    except Exception:
        log.exception("%d experiments could not be looked at together", len(names))
        return []


def _now(at: datetime | None) -> datetime:
    return datetime.now(UTC) if at is None else at


def _require_running(record: ExperimentRecord) -> None:
    if record.status is not ExperimentStatus.RUNNING:
        raise InputError(f"{record.experiment} does not run: it is {record.status.value}. Start it first.")


def _add_batch(
    connection: Connection,
    record: ExperimentRecord,
    statistics: Mapping[str, ArmStatistics],
    batch_key: str,
    at: datetime,
) -> None:
    if record.config.source != "application":
        raise InputError(
            f"{record.experiment} reads the prediction log: figures of an application would be counted beside it. Set "
            "`source: application` in a new experiment."
        )
    if not batch_key.strip():
        raise InputError("The batch has no key. Give each batch a key of its own, so that it is counted once.")
    strange = sorted(set(statistics) - set(record.config.versions))
    if strange:
        raise InputError(f"{', '.join(strange)}: takes no part in {record.experiment}.")
    for version, added in statistics.items():
        added.require_possible(version)
    if take_batch(connection, record.experiment, batch_key, at):
        arms = arm_statistics(connection, record.experiment, record.counting)
        summed = {version: arms.get(version, ArmStatistics()) + added for version, added in statistics.items()}
        keep_arm_statistics(connection, record.experiment, record.counting, summed)
