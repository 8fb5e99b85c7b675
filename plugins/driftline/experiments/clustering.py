"""By how much entities that return enlarge the error of a metric that is read from counted cells.

A ROC-AUC, a quantile or a gap between groups is no mean over rows, but its error is that of one: each row moves it by
so much [1]_. What a row moves it by depends on all the others; so it is fixed once, by the experiment's first rows, and
summed by entity from then on. The variance of these sums over entities, beside that of the single rows, is the design
effect, by which the variance of independent rows is multiplied. Of a ROC-AUC that is Obuchowski's variance [2]_, at the
placements of the first rows.

References
----------
.. [1] Hampel (1974), "The influence curve and its role in robust estimation", JASA 69.
.. [2] Obuchowski (1997), "Nonparametric analysis of clustered ROC curve data", Biometrics 53.
.. [3] Kish (1965), "Survey Sampling": the design effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from driftline.experiments.arm import SCORE_CELLS, ArmStatistics, Pair
from driftline.experiments.metric import STANDARD, MetricKind, StandardMetric
from driftline.experiments.moments import UnitMoments

Floats = NDArray[np.float64]

ROWS = 400
"""So many rows fix what a row moves a metric by."""
ROWS_PER_CLASS = 40
_FEWEST = 10
"""Rows on either side of a cut, below which it says nothing of how entities cluster."""

BY_ROW = "roc_auc/rows"
"""Where each row's influence on the ROC-AUC is kept as if each were a unit of its own."""
PREDICTIONS, LABELS = "rows/predictions", "rows/labels"
"""Where the numbers of rows by unit are kept: what they can do at most."""


def group_key(group: str) -> str:
    """Under which the shares of positives of a group are kept by unit."""
    return f"group/{group}"


@dataclass(frozen=True)
class Reference:
    """What a row moves a metric by, fixed by the first rows of both arms.

    Attributes
    ----------
    cuts:
        By latency metric, the cell of its quantile: a prediction in a cell above it is slow.
    scores:
        Labels per cell of the score, negative and positive; empty where no ROC-AUC is asked for.
    """

    cuts: Mapping[StandardMetric, int] = field(default_factory=dict)
    scores: Mapping[int, Pair] = field(default_factory=dict)

    @classmethod
    def of(cls, arms: Iterable[ArmStatistics], metrics: Iterable[StandardMetric]) -> Self | None:
        """From what the arms have shown together; None where that is too little for one of the ``metrics``."""
        pooled = sum(arms, ArmStatistics())
        wanted = needing_reference(metrics)
        latencies, asks_scores = sum(pooled.latencies.values()), StandardMetric.ROC_AUC in wanted
        quantiles = {
            metric: STANDARD[metric].quantile or 0.5 for metric in wanted if metric.value.startswith("latency")
        }
        classes = [sum(pair[side] for pair in pooled.scores.values()) for side in (0, 1)]
        if quantiles and latencies < ROWS:
            return None
        if asks_scores and (sum(classes) < ROWS or min(classes) < ROWS_PER_CLASS):
            return None
        cuts = {metric: _cell_of(pooled.latencies, share * latencies) for metric, share in quantiles.items()}
        return cls(cuts, pooled.scores if asks_scores else {})

    def influence(self, cell: int, *, is_positive: bool) -> float:
        """What a label at a score of ``cell`` moves the ROC-AUC by, times the number of labels."""
        return float(self._influences[int(is_positive)][cell])

    def to_json(self) -> dict[str, Any]:
        return {
            "cuts": {metric.value: cell for metric, cell in self.cuts.items()},
            "scores": {str(cell): list(pair) for cell, pair in self.scores.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            {StandardMetric(name): cell for name, cell in document["cuts"].items()},
            {int(cell): (pair[0], pair[1]) for cell, pair in document["scores"].items()},
        )

    @cached_property
    def _influences(self) -> tuple[Floats, Floats]:
        """Of negative and of positive labels, by cell: DeLong's components about their mean, weighed by class."""
        negatives, positives = np.zeros(SCORE_CELLS), np.zeros(SCORE_CELLS)
        for cell, (negative, positive) in self.scores.items():
            negatives[cell], positives[cell] = negative, positive
        below = (np.cumsum(negatives) - negatives / 2) / negatives.sum()
        above = 1 - (np.cumsum(positives) - positives / 2) / positives.sum()
        area = float(positives @ below) / positives.sum()
        share = positives.sum() / (positives.sum() + negatives.sum())
        return (above - area) / (1 - share), (below - area) / share


def needing_reference(metrics: Iterable[StandardMetric]) -> list[StandardMetric]:
    """Of ``metrics`` those whose errors by entity need one."""
    return [each for each in metrics if STANDARD[each].kind in {MetricKind.ROC_AUC, MetricKind.LATENCY_QUANTILE}]


def latency_effect(arm: ArmStatistics, metric: str) -> float:
    """The design effect of a latency quantile; at least 1."""
    return _share_effect(arm, metric)


def roc_auc_effect(arm: ArmStatistics) -> float:
    """The design effect of the ROC-AUC; at least 1."""
    by_unit, by_row = arm.clusters.get(StandardMetric.ROC_AUC), arm.clusters.get(BY_ROW)
    if by_unit is None or by_row is None or not by_row.variance or not by_unit.variance:
        return _largest(arm.clusters.get(LABELS))
    return max(by_unit.variance / by_row.variance, 1.0)


def group_effect(arm: ArmStatistics, group: str) -> float:
    """The design effect of a group's share of positives; at least 1."""
    return _share_effect(arm, group_key(group))


def _share_effect(arm: ArmStatistics, key: str) -> float:
    """Of a share of rows; where that cannot be measured, as if an entity's rows were all alike."""
    moments = arm.clusters.get(key)
    if moments is None:
        return _largest(arm.clusters.get(PREDICTIONS))
    if min(moments.s, moments.n - moments.s) < _FEWEST:
        return _largest(moments)
    return max(moments.design_effect, 1.0)


def _largest(moments: UnitMoments | None) -> float:
    """The design effect where all rows of an entity are alike [3]_; 1 where rows were not counted by entity."""
    return 1.0 if moments is None or not moments.n else max(moments.nn / moments.n, 1.0)


def _cell_of(cells: Mapping[int, int], rank: float) -> int:
    reached = 0
    for cell, count in sorted(cells.items()):
        reached += count
        if reached >= rank:
            return cell
    return max(cells)
