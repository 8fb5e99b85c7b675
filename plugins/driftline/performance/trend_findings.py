"""Where a metric is heading, as a finding: told with each window, never judged."""

from __future__ import annotations

from datetime import datetime

from driftline.findings import Check, Comparison, Finding, Status
from driftline.performance.metric import METRIC_KINDS, MetricKind
from driftline.performance.trend import TREND_DAYS, PerformanceTrend
from driftline.performance.wording import shown, title

SIGNIFICANCE = 0.05


def trend_finding(
    trend: PerformanceTrend, *, objective: float | None, until: datetime, version: str, segment: str = ""
) -> Finding:
    """The trend of one metric up to ``until`` (test ``trend``; statistic = slope per day, threshold = objective).

    Its details hold the mean and the days until the objective is broken, with their range. It is information: nothing
    is decided on it. The trend has a slope, that is, at least `driftline.performance.trend.MINIMUM_POINTS` points.
    """
    return Finding(
        check=Check.PERFORMANCE,
        version=version,
        segment=segment,
        subject=trend.metric,
        test="trend",
        comparison=Comparison.EXPECTATION,
        status=Status.OK,
        statistic=trend.slope_per_day,
        p_value=trend.p_value,
        threshold=objective,
        effect=trend.slope_per_day,
        interval_low=trend.slope_low,
        interval_high=trend.slope_high,
        current_size=trend.points,
        description=_said(trend, objective),
        details={
            "is_information": True,
            "decides": False,
            "mean": trend.mean,
            "until": until.isoformat(),
            "days_until_slo_violation": trend.days_until_slo_violation,
            "earliest_days": trend.earliest_days,
            "latest_days": trend.latest_days,
        },
    )


def _said(trend: PerformanceTrend, objective: float | None) -> str:
    mean = "" if trend.mean is None else shown(trend.metric, trend.mean)
    begun = f"{title(trend.metric)} is {mean} on average over {trend.points} windows of {TREND_DAYS} days"
    if trend.slope_per_day is None or trend.p_value is None:
        return f"{begun}; no slope: {trend.reason}."
    certainty = f"p = {trend.p_value:.2g}"
    if trend.p_value > SIGNIFICANCE:
        return f"{begun}, with no certain slope ({certainty})."
    slope = f"{begun} and moves by {_amount(trend)} a day ({certainty})"
    if objective is None or trend.days_until_slo_violation is None:
        return f"{slope}."
    if trend.days_until_slo_violation == 0:
        return f"{slope}; it is past its objective of {shown(trend.metric, objective)}."
    earliest = trend.earliest_days if trend.earliest_days is not None else trend.days_until_slo_violation
    latest = "never" if trend.latest_days is None else f"{trend.latest_days:.0f}"
    return (
        f"{slope}; it reaches its objective of {shown(trend.metric, objective)} in "
        f"{trend.days_until_slo_violation:.0f} days ({earliest:.0f} to {latest})."
    )


def _amount(trend: PerformanceTrend) -> str:
    slope = trend.slope_per_day or 0.0
    is_share = METRIC_KINDS[trend.metric] is not MetricKind.ERROR
    return f"{slope * 100:+.2f} points" if is_share else f"{slope:+.3g}"
