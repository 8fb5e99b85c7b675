"""Labels, predictions and scores of several classes in arrays, counted into outcome profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.performance.arrays import require_one_kind
from driftline.predictions.arrays import column_of, level_of, nulls_of, require_same_length
from driftline.profiles import CategoricalBinning, MulticlassOutcomeProfile, pooled_binning

Floats = NDArray[np.float64]


def multiclass_outcomes(
    y_true: Any, y_pred: Any, y_pred_proba: Any | None = None, *, classes: Sequence[Any] | None = None
) -> MulticlassOutcomeProfile:
    """Rows of label, predicted class and scores, counted so that every metric is the one of the rows.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (rows,)
        Labels and predicted classes: numbers, booleans or text, both of one kind. Rows whose label or prediction is
        null are left out.
    y_pred_proba : array-like, shape (rows, classes), optional
        scikit-learn's ``predict_proba``: a chance per class.
    classes : sequence, optional
        The classes in the order of the columns of ``y_pred_proba`` (scikit-learn's ``classes_``); by default those of
        labels and predictions, sorted. Others, of a label or prediction, count as one class.

    Raises
    ------
    InputError
        On different lengths, classes of different kinds, or another number of scores than of classes.
    """
    labels, predicted = column_of(y_true, "y_true"), column_of(y_pred, "y_pred")
    require_same_length(y_true=labels, y_pred=predicted)
    known = ~(nulls_of(labels) | nulls_of(predicted))
    labels, predicted = labels[known], predicted[known]
    listed = _sorted({*labels, *predicted}) if classes is None else list(classes)
    require_one_kind(y_true=set(labels), y_pred=set(predicted), classes=set(listed))
    scores = None if y_pred_proba is None else _scores(y_pred_proba, known, listed)
    binning = CategoricalBinning(tuple(dict.fromkeys(str(level_of(one)) for one in listed)))
    cells = () if scores is None else tuple(pooled_binning([column]) for column in _probabilities(scores).T)
    return MulticlassOutcomeProfile.of(_names(labels), _names(predicted), binning, scores, cells)


def _sorted(classes: set[Any]) -> list[Any]:
    try:
        return sorted(classes)
    except TypeError:
        return list(classes)


def _names(values: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.array([level_of(value) for value in values], dtype=object)


def _scores(y_pred_proba: Any, known: NDArray[np.bool_], classes: list[Any]) -> Floats:
    try:
        table = np.asarray(y_pred_proba, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("y_pred_proba holds values that are not numbers; give one chance per row and class.") from None
    if table.ndim != 2 or table.shape[0] != known.size:
        raise InputError(
            f"y_pred_proba has the shape {table.shape}; give {known.size} rows with one score per class "
            "(scikit-learn's predict_proba)."
        )
    if table.shape[1] != len(classes):
        shown = ", ".join(str(one) for one in classes[:10])
        raise InputError(
            f"y_pred_proba has {table.shape[1]} columns, and there are {len(classes)} classes ({shown}). Name the "
            "classes in the order of the columns (scikit-learn's classes_)."
        )
    return table[known]


def _probabilities(scores: Floats) -> Floats:
    """Without what is no probability: it must not become an edge."""
    with np.errstate(invalid="ignore"):
        return np.where((scores >= 0) & (scores <= 1), scores, np.nan)
