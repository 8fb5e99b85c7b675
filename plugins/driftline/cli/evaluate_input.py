"""What ``driftline evaluate`` measures: one file's labels, predictions and scores, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.cli.predictions_columns import (
    FileColumn,
    file_columns,
    positive_class,
    require_alike,
    scores_within,
    shown_classes,
    told_task,
)
from driftline.cli.predictions_task import FileTask
from driftline.errors import InputError


@dataclass(frozen=True, kw_only=True)
class EvaluatedColumns:
    """The names of the columns that every file of the call has.

    Attributes
    ----------
    scores:
        As written: one column (binary), or ``CLASS=COLUMN`` per class (multiclass).
    """

    label: str
    prediction: str
    scores: tuple[str, ...] = ()

    @property
    def score_columns(self) -> list[str]:
        return [entry.rpartition("=")[2] for entry in self.scores]

    @property
    def score_classes(self) -> list[str]:
        return [entry.rpartition("=")[0] for entry in self.scores]


@dataclass(frozen=True, eq=False)
class LabeledFile:
    """One file, read and checked.

    Attributes
    ----------
    labels, predictions:
        Class names (text), or numbers (regression).
    scores:
        One per row (binary), or one per row and class (multiclass); ``None`` without.
    """

    path: Path
    labels: NDArray[Any]
    predictions: NDArray[Any]
    scores: NDArray[np.float64] | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Terms:
    """What all files of the call are measured by."""

    task: FileTask
    positive: str | None
    classes: tuple[str, ...] | None


def read_labeled(
    paths: Sequence[Path], columns: EvaluatedColumns, task: FileTask | None, positive: str | None
) -> tuple[Terms, list[LabeledFile]]:
    """The files, measured by the same terms; the first is the one that is evaluated.

    Raises
    ------
    InputError
        When a file cannot be measured; the message names file, column and remedy.
    """
    read = [file_columns(path, [columns.label, columns.prediction, *columns.score_columns]) for path in paths]
    outcomes = [column for found in read for column in found[:2]]
    task = task or told_task(outcomes, has_score=bool(columns.scores))
    if task is FileTask.REGRESSION:
        if columns.scores or positive is not None:
            raise InputError("--score and --positive are for classes; a regression has none. Leave them out.")
        return Terms(task, None, None), [_numbers(found) for found in read]
    require_alike(*outcomes)
    found_classes = [(found[0].classes(), found[1].classes()) for found in read]
    terms = _terms(task, positive, columns, {name for pair in found_classes for side in pair for name in side} - {None})
    files = [
        LabeledFile(
            path=found[0].path,
            labels=labels,
            predictions=predictions,
            scores=_scores(found[2:]),
            notes=(*_missing(found, labels, predictions), *_unseen(labels, predictions)),
        )
        for found, (labels, predictions) in zip(read, found_classes, strict=True)
    ]
    return terms, files


def _terms(task: FileTask, positive: str | None, columns: EvaluatedColumns, found: set[str]) -> Terms:
    if task is FileTask.BINARY:
        return _binary_terms(positive, columns, found)
    if positive is not None:
        raise InputError("--positive is for binary classification; several classes have no positive one. Leave it out.")
    if not columns.scores:
        return Terms(task, None, tuple(sorted(found)))
    if not all(columns.score_classes):
        raise InputError("With several classes, write each score as --score CLASS=COLUMN.")
    without = found - set(columns.score_classes)
    if without:
        raise InputError(
            f"There is no score column for the class {shown_classes(without)}, which {columns.label!r} or "
            f"{columns.prediction!r} holds. Add --score CLASS=COLUMN for it."
        )
    return Terms(task, None, tuple(columns.score_classes))


def _binary_terms(positive: str | None, columns: EvaluatedColumns, found: set[str]) -> Terms:
    where = f"The columns {columns.label!r} and {columns.prediction!r}"
    if len(found) > 2:
        raise InputError(
            f"{where} hold {len(found)} classes ({shown_classes(found)}); binary metrics need two. Use --task "
            "multiclass, or map the classes to two."
        )
    if len(columns.scores) > 1 or any(columns.score_classes):
        raise InputError("A binary task has one --score, the positive class's column. Give one, without CLASS=.")
    return Terms(FileTask.BINARY, positive_class(found, positive, where), None)


def _numbers(found: list[FileColumn]) -> LabeledFile:
    labels, predictions = found[0].numbers(), found[1].numbers()
    unusable = int(np.count_nonzero(~(np.isfinite(labels) & np.isfinite(predictions))))
    if unusable == labels.size:
        raise InputError(f"{found[0].path}: no row has both a label and a prediction. Fill {found[0].name!r}.")
    note = f"{unusable:,} of {labels.size:,} rows lack a finite label or prediction and are left out"
    return LabeledFile(found[0].path, labels, predictions, None, (note,) if unusable else ())


def _scores(columns: list[FileColumn]) -> NDArray[np.float64] | None:
    if not columns:
        return None
    scores = [scores_within(column) for column in columns]
    return scores[0] if len(scores) == 1 else np.column_stack(scores)


def _missing(found: list[FileColumn], labels: NDArray[Any], predictions: NDArray[Any]) -> list[str]:
    rows = labels.size
    unusable = int(np.count_nonzero((labels == None) | (predictions == None)))  # noqa: E711 - element by element
    if unusable == rows:
        raise InputError(f"{found[0].path}: no row has both a label and a prediction. Fill {found[0].name!r}.")
    notes = [f"{unusable:,} of {rows:,} rows lack a label or prediction and are left out"] if unusable else []
    for column in found[2:]:
        nulls = int(np.count_nonzero(np.isnan(column.numbers())))
        if nulls:
            notes.append(
                f"{nulls:,} of {rows:,} rows lack a score in {column.name!r}; metrics of scores leave them out"
            )
    return notes


def _unseen(labels: NDArray[Any], predictions: NDArray[Any]) -> list[str]:
    labeled, predicted = set(labels) - {None}, set(predictions) - {None}
    notes = []
    if predicted - labeled:
        notes.append(f"predicted, and never a label: {shown_classes(predicted - labeled)}")
    if labeled - predicted:
        notes.append(f"a label, and never predicted: {shown_classes(labeled - predicted)}")
    return notes
