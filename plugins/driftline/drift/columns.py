"""Reads columns as people have them: numpy, pandas, pyarrow and lists."""

from __future__ import annotations

import math
import numbers
from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.profiles.binning import Floats

ColumnData = Any
"""A one-dimensional numpy array, pandas Series or Index, pyarrow Array or ChunkedArray, list or tuple."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column as numbers: NaN where `is_null`, which holds the `invalid` ones (no numbers) too."""

    values: Floats
    is_null: NDArray[np.bool_]
    invalid: int


@dataclass(frozen=True)
class Levels:
    """A column as rows per level; numbers that are whole read alike as int and as float (``"1"``)."""

    counts: dict[str, int]
    nulls: int


class ColumnKind(StrEnum):
    """What a column holds, as far as comparing it goes."""

    NUMBERS = "numbers"
    BOOLEANS = "booleans"
    TIMES = "points in time"
    LEVELS = "levels"


def kind_of(data: ColumnData) -> ColumnKind:
    """By the column's type; of objects, what at least half of the non-null values are."""
    if _is_of_times(data):
        return ColumnKind.TIMES
    array = _as_array(data)
    if array.dtype.kind in "iuf":
        return ColumnKind.NUMBERS
    if array.dtype.kind == "b":
        return ColumnKind.BOOLEANS
    kinds = Counter(_kind_of_value(value) for value in array.tolist() if not _is_null(value))
    commonest, count = kinds.most_common(1)[0] if kinds else (ColumnKind.LEVELS, 0)
    if 2 * kinds[ColumnKind.NUMBERS] >= max(kinds.total(), 1):
        return ColumnKind.NUMBERS
    return commonest if 2 * count >= kinds.total() else ColumnKind.LEVELS


def is_numeric(data: ColumnData) -> bool:
    """Whether a column holds numbers."""
    return kind_of(data) is ColumnKind.NUMBERS


def as_numbers(data: ColumnData) -> Numbers:
    """The column as float64; a value that is no number (text, also text of digits) is invalid."""
    array = _as_array(data)
    if array.dtype.kind in "iufb":
        values = array.astype(np.float64)
        return Numbers(values=values, is_null=np.isnan(values), invalid=0)
    items = array.tolist()
    is_absent = np.fromiter(map(_is_null, items), dtype=np.bool_, count=len(items))
    is_valid = np.fromiter(map(_is_number, items), dtype=np.bool_, count=len(items)) & ~is_absent
    values = np.full(len(items), np.nan)
    values[is_valid] = [_as_float(item) for item, valid in zip(items, is_valid, strict=True) if valid]
    return Numbers(values=values, is_null=~is_valid, invalid=int(np.count_nonzero(~is_valid & ~is_absent)))


def as_levels(data: ColumnData, *, as_booleans: bool = False) -> Levels:
    """The column's values by name, counted; ``as_booleans`` reads 0 and 1, and the words in any case, as booleans."""
    name_of = _boolean_name if as_booleans else _level_name
    items = _counted(_as_array(data).tolist())
    counts: Counter[str] = Counter()
    nulls = 0
    for item, count in items.items():
        if _is_null(item):
            nulls += count
        else:
            counts[name_of(item)] += count
    return Levels(counts=dict(counts), nulls=nulls)


def level_names(data: ColumnData) -> list[str | None]:
    """The column's values by name, row by row, as `as_levels` counts them; ``None`` for null."""
    return [None if _is_null(item) else _level_name(item) for item in _as_array(data).tolist()]


def type_name(data: ColumnData) -> str:
    """How the column's type is called where it came from."""
    declared = getattr(data, "dtype", None) or getattr(data, "type", None)
    return str(declared) if declared is not None else type(data).__name__


def _is_of_times(data: ColumnData) -> bool:
    declared = getattr(data, "dtype", None) if hasattr(data, "dtype") else getattr(data, "type", None)
    return getattr(declared, "kind", "") == "M" or str(declared).startswith(("timestamp", "date32", "date64"))


def _kind_of_value(value: Any) -> ColumnKind:
    if isinstance(value, (bool, np.bool_)):
        return ColumnKind.BOOLEANS
    if _is_number(value):
        return ColumnKind.NUMBERS
    return ColumnKind.TIMES if isinstance(value, (date, np.datetime64)) else ColumnKind.LEVELS


def _as_array(data: ColumnData) -> NDArray[Any]:
    if getattr(data, "ndim", 1) != 1:
        raise InputError(f"A column has one dimension; this one has the shape {data.shape}.")
    if type(data).__module__.startswith("pyarrow"):
        array = _from_arrow(data)
    elif type(data).__module__.startswith("pandas"):
        array = _from_pandas(data)
    else:
        array = data if isinstance(data, np.ndarray) else _from_sequence(data)
    if array.dtype.kind in "mM":  # numpy makes plain integers of nanoseconds
        written = array.astype(str).astype(object)
        written[np.isnat(array)] = None
        return written
    return array if array.dtype.kind in "iufb" else array.astype(object)


def _from_sequence(data: ColumnData) -> NDArray[Any]:
    if isinstance(data, (str, bytes)) or not hasattr(data, "__iter__"):
        raise InputError(f"A column is an array, a Series or a list; this is a {type(data).__name__}.")
    items = list(data)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _from_arrow(data: ColumnData) -> NDArray[Any]:
    decoded = data.dictionary_decode() if hasattr(data.type, "value_type") and "dictionary" in str(data.type) else data
    array = decoded.to_numpy(zero_copy_only=False) if not hasattr(decoded, "chunks") else decoded.to_numpy()
    return np.asarray(array)


def _from_pandas(data: ColumnData) -> NDArray[Any]:
    kind = getattr(data.dtype, "kind", "O")
    if kind in "iuf":
        return np.asarray(data.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(data.astype(object).to_numpy())


def _counted(items: list[Any]) -> Counter[Any]:
    try:
        return Counter(items)
    except TypeError:  # lists and dictionaries have no hash
        return Counter(map(str, items))


def _is_null(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, Decimal):
        return value.is_nan()
    return type(value).__name__ in {"NAType", "NaTType"}


def _is_number(value: Any) -> bool:
    return isinstance(value, (numbers.Real, Decimal)) and not _is_null(value)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _boolean_name(value: Any) -> str:
    name = _level_name(value)
    return {"0": "false", "1": "true"}.get(name, name.lower() if name.lower() in {"true", "false"} else name)


def _level_name(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
