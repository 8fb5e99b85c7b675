"""A bounded sample of predictions that merges: for what needs whole rows and not counts.

Which rows are sampled is decided by a hash of the prediction id alone. A sample holds *every* row of its population
whose hash is at most its threshold, and no other. The threshold falls until few enough rows are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.profiles.sample_hashing import Hashes

if TYPE_CHECKING:
    import pandas as pd

SLICE_CAPACITY = 500
"""Rows of a slice and version that are kept: a day of equally busy hours merges to about 11,000."""
MERGED_CAPACITY = 5_000
"""Rows of a window that are kept: enough for a classifier to tell reference from current."""
EVERYTHING = 2**64 - 1
"""The threshold of a sample that holds its whole population."""

RESERVED_PREFIX = "driftline "
HASH = f"{RESERVED_PREFIX}hash"
TIME = f"{RESERVED_PREFIX}time"
_SEGMENT = f"{RESERVED_PREFIX}segment "


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of predictions, each id of the population having had the same chance to be here.

    Attributes
    ----------
    rows:
        Ordered by hash, one row per id. Columns: `HASH` (uint64), `TIME` (timestamp, UTC), `segment_column` of each
        segment column (text), and by their subjects the features, the prediction and the score. Numeric subjects are
        float64, with null for what is missing or no number; all others are text, cut at 256 characters.
    capacity:
        The most rows that may be kept, 1 or more.
    population:
        Rows seen that had an id, by all that was merged. A row without an id has no stable hash: it is in neither.
    threshold:
        Every row of the population with a hash up to this one (inclusive) is in `rows`.
    """

    rows: pa.Table
    capacity: int
    population: int
    threshold: int = EVERYTHING

    @classmethod
    def empty(cls, capacity: int = SLICE_CAPACITY) -> Sample:
        """The sample of nothing: merged with another one it changes nothing."""
        return cls(pa.table({HASH: pa.array([], pa.uint64())}), capacity, 0)

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def rate(self) -> float:
        """The chance, in (0, 1], that a row of the population had to be here; the same for every row."""
        return (self.threshold + 1) / 2**64

    @property
    def hashes(self) -> Hashes:
        return _hashes(self.rows)

    @property
    def subjects(self) -> list[str]:
        """The names of the features and outputs among the columns."""
        return [name for name in self.rows.column_names if not name.startswith(RESERVED_PREFIX)]

    def to_pandas(self, subjects: Sequence[str] | None = None) -> pd.DataFrame:
        """Features and outputs (all, or ``subjects``), numbers as float64 and the rest as text; missing is NaN.

        A subject that the sample does not have is a column of NaN: it was not logged.
        """
        frame: pd.DataFrame = self.rows.select(self.subjects).to_pandas()
        return frame if subjects is None else frame.reindex(columns=list(subjects))

    def of_segment(self, column: str, value: str) -> Sample:
        """The rows whose segment ``column`` reads ``value``; their `population` is estimated by the `rate`.

        Without such a column there are none.
        """
        name = segment_column(column)
        if name not in self.rows.column_names:
            return Sample.empty(self.capacity)
        rows = self.rows.filter(pc.equal(self.rows[name], value))
        return Sample(rows, self.capacity, round(rows.num_rows / self.rate), self.threshold)


def segment_column(column: str) -> str:
    """The name in `Sample.rows` of a segment column of the log (which may be a feature too)."""
    return _SEGMENT + column


