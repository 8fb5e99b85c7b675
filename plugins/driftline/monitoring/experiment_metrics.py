"""Reads what an experiment's arms have done since the last look, and adds it to their statistics.

A row counts for an arm where the entity was assigned to that arm when the prediction was made, and that arm's version
answered. Predictions from before the experiment, of entities outside of it, and of routers that had not switched yet
count nowhere. Where the log names no entity, each prediction is a unit of its own, and its version is its arm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import Connection

from driftline.config import ModelConfig, Task
from driftline.experiments.arm import ArmStatistics, score_cell
from driftline.experiments.metric import MetricKind
from driftline.experiments.planning import SETTLING
from driftline.experiments.traffic import arm_of
from driftline.experiments.units import SUMS, UnitSums, moment_changes, new_units
from driftline.serving import TrafficSplitStrategy
from driftline.serving.strategy import Placement
from driftline.sources import PredictionLog
from driftline.sources.experiment_log import (
    AssignedLabel,
    AssignedPrediction,
    ExperimentLog,
    open_experiment_log,
)
from driftline.sources.experiment_queries import RowSpan
from driftline.store.experiment_statistics import arm_statistics, keep_arm_statistics, keep_unit_sums, unit_sums
from driftline.store.experiments import ExperimentRecord, move_experiment

CHUNK = timedelta(hours=1)
"""So much is read at a time."""
MOST_CHUNKS = 72
"""Of a longer backlog the rest is left to the next look."""

_PREDICTIONS, _ERRORS, _POSITIVES, _LABELED, _CORRECT, _ABSOLUTE, _SQUARED = range(len(SUMS))


def read_new_rows(connection: Connection, record: ExperimentRecord, log: PredictionLog) -> ExperimentRecord:
    """Adds what has come since the last reading; returns the record with its new marks.

    In the caller's transaction with the marks: whatever happens, nothing is counted twice.
    """
    assert record.counted_since is not None
    with open_experiment_log(log) as opened:
        upto = opened.now() - SETTLING
        reader = _Reader(record, log.config, opened)
        read_until = record.predictions_until or record.counted_since
        labels_until = record.labels_until or record.counted_since
        for span in _chunks(read_until, upto):
            reader.add_predictions(span)
            read_until = span.end
        if record.config.needs_labels and log.config.labels is not None:
            # A label is only looked for once its prediction has been.
            for span in _chunks(labels_until, read_until):
                reader.add_labels(span)
                labels_until = span.end
    reader.keep(connection)
    move_experiment(connection, record.experiment, predictions_until=read_until, labels_until=labels_until)
    return replace(record, predictions_until=read_until, labels_until=labels_until)


def _chunks(start: datetime, end: datetime) -> Iterator[RowSpan]:
    for _ in range(MOST_CHUNKS):
        if start >= end:
            return
        upto = min(start + CHUNK, end)
        yield RowSpan(start, upto)
        start = upto


@dataclass
class _Counted:
    """What has come of one arm."""

    units: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0] * len(SUMS)))
    singles: list[list[float]] = field(default_factory=list)
    replaced: list[tuple[list[float], list[float]]] = field(default_factory=list)
    """Of units that are single predictions: the sums before and what is added, where a label took another's place."""
    latencies: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    scores: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    groups: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    predictions: int = 0


