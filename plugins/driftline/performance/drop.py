"""How much worse one metric is than it was, with what certainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from driftline.findings import Severity
from driftline.performance.intervals import Interval, difference_interval, ratio_interval
from driftline.performance.metric import METRIC_KINDS, Metric, MetricKind

SEVERITY_LADDER = (
    (4.0, Severity.CRITICAL),
    (2.0, Severity.HIGH),
    (1.5, Severity.MEDIUM),
    (1.0, Severity.LOW),
)
"""The severity from a drop of so many times the allowed one on."""

SMALLEST_RUNG = 0.005
"""Where (almost) no drop is allowed, the ladder is laid at half a point (or half a percent)."""


@dataclass(frozen=True)
class Drop:
    """A metric's change for the worse: above 0 it got worse.

    Attributes
    ----------
    size, low, high:
        The drop and its interval: in points for shares, relative (0.02 is 2 %) for errors.
    allowed:
        The largest drop that is not degradation, in the same unit.
    limit:
        The metric's value at which the drop is the allowed one.
    """

    size: float
    low: float
    high: float
    allowed: float
    limit: float

    @property
    def is_degradation(self) -> bool:
        """The drop is beyond the allowed one, and so is its whole interval."""
        return self.size > self.allowed and self.low > self.allowed

    @property
    def severity(self) -> Severity:
        """By `SEVERITY_LADDER`; `Severity.NONE` unless it is degradation."""
        if not self.is_degradation:
            return Severity.NONE
        times = self.size / max(self.allowed, SMALLEST_RUNG)
        return next((severity for rung, severity in SEVERITY_LADDER if times >= rung), Severity.LOW)


def why_incomparable(reference: Metric, current: Metric) -> str:
    """Why no drop can be told between the two; empty where it can."""
    if current.value is None:
        return current.reason
    if reference.value is None:
        return f"undefined on the baseline: {reference.reason}"
    if _interval(current) is None or _interval(reference) is None:
        return "the spread of the metric cannot be told from so extreme values"
    if METRIC_KINDS[current.name] is MetricKind.ERROR and reference.value <= 0:
        return "the baseline's value is 0, so that there is nothing to measure a relative rise against"
    return ""


def drop_between(reference: Metric, current: Metric, allowed: float) -> Drop:
    """How much worse ``current`` is than ``reference``; both are defined and comparable (`why_incomparable`).

    The interval follows from the intervals of the two, and holds at their level of confidence.
    """
    kind = METRIC_KINDS[current.name]
    before, now = _value(reference), _value(current)
    if kind is MetricKind.SHARE:
        low, high = difference_interval(*before, *now)
        return Drop(before[0] - now[0], low, high, allowed, limit=before[0] - allowed)
    if kind is MetricKind.GAP:
        low, high = difference_interval(*now, *before)
        return Drop(now[0] - before[0], low, high, allowed, limit=before[0] + allowed)
    low, high = ratio_interval(*now, *before)
    return Drop(now[0] / before[0] - 1, low - 1, high - 1, allowed, limit=before[0] * (1 + allowed))


def _interval(metric: Metric) -> Interval | None:
    low, high = metric.interval_low, metric.interval_high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return low, high


def _value(metric: Metric) -> tuple[float, Interval]:
    interval = _interval(metric)
    if metric.value is None or interval is None:
        raise ValueError(f"{metric.name} has no value or interval to compare")
    return metric.value, interval
