"""Labels, predictions and scores in arrays, counted into outcome profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.profiles import BinaryOutcomeProfile, NumericBinning, RegressionOutcomeProfile, pooled_binning


def binary_outcomes(
    y_true: Any, y_pred: Any, y_pred_proba: Any | None = None, *, positive_label: Any = 1
) -> BinaryOutcomeProfile:
    """Rows of label, predicted class and score, counted so that every metric is the one of the rows.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (rows,)
        Labels and predicted classes: numbers, booleans or text, both of one kind. Rows whose label or prediction is
        null are left out.
    y_pred_proba : array-like, shape (rows,) or (rows, 2), optional
        Score of the positive class, 0 to 1, or scikit-learn's ``predict_proba``.
    positive_label
        The class that counts as positive.

    Raises
    ------
    InputError
        On different lengths, more than two classes, or classes of different kinds.
    """
    labels, predicted = _column(y_true, "y_true"), _column(y_pred, "y_pred")
    scores = None if y_pred_proba is None else _scores(y_pred_proba)
    _require_same_length(y_true=labels, y_pred=predicted, y_pred_proba=scores)
    known = ~(_nulls(labels) | _nulls(predicted))
    labels, predicted = labels[known], predicted[known]
    scores = None if scores is None else scores[known]
    _require_two_classes(labels, predicted, positive_label)
    binning = NumericBinning(np.empty(0)) if scores is None else pooled_binning([scores])
    return BinaryOutcomeProfile.of(
        np.asarray(labels == positive_label, dtype=np.bool_),
        np.asarray(predicted == positive_label, dtype=np.bool_),
        scores,
        binning,
    )


def regression_outcomes(y_true: Any, y_pred: Any) -> RegressionOutcomeProfile:
    """Rows of label and predicted number, counted so that every metric is the one of the rows.

    Raises
    ------
    InputError
        On different lengths or values that are no numbers.
    """
    labels, predicted = _numbers(y_true, "y_true"), _numbers(y_pred, "y_pred")
    _require_same_length(y_true=labels, y_pred=predicted, y_pred_proba=None)
    with np.errstate(invalid="ignore", over="ignore"):
        errors = predicted - labels
    return RegressionOutcomeProfile.of(labels, predicted, pooled_binning([errors]))


def _column(values: Any, name: str) -> NDArray[np.object_]:
    column = np.asarray(values, dtype=object)
    if column.ndim != 1:
        raise InputError(f"{name} has {column.ndim} dimensions; give one value per row.")
    return column


def _numbers(values: Any, name: str) -> NDArray[np.float64]:
    column = _column(values, name)
    try:
        return np.where(_nulls(column), np.nan, column).astype(np.float64)
    except (TypeError, ValueError):
        odd = next(value for value in column if not isinstance(value, (int, float, np.number)) and value is not None)
        raise InputError(f"{name} holds {odd!r}, which is not a number; a regression needs numbers.") from None


def _scores(values: Any) -> NDArray[np.float64]:
    table = np.asarray(values)
    if table.ndim == 2 and table.shape[1] == 2:
        table = table[:, 1]
    return _numbers(table, "y_pred_proba")


def _nulls(column: NDArray[np.object_]) -> NDArray[np.bool_]:
    """None, NaN, NaT and pandas' NA: what is null, or is not equal to itself."""
    return np.array([_is_null(value) for value in column], dtype=np.bool_)


def _is_null(value: Any) -> bool:
    if value is None:
        return True
    equals_itself = value == value  # noqa: PLR0124 - what tells a null from a value
    return not isinstance(equals_itself, (bool, np.bool_)) or not equals_itself


def _require_same_length(**columns: NDArray[Any] | None) -> None:
    sizes = {name: column.size for name, column in columns.items() if column is not None}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(f"The columns have different numbers of rows: {shown}. Give one value of each per row.")


def _require_two_classes(labels: NDArray[np.object_], predicted: NDArray[np.object_], positive_label: Any) -> None:
    classes = {"y_true": set(labels.tolist()), "y_pred": set(predicted.tolist()), "positive_label": {positive_label}}
    kinds = {name: {_kind(value) for value in values} for name, values in classes.items() if values}
    if len(set().union(*kinds.values())) > 1:
        shown = "; ".join(f"{name}: {', '.join(sorted(kind))}" for name, kind in kinds.items())
        raise InputError(
            f"The classes are of different kinds ({shown}). Give labels, predictions and positive_label alike."
        )
    negatives = (classes["y_true"] | classes["y_pred"]) - {positive_label}
    if len(negatives) > 1:
        shown = ", ".join(repr(value) for value in sorted(negatives)[:5])
        raise InputError(
            f"There are {len(negatives)} classes besides {positive_label!r} ({shown}); binary metrics need one. "
            "Set positive_label, or map the classes to two."
        )


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else "number"
