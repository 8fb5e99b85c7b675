"""The profile of labeled predictions over several classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.profiles.binning import CategoricalBinning, Counts, Floats, NumericBinning, require_same_cells
from driftline.profiles.moments import NO_MOMENTS, Moments
from driftline.profiles.outcomes import SMALLEST_PROBABILITY, BinaryOutcomeProfile

PROBABILITY_CELLS = 1_000
SUM_TOLERANCE = 0.01
"""Scores of a row that miss a sum of 1 by more are no probabilities of classes that exclude each other."""


@dataclass(frozen=True, eq=False)
class MulticlassOutcomeProfile:
    """Labeled predictions of a classifier of several classes, counted.

    Attributes
    ----------
    binning:
        The classes. Any other class, of a label or a prediction, is *outside*: all of those share one row and column.
    confusion:
        Rows by label and prediction (int64, one row and column per class in the binning's order, the last is outside).
    outside_matches:
        Rows whose label and prediction are the same class outside the binning.
    one_vs_rest:
        Per class the profile of "is it this class?" with the class's score; empty for a model without scores.
    log_loss:
        Moments of the rows' log loss (nats).
    invalid_scores:
        Rows whose scores are not probabilities that sum to 1, or whose label has no score; they count in the
        confusion only.
    """

    binning: CategoricalBinning
    confusion: Counts
    outside_matches: int = 0
    one_vs_rest: tuple[BinaryOutcomeProfile, ...] = ()
    log_loss: Moments = NO_MOMENTS
    invalid_scores: int = 0

    def __post_init__(self) -> None:
        cells = len(self.binning.levels) + 1
        if self.confusion.shape != (cells, cells):
            raise InputError(f"A confusion of {self.confusion.shape} does not fit {cells - 1} classes and the outside.")

    @classmethod
    def empty(cls, binning: CategoricalBinning) -> MulticlassOutcomeProfile:
        cells = len(binning.levels) + 1
        return cls(binning=binning, confusion=np.zeros((cells, cells), dtype=np.int64))

    @classmethod
    def of(
        cls,
        labels: NDArray[np.object_],
        predictions: NDArray[np.object_],
        binning: CategoricalBinning,
        scores: Floats | None = None,
        score_binnings: tuple[NumericBinning, ...] = (),
    ) -> MulticlassOutcomeProfile:
        """Counts rows of label and prediction (class names) and, where there are any, one score per class.

        Parameters
        ----------
        scores : array, shape (rows, classes), optional
            Probabilities, in the order of the binning's levels.
        score_binnings : tuple of NumericBinning
            The cells of each class's score; `probability_binning` where none are given.
        """
        outside = len(binning.levels)
        label_cells = _cells(labels, binning)
        predicted_cells = _cells(predictions, binning)
        size = outside + 1
        confusion = np.bincount(label_cells * size + predicted_cells, minlength=size * size).reshape(size, size)
        both_outside = (label_cells == outside) & (predicted_cells == outside)
        counted = cls(
            binning=binning,
            confusion=confusion.astype(np.int64),
            outside_matches=int(np.count_nonzero(labels[both_outside] == predictions[both_outside])),
            invalid_scores=int(labels.size) if scores is None else 0,
        )
        if scores is None:
            return counted
        return _scored(counted, label_cells, predicted_cells, scores, score_binnings)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.binning.levels

    @property
    def rows(self) -> int:
        return int(self.confusion.sum())

    def merged(self, other: MulticlassOutcomeProfile) -> MulticlassOutcomeProfile:
        """Both together: every count is the sum. Raises `InputError` on different binnings."""
        require_same_cells(self.binning, other.binning)
        return MulticlassOutcomeProfile(
            binning=self.binning,
            confusion=self.confusion + other.confusion,
            outside_matches=self.outside_matches + other.outside_matches,
            one_vs_rest=_merged_scores(self.one_vs_rest, other.one_vs_rest),
            log_loss=self.log_loss.merged(other.log_loss),
            invalid_scores=self.invalid_scores + other.invalid_scores,
        )


def probability_binning() -> NumericBinning:
    """Equal cells from 0 to 1, with 0 and 1 in cells of their own."""
    inner = np.arange(1, PROBABILITY_CELLS) / PROBABILITY_CELLS
    ends = [np.nextafter(0.0, -1.0), 0.0, np.nextafter(1.0, 0.0), 1.0]
    return NumericBinning(np.unique(np.concatenate([inner, ends])))


def _cells(names: NDArray[np.object_], binning: CategoricalBinning) -> NDArray[np.intp]:
    distinct, inverse = np.unique(names.astype(str), return_inverse=True)
    cells = [binning.position.get(str(name), len(binning.levels)) for name in distinct]
    return np.asarray(cells, dtype=np.intp)[inverse]


def _scored(
    counted: MulticlassOutcomeProfile,
    label_cells: NDArray[np.intp],
    predicted_cells: NDArray[np.intp],
    scores: Floats,
    score_binnings: tuple[NumericBinning, ...],
) -> MulticlassOutcomeProfile:
    classes = len(counted.classes)
    with np.errstate(invalid="ignore"):
        valid = ((scores >= 0) & (scores <= 1)).all(axis=1)
        valid &= np.abs(scores.sum(axis=1) - 1) <= SUM_TOLERANCE
    valid &= label_cells < classes
    usable = np.where(valid[:, np.newaxis], scores, np.nan)
    binnings = score_binnings or (probability_binning(),) * classes
    of_label = usable[valid, label_cells[valid]]
    return replace(
        counted,
        one_vs_rest=tuple(
            BinaryOutcomeProfile.of(label_cells == cell, predicted_cells == cell, usable[:, cell], binnings[cell])
            for cell in range(classes)
        ),
        log_loss=Moments.of(-np.log(np.clip(of_label, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))),
        invalid_scores=int(np.count_nonzero(~valid)),
    )


def _merged_scores(
    left: tuple[BinaryOutcomeProfile, ...], right: tuple[BinaryOutcomeProfile, ...]
) -> tuple[BinaryOutcomeProfile, ...]:
    if not left or not right:
        return left or right
    return tuple(one.merged(other) for one, other in zip(left, right, strict=True))
