"""Metrics of a classifier of several classes, from its outcome profile.

References
----------
.. [1] Zou, Huang, Zhang (2009), "A note on confidence interval estimation for a linear function of binomial
   proportions", Computational Statistics & Data Analysis 53 (MOVER: the interval of a sum from those of its parts);
   with correlated parts: Zou (2008), "On the estimation of additive interaction", International Journal of
   Epidemiology 37.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.performance.classification import f1_from_star, share_metric
from driftline.performance.intervals import critical_value, mean_interval
from driftline.performance.metric import Metric, undefined
from driftline.performance.ranking import roc_auc
from driftline.profiles import MulticlassOutcomeProfile

Floats = NDArray[np.float64]

OUTSIDE = "(other)"
"""The name that all classes outside the profile's binning share."""


@dataclass(frozen=True)
class ConfusionMatrix:
    """Rows by label and by prediction: ``counts[label][prediction]``, in the order of ``classes``."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def multiclass_metrics(profile: MulticlassOutcomeProfile, confidence: float = 0.95) -> dict[str, Metric]:
    """Accuracy; macro and weighted precision, recall and F1; log loss; one-vs-rest ROC-AUC, macro and weighted.

    Named as scikit-learn's scorers: ``precision_macro``, ``f1_weighted``, ``roc_auc_ovr``, ``roc_auc_ovr_weighted``.

    Parameters
    ----------
    profile : MulticlassOutcomeProfile
        Labeled predictions. Rows without valid scores count in the confusion metrics only.
    confidence : float
        Level of the intervals, 0 to 1.

    Returns
    -------
    dict of str to Metric
        By name. Undefined metrics are there too, with the reason.

    Notes
    -----
    Equal to scikit-learn's on the rows, where a class's undefined metric is left out of the average
    (``zero_division=numpy.nan``) and not taken as 0; ROC-AUC treats scores of one cell as tied. Classes outside the
    profile's binning count as one class.

    Intervals: Wilson's for accuracy and for each class; for the averages they are combined [1]_ with the correlation
    that shared errors give the classes' F1. Those of the averaged ROC-AUC take the classes as fully correlated, which
    is wide rather than narrow.
    """
    classes = _Classes.of(profile)
    metrics = [
        share_metric("accuracy", round(float(classes.matches.sum())), profile.rows, "no labels", confidence),
        *(_average(classes, kind, "macro", confidence) for kind in _KINDS),
        *(_average(classes, kind, "weighted", confidence) for kind in _KINDS),
        _log_loss(profile, confidence),
        *_areas(profile, confidence),
    ]
    return {metric.name: metric for metric in metrics}


def class_metrics(profile: MulticlassOutcomeProfile, confidence: float = 0.95) -> dict[str, dict[str, Metric]]:
    """Precision, recall, F1 and (with scores) one-vs-rest ROC-AUC of each class that there is, by class and name."""
    classes = _Classes.of(profile)
    found = {
        name: {kind: classes.metric(kind, index, confidence) for kind in _KINDS}
        for index, name in enumerate(classes.names)
    }
    for name, one in zip(profile.classes, profile.one_vs_rest, strict=False):
        if name in found:
            found[name]["roc_auc"] = roc_auc(one, confidence)
    return found


def confusion_matrix(profile: MulticlassOutcomeProfile) -> ConfusionMatrix:
    """The classes that there are, `OUTSIDE` last where there is any."""
    present = _present(profile)
    names = (*profile.classes, OUTSIDE)
    return ConfusionMatrix(
        classes=tuple(names[index] for index in present),
        counts=tuple(tuple(int(profile.confusion[row, column]) for column in present) for row in present),
    )


_KINDS = ("precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class _Classes:
    """The classes that labels or predictions have, with what is right of them.

    `shared` is the rows that are an error of two classes at once, per pair.
    """

    names: tuple[str, ...]
    matches: Floats
    labeled: Floats
    predicted: Floats
    shared: Floats

    @classmethod
    def of(cls, profile: MulticlassOutcomeProfile) -> _Classes:
        present = _present(profile)
        names = (*profile.classes, OUTSIDE)
        confusion = profile.confusion.astype(np.float64)
        matches = np.append(np.diag(confusion)[:-1], profile.outside_matches)
        shared = confusion + confusion.T
        np.fill_diagonal(shared, 0.0)
        return cls(
            names=tuple(names[index] for index in present),
            matches=matches[present],
            labeled=confusion.sum(axis=1)[present],
            predicted=confusion.sum(axis=0)[present],
            shared=shared[np.ix_(present, present)],
        )

    def metric(self, kind: str, index: int, confidence: float) -> Metric:
        """One class's metric."""
        matches, labeled = round(float(self.matches[index])), round(float(self.labeled[index]))
        predicted, name = round(float(self.predicted[index])), self.names[index]
        if kind == "precision":
            return share_metric(kind, matches, predicted, f"no prediction is {name!r}", confidence)
        if kind == "recall":
            return share_metric(kind, matches, labeled, f"no label is {name!r}", confidence)
        return f1_from_star(share_metric(kind, matches, labeled + predicted - matches, "", confidence))

    def correlation(self, kind: str, values: Floats) -> Floats:
        """Of the classes' metrics; only those of F1 share errors."""
        correlation = np.eye(values.size)
        if kind != "f1":
            return correlation
        both = self.labeled + self.predicted
        variance = self.matches * np.square(2 - 2 * values) + (both - 2 * self.matches) * np.square(values)
        spread = np.sqrt(np.outer(variance, variance))
        covariance = np.outer(values, values) * self.shared
        np.divide(covariance, spread, out=correlation, where=(spread > 0) & ~np.eye(values.size, dtype=bool))
        return np.clip(correlation, 0.0, 1.0)


