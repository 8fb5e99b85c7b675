"""ROC-AUC and its error from counted scores.

References
----------
.. [1] DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two or more correlated receiver operating
   characteristic curves", Biometrics 44. The arms share no prediction, so their errors are independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RocAuc:
    """The area and its variance, from so many ``negatives`` and ``positives``."""

    value: float
    variance: float
    negatives: int
    positives: int


def roc_auc(cells: Mapping[int, tuple[int, int]]) -> RocAuc | None:
    """The area under the ROC curve [1]_ of ``cells``: per rising score, how many labels were negative and positive.

    Scores of one cell are ties and count half. None below two negatives or two positives.
    """
    counted = np.array([cells[cell] for cell in sorted(cells)], dtype=np.float64).reshape(-1, 2)
    negatives, positives = counted[:, 0], counted[:, 1]
    total_negatives, total_positives = negatives.sum(), positives.sum()
    if min(total_negatives, total_positives) < 2:
        return None
    # Of each score, the share of the other class that it ranks rightly against: DeLong's structural components.
    below = (np.cumsum(negatives) - negatives / 2) / total_negatives
    above = (total_positives - np.cumsum(positives) + positives / 2) / total_positives
    value = float(positives @ below / total_positives)
    variance = _spread(below, positives, value) / total_positives + _spread(above, negatives, value) / total_negatives
    return RocAuc(value, float(variance), int(total_negatives), int(total_positives))


def _spread(components: Floats, weights: Floats, mean: float) -> float:
    return float(weights @ (components - mean) ** 2 / (weights.sum() - 1))
