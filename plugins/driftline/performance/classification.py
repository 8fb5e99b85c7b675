"""Metrics of a binary classifier, from its outcome profile.

References
----------
.. [1] Hand, Christen, Kirielle (2021), "F*: an interpretable transformation of the F-measure", Machine Learning 110:
   F1 rises with the plain proportion F* = TP / (TP + FP + FN), so that Wilson's interval of F* gives one of F1.
.. [2] Naeini, Cooper, Hauskrecht (2015), "Obtaining well calibrated probabilities using Bayesian binning", AAAI
   (expected calibration error).
"""

from __future__ import annotations

import math

import numpy as np

from driftline.performance.intervals import critical_value, mean_interval, wilson_interval
from driftline.performance.metric import Metric, undefined
from driftline.performance.ranking import pr_auc, roc_auc
from driftline.profiles import BinaryOutcomeProfile, Moments

CALIBRATION_GROUPS = 10


def binary_metrics(profile: BinaryOutcomeProfile, confidence: float = 0.95) -> dict[str, Metric]:
    """Accuracy, precision, recall, F1, specificity, ROC-AUC, PR-AUC, log loss, Brier score and calibration error.

    Parameters
    ----------
    profile : BinaryOutcomeProfile
        Labeled predictions. Rows without a valid score count in the first five metrics only.
    confidence : float
        Level of the intervals, 0 to 1.

    Returns
    -------
    dict of str to Metric
        By name. Undefined metrics are there too, with the reason.

    Notes
    -----
    The first five, log loss and Brier equal scikit-learn's on the rows. ROC-AUC and PR-AUC treat scores of one cell
    as tied (`driftline.performance.roc_auc_error_bound`). Intervals: Wilson's for shares, the normal one for means,
    DeLong's for ROC-AUC, an influence function's for PR-AUC.
    """
    metrics = (
        *_confusion_metrics(profile, confidence),
        roc_auc(profile, confidence),
        pr_auc(profile, confidence),
        _mean("log_loss", profile.log_loss, profile, confidence),
        _mean("brier", profile.brier, profile, confidence),
        calibration_error(profile, confidence),
    )
    return {metric.name: metric for metric in metrics}


def calibration_error(profile: BinaryOutcomeProfile, confidence: float) -> Metric:
    """Mean distance of the scores from the share of positives, over ten groups of rising score, equally large.

    Groups are made of whole cells. Chance alone keeps the estimate above 0; the interval's lower end leaves that out.
    """
    rows = profile.positives + profile.negatives
    total = int(rows.sum())
    if total == 0:
        return undefined("calibration_error", _no_scores(profile))
    middle = (np.cumsum(rows) - rows / 2) / total
    group = np.minimum((middle * CALIBRATION_GROUPS).astype(np.intp), CALIBRATION_GROUPS - 1)
    sizes = np.bincount(group, weights=rows, minlength=CALIBRATION_GROUPS)
    filled = sizes > 0
    share = np.bincount(group, weights=profile.positives, minlength=CALIBRATION_GROUPS)[filled] / sizes[filled]
    score = np.bincount(group, weights=profile.score_sums, minlength=CALIBRATION_GROUPS)[filled] / sizes[filled]
    weight = sizes[filled] / total
    value = float(np.sum(weight * np.abs(share - score)))
    variances = np.square(weight) * share * (1 - share) / sizes[filled]
    chance = float(np.sum(np.sqrt(2 * variances / math.pi)))
    half_width = critical_value(confidence) * math.sqrt(float(np.sum(variances)))
    return Metric(
        "calibration_error", value, max(0.0, value - chance - half_width), min(1.0, value + half_width), size=total
    )


def _confusion_metrics(profile: BinaryOutcomeProfile, confidence: float) -> tuple[Metric, ...]:
    hits, false_alarms = profile.true_positives, profile.false_positives
    misses, rejections = profile.false_negatives, profile.true_negatives
    rows = profile.rows
    return (
        share_metric("accuracy", hits + rejections, rows, "no labels", confidence),
        share_metric("precision", hits, hits + false_alarms, f"none of {rows} predictions is positive", confidence),
        share_metric("recall", hits, hits + misses, f"none of {rows} labels is positive", confidence),
        f1_from_star(
            share_metric(
                "f1", hits, hits + false_alarms + misses, "neither labels nor predictions are positive", confidence
            )
        ),
        share_metric(
            "specificity", rejections, rejections + false_alarms, f"none of {rows} labels is negative", confidence
        ),
    )


def share_metric(name: str, successes: int, size: int, undefined_because: str, confidence: float) -> Metric:
    """A share of ``size`` rows with Wilson's interval; undefined where there are none."""
    if size == 0:
        return undefined(name, undefined_because)
    share = successes / size
    return Metric(name, share, *wilson_interval(share, size, confidence), size=size)


def f1_from_star(star: Metric) -> Metric:
    """F1 from F* [1]_."""
    if star.value is None or star.interval_low is None or star.interval_high is None:
        return star
    value, low, high = (2 * share / (1 + share) for share in (star.value, star.interval_low, star.interval_high))
    return Metric("f1", value, low, high, size=star.size)


def _mean(name: str, moments: Moments, profile: BinaryOutcomeProfile, confidence: float) -> Metric:
    if moments.n == 0:
        return undefined(name, _no_scores(profile))
    low, high = mean_interval(moments, confidence) or (None, None)
    return Metric(name, moments.mean, None if low is None else max(0.0, low), high, size=moments.n)


def _no_scores(profile: BinaryOutcomeProfile) -> str:
    return f"none of the {profile.rows} labeled rows has a valid score" if profile.rows else "no labels"
