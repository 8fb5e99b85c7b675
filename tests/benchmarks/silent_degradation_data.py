"""A fraud model that slowly meets more and more cases that it cannot tell apart: what its log would hold.

Scores are calibrated: of the rows with score p, the share p is fraud. Easy rows are right in 98 % of cases, hard ones
in 65 %; the accuracy follows from the share of hard rows. Rows of a day share its luck (the share of hard rows and that
of fraud vary from day to day), so that they are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftline.profiles import BinaryOutcomeProfile, CategoricalBinning, CategoricalProfile, NumericBinning
from driftline.profiles.numeric import NumericProfile

Floats = NDArray[np.float64]

EASY_ACCURACY, HARD_ACCURACY = 0.98, 0.65
FRAUD_SHARE = 0.15
DAY_TO_DAY = 0.08
"""Standard deviation of the day's luck, in logits."""
CLASSES = CategoricalBinning(("false", "true"))
DELAY_HOURS = (24, 72)
BUCKETS = 8
"""Labels arrive in eight steps of six hours."""


def hard_share(accuracy: float) -> float:
    return (EASY_ACCURACY - accuracy) / (EASY_ACCURACY - HARD_ACCURACY)


@dataclass(frozen=True, eq=False)
class Rows:
    """Predictions with the labels that they will get, and the step (0 to 7) in which those arrive."""

    scores: Floats
    labels: NDArray[np.bool_]
    steps: NDArray[np.int64]

    @cached_property
    def predicted(self) -> NDArray[np.bool_]:
        return self.scores > 0.5

    def outcome(self, binning: NumericBinning, step: int | None = None) -> BinaryOutcomeProfile:
        """All labels, or those that arrive in one step."""
        rows = slice(None) if step is None else self.steps == step
        return BinaryOutcomeProfile.of(self.labels[rows], self.predicted[rows], self.scores[rows], binning)

    def outputs(self, binning: NumericBinning) -> dict[str, NumericProfile | CategoricalProfile]:
        positives = int(self.predicted.sum())
        counts = {"true": positives, "false": self.scores.size - positives}
        return {
            "prediction": CategoricalProfile.of(counts, CLASSES),
            "score": NumericProfile.of(self.scores, binning),
        }


def draw(generator: np.random.Generator, size: int, accuracy: float, luck: tuple[float, float]) -> Rows:
    """``size`` rows of a day with this ``luck``, at a true ``accuracy``."""
    hard = generator.random(size) < _moved(hard_share(accuracy), luck[0])
    fraud = generator.random(size) < _moved(FRAUD_SHARE, luck[1])
    easy = np.where(fraud, 1 - generator.random(size) * 0.04, generator.random(size) * 0.04)
    scores = np.where(hard, 0.2 + 0.6 * generator.random(size), easy)
    return Rows(scores, generator.random(size) < scores, generator.integers(0, BUCKETS, size))


def day_luck(generator: np.random.Generator) -> tuple[float, float]:
    first, second = generator.normal(0, DAY_TO_DAY, 2)
    return float(first), float(second)


def _moved(share: float, logits: float) -> float:
    odds = share / (1 - share) * np.exp(logits)
    return float(odds / (1 + odds))