class _Reader:
    def __init__(self, record: ExperimentRecord, model: ModelConfig, log: ExperimentLog) -> None:
        self._record = record
        self._task = model.task
        is_random = record.config.strategy is TrafficSplitStrategy.RANDOM
        self._is_by_entity = model.predictions.entity is not None and not is_random
        self._log = log
        self._versions = record.config.versions
        self._kinds = {metric.kind for metric in record.config.design(record.stage).metrics}
        self._group = next((metric.by for metric in record.config.metrics if metric.by), None)
        self._placement = Placement(record.salt)
        self._places: dict[str, tuple[int, int]] = {}
        self._arms: dict[str, _Counted] = defaultdict(_Counted)

    def add_predictions(self, span: RowSpan) -> None:
        for row in self._log.predictions(self._versions, span, group=self._group):
            unit = self._unit_of(row)
            if unit is not None:
                self._add_prediction(self._arms[row.version], unit, row)

    def add_labels(self, span: RowSpan) -> None:
        assert self._record.counted_since is not None
        for row in self._log.labels(self._versions, span, self._record.counted_since):
            unit = self._unit_of(row)
            if unit is not None and row.predicted is not None and row.actual is not None:
                self._add_label(self._arms[row.version], unit, row)

    def keep(self, connection: Connection) -> None:
        experiment, counting = self._record.experiment, self._record.counting
        arms = arm_statistics(connection, experiment, counting)
        ratios = [metric.metric for metric in self._record.config.metrics]
        kept = {}
        for version, counted in self._arms.items():
            change = self._changes(connection, counted, ratios)
            kept[version] = arms.get(version, ArmStatistics()) + change
        keep_arm_statistics(connection, experiment, counting, kept)

    def _changes(self, connection: Connection, counted: _Counted, ratios: list[str]) -> ArmStatistics:
        experiment, counting = self._record.experiment, self._record.counting
        added = list(counted.units.values())
        known = unit_sums(connection, experiment, counting, list(counted.units)) if counted.units else {}
        nothing = [0.0] * len(SUMS)
        before = [known.get(unit, nothing) for unit in counted.units]
        after = {
            unit: [one + other for one, other in zip(known.get(unit, nothing), sums, strict=True)]
            for unit, sums in counted.units.items()
        }
        keep_unit_sums(connection, experiment, counting, after)
        before += [*([nothing] * len(counted.singles)), *(old for old, _ in counted.replaced)]
        added += [*counted.singles, *(new for _, new in counted.replaced)]
        old, new = UnitSums.of(before), UnitSums.of(added)
        return ArmStatistics(
            units=new_units(old, new),
            predictions=counted.predictions,
            moments=moment_changes(old, new, ratios=ratios),
            latencies=counted.latencies,
            scores={cell: (pair[0], pair[1]) for cell, pair in counted.scores.items()},
            groups={name: (pair[0], pair[1]) for name, pair in counted.groups.items()},
        )

    def _unit_of(self, row: AssignedPrediction | AssignedLabel) -> int | None:
        """The unit that the row counts for; 0 where it is one of its own; None where it counts nowhere."""
        if not self._is_by_entity:
            # Its arm is its version: all of the traffic is in such an experiment.
            return 0 if row.at >= self._record.assignments[0].since else None
        if not row.entity:
            return None
        position, unit = self._place_of(row.entity)
        return unit if arm_of(self._record.assignments, position, row.at) == row.version else None

    def _place_of(self, entity: str) -> tuple[int, int]:
        found = self._places.get(entity)
        if found is None:
            digest = blake2b(entity.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            found = self._placement.position_of(entity), int.from_bytes(digest, signed=True) or 1
            self._places[entity] = found
        return found

    def _add_prediction(self, counted: _Counted, unit: int, row: AssignedPrediction) -> None:
        counted.predictions += 1
        sums = _sums_of(counted, unit)
        sums[_PREDICTIONS] += 1
        sums[_ERRORS] += row.failed
        sums[_POSITIVES] += bool(row.is_positive)
        if row.latency_cell is not None and MetricKind.LATENCY_QUANTILE in self._kinds:
            counted.latencies[row.latency_cell] += 1
        if row.group is not None and row.is_positive is not None and self._group is not None:
            pair = counted.groups[row.group]
            pair[0] += 1
            pair[1] += row.is_positive

    def _add_label(self, counted: _Counted, unit: int, row: AssignedLabel) -> None:
        now, before = self._outcome(row.predicted, row.actual), self._outcome(row.predicted, row.before)
        change = [new - old for new, old in zip(now, before, strict=True)]
        if unit or not any(before):
            sums = _sums_of(counted, unit)
            for place, value in enumerate(change, start=_LABELED):
                sums[place] += value
        else:
            counted.replaced.append(([0.0] * _LABELED + before, [0.0] * _LABELED + change))
        if MetricKind.ROC_AUC in self._kinds and row.score is not None and 0 <= row.score <= 1:
            pair = counted.scores[score_cell(row.score)]
            pair[bool(row.actual)] += 1
            if row.before is not None:
                pair[bool(row.before)] -= 1

    def _outcome(self, predicted: object, actual: object) -> list[float]:
        """labeled, correct, absolute error, squared error of one label; nothing without one."""
        if actual is None:
            return [0.0] * 4
        if self._task is not Task.REGRESSION:
            return [1.0, float(predicted == actual), 0.0, 0.0]
        assert isinstance(predicted, float)
        assert isinstance(actual, float)
        error = predicted - actual
        return [1.0, 0.0, abs(error), error * error]


def _sums_of(counted: _Counted, unit: int) -> list[float]:
    if unit:
        return counted.units[unit]
    single = [0.0] * len(SUMS)
    counted.singles.append(single)
    return single
