"""How well scores rank: the areas under the ROC and the precision-recall curve, from score cells by label.

References
----------
.. [1] DeLong, DeLong, Clarke-Pearson (1988), "Comparing the areas under two or more correlated receiver operating
   characteristic curves", Biometrics 44.
.. [2] Qin and Hotilovac (2008), "Comparison of non-parametric confidence intervals for the area under the ROC curve",
   Statistical Methods in Medical Research 17 (the logit scale).
.. [3] Newcombe (2006), "Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part 2",
   Statistics in Medicine 25, method 5.
.. [4] Boyd, Eng, Page (2013), "Area under the precision-recall curve: point estimates and confidence intervals",
   ECML PKDD (the logit scale; the binomial interval on the positives where the sample shows no variance).
.. [5] Hampel (1974), "The influence curve and its role in robust estimation", JASA 69.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from driftline.performance.intervals import Interval, critical_value, logit_interval, wilson_interval
from driftline.performance.metric import Metric, undefined
from driftline.profiles import BinaryOutcomeProfile

Floats = NDArray[np.float64]


def roc_auc(profile: BinaryOutcomeProfile, confidence: float) -> Metric:
    """Chance that a positive's score is above a negative's, ties counting half.

    Scores of one cell count as tied; `roc_auc_error_bound` says how much that can matter. The interval is DeLong's
    [1]_ on the logit scale [2]_, and Newcombe's [3]_ where the sample shows no variance.
    """
    positives, negatives = int(profile.positives.sum()), int(profile.negatives.sum())
    reason = _one_class(positives, negatives, profile)
    if reason:
        return undefined("roc_auc", reason, positives + negatives)
    area, variance = _area_and_variance(profile)
    if 0 < area < 1 and variance > 0:
        interval = logit_interval(area, variance, confidence)
    else:
        interval = _newcombe_interval(area, positives, negatives, confidence)
    return Metric("roc_auc", area, *interval, size=positives + negatives)


def roc_auc_error_bound(profile: BinaryOutcomeProfile) -> float:
    """The farthest that `roc_auc` can be from the area on the rows: half the pairs that share a cell.

    Cells that can hold a single value only (atoms) add nothing, so few distinct scores make the area exact.
    """
    shared = np.where(profile.binning.atoms, 0.0, profile.positives.astype(np.float64) * profile.negatives)
    pairs = float(profile.positives.sum()) * float(profile.negatives.sum())
    return float(shared.sum()) / (2 * pairs) if pairs else 0.0


def pr_auc(profile: BinaryOutcomeProfile, confidence: float) -> Metric:
    """Average precision: precision at each cell's threshold, weighted by the recall won there.

    The interval is the normal one on the logit scale [4]_, its variance that of the area's influence function [5]_,
    so that few negatives widen it as few positives do.
    """
    positives, negatives = int(profile.positives.sum()), int(profile.negatives.sum())
    if positives == 0:
        reason = _one_class(positives, negatives, profile)
        return undefined("pr_auc", reason, positives + negatives)
    area, variance = _average_precision_and_variance(profile)
    if 0 < area < 1 and variance > 0:
        interval = logit_interval(area, variance, confidence)
    else:
        interval = wilson_interval(area, positives, confidence)
    return Metric("pr_auc", area, *interval, size=positives + negatives)


def _one_class(positives: int, negatives: int, profile: BinaryOutcomeProfile) -> str:
    if positives + negatives == 0:
        return f"none of the {profile.rows} labeled rows has a valid score" if profile.rows else "no labels"
    if positives and negatives:
        return ""
    present, absent = ("positive", "negative") if positives else ("negative", "positive")
    return f"all {positives + negatives} labels with a score are {present}; there is no {absent} to rank against"


def _area_and_variance(profile: BinaryOutcomeProfile) -> tuple[float, float]:
    positives = profile.positives.astype(np.float64)
    negatives = profile.negatives.astype(np.float64)
    total_positives, total_negatives = float(positives.sum()), float(negatives.sum())
    negatives_beaten = (np.cumsum(negatives) - negatives / 2) / total_negatives
    positives_above = (total_positives - np.cumsum(positives) + positives / 2) / total_positives
    area = float(np.sum(positives * negatives_beaten)) / total_positives
    if min(total_positives, total_negatives) < 2:
        return area, 0.0
    positive_part = float(np.sum(positives * np.square(negatives_beaten - area))) / (total_positives - 1)
    negative_part = float(np.sum(negatives * np.square(positives_above - area))) / (total_negatives - 1)
    return area, positive_part / total_positives + negative_part / total_negatives


def _average_precision_and_variance(profile: BinaryOutcomeProfile) -> tuple[float, float]:
    """With thresholds falling from the highest cell: ``weight`` is the recall won at each."""
    positives = profile.positives[::-1].astype(np.float64)
    negatives = profile.negatives[::-1].astype(np.float64)
    total_positives, total_negatives = float(positives.sum()), float(negatives.sum())
    rows = total_positives + total_negatives
    base_rate = total_positives / rows
    weight = positives / total_positives
    recall = np.cumsum(weight)
    fallout = np.cumsum(negatives) / max(total_negatives, 1.0)
    flagged = base_rate * recall + (1 - base_rate) * fallout
    scale = np.divide(weight, np.square(flagged), out=np.zeros_like(weight), where=weight > 0)
    precision = np.divide(base_rate * recall, flagged, out=np.zeros_like(recall), where=flagged > 0)
    area = min(float(np.sum(weight * precision)), 1.0)
    if total_negatives == 0:
        return area, 0.0
    by_recall = base_rate * (1 - base_rate) * fallout * scale
    by_fallout = -base_rate * (1 - base_rate) * recall * scale
    of_positives = precision - area + _suffix_sums(by_recall) - float(np.sum(by_recall * recall))
    of_negatives = _suffix_sums(by_fallout) - float(np.sum(by_fallout * fallout))
    by_base_rate = float(np.sum(recall * fallout * scale))
    variance = (
        float(np.sum(weight * np.square(of_positives))) / total_positives
        + float(np.sum(negatives * np.square(of_negatives))) / total_negatives**2
        + by_base_rate**2 * base_rate * (1 - base_rate) / rows
    )
    return area, variance


def _suffix_sums(values: Floats) -> Floats:
    return np.cumsum(values[::-1])[::-1]


def _newcombe_interval(area: float, positives: int, negatives: int, confidence: float) -> Interval:
    """Where the distance to the estimate is ``z`` times the standard error that the limit itself implies."""
    z = critical_value(confidence)
    mean_size = (positives + negatives) / 2

    def excess(limit: float) -> float:
        spread = 1 + (mean_size - 1) * ((1 - limit) / (2 - limit) + limit / (1 + limit))
        return (area - limit) ** 2 - z * z * limit * (1 - limit) * spread / (positives * negatives)

    return _root(excess, 0.0, area), _root(excess, 1.0, area)


def _root(excess: Callable[[float], float], outside: float, inside: float) -> float:
    """Bisection between a point ``outside`` the interval (excess > 0) and the estimate ``inside`` it."""
    if outside == inside:
        return inside
    for _ in range(60):
        middle = (outside + inside) / 2
        if excess(middle) > 0:
            outside = middle
        else:
            inside = middle
    return (outside + inside) / 2
