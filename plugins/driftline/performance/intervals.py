"""Confidence intervals of single metrics, and of the difference and ratio of two independent ones.

References
----------
.. [1] Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
.. [2] Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in
   Medicine 17, method 10; for any two estimates (MOVER): Zou and Donner (2008), Statistics in Medicine 27.
.. [3] Donner and Zou (2012), "Closed-form confidence intervals for functions of the normal mean and standard
   deviation", Statistical Methods in Medical Research 21 (the ratio).
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from driftline.profiles import Moments

Interval = tuple[float, float]


def critical_value(confidence: float) -> float:
    """The two-sided normal quantile: 1.96 at a ``confidence`` of 0.95."""
    return float(-ndtri((1 - confidence) / 2))


def wilson_interval(share: float, size: float, confidence: float) -> Interval:
    """Wilson's score interval [1]_ of a ``share`` (0..1) of ``size`` rows."""
    z = critical_value(confidence)
    shrink = 1 + z * z / size
    center = (share + z * z / (2 * size)) / shrink
    half_width = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size)) / shrink
    return (
        0.0 if share <= 0 else max(0.0, center - half_width),
        1.0 if share >= 1 else min(1.0, center + half_width),
    )


def mean_interval(moments: Moments, confidence: float) -> Interval | None:
    """The normal interval of a mean from its moments; ``None`` below two values or where they are not finite."""
    if moments.n < 2 or not math.isfinite(moments.m2):
        return None
    half_width = critical_value(confidence) * math.sqrt(moments.variance / moments.n)
    return moments.mean - half_width, moments.mean + half_width


def logit_interval(share: float, variance: float, confidence: float) -> Interval:
    """The normal interval on the logit scale of a ``share`` above 0 and below 1, so that it stays within 0 to 1."""
    center = math.log(share / (1 - share))
    half_width = critical_value(confidence) * math.sqrt(variance) / (share * (1 - share))
    return _inverse_logit(center - half_width), _inverse_logit(center + half_width)


def difference_interval(left: float, left_interval: Interval, right: float, right_interval: Interval) -> Interval:
    """Interval of ``left - right`` from the intervals of both [2]_, at their level of confidence."""
    difference = left - right
    return (
        difference - math.hypot(left - left_interval[0], right_interval[1] - right),
        difference + math.hypot(left_interval[1] - left, right - right_interval[0]),
    )


def ratio_interval(
    numerator: float, numerator_interval: Interval, denominator: float, denominator_interval: Interval
) -> Interval:
    """Interval of ``numerator / denominator``, both positive, from the intervals of both [3]_.

    A side that the data leave open is 0 or infinite.
    """
    product = numerator * denominator
    (low, high), (floor, ceiling) = numerator_interval, denominator_interval
    low_scale = ceiling * (2 * denominator - ceiling)
    high_scale = floor * (2 * denominator - floor)
    low_root = product * product - low * (2 * numerator - low) * low_scale
    high_root = product * product - high * (2 * numerator - high) * high_scale
    return (
        (product - math.sqrt(max(low_root, 0.0))) / low_scale if low_scale > 0 else 0.0,
        (product + math.sqrt(max(high_root, 0.0))) / high_scale if high_scale > 0 else math.inf,
    )


def _inverse_logit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else 1 - 1 / (1 + math.exp(value))
