"""The error that a regression is to be expected to make, before its labels come: from a tree on what is known of it.

References
----------
.. [1] Breiman, Friedman, Olshen, Stone (1984), "Classification and regression trees".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.performance.intervals import critical_value
from driftline.performance.metric import Metric, undefined
from driftline.profiles import NumericProfile

Floats = NDArray[np.float64]

PREDICTION = "prediction"
LARGEST_TREE = 64
LEAST_ROWS_OF_A_LEAF = 50
LEAST_ROWS = 4 * LEAST_ROWS_OF_A_LEAF
NO_CHILD = -1

ESTIMATED_ERRORS = ("mae", "rmse")


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """The absolute error by what is known before the label; plain numbers, never a pickle.

    Attributes
    ----------
    columns:
        What it asks for, for example ``("prediction",)``.
    split_columns, split_values, left, right:
        The nodes of the tree: rows whose column is at most the value go left. A leaf has `NO_CHILD` on both sides.
    rows, mean, second, fourth:
        Per node, the rows that it was learned from, and the mean of their ``|error|``, ``error²`` and ``error⁴``.
    """

    columns: tuple[str, ...]
    split_columns: NDArray[np.intp]
    split_values: Floats
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    rows: Floats
    mean: Floats
    second: Floats
    fourth: Floats

    @classmethod
    def learned(cls, columns: Mapping[str, Floats], errors: Floats) -> Self:
        """A regression tree [1]_ by scikit-learn of the absolute ``errors`` on the ``columns``.

        Parameters
        ----------
        columns : mapping of str to array, shape (rows,)
            The prediction and, where wanted, numeric features; rows with a value that is not finite are left out.
        errors : array, shape (rows,)
            Prediction minus label.

        Raises
        ------
        InputError
            With fewer than `LEAST_ROWS` usable rows.
        """
        from sklearn.tree import DecisionTreeRegressor

        table, sizes = _table(columns, tuple(columns)), np.abs(np.asarray(errors, dtype=np.float64))
        usable = np.isfinite(table).all(axis=1) & np.isfinite(sizes)
        table, sizes = table[usable], sizes[usable]
        if sizes.size < LEAST_ROWS:
            raise InputError(
                f"There are {sizes.size} labeled predictions that are finite numbers; a model of the error needs at "
                f"least {LEAST_ROWS}. Learn it on a longer period."
            )
        leaf = max(LEAST_ROWS_OF_A_LEAF, sizes.size // 200)
        tree = DecisionTreeRegressor(max_leaf_nodes=LARGEST_TREE, min_samples_leaf=leaf, random_state=0)
        leaves = tree.fit(table, sizes).apply(table)
        grown = tree.tree_
        rows = np.bincount(leaves, minlength=grown.node_count).astype(np.float64)
        means = [_mean_by(leaves, sizes**power, rows) for power in (1, 2, 4)]
        return cls(
            tuple(columns),
            np.asarray(grown.feature, dtype=np.intp),
            np.asarray(grown.threshold, dtype=np.float64),
            np.asarray(grown.children_left, dtype=np.intp),
            np.asarray(grown.children_right, dtype=np.intp),
            rows,
            *means,
        )

    def leaves(self, columns: Mapping[str, Floats]) -> NDArray[np.intp]:
        """The leaf that each row falls into; raises `InputError` where a column is missing."""
        table = _table(columns, self.columns)
        nodes = np.zeros(table.shape[0], dtype=np.intp)
        while (inner := np.flatnonzero(self.left[nodes] != NO_CHILD)).size:
            at = nodes[inner]
            goes_left = table[inner, self.split_columns[at]] <= self.split_values[at]
            nodes[inner] = np.where(goes_left, self.left[at], self.right[at])
        return nodes

    def to_json(self) -> dict[str, Any]:
        return {"columns": list(self.columns)} | {name: getattr(self, name).tolist() for name in _WHOLE + _REAL}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises `InputError` where ``document`` is not what `to_json` gives."""
        try:
            numbers: dict[str, Any] = {name: np.asarray(document[name], dtype=np.intp) for name in _WHOLE}
            numbers |= {name: np.asarray(document[name], dtype=np.float64) for name in _REAL}
            return cls(columns=tuple(document["columns"]), **numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"This is no model of a regression's error: {error}. Learn it again.") from None


_WHOLE = ("split_columns", "left", "right")
_REAL = ("split_values", "rows", "mean", "second", "fourth")


