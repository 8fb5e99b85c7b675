"""Reading the values of a column, whatever pandas made of it, the way the counting of profiles reads them."""

from __future__ import annotations

import math
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from driftline.quality.expectations import ColumnKind

_BOOLEAN_LEVELS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0"})

_SCALARS = (bool, int, float, str, Decimal, date, time, timedelta, np.generic, type(pd.NA), type(pd.NaT))


def as_scalars(column: pd.Series[Any]) -> pd.Series[Any]:
    """The column in a type of numpy or pandas; values that are no scalar (documents, lists, bytes) as text."""
    if isinstance(column.dtype, pd.ArrowDtype):
        column = column.astype(object)
    if column.dtype != object:
        return column
    return pd.Series([_scalar(value) for value in column], index=column.index, dtype=object)


def as_numbers(column: pd.Series[Any]) -> pd.Series[float]:
    """The values as float64: NaN where there is none or where it is no number.

    Text is read as a number where it can be (a decimal arrives as text); a number beyond a float's range is infinite.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), index=column.index)
    if isinstance(column.dtype, pd.StringDtype):
        read = pd.to_numeric(column, errors="coerce")
        return pd.Series(read.to_numpy(dtype=np.float64, na_value=np.nan), index=column.index)
    return pd.Series([_number(value) for value in column], index=column.index, dtype=np.float64)


def as_levels(column: pd.Series[Any]) -> pd.Series[str]:
    """The (non-null) values as the names of levels: ``true`` and ``false``, whole numbers without a point."""
    if isinstance(column.dtype, pd.StringDtype):
        return column
    return pd.Series([_level(value) for value in column], index=column.index, dtype=object)


def is_readable(column: pd.Series[Any], kind: ColumnKind) -> pd.Series[bool]:
    """Per (non-null) value, whether it can be read as the kind says."""
    if kind is ColumnKind.NUMERIC:
        return as_numbers(column).notna()
    if kind is ColumnKind.BOOLEAN:
        return as_levels(column).str.lower().isin(_BOOLEAN_LEVELS)
    if kind is ColumnKind.TIMESTAMP:
        return _is_moment(column)
    return pd.Series(True, index=column.index)


def _is_moment(column: pd.Series[Any]) -> pd.Series[bool]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return pd.Series(True, index=column.index)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return pd.Series(False, index=column.index)
    return pd.to_datetime(column.astype(str), errors="coerce", utc=True, format="ISO8601").notna()


def _scalar(value: Any) -> Any:
    return value if value is None or isinstance(value, _SCALARS) else str(value)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
    except OverflowError:
        return math.inf


def _level(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)
