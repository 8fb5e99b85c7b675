"""Mixed columns as one matrix of numbers: what the tests on all features together are computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftline.drift.columns import as_numbers, is_numeric, level_names
from driftline.errors import InputError
from driftline.profiles.binning import Floats

Frame = Any
"""A pandas DataFrame, a pyarrow Table, or a mapping from names to columns."""

MAXIMUM_LEVELS = 10
"""Levels of a categorical feature that have a column of their own; the rest share one."""
LEAST_SHARE = 0.01
"""Rarer levels share a column: standardized, a handful of rows would outweigh all others."""
LEAST_MISSING = 5
"""Rows on either side of "is missing" from which it is a column of its own."""
NULL = -1
"""Code of the rows of a `LevelColumn` that have no level."""


@dataclass(frozen=True, eq=False)
class LevelColumn:
    """A categorical column: per row the position of its level among the names, `NULL` where it has none."""

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    def take(self, rows: NDArray[Any]) -> LevelColumn:
        return LevelColumn(self.codes[rows], self.names)


@dataclass(frozen=True, eq=False)
class Table:
    """Readable features of one side, row by row.

    Attributes
    ----------
    rows:
        Number of rows.
    numbers:
        Per numeric feature its values, NaN for all that is not finite.
    levels:
        Per categorical feature the level of each row; both tables of a pair have the same names.
    """

    rows: int
    numbers: Mapping[str, Floats]
    levels: Mapping[str, LevelColumn]

    @property
    def features(self) -> tuple[str, ...]:
        return (*self.numbers, *self.levels)

    def take(self, rows: NDArray[Any]) -> Table:
        """The given rows (positions or a mask)."""
        numbers = {name: values[rows] for name, values in self.numbers.items()}
        levels = {name: column.take(rows) for name, column in self.levels.items()}
        return Table(int(np.arange(self.rows)[rows].size), numbers, levels)

    def thinned(self, rows: int, seed: int) -> Table:
        """A random ``rows`` of the rows, in their order; all of them where there are no more."""
        if rows >= self.rows:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(self.rows, rows, replace=False)))


_Column = Floats | LevelColumn


@dataclass(frozen=True, eq=False)
class TablePair:
    """The features that both sides have, and why others are left out (by name)."""

    reference: Table
    current: Table
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _NumericColumn:
    known: Floats
    """Finite values it was fitted on, sorted."""

    def encode(self, values: Floats) -> Floats:
        """Normal score of the mid-rank among the known values; 0, the middle, where missing."""
        size = self.known.size
        order = np.argsort(values)
        ordered = values[order]  # looking up ordered values is several times faster
        ranks = (np.searchsorted(self.known, ordered, "left") + np.searchsorted(self.known, ordered, "right")) / 2
        scores = np.empty(values.size)
        scores[order] = special.ndtri(np.clip(ranks / size, 0.5 / size, 1 - 0.5 / size))
        return np.where(np.isnan(values), 0.0, scores)


@dataclass(frozen=True, eq=False)
class Encoding:
    """Turns tables into matrices in which every column has mean 0 and variance 1 over the rows it was fitted on.

    A numeric feature is its normal score (free of outliers and of the unit; infinite values are missing), a categorical
    one an indicator per common level, and either has an indicator of being missing where some rows are.

    Attributes
    ----------
    owners:
        Per column of the matrix the feature it belongs to.
    """

    owners: tuple[str, ...]
    _numeric: Mapping[str, _NumericColumn]
    _indicators: Mapping[str, tuple[int, ...]]
    _means: Floats
    _deviations: Floats

    @classmethod
    def fitted(cls, *tables: Table) -> Encoding:
        """Fitted on all rows of the tables; a feature that is constant in them has no column."""
        numeric, indicators = _plan(tables)
        raw = np.vstack([_raw(table, numeric, indicators) for table in tables])
        means, deviations = raw.mean(axis=0), raw.std(axis=0)
        owners = (*numeric, *(name for name, levels in indicators.items() for _ in levels))
        return cls(owners, numeric, indicators, means, np.where(deviations > 1e-9, deviations, np.inf))

    def encode(self, table: Table) -> Floats:
        """One row per row of the table, one column per owner."""
        raw = _raw(table, self._numeric, self._indicators)
        matrix: Floats = (raw - self._means) / self._deviations
        return matrix


def read_tables(reference: Frame, current: Frame, features: Sequence[str] | None = None) -> TablePair:
    """Reads ``features`` (default: all of either side); neither frame is modified.

    The reference says whether a feature is numeric. What cannot be compared is left out with the reason, and hides
    nothing else: a column that one side lacks or that cannot be read, one without a value on both sides, a constant.
    """
    names = list(features) if features is not None else list(dict.fromkeys([*_names(reference), *_names(current)]))
    sizes = _rows(reference), _rows(current)
    readable: dict[str, tuple[_Column, _Column]] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(names):
        try:
            readable[name] = _read(reference, current, name, sizes)
        except (InputError, ArithmeticError, TypeError, ValueError) as error:
            left_out[name] = str(error)
    return TablePair(_table(readable, 0, sizes[0]), _table(readable, 1, sizes[1]), left_out)


def _read(reference: Frame, current: Frame, name: str, sizes: tuple[int, int]) -> tuple[_Column, _Column]:
    for frame, side in ((reference, "reference"), (current, "current data")):
        if name not in _names(frame):
            raise InputError(f"The {side} has no column {name!r}.")
    read = _numbers if is_numeric(reference[name]) else _levels
    return read(reference[name], current[name], name, sizes)


def _numbers(reference: Any, current: Any, name: str, sizes: tuple[int, int]) -> tuple[Floats, Floats]:
    before, now = _finite(reference), _finite(current)
    _require_rows(name, (before.size, now.size), sizes)
    pooled = np.concatenate([before, now])
    _require_change(name, pooled[~np.isnan(pooled)], pooled.size, str)
    return before, now


def _finite(data: Any) -> Floats:
    values = as_numbers(data).values
    return np.where(np.isfinite(values), values, np.nan)


def _levels(reference: Any, current: Any, name: str, sizes: tuple[int, int]) -> tuple[LevelColumn, LevelColumn]:
    before, now = level_names(reference), level_names(current)
    _require_rows(name, (len(before), len(now)), sizes)
    names = tuple(dict.fromkeys(level for level in (*before, *now) if level is not None))
    positions: dict[str | None, int] = {level: position for position, level in enumerate(names)} | {None: -1}
    codes = np.array([positions[level] for level in (*before, *now)], dtype=np.int32)
    _require_change(name, codes[codes >= 0], codes.size, lambda code: names[code])
    return LevelColumn(codes[: len(before)], names), LevelColumn(codes[len(before) :], names)


def _require_rows(name: str, found: tuple[int, int], sizes: tuple[int, int]) -> None:
    if found != sizes:
        raise InputError(f"The column {name!r} has {found[0]} and {found[1]} rows, the tables {sizes}.")


def _require_change(name: str, present: NDArray[Any], rows: int, named: Callable[[Any], str]) -> None:
    if present.size == 0:
        raise InputError(f"The column {name!r} has no usable value on either side.")
    if present.size == rows and (present == present[0]).all():
        raise InputError(f"The column {name!r} is constant: it is {named(present[0])} everywhere.")


def _table(readable: Mapping[str, tuple[_Column, _Column]], side: int, rows: int) -> Table:
    columns = {name: pair[side] for name, pair in readable.items()}
    return Table(
        rows,
        {name: column for name, column in columns.items() if not isinstance(column, LevelColumn)},
        {name: column for name, column in columns.items() if isinstance(column, LevelColumn)},
    )


def _plan(tables: Sequence[Table]) -> tuple[dict[str, _NumericColumn], dict[str, tuple[int, ...]]]:
    numeric: dict[str, _NumericColumn] = {}
    indicators: dict[str, tuple[int, ...]] = {}
    for name in tables[0].numbers:
        values = np.concatenate([table.numbers[name] for table in tables])
        known = np.sort(values[~np.isnan(values)])
        if known.size and known[0] < known[-1]:
            numeric[name] = _NumericColumn(known)
        if min(known.size, values.size - known.size) >= LEAST_MISSING:
            indicators[name] = (NULL,)
    for name, column in tables[0].levels.items():
        levels = _own_levels(np.concatenate([table.levels[name].codes for table in tables]), column.names)
        if levels:
            indicators[name] = levels
    return numeric, indicators


def _own_levels(codes: NDArray[np.int32], names: tuple[str, ...]) -> tuple[int, ...]:
    """The levels that get an indicator: of two that make up everything one is enough."""
    counted = np.bincount(codes + 1, minlength=len(names) + 1)
    counts = {position - 1: int(count) for position, count in enumerate(counted) if count}
    ordered = sorted(counts, key=lambda code: (-counts[code], code == NULL, names[code]))
    common = [code for code in ordered if counts[code] >= max(LEAST_SHARE * codes.size, LEAST_MISSING)]
    if len(common) == len(ordered) and len(ordered) <= 2:
        return tuple(common[1:])
    return tuple(common[:MAXIMUM_LEVELS])


def _raw(table: Table, numeric: Mapping[str, _NumericColumn], indicators: Mapping[str, tuple[int, ...]]) -> Floats:
    columns = [column.encode(table.numbers[name]) for name, column in numeric.items()]
    for name, levels in indicators.items():
        if name in table.numbers:
            columns.append(np.isnan(table.numbers[name]).astype(np.float64))
        else:
            columns += [(table.levels[name].codes == level).astype(np.float64) for level in levels]
    return np.column_stack(columns) if columns else np.zeros((table.rows, 0))


def _names(frame: Frame) -> list[str]:
    if hasattr(frame, "column_names"):
        return list(frame.column_names)
    return list(frame.columns if hasattr(frame, "columns") else frame)


def _rows(frame: Frame) -> int:
    if hasattr(frame, "column_names"):
        return int(frame.num_rows)
    if hasattr(frame, "columns"):
        return len(frame)
    return max((len(column) for column in frame.values()), default=0)
