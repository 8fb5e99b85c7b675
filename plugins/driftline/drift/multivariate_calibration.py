"""What a baseline's own windows do to the multivariate statistics: the null that holds days that differ."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from driftline.drift.distances import kolmogorov_smirnov
from driftline.drift.domain_classifier import area_between
from driftline.drift.encoding import Frame, Table, read_tables
from driftline.drift.multivariate_correlation import largest_change
from driftline.drift.pairs import NotEvaluable, numeric_pair
from driftline.drift.reconstruction import reconstruction_of
from driftline.errors import InputError

FORMAT = 2
"""Of the JSON; a calibration of another format has to be learned again."""

SIZES = (200, 500, 1_000)
"""Rows of a window at which the nulls are learned; a window is thinned to the nearest below. More rows would sharpen
what chance does, at a cost that grows with them, and nothing of what the days do."""
REFERENCE_ROWS = 2_000
MAXIMUM_ROWS = 2_500
"""Rows of either side that are looked at without a calibration."""
LEAST_BLOCKS = 10
MAXIMUM_BLOCKS = 40
"""Of a longer baseline so many windows are learned on, spread evenly over it."""
EXPLAINED_VARIANCE = 0.65
"""NannyML's default share of the variance for the components."""
SEED = 20_260_104
DISTANCE_OFFSET = 0.5
"""Reference standard deviations; beyond it the logarithm takes off the skew of windows that differ much."""


class MultivariateTest(StrEnum):
    DOMAIN_CLASSIFIER = "domain_classifier"
    PCA_RECONSTRUCTION = "pca_reconstruction"
    CORRELATION_CHANGE = "correlation_change"
    SCORE_DRIFT = "score_drift"


TWO_SIDED = frozenset({MultivariateTest.PCA_RECONSTRUCTION})


@dataclass(frozen=True)
class WindowNull:
    """A statistic over held-out windows of the baseline, in its normal unit (`in_normal_unit`).

    A new window is judged by the predictive distribution of one more observation: Student's t with ``windows - 1``
    degrees of freedom and the scale ``deviation * sqrt(1 + 1 / windows)``, which allows for how few windows there are.
    """

    mean: float
    deviation: float
    windows: int

    @property
    def scale(self) -> float:
        return max(self.deviation, 1e-9) * math.sqrt(1 + 1 / self.windows)

    def distance(self, value: float) -> float:
        return (value - self.mean) / self.scale

    def upper_tail(self, value: float) -> float:
        return float(stats.t.sf(self.distance(value), self.windows - 1))

    def quantile(self, tail: float) -> float:
        """The value that a clean window exceeds with probability ``tail``."""
        return float(self.mean + self.scale * stats.t.isf(tail, self.windows - 1))