def merge_samples(samples: Iterable[Sample], capacity: int = MERGED_CAPACITY) -> Sample:
    """The sample of everything that ``samples`` were drawn from: uniform over all rows, so that no row needs a weight.

    Of the samples only the rows under the *smallest* threshold are kept, then at most ``capacity`` of them, those with
    the smallest hashes. At one capacity the result does not depend on order or grouping. An id that several samples
    hold stands once, as it was first; populations add up, so merge samples of different rows.

    Raises
    ------
    InputError
        When ``capacity`` is not positive, or a column holds numbers in one sample and text in another.

    Notes
    -----
    The ``k`` smallest hashes of each slice are *not* together a fair sample: a busy hour would give as many rows as a
    quiet one. Weights would mend that at the price of weighted tests; the common threshold mends it without. It is the
    union of bottom-k samples as in [1]_, with the exclusive (k+1)-th hash as threshold [2]_, given which the rows are
    a simple random sample. It costs rows where one hour dwarfs the others: the result holds about
    ``population * k / (rows of the busiest slice)`` rows, never fewer than about ``k`` (or the population).

    References
    ----------
    .. [1] E. Cohen, H. Kaplan, "Summarizing Data using Bottom-k Sketches", PODC 2007.
    .. [2] D. Ting, "Adaptive Threshold Sampling", SIGMOD 2022.
    """
    require_capacity(capacity)
    merging = list(samples)
    population = sum(sample.population for sample in merging)
    threshold = min((sample.threshold for sample in merging), default=EVERYTHING)
    tables = [_up_to(sample.rows, threshold) for sample in merging if len(sample)]
    rows, threshold = smallest(_stacked(tables), capacity, threshold)
    return Sample(rows, capacity, population, threshold)


def smallest(rows: pa.Table, capacity: int, threshold: int) -> tuple[pa.Table, int]:
    """The ``capacity`` rows of different ids with the smallest hashes, in order, and the threshold they stand for."""
    ordered = _one_per_hash(rows)
    if ordered.num_rows <= capacity:
        return ordered, threshold
    return ordered.slice(0, capacity).combine_chunks(), int(_hashes(ordered)[capacity]) - 1


def require_capacity(capacity: int) -> None:
    if capacity < 1:
        raise InputError(f"A sample cannot hold {capacity} rows. Give a capacity of 1 or more.")


def _hashes(rows: pa.Table) -> Hashes:
    return np.asarray(rows[HASH].to_numpy(), dtype=np.uint64)


def _up_to(rows: pa.Table, threshold: int) -> pa.Table:
    """``rows`` are ordered by hash, so those to keep come first."""
    return rows.slice(0, int(np.searchsorted(_hashes(rows), np.uint64(threshold), side="right")))


def _one_per_hash(rows: pa.Table) -> pa.Table:
    hashes = _hashes(rows)
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    if (ordered[1:] != ordered[:-1]).all():
        return rows.take(pa.array(order))
    # By all columns, so that which of an id's rows stays (the earliest) does not depend on the order they came in.
    order = _order_by_every_column(rows)
    return rows.take(pa.array(order[_is_first(hashes[order])]))


def _order_by_every_column(rows: pa.Table) -> NDArray[np.int64]:
    leading = [name for name in (HASH, TIME) if name in rows.column_names]
    keys = leading + sorted(set(rows.column_names) - set(leading))
    return np.asarray(pc.sort_indices(rows, [(key, "ascending") for key in keys]), dtype=np.int64)


def _is_first(ordered: Hashes) -> NDArray[np.bool_]:
    return np.concatenate([[True], ordered[1:] != ordered[:-1]])


def _stacked(tables: Sequence[pa.Table]) -> pa.Table:
    if not tables:
        return Sample.empty().rows
    if reduce(lambda same, table: same and table.schema.equals(tables[0].schema), tables, True):
        return pa.concat_tables(tables)
    # A column that some samples lack is null there: the log did not have it yet, or no longer.
    try:
        stacked = pa.concat_tables(tables, promote_options="default")
    except pa.ArrowException as error:
        raise InputError(
            f"Samples of different kinds of columns cannot be merged: {error}. Merge samples of one baseline only."
        ) from error
    names = stacked.column_names
    return stacked.select([name for name in (HASH, TIME) if name in names] + sorted(set(names) - {HASH, TIME}))
