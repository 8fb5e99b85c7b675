"""From a score to the chance of a positive label, learned where the labels are known.

References
----------
.. [1] Zadrozny, Elkan (2002), "Transforming classifier scores into accurate multiclass probability estimates", KDD
   (isotonic regression as calibration).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.performance.scored import highest
from driftline.profiles import BinaryOutcomeProfile

Floats = NDArray[np.float64]

LEAST_OF_A_CLASS = 10
"""From fewer labels of either class no calibration is learned."""


@dataclass(frozen=True, eq=False)
class ScoreCalibration:
    """A rising, piecewise linear map of scores to chances of a positive label; plain numbers, never a pickle.

    Attributes
    ----------
    scores, chances:
        The knots: strictly rising scores, and the share of positives at each (0 to 1). Beyond the ends it is constant.
    block_ends:
        The highest score of each block of scores that share one fitted value; the last one holds all above.
    block_rows, block_positives:
        Labeled rows of each block, and how many are positive: what the calibration's own uncertainty comes from.
    """

    scores: Floats
    chances: Floats
    block_ends: Floats
    block_rows: Floats
    block_positives: Floats

    def __post_init__(self) -> None:
        rises = np.all(np.diff(self.scores) > 0) and np.all(np.diff(self.chances) >= 0)
        knots = self.scores.size == self.chances.size > 0
        blocks = self.block_ends.size == self.block_rows.size == self.block_positives.size > 0
        if not (rises and knots and blocks and np.all((self.chances >= 0) & (self.chances <= 1))):
            raise InputError(
                "A score calibration needs rising scores with rising chances from 0 to 1, and the rows of its blocks. "
                "Learn it again with ScoreCalibration.learned."
            )

    @classmethod
    def learned(cls, outcomes: BinaryOutcomeProfile) -> Self:
        """The isotonic calibration [1]_ of labeled scores, by scikit-learn, weighted by the rows of each cell.

        Where every distinct score has a cell of its own (`driftline.performance.binary_outcomes`), it is the one that
        scikit-learn fits to the rows.

        Raises
        ------
        InputError
            With fewer than `LEAST_OF_A_CLASS` labels of a class.
        """
        from sklearn.isotonic import IsotonicRegression

        rows = (outcomes.positives + outcomes.negatives).astype(np.float64)
        positives = outcomes.positives.astype(np.float64)
        _require_both_classes(int(positives.sum()), int(rows.sum() - positives.sum()))
        filled = rows > 0
        rows, positives = rows[filled], positives[filled]
        scores = outcomes.score_sums[filled] / rows
        fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, positives / rows, rows)
        starts = np.flatnonzero(np.diff(fitted.predict(scores), prepend=-1.0) > 0)
        ends = np.append(starts[1:], scores.size) - 1
        return cls(
            scores=np.asarray(fitted.X_thresholds_, dtype=np.float64),
            chances=np.clip(np.asarray(fitted.y_thresholds_, dtype=np.float64), 0, 1),
            block_ends=scores[ends],
            block_rows=np.add.reduceat(rows, starts),
            block_positives=np.add.reduceat(positives, starts),
        )

    @property
    def rows(self) -> int:
        """Labeled rows that it was learned from."""
        return int(self.block_rows.sum())

    def chance(self, scores: Floats) -> Floats:
        """The chance of a positive label at each score (0 to 1)."""
        return np.asarray(np.interp(scores, self.scores, self.chances), dtype=np.float64)

    def block(self, scores: Floats) -> NDArray[np.intp]:
        """The block that each score falls into."""
        return np.searchsorted(self.block_ends[:-1], scores, side="left")

    @property
    def block_variances(self) -> Floats:
        """Sampling variance of each block's fitted value (with half a row more of each class, so that none is 0)."""
        share = (self.block_positives + 0.5) / (self.block_rows + 1)
        return share * (1 - share) / self.block_rows

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name).tolist() for name in _FIELDS}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises `InputError` where ``document`` is not what `to_json` gives."""
        try:
            columns = {name: np.asarray(document[name], dtype=np.float64) for name in _FIELDS}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"This is no score calibration: {error}. Learn it again.") from None
        return cls(**columns)


_FIELDS = ("scores", "chances", "block_ends", "block_rows", "block_positives")


def threshold_misfit(outcomes: BinaryOutcomeProfile) -> float:
    """How far the predictions are from one threshold on the score (0 to 1; NaN without a valid score).

    The share of rows that move in the confusion matrix when the same number of positive predictions goes to the
    highest scores instead.
    """
    rows = (outcomes.positives + outcomes.negatives).astype(np.float64)
    if not rows.sum():
        return math.nan
    chosen = highest(rows, outcomes.true_positives + outcomes.false_positives)
    share = np.divide(chosen, rows, out=np.zeros_like(rows), where=rows > 0)
    return abs(float(np.sum(share * outcomes.positives)) - outcomes.true_positives) / outcomes.rows


def _require_both_classes(positives: int, negatives: int) -> None:
    if min(positives, negatives) < LEAST_OF_A_CLASS:
        raise InputError(
            f"There are {positives} positive and {negatives} negative labels with a valid score; a calibration needs "
            f"at least {LEAST_OF_A_CLASS} of each. Learn it on a longer period."
        )