def estimate_errors(model: ErrorModel, columns: Mapping[str, Floats], confidence: float = 0.95) -> dict[str, Metric]:
    """MAE and RMSE that are to be expected of unlabeled predictions, from their rows.

    Rows with a value that is not finite are left out. As `estimate_errors_of_profile` otherwise.
    """
    table = _table(columns, model.columns)
    usable = np.isfinite(table).all(axis=1)
    leaves = model.leaves({name: table[usable, index] for index, name in enumerate(model.columns)})
    weights = np.bincount(leaves, minlength=model.rows.size).astype(np.float64)
    return _estimates(model, weights, int(usable.sum()), confidence)


def estimate_errors_of_profile(
    model: ErrorModel, predictions: NumericProfile, *, labeled: int | None = None, confidence: float = 0.95
) -> dict[str, Metric]:
    """MAE and RMSE that are to be expected of predictions, from their profile.

    Parameters
    ----------
    model : ErrorModel
        Learned on the ``prediction`` alone.
    predictions : NumericProfile
        The predicted numbers.
    labeled : int, optional
        Of how many of them the labels will be seen (default: all): the fewer, the wider the interval.
    confidence : float
        Level of the intervals, 0 to 1.

    Raises
    ------
    InputError
        When the model asks for more than the prediction.

    Notes
    -----
    The interval is for the metric that the labels will show: the spread of the errors within a leaf of the tree, over
    the rows to come and over those that the leaf was learned from. It is right as long as errors at a given
    prediction are what they were; a change of what the inputs mean is not seen.
    """
    if model.columns != (PREDICTION,):
        raise InputError(
            f"This model of the error asks for {', '.join(model.columns)}; a profile has the prediction only. "
            "Estimate from rows (estimate_errors), or learn it on the prediction alone."
        )
    counts = predictions.counts.astype(np.float64)
    filled = counts > 0
    leaves = model.leaves({PREDICTION: _middles(predictions)[filled]})
    weights = np.bincount(leaves, weights=counts[filled], minlength=model.rows.size).astype(np.float64)
    return _estimates(model, weights, predictions.finite if labeled is None else labeled, confidence)


def _estimates(model: ErrorModel, weights: Floats, seen: int, confidence: float) -> dict[str, Metric]:
    if weights.sum() == 0 or seen == 0:
        return {name: undefined(name, "no predictions that are finite numbers") for name in ESTIMATED_ERRORS}
    share = weights / weights.sum()
    z = critical_value(confidence)
    size, error = _mean_and_error(model.mean, model.second, share, model.rows, seen)
    square, square_error = _mean_and_error(model.second, model.fourth, share, model.rows, seen)
    low, high = max(0.0, size - z * error), size + z * error
    least, most = max(0.0, square - z * square_error), square + z * square_error
    return {
        "mae": Metric("mae", size, low, high, size=seen),
        "rmse": Metric("rmse", math.sqrt(square), math.sqrt(least), math.sqrt(most), size=seen),
    }


def _mean_and_error(
    first: Floats, second: Floats, share: Floats, learned_from: Floats, seen: int
) -> tuple[float, float]:
    """Mean and standard error of a quantity with mean ``first`` and mean square ``second`` per leaf."""
    value = float(np.sum(share * first))
    among_rows = float(np.sum(share * second)) - value**2
    within = np.maximum(second - np.square(first), 0)
    of_model = float(np.sum(np.square(share) * within / np.maximum(learned_from, 1)))
    return value, math.sqrt(max(among_rows, 0.0) / seen + of_model)


def _middles(profile: NumericProfile) -> Floats:
    """A number per cell: the atom's value, or the cell's middle."""
    edges = profile.binning.edges
    low = np.concatenate([[profile.minimum], edges])
    high = np.concatenate([edges, [profile.maximum]])
    low, high = np.maximum(low, profile.minimum), np.minimum(high, profile.maximum)
    with np.errstate(invalid="ignore", over="ignore"):
        middles: Floats = np.where(profile.binning.atoms, high, low + (high - low) / 2)
    return middles


def _table(columns: Mapping[str, Floats], names: tuple[str, ...]) -> Floats:
    missing = [name for name in names if name not in columns]
    if missing or not names:
        raise InputError(f"The model of the error asks for {', '.join(missing) or 'at least one column'}. Give it.")
    # scikit-learn's trees split single-precision numbers; a row must fall to the same side here.
    with np.errstate(over="ignore"):
        table = np.column_stack([np.asarray(columns[name], dtype=np.float64).astype(np.float32) for name in names])
    return table.astype(np.float64)


def _mean_by(leaves: NDArray[np.intp], values: Floats, rows: Floats) -> Floats:
    sums = np.bincount(leaves, weights=values, minlength=rows.size)
    return np.divide(sums, rows, out=np.zeros_like(sums), where=rows > 0)
