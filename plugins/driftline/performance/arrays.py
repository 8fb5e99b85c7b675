"""Labels, predictions and scores in arrays, counted into outcome profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.predictions.arrays import column_of, nulls_of, numbers_of, require_same_length, scores_of
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
    labels, predicted = column_of(y_true, "y_true"), column_of(y_pred, "y_pred")
    scores = None if y_pred_proba is None else scores_of(y_pred_proba, "y_pred_proba")
    require_same_length(y_true=labels, y_pred=predicted, y_pred_proba=scores)
    known = ~(nulls_of(labels) | nulls_of(predicted))
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
    labels, predicted = numbers_of(y_true, "y_true"), numbers_of(y_pred, "y_pred")
    require_same_length(y_true=labels, y_pred=predicted)
    with np.errstate(invalid="ignore", over="ignore"):
        errors = predicted - labels
    return RegressionOutcomeProfile.of(labels, predicted, pooled_binning([errors]))


def _require_two_classes(labels: NDArray[np.object_], predicted: NDArray[np.object_], positive_label: Any) -> None:
    classes = {"y_true": set(labels.tolist()), "y_pred": set(predicted.tolist()), "positive_label": {positive_label}}
    require_one_kind(**classes)
    negatives = (classes["y_true"] | classes["y_pred"]) - {positive_label}
    if len(negatives) > 1:
        shown = ", ".join(repr(value) for value in sorted(negatives)[:5])
        raise InputError(
            f"There are {len(negatives)} classes besides {positive_label!r} ({shown}); binary metrics need one. "
            "Set positive_label, or map the classes to two."
        )


def require_one_kind(**classes: set[Any]) -> None:
    """Refuses (`InputError`) classes that are text in one place and numbers in another."""
    kinds = {name: {_kind(value) for value in values} for name, values in classes.items() if values}
    if len(set().union(*kinds.values())) > 1:
        shown = "; ".join(f"{name}: {', '.join(sorted(kind))}" for name, kind in kinds.items())
        raise InputError(f"The classes are of different kinds ({shown}). Give {_listed(list(classes))} alike.")


def _listed(names: list[str]) -> str:
    spoken = ["labels" if name == "y_true" else "predictions" if name == "y_pred" else name for name in names]
    return f"{', '.join(spoken[:-1])} and {spoken[-1]}"


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else "number"
