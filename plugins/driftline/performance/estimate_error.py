"""How wrong an estimate was, once the labels are there, and whether the estimator is still to be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from driftline.performance.metric import Metric

RECENT_ESTIMATES = 10
"""So many of the latest estimates, of windows that do not overlap, are looked back on."""

OUTSIDE_TO_DISTRUST = 3
"""From so many of them outside their interval on, the estimator is not trusted.

Of ten 95 % intervals that hold what they promise, three or more miss with a chance of 1.2 % (binomial).
"""


@dataclass(frozen=True)
class EstimateError:
    """An estimate held against what the labels of the same predictions then showed.

    Attributes
    ----------
    metric:
        Its name.
    estimated, realised:
        The two values.
    interval_low, interval_high:
        Where the estimate said that the labels would put the metric.
    size:
        Labeled predictions.
    """

    metric: str
    estimated: float
    realised: float
    interval_low: float
    interval_high: float
    size: int

    @property
    def error(self) -> float:
        """Estimated minus realised, in the metric's unit."""
        return self.estimated - self.realised

    @property
    def is_inside(self) -> bool:
        """Whether the realised value is inside the estimate's interval."""
        return self.interval_low <= self.realised <= self.interval_high


def estimate_error(estimated: Metric, realised: Metric, margin: float = 0.0) -> EstimateError | None:
    """The error of an estimate; ``None`` where either of the two is undefined.

    Parameters
    ----------
    estimated, realised : Metric
        Of the same predictions.
    margin : float
        The interval reaches at least so far to each side (what windows of the baseline differ by, in the metric's
        unit).
    """
    low, high = estimated.interval_low, estimated.interval_high
    if estimated.value is None or realised.value is None or low is None or high is None or math.isnan(realised.value):
        return None
    return EstimateError(
        metric=estimated.name,
        estimated=estimated.value,
        realised=realised.value,
        interval_low=min(low, estimated.value - margin),
        interval_high=max(high, estimated.value + margin),
        size=realised.size,
    )


def is_trusted(inside: Sequence[bool]) -> bool:
    """Whether an estimator is still to be believed, from whether each realised value was inside (the newest first).

    Untrusted from `OUTSIDE_TO_DISTRUST` of the last `RECENT_ESTIMATES` outside on; trusted again when they have passed.
    """
    return sum(not was_inside for was_inside in inside[:RECENT_ESTIMATES]) < OUTSIDE_TO_DISTRUST
