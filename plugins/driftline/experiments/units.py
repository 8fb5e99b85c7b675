"""Rows of the prediction log summed up by unit, and how much the arm's sums change by them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.experiments.clustering import LABELS, PREDICTIONS
from driftline.experiments.metric import StandardMetric
from driftline.experiments.moments import UnitMoments

Floats = NDArray[np.float64]

SUMS = (
    "predictions",
    "errors",
    "positives",
    "labeled",
    "correct",
    "absolute_error",
    "squared_error",
    "timed",
    "slow_p50",
    "slow_p95",
    "slow_p99",
    "scored",
    "influence",
)
"""What is kept of each unit, in this order: timed predictions, and those slower than the reference's cuts; labels with
a score, and what they move the ROC-AUC by (`driftline.experiments.clustering`)."""

_RATIOS: Mapping[StandardMetric, tuple[str, str]] = {
    StandardMetric.ERROR_RATE: ("predictions", "errors"),
    StandardMetric.POSITIVE_RATE: ("predictions", "positives"),
    StandardMetric.ACCURACY: ("labeled", "correct"),
    StandardMetric.MAE: ("labeled", "absolute_error"),
    StandardMetric.MSE: ("labeled", "squared_error"),
}


_CLUSTERS: Mapping[str, tuple[str, str]] = {
    PREDICTIONS: ("predictions", "predictions"),
    LABELS: ("scored", "scored"),
    StandardMetric.LATENCY_P50: ("timed", "slow_p50"),
    StandardMetric.LATENCY_P95: ("timed", "slow_p95"),
    StandardMetric.LATENCY_P99: ("timed", "slow_p99"),
    StandardMetric.ROC_AUC: ("scored", "influence"),
}


@dataclass(frozen=True)
class UnitSums:
    """Sums of some units: a row per unit, a column for each of `SUMS`."""

    values: Floats

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> UnitSums:
        """Of rows from before a sum was kept it is 0."""
        whole = [[*row, *([0.0] * (len(SUMS) - len(row)))] for row in rows]
        return cls(np.asarray(whole, dtype=np.float64).reshape(-1, len(SUMS)))


def moment_changes(before: UnitSums, added: UnitSums, *, ratios: Sequence[str]) -> dict[str, UnitMoments]:
    """By metric of ``ratios``, what its moments over all units change by when ``added`` comes to ``before``."""
    return {metric.value: _change(before, added, *columns) for metric, columns in _RATIOS.items() if metric in ratios}


def cluster_changes(before: UnitSums, added: UnitSums, *, keys: Collection[str]) -> dict[str, UnitMoments]:
    """The same of the ``keys`` of `ArmStatistics.clusters`."""
    return {key: _change(before, added, *columns) for key, columns in _CLUSTERS.items() if key in keys}


def positive_changes(before: UnitSums, added: UnitSums) -> UnitMoments:
    """The same of the share of positive predictions."""
    return _change(before, added, "predictions", "positives")


def _change(before: UnitSums, added: UnitSums, count: str, total: str) -> UnitMoments:
    n, s = SUMS.index(count), SUMS.index(total)
    after = before.values + added.values
    old, new = _sums(before.values[:, n], before.values[:, s]), _sums(after[:, n], after[:, s])
    return UnitMoments(*(new - old))


def new_units(before: UnitSums, added: UnitSums) -> int:
    """Units whose first prediction is among ``added``."""
    return int(np.count_nonzero((before.values[:, 0] == 0) & (added.values[:, 0] > 0)))


def _sums(n: Floats, s: Floats) -> Floats:
    return np.array([np.count_nonzero(n > 0), n.sum(), s.sum(), n @ n, s @ s, n @ s], dtype=np.float64)
