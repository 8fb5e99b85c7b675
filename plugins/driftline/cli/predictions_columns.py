"""Columns of labels, predictions and scores in files, and what kind of task they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from driftline.cli.predictions_task import FileTask
from driftline.cli.tables import read_table
from driftline.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CLASSES = 20
"""Whole numbers with more distinct values are taken for amounts unless ``--task`` says otherwise."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "numbers"
    TRUTH = "true and false"


@dataclass(frozen=True, eq=False)
class FileColumn:
    """One column of a file, with where it is for messages."""

    path: Path
    name: str
    values: pa.ChunkedArray

    @property
    def where(self) -> str:
        return f"{self.path}: the column {self.name!r}"

    @property
    def kind(self) -> Kind:
        import pyarrow as pa

        held = self.values.type
        if pa.types.is_dictionary(held):
            held = held.value_type
        if pa.types.is_boolean(held):
            return Kind.TRUTH
        if pa.types.is_integer(held) or pa.types.is_floating(held) or pa.types.is_decimal(held):
            return Kind.NUMBER
        if pa.types.is_string(held) or pa.types.is_large_string(held) or pa.types.is_null(held):
            return Kind.TEXT
        raise InputError(f"{self.where} holds {held}; classes are text, numbers or true and false. Convert it.")

    def numbers(self) -> NDArray[np.float64]:
        """As floats, nulls as NaN; raises `InputError` where the column holds something else."""
        import pyarrow as pa

        if self.kind is Kind.TEXT and self.values.null_count < len(self.values):
            raise InputError(f"{self.where} holds text; numbers are needed. Convert it, or name another column.")
        return np.asarray(self.values.cast(pa.float64()).to_numpy(), dtype=np.float64)

    def classes(self) -> NDArray[np.object_]:
        """As class names, ``None`` for nulls; ``1``, ``1.0`` and true are the same class as ``"1"``."""
        from driftline.predictions.arrays import level_of

        values = self.values.to_pylist()
        names = {value: level_of(int(value) if isinstance(value, bool) else value) for value in set(values)}
        return np.array([names[value] for value in values], dtype=object)


def file_columns(path: Path, names: list[str]) -> list[FileColumn]:
    """The named columns of a file with rows.

    Raises
    ------
    InputError
        When the file cannot be read, lacks a column or has no rows.
    """
    table = read_table(path, list(dict.fromkeys(names)))
    if table.num_rows == 0:
        raise InputError(f"{path}: has no rows. Give a file with predictions.")
    return [FileColumn(path, name, table.column(name)) for name in names]


def require_alike(*columns: FileColumn) -> None:
    """Refuses (`InputError`) class columns of which some hold text and others numbers."""
    filled = [column for column in columns if column.values.null_count < len(column.values)]
    first = filled[0] if filled else columns[0]
    for other in filled[1:]:
        if (first.kind is Kind.TEXT) != (other.kind is Kind.TEXT):
            raise InputError(
                f"{first.where} holds {first.kind}, and {_relative(other, first)} holds {other.kind}: their classes "
                "cannot be matched. Write both alike."
            )


def told_task(columns: list[FileColumn], *, has_score: bool) -> FileTask:
    """The task that the columns of classes or numbers look like."""
    if all(column.kind is Kind.NUMBER for column in columns):
        values = np.unique(np.concatenate([column.numbers() for column in columns]))
        values = values[np.isfinite(values)]
        is_whole = bool(np.all(values == np.rint(values)))
        if not has_score and (not is_whole or values.size > MOST_CLASSES):
            return FileTask.REGRESSION
    found = {name for column in columns for name in column.classes() if name is not None}
    return FileTask.MULTICLASS if len(found) > 2 else FileTask.BINARY


_POSITIVES = ("1", "true", "True", "TRUE", "yes", "Yes")


def positive_class(found: set[str], asked: str | None, where: str) -> str:
    """The class that counts as positive: the one asked for, or one that is called so.

    Raises
    ------
    InputError
        When it is in none of the columns, or nothing says which it is.
    """
    shown = ", ".join(repr(name) for name in sorted(found)[:10]) or "none"
    if asked is not None:
        spelled = {"true": "1", "false": "0"}.get(asked.lower(), asked)
        for name in (asked, spelled):
            if name in found:
                return name
        raise InputError(f"{where}: --positive is {asked!r}, which is never seen. There are: {shown}.")
    called = next((name for name in _POSITIVES if name in found), None)
    if called is not None:
        return called
    if found <= {"0"}:
        return "1"
    raise InputError(f"{where}: nothing says which class is positive. Name it with --positive; there are: {shown}.")


def scores_within(column: FileColumn) -> NDArray[np.float64]:
    """Scores from 0 to 1, nulls as NaN.

    Raises
    ------
    InputError
        When the column holds text, something outside 0 to 1, or nothing.
    """
    scores = column.numbers()
    with np.errstate(invalid="ignore"):
        outside = np.flatnonzero((scores < 0) | (scores > 1))
    if outside.size:
        raise InputError(
            f"{column.where} holds {scores[outside[0]]:g} in row {outside[0] + 1} ({outside.size:,} values are outside "
            "0 to 1). Give chances (scikit-learn's predict_proba), not margins or percentages."
        )
    if np.isnan(scores).all():
        raise InputError(f"{column.where} holds no score at all. Name another column, or leave --score out.")
    return scores


def _relative(column: FileColumn, first: FileColumn) -> str:
    return f"the column {column.name!r}" if column.path == first.path else column.where


def shown_classes(names: Any) -> str:
    """Class names for a message, the first ten."""
    listed = sorted(names)
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return ", ".join(repr(name) for name in listed[:10]) + more
