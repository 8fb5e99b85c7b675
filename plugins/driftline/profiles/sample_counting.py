"""Drawing a bounded sample of each slice and version from a stream of Arrow batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftline.profiles.binning import Binning, NumericBinning
from driftline.profiles.counting import numeric_values, row_groups
from driftline.profiles.roles import Role
from driftline.profiles.sample import (
    EVERYTHING,
    HASH,
    SLICE_CAPACITY,
    TIME,
    Sample,
    require_capacity,
    segment_column,
    smallest,
)
from driftline.profiles.sample_hashing import Hashes, hash_ids
from driftline.profiles.slices import SliceKey

SliceSamples = dict[SliceKey, Sample]
"""By slice and version (the key's segment is the whole)."""

LONGEST_TEXT = 256
"""Characters of a text that are kept: a sample is bounded in bytes too."""
_NOT_SAMPLED: frozenset[str] = frozenset({Role.LATENCY, Role.ERROR})


class SampleCounter:
    """Draws the sample of each slice and version; memory is bounded by their number and ``capacity``.

    Batches hold what `SliceCounter` counts (time, version, one column per name in ``segments``, one per entry of
    ``binnings``, in order) and the prediction's id in their last column. Sampled are the segment columns, and of the
    counted columns the features, the prediction and the score; none of those ``passed_over``.

    The same rows give the same samples, in whatever order they come and however they are cut into batches.

    Raises
    ------
    InputError
        When ``capacity`` is not positive.
    """

    def __init__(
        self,
        segments: Sequence[str],
        binnings: Mapping[str, Binning],
        capacity: int = SLICE_CAPACITY,
        passed_over: Collection[str] = (),
    ) -> None:
        require_capacity(capacity)
        self._passed_over = _NOT_SAMPLED.union(passed_over)
        self._segments = segments
        self._binnings = dict(binnings)
        self._capacity = capacity
        self._drawn: dict[SliceKey, _Drawn] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        hashes, has_id = hash_ids(batch.column(batch.num_columns - 1))
        chosen: list[tuple[_Drawn, NDArray[np.intp]]] = []
        for group in row_groups(batch, ()):
            rows = np.arange(batch.num_rows)[group.rows]
            rows = rows if has_id.all() else rows[has_id[rows]]
            drawn = self._drawn.setdefault(group.key, _Drawn(self._capacity))
            drawn.population += rows.size
            candidates = rows[hashes[rows] <= np.uint64(drawn.threshold)]
            chosen.append((drawn, candidates[_among_smallest(hashes[candidates], self._capacity)]))
        self._keep(batch, hashes, [(drawn, rows) for drawn, rows in chosen if rows.size])

    def samples(self) -> SliceSamples:
        return {key: drawn.sample() for key, drawn in self._drawn.items()}

    def _keep(self, batch: pa.RecordBatch, hashes: Hashes, chosen: Sequence[tuple[_Drawn, NDArray[np.intp]]]) -> None:
        if not chosen:
            return
        rows = np.concatenate([rows for _, rows in chosen])
        table = self._table(batch.take(pa.array(rows)), hashes[rows])
        first = 0
        for drawn, its_rows in chosen:
            drawn.add(table.slice(first, its_rows.size))
            first += its_rows.size

    def _table(self, batch: pa.RecordBatch, hashes: Hashes) -> pa.Table:
        columns = {HASH: pa.array(hashes), TIME: batch.column(0).cast(pa.timestamp("us", tz="UTC"))}
        for index, name in enumerate(self._segments):
            columns[segment_column(name)] = _text(batch.column(2 + index))
        first = 2 + len(self._segments)
        for index, (subject, binning) in enumerate(self._binnings.items()):
            if subject not in self._passed_over:
                column = batch.column(first + index)
                columns[subject] = _numbers(column) if isinstance(binning, NumericBinning) else _text(column)
        return pa.table(columns)


@dataclass(eq=False)
class _Drawn:
    """One slice's sample while it is drawn."""

    capacity: int
    population: int = 0
    threshold: int = EVERYTHING
    rows: pa.Table | None = None

    def add(self, rows: pa.Table) -> None:
        together = rows if self.rows is None else pa.concat_tables([self.rows, rows])
        self.rows, self.threshold = smallest(together, self.capacity, self.threshold)

    def sample(self) -> Sample:
        if self.rows is None:
            return Sample.empty(self.capacity)
        return Sample(self.rows, self.capacity, self.population, self.threshold)


def _among_smallest(hashes: Hashes, capacity: int) -> NDArray[np.bool_] | slice:
    """The rows that may be among the smallest of one more than ``capacity`` different hashes: a few more at most."""
    if hashes.size <= capacity + 1:
        return slice(None)
    bound = np.partition(hashes, capacity)[capacity]
    if np.unique(hashes[hashes <= bound]).size <= capacity:  # an id that stands many times
        different = np.unique(hashes)
        bound = different[min(capacity, different.size - 1)]
    return np.asarray(hashes <= bound, dtype=np.bool_)


def _numbers(column: pa.Array) -> pa.Array:
    values, is_null, _ = numeric_values(column)
    return pa.array(values, pa.float64(), mask=is_null)


def _text(column: pa.Array) -> pa.Array:
    return pc.utf8_slice_codeunits(column.cast(pa.string()), 0, LONGEST_TEXT)
