"""Scores of several classes with the class that was predicted, counted; and what they mean, learned from labels.

References
----------
.. [1] Gupta, Ramdas (2022), "Top-label calibration and multiclass-to-binary reductions", ICLR (a score means one thing
   where its class is predicted, and another where it is not).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.performance.score_calibration import LEAST_OF_A_CLASS, ScoreCalibration
from driftline.performance.scored import cell_scores
from driftline.profiles import BinaryOutcomeProfile, NumericProfile
from driftline.profiles.multiclass import probability_binning

Floats = NDArray[np.float64]

LEAST_LABELS = 200
"""From fewer labeled rows nothing is learned."""


@dataclass(frozen=True, eq=False)
class ClassScores:
    """One class's scores, by cell.

    Attributes
    ----------
    scores:
        A representative score per cell, rising (0 to 1).
    own, others:
        Rows per cell that were predicted as this class, and as another one.
    """

    scores: Floats
    own: Floats
    others: Floats

    @classmethod
    def of(cls, scores: Floats, is_predicted: NDArray[np.bool_]) -> Self:
        """From one score per row; every distinct score has a cell. Scores outside 0 to 1 are left out."""
        with np.errstate(invalid="ignore"):
            valid = (scores >= 0) & (scores <= 1)
        distinct, cells = np.unique(scores[valid], return_inverse=True)
        own = np.bincount(cells[is_predicted[valid]], minlength=distinct.size).astype(np.float64)
        return cls(distinct, own, np.bincount(cells, minlength=distinct.size) - own)

    @classmethod
    def from_profiles(cls, everywhere: NumericProfile, own: NumericProfile) -> Self:
        """From the profile of the class's score over all rows, and over those where the class was predicted."""
        counts = own.counts.astype(np.float64)
        return cls(cell_scores(everywhere), counts, np.maximum(everywhere.counts - counts, 0.0))


@dataclass(frozen=True, eq=False)
class ClassCalibration:
    """The chance that a class is the label, by its score: where it was predicted (``own``), and where another was."""

    own: ScoreCalibration
    others: ScoreCalibration


@dataclass(frozen=True, eq=False)
class MulticlassCalibration:
    """What the scores of several classes mean; plain numbers, never a pickle.

    Attributes
    ----------
    classes:
        With their calibrations, in one order.
    confusions:
        Of the rows whose label is the class of the row though another was predicted, the share predicted as the class
        of the column: what the interval needs to know of how errors are shared.
    """

    classes: tuple[str, ...]
    calibrations: tuple[ClassCalibration, ...]
    confusions: Floats

    @classmethod
    def learned(
        cls, classes: Sequence[str], batches: Iterable[tuple[NDArray[np.object_], NDArray[np.object_], Floats]]
    ) -> Self:
        """From batches of labels, predictions (class names) and scores (rows by classes): one isotonic map [1]_ per
        class for the rows predicted as it, and one for the others. Rows with an invalid score are left out.

        Raises
        ------
        InputError
            With fewer than `LEAST_LABELS` usable rows.
        """
        cells, names = probability_binning(), np.array(classes, dtype=object)
        counted = [[BinaryOutcomeProfile.empty(cells) for _ in range(2)] for _ in classes]
        confusion = np.zeros((len(classes), len(classes)))
        for labels, predictions, scores in batches:
            with np.errstate(invalid="ignore"):
                valid = ((scores >= 0) & (scores <= 1)).all(axis=1)
            is_label, is_predicted = labels[valid, None] == names, predictions[valid, None] == names
            confusion += is_label.T.astype(np.float64) @ is_predicted
            for index, parts in enumerate(counted):
                for part, rows in enumerate((is_predicted[:, index], ~is_predicted[:, index])):
                    found = scores[valid, index][rows]
                    of_rows = BinaryOutcomeProfile.of(is_label[rows, index], is_predicted[rows, index], found, cells)
                    parts[part] = parts[part].merged(of_rows)
        rows = sum(part.rows for part in counted[0])
        if rows < LEAST_LABELS:
            raise InputError(
                f"There are {rows} labels with valid scores of all classes; a calibration needs at least "
                f"{LEAST_LABELS}. Learn it on a longer period."
            )
        calibrations = tuple(ClassCalibration(*map(_calibrated, parts)) for parts in counted)
        return cls(tuple(classes), calibrations, _shares(confusion))

    def to_json(self) -> dict[str, Any]:
        return {
            "classes": list(self.classes),
            "own": [each.own.to_json() for each in self.calibrations],
            "others": [each.others.to_json() for each in self.calibrations],
            "confusions": self.confusions.tolist(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises `InputError` where ``document`` is not what `to_json` gives."""
        try:
            pairs = zip(document["own"], document["others"], strict=True)
            calibrations = tuple(ClassCalibration(*map(ScoreCalibration.from_json, pair)) for pair in pairs)
            confusions = np.asarray(document["confusions"], dtype=np.float64)
            return cls(tuple(document["classes"]), calibrations, confusions)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"This is no calibration of several classes: {error}. Learn it again.") from None


def _calibrated(outcomes: BinaryOutcomeProfile) -> ScoreCalibration:
    """The isotonic map; one share for all scores where a side of it has too few labels."""
    positives, negatives = int(outcomes.positives.sum()), int(outcomes.negatives.sum())
    if min(positives, negatives) >= LEAST_OF_A_CLASS:
        return ScoreCalibration.learned(outcomes)
    rows = max(positives + negatives, 1)
    share = (positives + 0.5) / (positives + negatives + 1)
    one, half = np.ones(1), np.array([0.5])
    return ScoreCalibration(half, one * share, half, one * rows, one * positives)


def _shares(confusion: Floats) -> Floats:
    errors = confusion - np.diag(np.diag(confusion))
    total = errors.sum(axis=1, keepdims=True)
    even = (1 - np.eye(len(errors))) / max(len(errors) - 1, 1)
    return np.where(total > 0, errors / np.where(total > 0, total, 1.0), even)
