"""Scores with the class that was predicted from them, counted: what an estimate without labels looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.predictions.arrays import column_of, nulls_of, require_same_length, scores_of
from driftline.profiles import BinaryOutcomeProfile, NumericBinning, NumericProfile

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredPredictions:
    """Predictions without labels.

    Attributes
    ----------
    scores:
        One representative score per cell, rising (0 to 1).
    predicted_positive, predicted_negative:
        Rows per cell, by predicted class (a cell that holds the threshold may have both).
    """

    scores: Floats
    predicted_positive: Floats
    predicted_negative: Floats

    @classmethod
    def of(cls, y_pred: Any, y_pred_proba: Any, *, positive_label: Any = 1) -> Self:
        """Counts rows of prediction and score; every distinct score has a cell. Rows without either are left out.

        Raises
        ------
        InputError
            When the columns differ in length, or a score lies outside 0 to 1.
        """
        predicted, scores = column_of(y_pred, "y_pred"), scores_of(y_pred_proba, "y_pred_proba")
        require_same_length(y_pred=predicted, y_pred_proba=scores)
        known = ~nulls_of(predicted) & ~np.isnan(scores)
        _require_probabilities(scores[known])
        distinct, cells = np.unique(scores[known], return_inverse=True)
        is_positive = np.asarray(predicted[known] == positive_label, dtype=np.bool_)
        return cls(
            scores=distinct,
            predicted_positive=np.bincount(cells[is_positive], minlength=distinct.size).astype(np.float64),
            predicted_negative=np.bincount(cells[~is_positive], minlength=distinct.size).astype(np.float64),
        )

    @classmethod
    def from_profile(cls, profile: NumericProfile, predicted_positives: int) -> Self:
        """From a score profile, where the highest scores are the ``predicted_positives`` ones (one threshold)."""
        return cls._by_threshold(cell_scores(profile), profile.counts.astype(np.float64), predicted_positives)

    @classmethod
    def from_outcomes(cls, profile: BinaryOutcomeProfile) -> Self:
        """The labeled rows with a valid score, as if their labels were not known."""
        rows = (profile.positives + profile.negatives).astype(np.float64)
        edges = _centers(profile.binning, 0.0, 1.0)
        scores = np.divide(profile.score_sums, rows, out=edges, where=rows > 0)
        return cls._by_threshold(scores, rows, profile.true_positives + profile.false_positives)

    @property
    def rows(self) -> Floats:
        """Per cell, both classes."""
        return self.predicted_positive + self.predicted_negative

    @property
    def size(self) -> int:
        return round(float(self.rows.sum()))

    @classmethod
    def _by_threshold(cls, scores: Floats, rows: Floats, predicted_positives: int) -> Self:
        chosen = highest(rows, predicted_positives)
        return cls(scores=scores, predicted_positive=chosen, predicted_negative=rows - chosen)


def highest(rows: Floats, number: int) -> Floats:
    """Per cell, how many of its ``rows`` are among the ``number`` highest; the last cell that has some is shared."""
    above = rows.sum() - np.cumsum(rows)
    return np.asarray(np.clip(number - above, 0, rows), dtype=np.float64)


def cell_scores(profile: NumericProfile) -> Floats:
    """A score per cell of the profile: the atom's value, or the cell's middle within the scores that there are."""
    return _centers(profile.binning, min(profile.minimum, 1.0), max(profile.maximum, 0.0))


def _centers(binning: NumericBinning, lowest: float, highest_score: float) -> Floats:
    edges = binning.edges
    if not math.isfinite(lowest) or not math.isfinite(highest_score):
        lowest, highest_score = 0.0, 1.0
    low = np.concatenate([[lowest], edges])
    high = np.concatenate([edges, [highest_score]])
    middle = np.where(binning.atoms, high, (np.minimum(low, high) + high) / 2)
    return np.clip(np.maximum.accumulate(middle), 0.0, 1.0)


def _require_probabilities(scores: Floats) -> None:
    outside = np.flatnonzero((scores < 0) | (scores > 1))
    if outside.size:
        raise InputError(
            f"y_pred_proba holds {scores[outside[0]]:g} ({outside.size} such values); scores are chances from 0 to 1. "
            "Give probabilities (scikit-learn's predict_proba), not margins or percentages."
        )
