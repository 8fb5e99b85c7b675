"""Groups from arrays of rows: the same figures without a database."""

from __future__ import annotations

from typing import Any

import numpy as np

from driftline.fairness.counts import GroupCounts
from driftline.predictions.arrays import column_of, level_of, nulls_of, numbers_of, require_same_length, scores_of
from driftline.profiles import BinaryOutcomeProfile, NumericBinning, RegressionOutcomeProfile, pooled_binning


def binary_groups(
    y_true: Any, y_pred: Any, sensitive_feature: Any, y_pred_proba: Any | None = None, *, positive_label: Any = 1
) -> dict[str, GroupCounts]:
    """Every group's counts, by the group's value as text; rows without one are left out.

    Parameters
    ----------
    y_true, y_pred, y_pred_proba, positive_label
        As `driftline.performance.binary_outcomes` takes them.
    sensitive_feature : array-like, shape (rows,)
        The protected attribute.

    Raises
    ------
    InputError
        When the columns do not fit each other.
    """
    labels, predicted = column_of(y_true, "y_true"), column_of(y_pred, "y_pred")
    groups = column_of(sensitive_feature, "sensitive_feature")
    scores = None if y_pred_proba is None else scores_of(y_pred_proba, "y_pred_proba")
    require_same_length(y_true=labels, y_pred=predicted, sensitive_feature=groups, y_pred_proba=scores)
    known = ~(nulls_of(labels) | nulls_of(predicted))
    is_positive, predicted_positive = labels == positive_label, predicted == positive_label
    binning = NumericBinning(np.empty(0)) if scores is None else pooled_binning([scores[known]])
    found = {}
    for name, rows in _rows_by_group(groups).items():
        labeled = rows & known
        found[name] = GroupCounts(
            predictions=int(np.count_nonzero(rows & ~nulls_of(predicted))),
            predicted_positive=int(np.count_nonzero(predicted_positive[rows])),
            outcome=BinaryOutcomeProfile.of(
                is_positive[labeled].astype(np.bool_),
                predicted_positive[labeled].astype(np.bool_),
                None if scores is None else scores[labeled],
                binning,
            ),
        )
    return found


def regression_groups(y_true: Any, y_pred: Any, sensitive_feature: Any) -> dict[str, GroupCounts]:
    """Every group's counts of a regression, as `binary_groups`."""
    labels, predicted = numbers_of(y_true, "y_true"), numbers_of(y_pred, "y_pred")
    groups = column_of(sensitive_feature, "sensitive_feature")
    require_same_length(y_true=labels, y_pred=predicted, sensitive_feature=groups)
    with np.errstate(invalid="ignore", over="ignore"):
        binning = pooled_binning([predicted - labels])
    return {
        name: GroupCounts(
            predictions=int(np.isfinite(predicted[rows]).sum()),
            outcome=RegressionOutcomeProfile.of(labels[rows], predicted[rows], binning),
        )
        for name, rows in _rows_by_group(groups).items()
    }


def _rows_by_group(groups: Any) -> dict[str, Any]:
    names = np.array([level_of(value) for value in groups], dtype=np.object_)
    present = sorted({name for name in names if name is not None})
    return {name: names == name for name in present}
