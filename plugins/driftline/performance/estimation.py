"""How good predictions are, before their labels come: from calibrated scores.

References
----------
.. [1] Białek, Kuberski, Perrakis, Bifet (2024), "Estimating model performance under covariate shift without labels",
   arXiv:2401.08348 (confidence-based performance estimation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.performance.intervals import critical_value, logit_interval
from driftline.performance.metric import Metric, undefined
from driftline.performance.score_calibration import ScoreCalibration
from driftline.performance.scored import ScoredPredictions

Floats = NDArray[np.float64]

ESTIMATED_METRICS = ("accuracy", "precision", "recall", "specificity", "f1", "roc_auc")


def estimate_binary_metrics(
    calibration: ScoreCalibration, predictions: ScoredPredictions, confidence: float = 0.95
) -> dict[str, Metric]:
    """Accuracy, precision, recall, specificity, F1 and ROC-AUC that are to be expected of unlabeled predictions.

    Parameters
    ----------
    calibration : ScoreCalibration
        Learned where the labels are known.
    predictions : ScoredPredictions
        Scores with the class that was predicted.
    confidence : float
        Level of the intervals, 0 to 1.

    Returns
    -------
    dict of str to Metric
        By name; undefined ones with the reason. The interval is for the metric that the labels of these very rows will
        show: it holds what chance does to labels of known probability, and the calibration's own uncertainty.

    Notes
    -----
    Confidence-based performance estimation [1]_: each row adds its calibrated chance to the expected confusion matrix.
    It is right as long as the chance of a positive label at a given score is what it was when the calibration was
    learned: it sees what a shift of the inputs does, and not a change of what they mean (concept drift). The variance
    is that of the first-order expansion: labels are independent draws, and so are the calibration's blocks.
    """
    if predictions.size == 0:
        return {name: undefined(name, "no predictions with a valid score") for name in ESTIMATED_METRICS}
    chances = calibration.chance(predictions.scores)
    expected = _Expected.of(predictions, chances)
    linear = {**_ratios(expected), "roc_auc": _roc_auc(predictions, chances)}
    blocks = calibration.block(predictions.scores)
    found = {}
    for name in ESTIMATED_METRICS:
        ratio = linear[name]
        if isinstance(ratio, str):
            found[name] = undefined(name, ratio, predictions.size)
            continue
        variance = _variance(ratio, predictions, chances, blocks, calibration.block_variances)
        interval = _interval(ratio.value, variance, confidence)
        found[name] = Metric(name, ratio.value, *interval, size=predictions.size)
    return found


@dataclass(frozen=True)
class _Expected:
    """The expected confusion matrix, in rows."""

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float

    @classmethod
    def of(cls, predictions: ScoredPredictions, chances: Floats) -> _Expected:
        positive, negative = predictions.predicted_positive, predictions.predicted_negative
        return cls(
            float(np.sum(positive * chances)),
            float(np.sum(positive * (1 - chances))),
            float(np.sum(negative * chances)),
            float(np.sum(negative * (1 - chances))),
        )


@dataclass(frozen=True, eq=False)
class _Linear:
    """A metric, and how it changes with the chance of one row more being positive, per cell and predicted class."""

    value: float
    per_positive: Floats | float
    per_negative: Floats | float


def _ratios(expected: _Expected) -> dict[str, _Linear | str]:
    hits, false_alarms = expected.true_positives, expected.false_positives
    misses, rejections = expected.false_negatives, expected.true_negatives
    rows = hits + false_alarms + misses + rejections
    flagged, positives, negatives = hits + false_alarms, hits + misses, false_alarms + rejections
    found: dict[str, _Linear | str] = {"accuracy": _Linear((hits + rejections) / rows, 1 / rows, -1 / rows)}
    no_positives, no_negatives = "no positive label is expected", "no negative label is expected"
    found["precision"] = _Linear(hits / flagged, 1 / flagged, 0.0) if flagged else "none of the predictions is positive"
    found["recall"] = (
        _Linear(hits / positives, misses / positives**2, -hits / positives**2) if positives else no_positives
    )
    found["specificity"] = (
        _Linear(rejections / negatives, rejections / negatives**2, -false_alarms / negatives**2)
        if negatives
        else no_negatives
    )
    both = flagged + positives
    f1 = 2 * hits / both if both else 0.0
    found["f1"] = _Linear(f1, (2 - f1) / both, -f1 / both) if both else no_positives
    return found


def _roc_auc(predictions: ScoredPredictions, chances: Floats) -> _Linear | str:
    rows = predictions.rows
    positives, negatives = rows * chances, rows * (1 - chances)
    total_positives, total_negatives = float(positives.sum()), float(negatives.sum())
    if not total_positives or not total_negatives:
        return "labels of one class only are expected"
    beaten = np.cumsum(negatives) - negatives / 2
    above = total_positives - np.cumsum(positives) + positives / 2
    area = float(np.sum(positives * beaten)) / (total_positives * total_negatives)
    gradient = (beaten - above) / (total_positives * total_negatives) - area * (
        1 / total_positives - 1 / total_negatives
    )
    return _Linear(area, gradient, gradient)


def _variance(
    metric: _Linear, predictions: ScoredPredictions, chances: Floats, blocks: NDArray[np.intp], of_blocks: Floats
) -> float:
    positive, negative = predictions.predicted_positive, predictions.predicted_negative
    squared = positive * np.square(metric.per_positive) + negative * np.square(metric.per_negative)
    by_labels = float(np.sum(squared * chances * (1 - chances)))
    pull = positive * metric.per_positive + negative * metric.per_negative
    by_block = np.bincount(blocks, weights=pull, minlength=of_blocks.size)
    return by_labels + float(np.sum(np.square(by_block) * of_blocks))


def _interval(value: float, variance: float, confidence: float) -> tuple[float, float]:
    if 0 < value < 1:
        return logit_interval(value, variance, confidence)
    half_width = critical_value(confidence) * float(np.sqrt(variance))
    return max(0.0, value - half_width), min(1.0, value + half_width)
