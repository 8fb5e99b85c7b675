"""Counting what of a window is missing or stale in the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from driftline.config import Task
from driftline.monitoring.groups import GroupCounter, without_attributes
from driftline.monitoring.monitor import Monitor, counted_columns, positive_levels, segment_columns
from driftline.profiles.binning import Binning, CategoricalBinning
from driftline.profiles.counting import (
    BinaryOutcomeCounter,
    MulticlassOutcomeCounter,
    RegressionOutcomeCounter,
    SliceCounter,
)
from driftline.profiles.roles import Role
from driftline.profiles.sample_counting import SampleCounter
from driftline.profiles.slices import SegmentColumn
from driftline.sources.catalog import ValueFamily
from driftline.sources.prediction_log import SliceState
from driftline.sources.queries import Conversion, Selected
from driftline.store.baselines import StoredBaseline
from driftline.store.engine import store_transaction
from driftline.store.slices import CountedSlices, Fingerprint, Part, counted_slices, replace_slices
from driftline.windows import SLICE_LENGTH, Window

SLICES_PER_READ = 24

OutcomeCounter = BinaryOutcomeCounter | MulticlassOutcomeCounter | RegressionOutcomeCounter


def stale_slices(monitor: Monitor, baseline: StoredBaseline, window: Window) -> dict[Part, dict[datetime, Fingerprint]]:
    """Per part, the slices of ``window`` that the store lacks or that the log has changed since, as they are now."""
    now = fingerprints(monitor, window)
    with store_transaction(monitor.store) as connection:
        then = {part: counted_slices(connection, baseline, part, window) for part in now}
    return {
        part: {start: found[start] for start in window.slices if found[start] != then[part].get(start)}
        for part, found in now.items()
    }


def stale_outcomes(
    monitor: Monitor, baseline: StoredBaseline, window: Window
) -> dict[Part, dict[datetime, Fingerprint]]:
    """The counted slices of ``window`` whose labels have changed since, as they are now."""
    now = _fingerprints(monitor.log.outcome_fingerprints(window), window)
    with store_transaction(monitor.store) as connection:
        then = counted_slices(connection, baseline, Part.OUTCOMES, window)
    return {Part.OUTCOMES: {start: now[start] for start in then if now[start] != then[start]}}


def fingerprints(monitor: Monitor, window: Window) -> dict[Part, dict[datetime, Fingerprint]]:
    """What the log holds now of each slice, by part.

    Taken before a slice is read: rows that arrive in between make it stale again, and are not lost.
    """
    found = {Part.PREDICTIONS: monitor.log.prediction_fingerprints(window)}
    if monitor.config.labels is not None:
        found[Part.OUTCOMES] = monitor.log.outcome_fingerprints(window)
    return {part: _fingerprints(slices, window) for part, slices in found.items()}


def _fingerprints(slices: Mapping[datetime, SliceState], window: Window) -> dict[datetime, Fingerprint]:
    return {start: Fingerprint(*slices.get(start, (0, None, None))) for start in window.slices}


def count_slices(
    monitor: Monitor, baseline: StoredBaseline, stale: Mapping[Part, Mapping[datetime, Fingerprint]]
) -> int:
    """Reads and counts the slices, each run of them in a transaction of its own; returns how many."""
    counted = 0
    for part, found in stale.items():
        for run in runs_of(sorted(found)):
            read = read_slices(monitor, baseline.binnings, part, run)
            with store_transaction(monitor.store) as connection:
                replace_slices(connection, baseline, part, {start: found[start] for start in run.slices}, read)
            counted += len(run.slices)
    return counted


def read_slices(monitor: Monitor, binnings: Mapping[str, Binning], part: Part, run: Window) -> CountedSlices:
    """Counts one part of consecutive slices, read in one go; of predictions a sample is drawn on the way."""
    if part is Part.PREDICTIONS:
        return _count_predictions(monitor, binnings, run)
    return _count_outcomes(monitor, binnings, run)


def _count_predictions(monitor: Monitor, binnings: Mapping[str, Binning], run: Window) -> CountedSlices:
    columns = {subject: column for subject, column in counted_columns(monitor).items() if subject in binnings}
    cells = {subject: binnings[subject] for subject in columns}
    counter = SliceCounter(segment_columns(monitor), cells)
    class_scores = {subject for subject, column in columns.items() if column.role is Role.CLASS_SCORE}
    sampler = SampleCounter(monitor.log.present_segment_columns(), cells, passed_over=class_scores)
    prediction = 2 + len(monitor.log.present_segment_columns()) + list(columns).index(Role.PREDICTION)
    groups = GroupCounter(
        monitor,
        binnings,
        counted=slice(prediction, prediction + 1),
        make=lambda segments: SliceCounter(segments, {Role.PREDICTION: cells[Role.PREDICTION]}),
    )
    selected = [*(column.selected for column in columns.values()), _selected_id(monitor), *monitor.log.attributes()]
    for batch in monitor.log.read_predictions(run, selected):
        groups.add(batch)
        unprotected = without_attributes(monitor, batch)
        counter.add(unprotected)
        sampler.add(unprotected)
    return CountedSlices({**counter.profiles(), **groups.profiles()}, sampler.samples())


def _selected_id(monitor: Monitor) -> Selected:
    """Whole numbers as they are, which spares Postgres the conversion; they hash like their text."""
    name = monitor.config.predictions.id
    is_integer = monitor.log.catalog.predictions[name].family is ValueFamily.INTEGER
    return monitor.log.selected(name, Conversion.NUMBER if is_integer else Conversion.TEXT)


def _count_outcomes(monitor: Monitor, binnings: Mapping[str, Binning], run: Window) -> CountedSlices:
    binning = binnings.get(Role.OUTCOME)
    if binning is None:
        return CountedSlices({})
    counter = _outcome_counter(monitor, binning, segment_columns(monitor))
    groups = GroupCounter(
        monitor,
        binnings,
        counted=slice(2 + len(monitor.log.present_segment_columns()), None),
        make=lambda segments: _outcome_counter(monitor, binning, segments),
    )
    for batch in monitor.log.read_outcomes(run, monitor.log.attributes()):
        groups.add(batch)
        counter.add(without_attributes(monitor, batch))
    return CountedSlices({**counter.profiles(), **groups.profiles()})


def _outcome_counter(monitor: Monitor, binning: Binning, segments: Sequence[SegmentColumn]) -> OutcomeCounter:
    if isinstance(binning, CategoricalBinning):
        return MulticlassOutcomeCounter(segments, binning)
    if monitor.config.task is Task.REGRESSION:
        return RegressionOutcomeCounter(segments, binning)
    return BinaryOutcomeCounter(segments, binning, positive_levels(monitor))


def runs_of(starts: Sequence[datetime]) -> Iterator[Window]:
    """Consecutive slices together, at most `SLICES_PER_READ`."""
    first = 0
    for index, start in enumerate(starts):
        is_last = index + 1 == len(starts) or starts[index + 1] != start + SLICE_LENGTH
        if is_last or index + 1 - first == SLICES_PER_READ:
            yield Window(starts[first], start + SLICE_LENGTH)
            first = index + 1