@dataclass(frozen=True)
class MultivariateCalibration:
    """The nulls of one model's multivariate tests, for windows of the length of its blocks.

    Attributes
    ----------
    features, score:
        What was learned on.
    blocks:
        Windows of the baseline that were learned on.
    rows:
        Sampled rows that these had in the median.
    nulls:
        By rows per window, then by test; empty where `reason` says why nothing could be learned.
    """

    features: tuple[str, ...]
    score: str | None
    blocks: int
    rows: int = 0
    explained_variance: float = EXPLAINED_VARIANCE
    nulls: Mapping[int, Mapping[str, WindowNull]] = field(default_factory=dict)
    reason: str = ""

    def size_for(self, rows: int) -> int | None:
        """The largest learned size that a window of ``rows`` rows reaches."""
        return max((size for size in self.nulls if size <= rows), default=None)

    def null_of(self, test: str, rows: int) -> WindowNull | None:
        """The null of ``test`` for windows thinned to `size_for` their ``rows``; ``None`` where there is none."""
        size = self.size_for(rows)
        return None if size is None else self.nulls[size].get(test)

    def explained(self, rows: int, false_alarm_rate: float) -> str:
        """What was learned, for people, with the thresholds that windows of ``rows`` rows are held against."""
        if not self.nulls:
            return f"Not calibrated: {self.reason}. Windows are not evaluated."
        columns = f"{len(self.features)} features{f' and the score {self.score!r}' if self.score else ''}"
        lines = [
            f"Learned from {self.blocks} windows of the baseline ({self.rows:,} sampled rows in the median), "
            f"{columns}; {false_alarm_rate:.2%} of clean windows may alarm."
        ]
        size = self.size_for(rows)
        if size is None:
            return "\n".join(
                [
                    *lines,
                    f"  Windows of {rows:,} rows are not evaluated: the smallest learned size is {min(self.nulls)}.",
                ]
            )
        lines.append(f"Thresholds at {rows:,} rows (thinned to {size:,} against {reference_rows(size):,}):")
        share = false_alarm_rate / len(self.nulls[size])
        lines += [f"  {test}: {_in_words(test, null, share)}" for test, null in self.nulls[size].items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """As JSON-serializable objects."""
        return {"format": FORMAT, **asdict(self), "nulls": {str(k): _plain(v) for k, v in self.nulls.items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | str) -> MultivariateCalibration:
        """Reads what `to_json` wrote (the object or its text).

        Raises
        ------
        InputError
            When the document is of another format.
        """
        content = json.loads(document) if isinstance(document, str) else dict(document)
        if content.pop("format", None) != FORMAT:
            raise InputError("The calibration was stored by another version of Driftline; build the baseline again.")
        nulls = {
            int(size): {test: WindowNull(**null) for test, null in tests.items()}
            for size, tests in content.pop("nulls").items()
        }
        return cls(**{**content, "features": tuple(content["features"])}, nulls=nulls)


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


def reference_rows(size: int) -> int:
    """Rows of the reference that a window thinned to ``size`` is held against: more would hardly lower its noise."""
    return min(5 * size, REFERENCE_ROWS)


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


def in_normal_unit(test: str, statistic: float) -> float:
    """The statistic where its spread over clean windows is about normal, and no limit lies beyond its range.

    An AUC as ``ln(d + 0.5)`` with ``d = sqrt(2) z(AUC)``, the distance in standard deviations of two normal samples
    with that AUC; a Kolmogorov-Smirnov distance as its logit; the log ratio of the reconstruction errors as it is. The
    largest change of a correlation has a unit that goes with the number of pairs (`MaximumUnit`).
    Chosen by simulation: with 30 windows that differ normally in 1, 3 or 30 features, or not at all, the predictive
    tail at 1/300 was 0.000 to 0.003, where that of the plain statistic reaches 0.016.
    """
    if test == MultivariateTest.DOMAIN_CLASSIFIER:
        area = min(max(statistic, 1e-6), 1 - 1e-6)
        return math.log(max(math.sqrt(2) * float(special.ndtri(area)) + DISTANCE_OFFSET, 0.05))
    if test == MultivariateTest.SCORE_DRIFT:
        return float(special.logit(min(max(statistic, 1e-6), 1 - 1e-6)))
    return statistic


def from_normal_unit(test: str, value: float) -> float:
    """The statistic at a value of its normal unit."""
    if test == MultivariateTest.DOMAIN_CLASSIFIER:
        return float(special.ndtr((math.exp(value) - DISTANCE_OFFSET) / math.sqrt(2)))
    if test == MultivariateTest.SCORE_DRIFT:
        return float(special.expit(value))
    return value


def score_distance(reference: Table, current: Table, score: str) -> float:
    """Kolmogorov-Smirnov distance of the scores. Raises `NotEvaluable` without finite values that differ."""
    pair = numeric_pair(reference.numbers[score], current.numbers[score])
    pair.require_finite_values()
    return kolmogorov_smirnov(*pair.cumulative)


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
    return reconstruction_of(reference, current, explained_variance).log_ratio


def _split(table: Table, labels: NDArray[np.intp], block: int, size: int) -> tuple[Table, Table]:
    """The other blocks as the reference, and the block thinned to the size."""
    rng = np.random.default_rng(SEED + block)
    others, own = np.flatnonzero(labels != block), np.flatnonzero(labels == block)
    drawn = rng.choice(others, min(reference_rows(size), others.size), replace=False)
    return table.take(np.sort(drawn)), table.take(np.sort(rng.choice(own, size, replace=False)))


def _in_words(test: str, null: WindowNull, share: float) -> str:
    """The usual value of a statistic and its limits."""
    tail = share / 2 if test in TWO_SIDED else share
    if test == MultivariateTest.CORRELATION_CHANGE:
        return f"usually {null.mean:+.1f} normal deviates of chance, evidence from {null.quantile(tail):+.1f}"
    usual, highest = from_normal_unit(test, null.mean), from_normal_unit(test, null.quantile(tail))
    if test in TWO_SIDED:
        return f"usually {usual:+.3f}, evidence from {null.quantile(1 - tail):+.3f} down and {highest:+.3f} up"
    return f"usually {usual:.3f}, evidence from {highest:.3f}"


def _plain(nulls: Mapping[str, WindowNull]) -> dict[str, dict[str, float]]:
    return {test: asdict(null) for test, null in nulls.items()}
