"""Simulated entities that come again and again: no two alike, and each much like itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from driftline.experiments.arm import SCORE_CELLS, ArmStatistics
from driftline.experiments.clustering import BY_ROW, LABELS, PREDICTIONS, Reference, group_key
from driftline.experiments.metric import StandardMetric
from driftline.experiments.moments import UnitMoments

Numbers = NDArray[np.float64]
METRICS = (StandardMetric.ROC_AUC, StandardMetric.LATENCY_P95)
_LATENCY_CELL = 0.02


@dataclass(frozen=True)
class Rows:
    """Predictions with their labels, a row each; ``entity`` from 0."""

    entity: NDArray[np.int64]
    latency: NDArray[np.int64]
    score: NDArray[np.int64]
    label: NDArray[np.int64]
    group: NDArray[np.int64]
    positive: NDArray[np.int64]

    def upto(self, count: int) -> Rows:
        return Rows(*(values[:count] for values in vars(self).values()))


def rows_of(rng: np.random.Generator, entities: int, visits: int, *, likeness: float = 1.0) -> Rows:
    """``visits`` of each entity, in any order. ``likeness`` 0: rows of one entity are as different as any."""
    entity = rng.permutation(np.repeat(np.arange(entities), visits))
    self_ = likeness * rng.normal(size=entities)[entity]
    noise = rng.normal(size=(4, entity.size))
    # Of a customer who does not default in one month, one does not expect it in the next.
    label = ((rng.random(entities) < 0.3)[entity] ^ (rng.random(entity.size) < 0.05)).astype(np.int64)
    score = ndtr((1.2 * label - 0.6 + self_ + noise[0]) / 1.5)
    group = (rng.random(entities) < 0.4).astype(np.int64)[entity]
    return Rows(
        entity,
        np.ceil((3.0 + 0.4 * self_ + 0.4 * noise[1]) / _LATENCY_CELL).astype(np.int64),
        np.minimum((score * SCORE_CELLS).astype(np.int64), SCORE_CELLS - 1),
        label,
        group,
        (self_ + noise[2] + 0.5 * group > 0.5).astype(np.int64),
    )


def arm_of(rows: Rows, reference: Reference | None) -> ArmStatistics:
    """What is kept of an arm with these rows; without a reference as if each row were an entity of its own."""
    cells = ArmStatistics(
        units=len(np.unique(rows.entity)),
        predictions=rows.entity.size,
        latencies=_counted(rows.latency),
        scores=_scores(rows),
        groups={
            f"{group}": (int(np.sum(rows.group == group)), int(np.sum(rows.positive[rows.group == group])))
            for group in np.unique(rows.group)
        },
    )
    if reference is None:
        return cells
    influence = influences(reference)[rows.label, rows.score]
    slow = (rows.latency > reference.cuts[StandardMetric.LATENCY_P95]).astype(np.float64)
    ones = np.ones(rows.entity.size)
    clusters = {
        PREDICTIONS: _moments(rows.entity, ones, ones),
        LABELS: _moments(rows.entity, ones, ones),
        StandardMetric.LATENCY_P95.value: _moments(rows.entity, ones, slow),
        StandardMetric.ROC_AUC.value: _moments(rows.entity, ones, influence),
        BY_ROW: _moments(np.arange(rows.entity.size), ones, influence),
    }
    for group in np.unique(rows.group):
        inside = rows.group == group
        clusters[group_key(f"{group}")] = _moments(
            rows.entity[inside], ones[inside], rows.positive[inside].astype(np.float64)
        )
    return ArmStatistics(**{**vars(cells), "clusters": clusters})


def influences(reference: Reference) -> Numbers:
    """Of negative and positive labels, by cell of the score."""
    cells = range(SCORE_CELLS)
    return np.array([[reference.influence(cell, is_positive=side) for cell in cells] for side in (False, True)])


def _scores(rows: Rows) -> dict[int, tuple[int, int]]:
    sides = [np.bincount(rows.score[rows.label == side], minlength=SCORE_CELLS) for side in (0, 1)]
    return {cell: (int(sides[0][cell]), int(sides[1][cell])) for cell in np.flatnonzero(sides[0] + sides[1]).tolist()}


def _counted(values: NDArray[np.int64]) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _moments(entity: NDArray[np.int64], counts: Numbers, values: Numbers) -> UnitMoments:
    n, s = np.bincount(entity, counts), np.bincount(entity, values)
    return UnitMoments(float(np.count_nonzero(n)), n.sum(), s.sum(), n @ n, s @ s, n @ s)
