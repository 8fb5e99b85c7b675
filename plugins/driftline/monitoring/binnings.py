"""The binnings that a baseline asks for, from a bounded sample of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftline.config import Task
from driftline.monitoring.groups import GroupDiscovery
from driftline.monitoring.monitor import CountedColumn, Monitor, counted_columns
from driftline.profiles.binning import Binning, CategoricalBinning, Floats, NumericBinning, latency_binning
from driftline.profiles.counting import numeric_values
from driftline.profiles.multiclass import probability_binning
from driftline.profiles.roles import Role
from driftline.windows import Window

SAMPLE_ROWS = 200_000
"""Values per numeric column that its quantile edges are read from: enough for 1,000 cells to hold 200 each."""


MAXIMUM_CLASSES = 100
"""Of more classes the rarest are not told apart: a confusion matrix is kept per hour."""

KEPT_LEVELS = 100_000
"""Beyond so many levels of a column the rarest are forgotten: a column of identifiers must not fill the memory."""


def make_binnings(monitor: Monitor, period: Window, rows: int) -> dict[str, tuple[Role, Binning]]:
    """Per subject its role and its cells, from the period's ``rows`` rows: one streaming pass."""
    columns = counted_columns(monitor)
    samples: dict[str, list[Floats]] = {subject: [] for subject, column in columns.items() if column.is_numeric}
    levels: dict[str, Counter[str]] = {
        subject: Counter() for subject, column in columns.items() if not column.is_numeric
    }
    stride = -(-rows // SAMPLE_ROWS)
    leading = 2 + len(monitor.log.present_segment_columns())
    groups = GroupDiscovery(monitor, leading + len(columns))
    selected = [*(column.selected for column in columns.values()), *monitor.log.attributes()]
    for batch in monitor.log.read_predictions(period, selected):
        groups.add(batch)
        for index, subject in enumerate(columns):
            values = batch.column(leading + index)
            if subject in samples:
                samples[subject].append(numeric_values(values[::stride] if stride > 1 else values)[0])
            else:
                levels[subject] = _without_rarest(levels[subject] + Counter(_level_counts(values)))
    cells: dict[str, tuple[Role, Binning]] = {
        subject: (column.role, _binning(column, samples.get(subject), levels.get(subject)))
        for subject, column in columns.items()
    }
    cells |= {subject: (Role.GROUP, binning) for subject, binning in groups.binnings().items()}
    outcome = _outcome_binning(monitor, period, cells)
    return cells if outcome is None else {**cells, Role.OUTCOME: (Role.OUTCOME, outcome)}


def _binning(column: CountedColumn, sample: list[Floats] | None, levels: Counter[str] | None) -> Binning:
    if column.role is Role.LATENCY:
        return latency_binning()
    if column.role is Role.CLASS_SCORE:
        return probability_binning()
    if sample is not None:
        return NumericBinning.from_values(np.concatenate(sample) if sample else np.empty(0))
    return CategoricalBinning.from_counts(dict(levels or {}))


def _outcome_binning(monitor: Monitor, period: Window, cells: dict[str, tuple[Role, Binning]]) -> Binning | None:
    if monitor.config.labels is None:
        return None
    if monitor.config.task is Task.MULTICLASS_CLASSIFICATION:
        return _class_binning(monitor, period)
    if monitor.config.task is Task.REGRESSION:
        errors = list(_errors(monitor, period))
        return NumericBinning.from_values(np.concatenate(errors) if errors else np.empty(0))
    score = cells.get(Role.SCORE)
    return score[1] if score is not None and isinstance(score[1], NumericBinning) else NumericBinning(np.empty(0))


def _class_binning(monitor: Monitor, period: Window) -> CategoricalBinning:
    """The classes: those that have a score, in the file's order; else those that labels or predictions have."""
    scores = monitor.config.predictions.scores
    if scores is not None:
        return CategoricalBinning(tuple(scores))
    leading = 2 + len(monitor.log.present_segment_columns())
    counts: Counter[str] = Counter()
    for batch in monitor.log.read_outcomes(period):
        for column in (leading, leading + 1):
            counts = _without_rarest(counts + Counter(_level_counts(batch.column(column))))
    return CategoricalBinning.from_counts(dict(counts), MAXIMUM_CLASSES)


def _errors(monitor: Monitor, period: Window) -> Iterator[Floats]:
    leading = 2 + len(monitor.log.present_segment_columns())
    kept = 0
    for batch in monitor.log.read_outcomes(period):
        labels, _, _ = numeric_values(batch.column(leading))
        predictions, _, _ = numeric_values(batch.column(leading + 1))
        errors = predictions - labels
        yield errors
        kept += errors.size
        if kept >= SAMPLE_ROWS:
            return


def _without_rarest(levels: Counter[str]) -> Counter[str]:
    return levels if len(levels) <= KEPT_LEVELS else Counter(dict(levels.most_common(KEPT_LEVELS // 2)))


def _level_counts(values: pa.Array) -> dict[str, int]:
    counted = pc.value_counts(values.drop_null())
    return dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))
