"""Rows of the prediction log summed up by unit, and how much the arm's sums change by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.experiments.metric import StandardMetric
from driftline.experiments.moments import UnitMoments

Floats = NDArray[np.float64]

SUMS = ("predictions", "errors", "positives", "labeled", "correct", "absolute_error", "squared_error")
"""What is kept of each unit, in this order."""

_RATIOS: Mapping[StandardMetric, tuple[str, str]] = {
    StandardMetric.ERROR_RATE: ("predictions", "errors"),
    StandardMetric.POSITIVE_RATE: ("predictions", "positives"),
    StandardMetric.ACCURACY: ("labeled", "correct"),
    StandardMetric.MAE: ("labeled", "absolute_error"),
    StandardMetric.MSE: ("labeled", "squared_error"),
}


@dataclass(frozen=True)
class UnitSums:
    """Sums of some units: a row per unit, a column for each of `SUMS`."""

    values: Floats

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> UnitSums:
        return cls(np.asarray(rows, dtype=np.float64).reshape(-1, len(SUMS)))


def moment_changes(before: UnitSums, added: UnitSums, *, ratios: Sequence[str]) -> dict[str, UnitMoments]:
    """By metric of ``ratios``, what its moments over all units change by when ``added`` comes to ``before``."""
    after = before.values + added.values
    changes = {}
    for metric, (count, total) in _RATIOS.items():
        if metric.value in ratios:
            n, s = SUMS.index(count), SUMS.index(total)
            old, new = _sums(before.values[:, n], before.values[:, s]), _sums(after[:, n], after[:, s])
            changes[metric.value] = UnitMoments(*(new - old))
    return changes


def new_units(before: UnitSums, added: UnitSums) -> int:
    """Units whose first prediction is among ``added``."""
    return int(np.count_nonzero((before.values[:, 0] == 0) & (added.values[:, 0] > 0)))


def _sums(n: Floats, s: Floats) -> Floats:
    return np.array([np.count_nonzero(n > 0), n.sum(), s.sum(), n @ n, s @ s, n @ s], dtype=np.float64)
