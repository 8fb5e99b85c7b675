"""Profiles of predictions with their labels: what performance is measured from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.profiles.binning import Counts, Floats, NumericBinning, require_same_cells
from driftline.profiles.moments import NO_MOMENTS, Moments
from driftline.profiles.numeric import NumericProfile

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Log loss clips scores here, as scikit-learn does for float64."""


@dataclass(frozen=True, eq=False)
class BinaryOutcomeProfile:
    """Labelled predictions of a binary classifier, counted.

    Attributes
    ----------
    true_positives, false_positives, false_negatives, true_negatives:
        The confusion matrix.
    positives, negatives:
        Rows with a valid score per cell of the score's binning, by label (int64).
    score_sums:
        Sum of the scores per cell: what calibration is read from.
    log_loss, brier:
        Moments of the rows' log loss (nats) and squared error of the score.
    invalid_scores:
        Labelled rows whose score is null, not finite or outside 0..1; they count in the confusion matrix only.
    """

    binning: NumericBinning
    positives: Counts
    negatives: Counts
    score_sums: Floats
    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    log_loss: Moments = NO_MOMENTS
    brier: Moments = NO_MOMENTS
    invalid_scores: int = 0

    @classmethod
    def empty(cls, binning: NumericBinning) -> BinaryOutcomeProfile:
        zeros = np.zeros(binning.cells, dtype=np.int64)
        return cls(binning=binning, positives=zeros, negatives=zeros, score_sums=np.zeros(binning.cells))

    @classmethod
    def of(
        cls,
        is_positive: NDArray[np.bool_],
        predicted_positive: NDArray[np.bool_],
        scores: Floats | None,
        binning: NumericBinning,
    ) -> BinaryOutcomeProfile:
        """Counts rows of label, prediction and score (``None`` for a model without scores)."""
        confusion = np.bincount(2 * is_positive.astype(np.intp) + predicted_positive, minlength=4)
        scores = np.full(is_positive.size, np.nan) if scores is None else np.asarray(scores, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            valid = (scores >= 0) & (scores <= 1)
        scored, labels = scores[valid], is_positive[valid]
        cells = binning.locate(scored)
        clipped = np.clip(scored, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        losses = -np.where(labels, np.log(clipped), np.log1p(-clipped))
        return cls(
            binning=binning,
            positives=np.bincount(cells[labels], minlength=binning.cells).astype(np.int64),
            negatives=np.bincount(cells[~labels], minlength=binning.cells).astype(np.int64),
            score_sums=np.bincount(cells, weights=scored, minlength=binning.cells).astype(np.float64),
            true_negatives=int(confusion[0]),
            false_positives=int(confusion[1]),
            false_negatives=int(confusion[2]),
            true_positives=int(confusion[3]),
            log_loss=Moments.of(losses),
            brier=Moments.of(np.square(scored - labels)),
            invalid_scores=int(is_positive.size - scored.size),
        )

    @property
    def rows(self) -> int:
        return self.true_positives + self.false_positives + self.false_negatives + self.true_negatives

    def merged(self, other: BinaryOutcomeProfile) -> BinaryOutcomeProfile:
        """Both together: every count is the sum. Raises `InputError` on different binnings."""
        require_same_cells(self.binning, other.binning)
        return BinaryOutcomeProfile(
            binning=self.binning,
            positives=self.positives + other.positives,
            negatives=self.negatives + other.negatives,
            score_sums=self.score_sums + other.score_sums,
            true_positives=self.true_positives + other.true_positives,
            false_positives=self.false_positives + other.false_positives,
            false_negatives=self.false_negatives + other.false_negatives,
            true_negatives=self.true_negatives + other.true_negatives,
            log_loss=self.log_loss.merged(other.log_loss),
            brier=self.brier.merged(other.brier),
            invalid_scores=self.invalid_scores + other.invalid_scores,
        )


@dataclass(frozen=True, eq=False)
class RegressionOutcomeProfile:
    """Labelled predictions of a regression, counted.

    Attributes
    ----------
    errors:
        Profile of prediction minus label: its moments give bias and RMSE, its cells the error's quantiles.
    absolute_errors, squared_errors, relative_errors:
        Moments of the rows' ``|error|``, ``error²`` and ``|error / label|`` (labels of 0 left out).
    labels:
        Moments of the labels: what R² is held against.
    """

    errors: NumericProfile
    absolute_errors: Moments = NO_MOMENTS
    squared_errors: Moments = NO_MOMENTS
    relative_errors: Moments = NO_MOMENTS
    labels: Moments = NO_MOMENTS

    @classmethod
    def empty(cls, binning: NumericBinning) -> RegressionOutcomeProfile:
        return cls(errors=NumericProfile.empty(binning))

    @classmethod
    def of(cls, labels: Floats, predictions: Floats, binning: NumericBinning) -> RegressionOutcomeProfile:
        """Counts rows of label and prediction; rows where either is not finite count as ``errors.non_finite``."""
        labels, predictions = np.asarray(labels, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
        usable = np.isfinite(labels) & np.isfinite(predictions)
        with np.errstate(over="ignore"):
            errors = predictions[usable] - labels[usable]
            profile = NumericProfile.of(errors, binning)
            nonzero = labels[usable] != 0
            return cls(
                errors=NumericProfile(
                    binning=binning,
                    counts=profile.counts,
                    non_finite=profile.non_finite + int(np.count_nonzero(~usable)),
                    moments=profile.moments,
                    minimum=profile.minimum,
                    maximum=profile.maximum,
                ),
                absolute_errors=Moments.of(np.abs(errors)),
                squared_errors=Moments.of(np.square(errors)),
                relative_errors=Moments.of(np.abs(errors[nonzero] / labels[usable][nonzero])),
                labels=Moments.of(labels[usable]),
            )

    @property
    def rows(self) -> int:
        return self.errors.rows

    def merged(self, other: RegressionOutcomeProfile) -> RegressionOutcomeProfile:
        """Both together: every count is the sum. Raises `InputError` on different binnings."""
        return RegressionOutcomeProfile(
            errors=self.errors.merged(other.errors),
            absolute_errors=self.absolute_errors.merged(other.absolute_errors),
            squared_errors=self.squared_errors.merged(other.squared_errors),
            relative_errors=self.relative_errors.merged(other.relative_errors),
            labels=self.labels.merged(other.labels),
        )
