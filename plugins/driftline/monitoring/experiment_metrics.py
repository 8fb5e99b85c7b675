"""Reads what an experiment's arms have done since the last look, and adds it to their statistics.

A row counts for an arm where the entity was assigned to that arm when the prediction was made, and that arm's version
answered. Predictions from before the experiment, of entities outside of it, and of routers that had not switched yet
count nowhere. Where the log names no entity, each prediction is a unit of its own, and its version is its arm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection

from driftline.config import ModelConfig, Task
from driftline.experiments.arm import ArmStatistics, score_cell
from driftline.experiments.clustering import BY_ROW, LABELS, PREDICTIONS, Reference, group_key, needing_reference
from driftline.experiments.metric import MetricKind, StandardMetric
from driftline.experiments.moments import UnitMoments
from driftline.experiments.planning import SETTLING
from driftline.experiments.traffic import arm_of
from driftline.experiments.units import SUMS, UnitSums, cluster_changes, moment_changes, new_units, positive_changes
from driftline.live import Feed
from driftline.monitoring.experiment_late import SeenRows, hour_of
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
from driftline.sources.kept_sessions import KeptSessions
from driftline.store.experiment_statistics import (
    arm_statistics,
    forget_counting,
    keep_arm_statistics,
    keep_unit_sums,
    unit_sums,
)
from driftline.store.experiments import ExperimentRecord, move_experiment

CHUNK = timedelta(hours=1)
"""So much is read at a time."""
MOST_CHUNKS = 72
"""Of a longer backlog the rest is left to the next look."""

_PREDICTIONS, _ERRORS, _POSITIVES, _LABELED = (SUMS.index(name) for name in SUMS[:4])
_TIMED, _SCORED, _INFLUENCE = (SUMS.index(name) for name in ("timed", "scored", "influence"))


def read_new_rows(
    connection: Connection, record: ExperimentRecord, log: PredictionLog, kept: KeptSessions | None = None
) -> ExperimentRecord:
    """Adds what has come since the last reading; returns the record with its new marks.

    In the caller's transaction with the marks: whatever happens, nothing is counted twice.
    """
    assert record.counted_since is not None
    with open_experiment_log(log, kept) as opened:
        upto = opened.now() - SETTLING
        reader = _Reader(record, log.config, opened)
        read_until, labels_until = reader.read_on(connection, upto)
        if reader.lacks_reference and (reference := reader.reference_so_far(connection)) is not None:
            # All that has been counted is counted once more, by what a row moves each metric by.
            forget_counting(connection, record.experiment, record.counting)
            record = replace(record, reference=reference, predictions_until=None, labels_until=None)
            reader = _Reader(record, log.config, opened)
            read_until, labels_until = reader.read_on(connection, upto)
    reader.keep(connection, upto)
    record = replace(record, predictions_until=read_until, labels_until=labels_until)
    move_experiment(
        connection,
        record.experiment,
        predictions_until=read_until,
        labels_until=labels_until,
        reference=record.reference,
    )
    return record


def _chunks(start: datetime, end: datetime) -> Iterator[RowSpan]:
    """Each within an hour of the clock, by which is kept what has been seen."""
    for _ in range(MOST_CHUNKS):
        if start >= end:
            return
        upto = min(hour_of(start) + CHUNK, end)
        yield RowSpan(start, upto)
        start = upto


@dataclass
class _Counted:
    """What has come of one arm."""

    units: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0] * len(SUMS)))
    units_of_groups: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    """An entity of a group is a unit of its own beside that of the entity."""
    rows: UnitMoments = field(default_factory=UnitMoments)
    """What single labels move the ROC-AUC by."""
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
        self._model = model
        self._task = model.task
        is_random = record.config.strategy is TrafficSplitStrategy.RANDOM
        self._is_by_entity = model.predictions.entity is not None and not is_random
        self._log = log
        self._predictions_seen = SeenRows(record, Feed.PREDICTIONS, record.predictions_until)
        self._labels_seen = SeenRows(record, Feed.LABELS, record.labels_until)
        self._versions = record.config.versions
        self._kinds = {metric.kind for metric in record.config.design(record.stage).metrics}
        self._standard = [metric.standard for metric in record.config.metrics if metric.standard is not None]
        self._reference = record.reference
        self._cuts = (
            []
            if record.reference is None
            else [
                (SUMS.index(metric.value.replace("latency", "slow")), cut)
                for metric, cut in record.reference.cuts.items()
            ]
        )
        self._group = next((metric.by for metric in record.config.metrics if metric.by), None)
        self._placement = Placement(record.salt)
        self._places: dict[str, tuple[int, int]] = {}
        self._arms: dict[str, _Counted] = defaultdict(_Counted)

    @property
    def lacks_reference(self) -> bool:
        return self._is_by_entity and self._reference is None and bool(needing_reference(self._standard))

    def reference_so_far(self, connection: Connection) -> Reference | None:
        """By what has been counted before and now; None where that is too little."""
        counted = [_cells_of(each) for each in self._arms.values()]
        before = arm_statistics(connection, self._record.experiment, self._record.counting)
        return Reference.of([*before.values(), *counted], self._standard)

    def read_on(self, connection: Connection, upto: datetime) -> tuple[datetime, datetime]:
        """Reads what is new, and what has come late; how far the predictions and the labels have been read now."""
        since = self._record.counted_since
        assert since is not None
        read_until, labels_until = self._record.predictions_until or since, self._record.labels_until or since
        self._add_late_predictions(connection, upto)
        for span in _chunks(read_until, upto):
            self._predictions_seen.begin(span, connection)
            self.add_predictions(span)
            read_until = span.end
        if self._record.config.needs_labels and self._model.labels is not None:
            self._add_late_labels(connection, upto)
            # A label is only looked for once its prediction has been.
            for span in _chunks(labels_until, read_until):
                self._labels_seen.begin(span, connection)
                self.add_labels(span)
                labels_until = span.end
        return read_until, labels_until

    def _add_late_predictions(self, connection: Connection, upto: datetime) -> None:
        span = self._predictions_seen.span_to_check(connection, upto)
        if span is not None:
            for part in self._predictions_seen.changed(span, self._log.prediction_hours(self._versions, span)):
                self.add_predictions(part, is_again=True)

    def _add_late_labels(self, connection: Connection, upto: datetime) -> None:
        seen, since = self._labels_seen, self._record.counted_since
        span = seen.span_to_check(connection, upto)
        if span is None:
            return
        assert since is not None
        unseen: dict[int, Any] = {}
        for part in seen.changed(span, self._log.label_hours(self._versions, span, since)):
            hour = hour_of(part.start)
            found = {digest: each for each, digest in self._log.label_rows(self._versions, part, since)}
            unseen |= {digest: each for digest, each in found.items() if not seen.has(hour, digest)}
            seen.note(hour, found)
        if unseen:
            ids = set(unseen.values())
            for row in self._log.changed_labels(self._versions, ids, span.end, unseen):
                self._count_label(row)

    def add_predictions(self, span: RowSpan, *, is_again: bool = False) -> None:
        """Those that have not been seen; where a span is read again, a row without an id cannot be told to be new."""
        seen = self._predictions_seen
        for row in self._log.predictions(self._versions, span, group=self._group):
            hour = hour_of(row.at)
            if seen.has(hour, row.digest) or (is_again and row.digest is None):
                continue
            if row.digest is not None:
                seen.note(hour, [row.digest])
            unit = self._unit_of(row)
            if unit is not None:
                self._add_prediction(self._arms[row.version], unit, row)

    def add_labels(self, span: RowSpan) -> None:
        assert self._record.counted_since is not None
        for row in self._log.labels(self._versions, span, self._record.counted_since):
            self._labels_seen.note(hour_of(span.start), row.digests)
            self._count_label(row)

    def _count_label(self, row: AssignedLabel) -> None:
        unit = self._unit_of(row)
        if unit is not None and row.predicted is not None and row.actual is not None:
            self._add_label(self._arms[row.version], unit, row)

    def keep(self, connection: Connection, upto: datetime) -> None:
        experiment, counting = self._record.experiment, self._record.counting
        arms = arm_statistics(connection, experiment, counting)
        ratios = [metric.metric for metric in self._record.config.metrics]
        kept = {}
        for version, counted in self._arms.items():
            change = self._changes(connection, counted, ratios)
            kept[version] = arms.get(version, ArmStatistics()) + change
        keep_arm_statistics(connection, experiment, counting, kept)
        for seen in (self._predictions_seen, self._labels_seen):
            seen.keep(connection, upto)

    def _changes(self, connection: Connection, counted: _Counted, ratios: list[str]) -> ArmStatistics:
        before, added = self._summed(connection, counted.units)
        nothing = [0.0] * len(SUMS)
        before += [*([nothing] * len(counted.singles)), *(old for old, _ in counted.replaced)]
        added += [*counted.singles, *(new for _, new in counted.replaced)]
        old, new = UnitSums.of(before), UnitSums.of(added)
        return replace(
            _cells_of(counted),
            units=new_units(old, new),
            predictions=counted.predictions,
            moments=moment_changes(old, new, ratios=ratios),
            clusters=self._clusters(connection, counted, old, new) if self._is_by_entity else {},
        )

    def _clusters(
        self, connection: Connection, counted: _Counted, before: UnitSums, added: UnitSums
    ) -> dict[str, UnitMoments]:
        keys = {PREDICTIONS, *((LABELS,) if MetricKind.ROC_AUC in self._kinds else ())}
        changes = {}
        if self._reference is not None:
            keys |= {metric.value for metric in self._reference.cuts}
            if self._reference.scores:
                keys |= {StandardMetric.ROC_AUC.value}
                changes[BY_ROW] = counted.rows
        changes |= cluster_changes(before, added, keys=keys)
        for group, units in counted.units_of_groups.items():
            old, new = self._summed(connection, units)
            changes[group_key(group)] = positive_changes(UnitSums.of(old), UnitSums.of(new))
        return changes

    def _summed(
        self, connection: Connection, units: Mapping[int, list[float]]
    ) -> tuple[list[Sequence[float]], list[Sequence[float]]]:
        """The sums of ``units`` before, and what is added to them; kept."""
        experiment, counting = self._record.experiment, self._record.counting
        known = unit_sums(connection, experiment, counting, list(units)) if units else {}
        nothing = [0.0] * len(SUMS)
        before: list[Sequence[float]] = [known.get(unit, nothing) for unit in units]
        added: list[Sequence[float]] = list(units.values())
        after = {
            unit: [one + other for one, other in zip_longest(old, new, fillvalue=0.0)]
            for unit, old, new in zip(units, before, added, strict=True)
        }
        keep_unit_sums(connection, experiment, counting, after)
        return before, added

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
            found = self._placement.position_of(entity), _digest(entity)
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
            sums[_TIMED] += 1
            for place, cut in self._cuts:
                sums[place] += row.latency_cell > cut
        if row.group is not None and row.is_positive is not None and self._group is not None:
            pair = counted.groups[row.group]
            pair[0] += 1
            pair[1] += row.is_positive
            if unit:
                assert row.entity is not None
                of_group = counted.units_of_groups.setdefault(row.group, defaultdict(lambda: [0.0] * len(SUMS)))
                sums = of_group[_digest(f"{row.entity}\0{row.group}")]
                sums[_PREDICTIONS] += 1
                sums[_POSITIVES] += row.is_positive

    def _add_label(self, counted: _Counted, unit: int, row: AssignedLabel) -> None:
        now, before = self._outcome(row.predicted, row.actual), self._outcome(row.predicted, row.before)
        change = [new - old for new, old in zip(now, before, strict=True)]
        if unit or not any(before):
            sums = _sums_of(counted, unit)
            for place, value in enumerate(change, start=_LABELED):
                sums[place] += value
        else:
            rest = [0.0] * (len(SUMS) - _LABELED - len(change))
            counted.replaced.append(([0.0] * _LABELED + before + rest, [0.0] * _LABELED + change + rest))
        if MetricKind.ROC_AUC in self._kinds and row.score is not None and 0 <= row.score <= 1:
            cell = score_cell(row.score)
            self._add_score(counted, unit, cell, is_positive=bool(row.actual), times=1)
            if row.before is not None:
                self._add_score(counted, unit, cell, is_positive=bool(row.before), times=-1)

    def _add_score(self, counted: _Counted, unit: int, cell: int, *, is_positive: bool, times: int) -> None:
        """Counts a score with its label, or (-1 times) takes it out again."""
        counted.scores[cell][is_positive] += times
        if unit:
            counted.units[unit][_SCORED] += times
        if unit and self._reference is not None:
            influence = self._reference.influence(cell, is_positive=is_positive)
            counted.units[unit][_INFLUENCE] += times * influence
            each = (1.0, 1.0, influence, 1.0, influence * influence, influence)
            counted.rows += UnitMoments(*(times * value for value in each))

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


def _cells_of(counted: _Counted) -> ArmStatistics:
    return ArmStatistics(
        latencies=counted.latencies,
        scores={cell: (pair[0], pair[1]) for cell, pair in counted.scores.items()},
        groups={name: (pair[0], pair[1]) for name, pair in counted.groups.items()},
    )


def _digest(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True) or 1


def _sums_of(counted: _Counted, unit: int) -> list[float]:
    if unit:
        return counted.units[unit]
    single = [0.0] * len(SUMS)
    counted.singles.append(single)
    return single
