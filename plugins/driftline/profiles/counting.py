"""Counting a stream of Arrow batches into profiles, slice by slice.

A batch's columns come in this order: prediction time, version, the segment columns, then the counted columns. Memory
is bounded by cells, slices, versions and segments, never by rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftline.profiles.binning import Binning, CategoricalBinning, Floats, NumericBinning
from driftline.profiles.categorical import CategoricalProfile
from driftline.profiles.multiclass import MulticlassOutcomeProfile
from driftline.profiles.numeric import NumericProfile
from driftline.profiles.outcomes import BinaryOutcomeProfile, RegressionOutcomeProfile
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.profiles.slices import SegmentColumn, SliceKey, SliceProfiles

MICROSECONDS_PER_SLICE = 3_600_000_000
UNNAMED_VERSION = "(none)"


class SliceCounter:
    """Counts columns into their binnings.

    Batches hold: time, version, one column per segment column, then one per entry of `binnings`, in order.
    """

    def __init__(self, segments: Sequence[SegmentColumn], binnings: Mapping[str, Binning]) -> None:
        self._segments = segments
        self._binnings = dict(binnings)
        self._counted: SliceProfiles = {}

    def add(self, batch: pa.RecordBatch) -> None:
        first = 2 + len(self._segments)
        groups = list(row_groups(batch, self._segments))
        for index, (subject, binning) in enumerate(self._binnings.items()):
            column = batch.column(first + index)
            counted = (
                _count_numeric(column, binning, groups)
                if isinstance(binning, NumericBinning)
                else _count_categorical(column, binning, groups)
            )
            for key, profile in counted:
                _accumulate(self._counted, key, subject, profile)

    def profiles(self) -> SliceProfiles:
        return self._counted


class BinaryOutcomeCounter:
    """Counts labeled predictions of a binary classifier.

    Batches hold: time, version, one column per segment column, then label and prediction as text and, where the
    model gives one, the score. A failed prediction (null) is neither right nor wrong: its row is left out.
    """

    def __init__(
        self, segments: Sequence[SegmentColumn], binning: NumericBinning, positive_levels: frozenset[str]
    ) -> None:
        self._segments = segments
        self._binning = binning
        self._positive_levels = pa.array(sorted(positive_levels), pa.string())
        self._counted: SliceProfiles = {}

    def add(self, batch: pa.RecordBatch) -> None:
        first = 2 + len(self._segments)
        batch = batch.filter(pc.and_(batch.column(first).is_valid(), batch.column(first + 1).is_valid()))
        label = self._is_positive(batch.column(first))
        prediction = self._is_positive(batch.column(first + 1))
        has_score = batch.num_columns > first + 2
        scores = numeric_values(batch.column(first + 2))[0] if has_score else np.full(batch.num_rows, np.nan)
        for group in row_groups(batch, self._segments):
            rows = group.rows
            profile = BinaryOutcomeProfile.of(label[rows], prediction[rows], scores[rows], self._binning)
            _accumulate(self._counted, group.key, Role.OUTCOME, profile)

    def profiles(self) -> SliceProfiles:
        return self._counted

    def _is_positive(self, column: pa.Array) -> NDArray[np.bool_]:
        matches = pc.is_in(column, value_set=self._positive_levels)
        return np.asarray(matches.to_numpy(zero_copy_only=False), dtype=np.bool_)


class MulticlassOutcomeCounter:
    """Counts labeled predictions of a classifier of several classes.

    Batches hold: time, version, one column per segment column, then label and prediction as text and, where the model
    gives them, the scores of the classes in the binning's order. A row without a prediction is left out.
    """

    def __init__(self, segments: Sequence[SegmentColumn], binning: CategoricalBinning) -> None:
        self._segments = segments
        self._binning = binning
        self._counted: SliceProfiles = {}

    def add(self, batch: pa.RecordBatch) -> None:
        first = 2 + len(self._segments)
        batch = batch.filter(pc.and_(batch.column(first).is_valid(), batch.column(first + 1).is_valid()))
        labels, predictions = (
            batch.column(first + index).cast(pa.string()).to_numpy(zero_copy_only=False) for index in (0, 1)
        )
        columns = [numeric_values(column)[0] for column in batch.columns[first + 2 :]]
        scores = np.column_stack(columns) if columns else None
        for group in row_groups(batch, self._segments):
            rows = group.rows
            profile = MulticlassOutcomeProfile.of(
                labels[rows], predictions[rows], self._binning, None if scores is None else scores[rows]
            )
            _accumulate(self._counted, group.key, Role.OUTCOME, profile)

    def profiles(self) -> SliceProfiles:
        return self._counted


class RegressionOutcomeCounter:
    """Counts labeled predictions of a regression.

    Batches hold: time, version, one column per segment column, then label and prediction.
    """

    def __init__(self, segments: Sequence[SegmentColumn], binning: NumericBinning) -> None:
        self._segments = segments
        self._binning = binning
        self._counted: SliceProfiles = {}

    def add(self, batch: pa.RecordBatch) -> None:
        first = 2 + len(self._segments)
        labels, _, _ = numeric_values(batch.column(first))
        predictions, _, _ = numeric_values(batch.column(first + 1))
        for group in row_groups(batch, self._segments):
            profile = RegressionOutcomeProfile.of(labels[group.rows], predictions[group.rows], self._binning)
            _accumulate(self._counted, group.key, Role.OUTCOME, profile)

    def profiles(self) -> SliceProfiles:
        return self._counted


def numeric_values(column: pa.Array) -> tuple[Floats, NDArray[np.bool_] | None, int]:
    """A column as floats, the rows without a usable value (``None``: all have one), and how many hold no number.

    Text is read as numbers where it can be; what cannot is counted, and treated like a null.
    """
    nulls = column.null_count
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        is_null = column.is_null().to_numpy(zero_copy_only=False) if nulls else None
        return values, is_null, 0
    import pandas as pd  # text only: two seconds of import that most tasks need not wait for

    read = pd.to_numeric(pd.Series(column.cast(pa.string()).to_pandas()), errors="coerce")
    values = read.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(values)
    return values, missing, int(np.count_nonzero(missing)) - nulls


@dataclass(frozen=True)
class RowGroup:
    key: SliceKey
    rows: NDArray[np.intp] | slice


def row_groups(batch: pa.RecordBatch, segments: Sequence[SegmentColumn]) -> Iterator[RowGroup]:
    """The rows of each slice, version and watched segment in the batch."""
    if batch.num_rows == 0:
        return
    hours = batch.column(0).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() // MICROSECONDS_PER_SLICE
    versions, version_codes = _encoded(batch.column(1))
    slice_codes = (hours - hours.min()) * len(versions) + version_codes
    first_hour = int(hours.min())

    def key(code: int, segment: str) -> SliceKey:
        hour, version = divmod(code, len(versions))
        return SliceKey(_slice_start(first_hour + hour), versions[version] or UNNAMED_VERSION, segment)

    for code, rows in _rows_by_code(slice_codes):
        yield RowGroup(key(code, ""), rows)
    for index, segment in enumerate(segments):
        values, value_codes = _encoded(batch.column(2 + index))
        for code, rows in _rows_by_code(slice_codes * len(values) + value_codes):
            slice_code, value = divmod(code, len(values))
            name = segment.names.get(values[value] or "")
            if name is not None and values[value] is not None:
                yield RowGroup(key(slice_code, name), rows)


def _encoded(column: pa.Array) -> tuple[list[str | None], NDArray[np.int64]]:
    encoded = column.cast(pa.string()).dictionary_encode(null_encoding="encode")
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _rows_by_code(codes: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.intp] | slice]]:
    if (codes == codes[0]).all():
        yield int(codes[0]), slice(None)
        return
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    for start, end in zip(starts, [*starts[1:], codes.size], strict=True):
        rows = order[start:end]
        contiguous = rows[-1] - rows[0] == rows.size - 1
        yield int(ordered[start]), slice(int(rows[0]), int(rows[-1]) + 1) if contiguous else rows


def _slice_start(hour: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


def _count_numeric(
    column: pa.Array, binning: NumericBinning, groups: Iterable[RowGroup]
) -> Iterator[tuple[SliceKey, NumericProfile]]:
    values, is_null, invalid = numeric_values(column)
    none_missing = np.zeros(values.size, dtype=np.bool_) if is_null is None else is_null
    was_null = column.is_null().to_numpy(zero_copy_only=False) if invalid else None
    for group in groups:
        missing = none_missing[group.rows]
        unreadable = 0 if was_null is None else int(np.count_nonzero(missing & ~was_null[group.rows]))
        yield group.key, NumericProfile.of(values[group.rows], binning, missing, unreadable)


def _count_categorical(
    column: pa.Array, binning: CategoricalBinning, groups: Iterable[RowGroup]
) -> Iterator[tuple[SliceKey, CategoricalProfile]]:
    levels, codes = _encoded(column)
    for group in groups:
        counts = np.bincount(codes[group.rows], minlength=len(levels))
        present = {level: int(counts[i]) for i, level in enumerate(levels) if level is not None and counts[i]}
        nulls = int(counts[levels.index(None)]) if None in levels else 0
        yield group.key, CategoricalProfile.of(present, binning, nulls)


def _accumulate(counted: SliceProfiles, key: SliceKey, subject: str, profile: Profile) -> None:
    subjects = counted.setdefault(key, {})
    earlier = subjects.get(subject)
    subjects[subject] = profile if earlier is None else earlier.merged(profile)  # type: ignore[arg-type]