def _present(profile: MulticlassOutcomeProfile) -> NDArray[np.intp]:
    return np.flatnonzero(profile.confusion.sum(axis=0) + profile.confusion.sum(axis=1))


def _average(classes: _Classes, kind: str, averaging: str, confidence: float) -> Metric:
    name, rows = f"{kind}_{averaging}", round(float(classes.labeled.sum()))
    if not rows:
        return undefined(name, "no labels")
    if name == "recall_weighted":
        # Weighted by the labels, recall is accuracy.
        return share_metric(name, round(float(classes.matches.sum())), rows, "no labels", confidence)
    each = [classes.metric(kind, index, confidence) for index in range(len(classes.names))]
    defined = np.array([metric.value is not None for metric in each])
    weights = classes.labeled if averaging == "weighted" else np.ones(len(each))
    weights = np.where(defined, weights, 0.0)
    if not weights.sum():
        return undefined(name, f"{kind} is undefined for every class that has a label", rows)
    weights /= weights.sum()
    values, low, high = (
        np.array([getattr(metric, field) if metric.value is not None else 0.0 for metric in each])
        for field in ("value", "interval_low", "interval_high")
    )
    value = float(np.sum(weights * values))
    correlation = classes.correlation(kind, values)
    of_weights = _weights_share(weights, values - value, rows, confidence) if averaging == "weighted" else 0.0
    below, above = weights * (values - low), weights * (high - values)
    return Metric(
        name,
        value,
        max(0.0, value - math.sqrt(float(below @ correlation @ below) + of_weights)),
        min(1.0, value + math.sqrt(float(above @ correlation @ above) + of_weights)),
        size=rows,
    )


def _weights_share(weights: Floats, deviations: Floats, rows: int, confidence: float) -> float:
    """Squared half width that the weights, themselves shares of the rows, add to a weighted average."""
    return critical_value(confidence) ** 2 * float(np.sum(weights * np.square(deviations))) / rows


def _log_loss(profile: MulticlassOutcomeProfile, confidence: float) -> Metric:
    moments = profile.log_loss
    if moments.n == 0:
        return undefined("log_loss", _no_scores(profile))
    low, high = mean_interval(moments, confidence) or (None, None)
    return Metric("log_loss", moments.mean, None if low is None else max(0.0, low), high, size=moments.n)


def _areas(profile: MulticlassOutcomeProfile, confidence: float) -> tuple[Metric, Metric]:
    names = ("roc_auc_ovr", "roc_auc_ovr_weighted")
    if profile.log_loss.n == 0:
        reason = _no_scores(profile)
        return undefined(names[0], reason), undefined(names[1], reason)
    each = [roc_auc(one, confidence) for one in profile.one_vs_rest]
    support = np.array([float(one.positives.sum()) for one in profile.one_vs_rest])
    return (
        _average_area(names[0], each, np.ones(len(each)), profile.log_loss.n),
        _average_area(names[1], each, support, profile.log_loss.n),
    )


def _average_area(name: str, each: list[Metric], weights: Floats, rows: int) -> Metric:
    defined = [(metric, weight) for metric, weight in zip(each, weights, strict=True) if metric.value is not None]
    if not defined:
        return undefined(name, f"all {rows} labels with scores are one class; there is no other to rank against", rows)
    total = sum(weight for _, weight in defined)
    value, low, high = (
        float(sum(getattr(metric, field) * weight for metric, weight in defined) / total)
        for field in ("value", "interval_low", "interval_high")
    )
    return Metric(name, value, low, high, size=rows)


def _no_scores(profile: MulticlassOutcomeProfile) -> str:
    return f"none of the {profile.rows} labeled rows has valid scores" if profile.rows else "no labels"
