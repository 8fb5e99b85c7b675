"""Learns the multivariate nulls from a baseline: each of its windows held against the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.drift.domain_classifier import area_between
from driftline.drift.encoding import Frame, Table, read_tables
from driftline.drift.multivariate_calibration import EXPLAINED_VARIANCE, MultivariateCalibration, reference_rows
from driftline.drift.multivariate_correlation import largest_change
from driftline.drift.multivariate_null import MultivariateTest, WindowNull, in_normal_unit
from driftline.drift.pairs import NotEvaluable
from driftline.drift.reconstruction import reconstruction_of
from driftline.drift.score_distance import score_distance
from driftline.errors import InputError

SIZES = (200, 500, 1_000)
"""Rows of a window at which the nulls are learned; a window is thinned to the nearest below. More rows would sharpen
what chance does, at a cost that grows with them, and nothing of what the days do."""
LEAST_BLOCKS = 10
MAXIMUM_BLOCKS = 40
"""Of a longer baseline so many windows are learned on, spread evenly over it."""
SEED = 20_260_104


def learn_multivariate(
    reference: Frame,
    blocks: Sequence[Any],
    features: Sequence[str] | None = None,
    *,
    score: str | None = None,
    explained_variance: float = EXPLAINED_VARIANCE,
) -> MultivariateCalibration:
    """Holds each block of the reference against the others, as a window will be held against the reference.

    Parameters
    ----------
    reference
        Rows of the baseline. A block should have as many rows as a window's sample: windows are thinned to what most
        blocks have, so fewer rows cost power, never false alarms.
    blocks
        Per row the window it belongs to (its day, for windows of 24 h); equal values are one block.
    features
        Columns to learn on; default all but ``score``.
    score
        Column of the model's score.

    Returns
    -------
    MultivariateCalibration
        Without nulls, and with the `reason`, when fewer than 10 blocks have 200 rows.

    Notes
    -----
    Learned are the sizes that the blocks have, thinned to the nearest of `SIZES`, and the smallest of them, for
    versions that have little of the traffic. What it costs is in docs/evidence/joint_drift.md.
    """
    labels, rows_of = _numbered(blocks)
    names = tuple(features) if features is not None else _features_of(reference, score)
    table = read_tables(reference, reference, names).reference
    scores = read_tables(reference, reference, [score]).reference if score is not None else None
    if labels.size != table.rows:
        raise InputError(f"The reference has {table.rows} rows and {labels.size} blocks; give one block for each row.")
    learned = MultivariateCalibration(
        names, score, int(rows_of.size), round(float(np.median(rows_of))) if rows_of.size else 0, explained_variance
    )
    sizes = _sizes_reached(rows_of)
    if not sizes:
        reason = (
            f"{np.count_nonzero(rows_of >= SIZES[0])} of {rows_of.size} windows of the baseline have {SIZES[0]} "
            f"sampled rows; at least {LEAST_BLOCKS} are needed to learn how windows differ"
        )
        return replace(learned, reason=reason)
    return replace(learned, nulls={size: _learned(learned, table, scores, labels, size) for size in sizes})


def chosen_blocks(count: int) -> NDArray[np.intp]:
    """Which of ``count`` blocks (from 0) are learned on: all, or `MAXIMUM_BLOCKS` spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, MAXIMUM_BLOCKS)).round().astype(np.intp))


def _numbered(blocks: Sequence[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Per row the number of its block, -1 in those that are not learned on; and the rows of each block."""
    numbers = np.unique(np.asarray([str(block) for block in blocks]), return_inverse=True)[1]
    count = int(numbers.max()) + 1 if numbers.size else 0
    chosen = chosen_blocks(count)
    position = np.full(count, -1, dtype=np.intp)
    position[chosen] = np.arange(chosen.size)
    return position[numbers], np.bincount(numbers, minlength=count)[chosen]


def _sizes_reached(rows_of: NDArray[np.intp]) -> list[int]:
    usable = [size for size in SIZES if np.count_nonzero(rows_of >= size) >= LEAST_BLOCKS]
    reached = {max((size for size in usable if size <= rows), default=0) for rows in rows_of.tolist()}
    return [size for size in usable if size in reached or size == SIZES[0]]


def _features_of(reference: Frame, score: str | None) -> tuple[str, ...]:
    pair = read_tables(reference, reference)
    return tuple(name for name in (*pair.reference.features, *pair.left_out) if name != score)


def _learned(
    calibration: MultivariateCalibration, table: Table, scores: Table | None, labels: NDArray[np.intp], size: int
) -> dict[str, WindowNull]:
    measures: list[tuple[MultivariateTest, Table, Callable[[Table, Table], float]]] = []
    if table.features:
        measures += [
            (MultivariateTest.DOMAIN_CLASSIFIER, table, _area),
            (MultivariateTest.PCA_RECONSTRUCTION, table, partial(_log_ratio, calibration.explained_variance)),
            (MultivariateTest.CORRELATION_CHANGE, table, _correlation_score),
        ]
    if scores is not None and calibration.score is not None and calibration.score in scores.numbers:
        measures.append((MultivariateTest.SCORE_DRIFT, scores, partial(_score, calibration.score)))
    nulls: dict[str, WindowNull] = {}
    for test, rows, measure in measures:
        values = _over_windows(rows, measure, labels, size)
        if len(values) >= LEAST_BLOCKS:
            nulls[test.value] = WindowNull(float(np.mean(values)), float(np.std(values, ddof=1)), len(values))
    return nulls


def _over_windows(
    table: Table,
    measure: Callable[[Table, Table], float],
    labels: NDArray[np.intp],
    size: int,
) -> list[float]:
    """What ``measure`` finds of each block of enough rows against the others; where it is undefined, nothing."""
    values = []
    for block in np.flatnonzero(np.bincount(labels[labels >= 0]) >= size).tolist():
        try:
            values.append(measure(*_split(table, labels, block, size)))
        except NotEvaluable:
            continue
    return values


def _area(reference: Table, current: Table) -> float:
    return in_normal_unit(MultivariateTest.DOMAIN_CLASSIFIER, area_between(reference, current))


def _correlation_score(reference: Table, current: Table) -> float:
    found = largest_change(reference, current)
    return found.unit.of(found.largest)


def _score(score: str, reference: Table, current: Table) -> float:
    return in_normal_unit(MultivariateTest.SCORE_DRIFT, score_distance(reference, current, score))


def _log_ratio(explained_variance: float, reference: Table, current: Table) -> float:
    ratio = reconstruction_of(reference, current, explained_variance).log_ratio
    return in_normal_unit(MultivariateTest.PCA_RECONSTRUCTION, ratio)


def _split(table: Table, labels: NDArray[np.intp], block: int, size: int) -> tuple[Table, Table]:
    """The other blocks as the reference, and the block thinned to the size."""
    rng = np.random.default_rng(SEED + block)
    others, own = np.flatnonzero(labels != block), np.flatnonzero(labels == block)
    drawn = rng.choice(others, min(reference_rows(size), others.size), replace=False)
    return table.take(np.sort(drawn)), table.take(np.sort(rng.choice(own, size, replace=False)))
