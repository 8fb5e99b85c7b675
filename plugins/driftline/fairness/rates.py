"""What is measured of each group, with its interval.

References
----------
.. [1] Hardt, Price, Srebro (2016), "Equality of opportunity in supervised learning", NeurIPS 29 (true and false
   positive rates).
.. [2] Chouldechova (2017), "Fair prediction with disparate impact", Big Data 5 (predictive parity).
.. [3] Kleinberg, Mullainathan, Raghavan (2017), "Inherent trade-offs in the fair determination of risk scores", ITCS
   (calibration within groups).
"""

from __future__ import annotations

import math
from enum import StrEnum

from driftline.fairness.counts import GroupCounts
from driftline.performance import Metric
from driftline.performance.classification import share_metric
from driftline.performance.intervals import mean_interval
from driftline.performance.metric import undefined
from driftline.profiles import BinaryOutcomeProfile, Moments, MulticlassOutcomeProfile, RegressionOutcomeProfile


class Rate(StrEnum):
    """A group's figure that fair treatment wants alike in all groups."""

    SELECTION_RATE = "selection_rate"
    """Share of the predictions that are positive."""
    TRUE_POSITIVE_RATE = "true_positive_rate"
    """Share of the positive labels that were predicted positive [1]_."""
    FALSE_POSITIVE_RATE = "false_positive_rate"
    """Share of the negative labels that were predicted positive [1]_."""
    PRECISION = "precision"
    """Share of the positive predictions whose label is positive [2]_."""
    CALIBRATION = "calibration"
    """Mean score minus the share of positive labels: 0 where the group's scores mean what they say [3]_."""
    ACCURACY = "accuracy"
    """Share of the labels whose class was predicted (several classes)."""
    MAE = "mae"
    """Mean absolute error, in the label's unit (regression)."""
    BIAS = "bias"
    """Mean of prediction minus label, in the label's unit (regression)."""

    @property
    def is_share(self) -> bool:
        """Whether differences are told in points (1 point is 0.01); others are in the label's unit."""
        return self not in ERRORS

    @property
    def needs_labels(self) -> bool:
        return self is not Rate.SELECTION_RATE


ERRORS = frozenset({Rate.MAE, Rate.BIAS})

ROWS_IN_WORDS = {
    Rate.SELECTION_RATE: "predictions",
    Rate.TRUE_POSITIVE_RATE: "positive labels",
    Rate.FALSE_POSITIVE_RATE: "negative labels",
    Rate.PRECISION: "labeled positive predictions",
    Rate.CALIBRATION: "labeled scores",
    Rate.ACCURACY: "labels",
    Rate.MAE: "labels",
    Rate.BIAS: "labels",
}
"""The rows that a rate rests on, for messages."""


def group_rate(rate: Rate, counts: GroupCounts, confidence: float) -> Metric:
    """One rate of one group.

    Parameters
    ----------
    rate : Rate
        What is measured.
    counts : GroupCounts
        The group's rows.
    confidence : float
        Level of the interval, 0 to 1.

    Returns
    -------
    Metric
        Undefined, with the reason, where no row has what the rate rests on; `Metric.size` says how many have.

    Notes
    -----
    Shares have Wilson's interval, the others the normal one of a mean.
    """
    if rate is Rate.SELECTION_RATE:
        return share_metric(rate, counts.predicted_positive, counts.predictions, "no predictions", confidence)
    outcome = counts.outcome
    if isinstance(outcome, BinaryOutcomeProfile):
        return _of_classes(rate, outcome, confidence)
    if isinstance(outcome, MulticlassOutcomeProfile) and rate is Rate.ACCURACY:
        matches = int(outcome.confusion.diagonal()[:-1].sum()) + outcome.outside_matches
        return share_metric(rate, matches, outcome.rows, "no labels", confidence)
    if isinstance(outcome, RegressionOutcomeProfile):
        return _of_errors(rate, outcome, confidence)
    return undefined(rate, "no labels")


def _of_classes(rate: Rate, outcome: BinaryOutcomeProfile, confidence: float) -> Metric:
    hits, false_alarms = outcome.true_positives, outcome.false_positives
    if rate is Rate.CALIBRATION:
        return _mean(rate, _calibration(outcome), "no labeled prediction has a valid score", confidence)
    successes, rows = {
        Rate.TRUE_POSITIVE_RATE: (hits, hits + outcome.false_negatives),
        Rate.FALSE_POSITIVE_RATE: (false_alarms, false_alarms + outcome.true_negatives),
        Rate.PRECISION: (hits, hits + false_alarms),
    }.get(rate, (0, 0))
    return share_metric(rate, successes, rows, f"no {ROWS_IN_WORDS[rate]}", confidence)


def _calibration(outcome: BinaryOutcomeProfile) -> Moments:
    """Moments of score minus label: their squares are the Brier score's terms."""
    rows = outcome.brier.n
    if rows == 0:
        return Moments()
    mean = float(outcome.score_sums.sum() - outcome.positives.sum()) / rows
    return Moments(rows, mean, max(rows * (outcome.brier.mean - mean * mean), 0.0))


def _of_errors(rate: Rate, outcome: RegressionOutcomeProfile, confidence: float) -> Metric:
    if rate not in ERRORS:
        return undefined(rate, "a regression has no classes")
    moments = outcome.absolute_errors if rate is Rate.MAE else outcome.errors.moments
    return _mean(rate, moments, "no labels", confidence)


def _mean(rate: Rate, moments: Moments, undefined_because: str, confidence: float) -> Metric:
    if moments.n == 0:
        return undefined(rate, undefined_because)
    if not math.isfinite(moments.mean):
        return undefined(rate, "values are too large for floating-point numbers", moments.n)
    low, high = mean_interval(moments, confidence) or (None, None)
    return Metric(rate, moments.mean, low, high, size=moments.n)
