"""Columns that people pass as lists, arrays or pandas series, brought into one form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError

Column = NDArray[np.object_]
Floats = NDArray[np.float64]


def column_of(values: Any, name: str) -> Column:
    """One value per row, of any type.

    Raises
    ------
    InputError
        When ``values`` are a table or a single value.
    """
    column = np.asarray(values, dtype=object)
    if column.ndim != 1:
        raise InputError(f"{name} has {column.ndim} dimensions; give one value per row.")
    return column


def numbers_of(values: Any, name: str) -> Floats:
    """One number per row; nulls become NaN.

    Raises
    ------
    InputError
        When a value is not a number; text is not read as one.
    """
    array = np.asarray(values)
    if array.ndim == 1 and array.dtype.kind in "fiub":
        return array.astype(np.float64)
    column = column_of(values, name)
    numbers = np.full(column.size, np.nan)
    for index, value in enumerate(column):
        if not is_null(value):
            numbers[index] = _number(value, name)
    return numbers


def scores_of(values: Any, name: str) -> Floats:
    """Scores of the positive class, from one column or from the two that scikit-learn's ``predict_proba`` gives.

    Raises
    ------
    InputError
        On another shape, or values that are not numbers.
    """
    table = np.asarray(values)
    if table.ndim == 2 and table.shape[1] == 2:
        return numbers_of(table[:, 1], name)
    return numbers_of(values, name)


def is_null(value: Any) -> bool:
    """None, NaN, NaT or pandas' NA: what is nothing, or is not equal to itself."""
    if value is None:
        return True
    equals_itself = value == value  # noqa: PLR0124 - what tells a null from a value
    return not isinstance(equals_itself, (bool, np.bool_)) or not equals_itself


def level_of(value: Any) -> str | None:
    """A class as text: ``1``, ``1.0`` and ``"1"`` are the same, and so are ``True`` and ``"true"``."""
    if is_null(value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def nulls_of(column: Column) -> NDArray[np.bool_]:
    """Per row, whether it has no value."""
    return np.fromiter((is_null(value) for value in column), dtype=np.bool_, count=column.size)


def require_same_length(**columns: NDArray[Any] | None) -> None:
    """Refuses (`InputError`) columns of different lengths; those that are ``None`` are left out."""
    sizes = {name: column.size for name, column in columns.items() if column is not None}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(f"The columns have different numbers of rows: {shown}. Give one value of each per row.")


def _number(value: Any, name: str) -> float:
    if isinstance(value, (str, bytes)):
        raise InputError(f"{name} holds {value!r}, which is text; numbers are needed.")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} holds {value!r}, which is not a number.") from None
