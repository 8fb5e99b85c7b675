"""How good predictions of several classes are, before their labels come: from calibrated class scores.

References
----------
.. [1] Białek, Kuberski, Perrakis, Bifet (2024), "Estimating model performance under covariate shift without labels",
   arXiv:2401.08348 (confidence-based performance estimation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.performance.class_scores import ClassScores, MulticlassCalibration
from driftline.performance.intervals import critical_value, logit_interval
from driftline.performance.metric import METRIC_KINDS, Metric, MetricKind, undefined
from driftline.performance.score_calibration import ScoreCalibration
from driftline.profiles.outcomes import SMALLEST_PROBABILITY

Floats = NDArray[np.float64]

ESTIMATED_CLASS_METRICS = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "log_loss")


def estimate_multiclass_metrics(
    calibration: MulticlassCalibration,
    predictions: Sequence[ClassScores],
    confidence: float = 0.95,
    labeled: int | None = None,
) -> dict[str, Metric]:
    """Accuracy, macro precision, recall and F1, and log loss that are to be expected of unlabeled predictions.

    Parameters
    ----------
    calibration : MulticlassCalibration
        Learned where the labels are known.
    predictions : sequence of ClassScores
        Of each class, in the calibration's order.
    confidence : float
        Level of the intervals, 0 to 1.
    labeled : int, optional
        Rows of ``predictions`` whose labels the interval is for: all of them unless fewer are given.

    Returns
    -------
    dict of str to Metric
        By name; undefined ones with the reason. The interval is for the metric that the labels will show.

    Notes
    -----
    Confidence-based performance estimation [1]_ on counts: a row adds, to each class, the chance that it is the label,
    by the class's score and by whether the class was predicted. NannyML normalises calibrated scores row by row; here
    each chance is learned beside the prediction instead, so that counts suffice. Like every such estimate it sees what
    a shift of the inputs does, and not a change of what they mean.

    The variance is that of the first-order expansion. How the errors of a class are shared among the classes that were
    predicted instead is taken from the calibration's rows; what rows of one predicted class differ in their chance of
    being right widens the interval rather than narrows it. Log loss takes each score as the middle of its cell.
    """
    expected = _Expected.of(calibration, predictions)
    if expected.rows == 0:
        return {name: undefined(name, "no predictions with a valid score") for name in ESTIMATED_CLASS_METRICS}
    share = 1.0 if labeled is None else min(max(labeled / expected.rows, 1e-9), 1.0)
    found = {}
    for name, metric in {**_ratios(expected), "log_loss": _log_loss(calibration, predictions, expected)}.items():
        if metric is None:
            found[name] = undefined(name, "no class is predicted or expected", round(expected.rows))
            continue
        by_calibration = _pull(calibration, predictions, metric)
        variance = metric.by_labels / share + by_calibration
        interval = _interval(name, metric.value, variance, confidence)
        found[name] = Metric(name, metric.value, *interval, size=round(expected.rows * share))
    return found


@dataclass(frozen=True, eq=False)
class _Expected:
    """Expected rows per class: predicted and right, predicted at all, and missed (the label, but not predicted)."""

    hits: Floats
    predicted: Floats
    misses: Floats
    confusions: Floats

    @classmethod
    def of(cls, calibration: MulticlassCalibration, predictions: Sequence[ClassScores]) -> _Expected:
        pairs = list(zip(calibration.calibrations, predictions, strict=True))
        return cls(
            hits=np.array([float(scored.own @ learned.own.chance(scored.scores)) for learned, scored in pairs]),
            predicted=np.array([float(scored.own.sum()) for scored in predictions]),
            misses=np.array([float(scored.others @ learned.others.chance(scored.scores)) for learned, scored in pairs]),
            confusions=calibration.confusions,
        )

    @property
    def rows(self) -> float:
        return float(self.predicted.sum())

    def label_variance(self, per_hit: Floats, per_miss: Floats) -> float:
        """Variance of a sum in which a row's label counts ``per_hit`` of its predicted class, or ``per_miss`` of the
        class that it turns out to be: an upper bound, from the errors that are expected between each two classes."""
        errors = (self.misses[:, None] * self.confusions).T  # by predicted class, then by label
        surprise = per_miss[None, :] - per_hit[:, None]
        total, squared = (errors * surprise).sum(axis=1), (errors * surprise**2).sum(axis=1)
        common = np.divide(total**2, self.predicted, out=np.zeros_like(total), where=self.predicted > 0)
        return float(np.maximum(squared - common, 0.0).sum())


@dataclass(frozen=True, eq=False)
class _Linear:
    """A metric, how it changes with one expected hit or miss more (per class; log loss: per class and cell), and its
    variance by the draw of the labels."""

    value: float
    per_hit: Sequence[Floats | float]
    per_miss: Sequence[Floats | float]
    by_labels: float


def _ratios(expected: _Expected) -> dict[str, _Linear | None]:
    classes, rows = len(expected.hits), expected.rows
    hits, predicted = expected.hits, expected.predicted
    labels = hits + expected.misses
    ones, zeros = np.ones(classes), np.zeros(classes)
    there = (predicted > 0) | (labels > 0)
    f1 = _divided(2 * hits, predicted + labels)
    return {
        "accuracy": _linear(expected, float(hits.sum()) / rows, ones / rows, zeros),
        "precision_macro": _average(
            expected, predicted > 0, _divided(hits, predicted), _divided(ones, predicted), zeros
        ),
        "recall_macro": _average(
            expected,
            labels > 0,
            _divided(hits, labels),
            _divided(expected.misses, labels**2),
            -_divided(hits, labels**2),
        ),
        "f1_macro": _average(
            expected, there, f1, _divided(2 - f1, predicted + labels), -_divided(f1, predicted + labels)
        ),
    }


def _average(
    expected: _Expected, defined: NDArray[np.bool_], values: Floats, per_hit: Floats, per_miss: Floats
) -> _Linear | None:
    """The mean over the classes for which the metric is defined."""
    number = int(defined.sum())
    if not number:
        return None
    return _linear(
        expected,
        float(values[defined].mean()),
        np.where(defined, per_hit, 0.0) / number,
        np.where(defined, per_miss, 0.0) / number,
    )


def _linear(expected: _Expected, value: float, per_hit: Floats, per_miss: Floats) -> _Linear:
    return _Linear(value, list(per_hit), list(per_miss), expected.label_variance(per_hit, per_miss))


def _log_loss(
    calibration: MulticlassCalibration, predictions: Sequence[ClassScores], expected: _Expected
) -> _Linear | None:
    rows = expected.rows
    losses = [-np.log(np.clip(scored.scores, SMALLEST_PROBABILITY, 1.0)) for scored in predictions]
    total = squared = weight = 0.0
    for learned, scored, loss in zip(calibration.calibrations, predictions, losses, strict=True):
        chances = scored.own * learned.own.chance(scored.scores) + scored.others * learned.others.chance(scored.scores)
        total += float(chances @ loss)
        squared += float(chances @ loss**2)
        weight += float(chances.sum())
    if not weight:
        return None
    # The chances of a row's classes need not sum to 1, as each is learned by itself: the mean is over their sum.
    mean = total / weight
    variance = max(squared / weight - mean**2, 0.0) / rows
    gradients = [(loss - mean) / weight for loss in losses]
    return _Linear(mean, gradients, gradients, variance)


def _pull(calibration: MulticlassCalibration, predictions: Sequence[ClassScores], metric: _Linear) -> float:
    """The variance that the calibrations themselves add, block by block."""
    variance = 0.0
    for index, (learned, scored) in enumerate(zip(calibration.calibrations, predictions, strict=True)):
        variance += _block_variance(learned.own, scored.scores, scored.own * metric.per_hit[index])
        variance += _block_variance(learned.others, scored.scores, scored.others * metric.per_miss[index])
    return variance


def _block_variance(learned: ScoreCalibration, scores: Floats, pull: Floats) -> float:
    of_blocks = learned.block_variances
    by_block = np.bincount(learned.block(scores), weights=pull, minlength=of_blocks.size)
    return float(np.sum(np.square(by_block) * of_blocks))


def _divided(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _interval(name: str, value: float, variance: float, confidence: float) -> tuple[float, float]:
    if METRIC_KINDS[name] is MetricKind.SHARE and 0 < value < 1:
        return logit_interval(value, variance, confidence)
    half_width = critical_value(confidence) * float(np.sqrt(variance))
    highest = 1.0 if METRIC_KINDS[name] is MetricKind.SHARE else np.inf
    return max(0.0, value - half_width), min(highest, value + half_width)
