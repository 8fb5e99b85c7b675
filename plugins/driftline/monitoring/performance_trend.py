"""Where each metric is heading, from the windows that the store has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from driftline.findings import Comparison, Finding
from driftline.monitoring.checks import Evidence
from driftline.monitoring.monitor import Monitor
from driftline.performance import (
    MINIMUM_POINTS,
    TREND_DAYS,
    PerformancePoint,
    PerformanceTracker,
    trend_finding,
)
from driftline.store.engine import store_transaction
from driftline.store.windows import earlier_findings
from driftline.windows import Window


def trend_findings(monitor: Monitor, evidence: Evidence, judged: Sequence[Finding]) -> list[Finding]:
    """A trend per version and metric of the whole that has `MINIMUM_POINTS` windows of this length with a value.

    The objective is the file's; without one, the limit of the degradation check.
    """
    window = evidence.record.window
    whole = {(one.version, one.subject): one for one in judged if _is_of_whole(one)}
    with store_transaction(monitor.store) as connection:
        since = window.start - timedelta(days=TREND_DAYS)
        earlier = earlier_findings(connection, monitor.model, "degradation", since, window.end, segment="")
    points = {key: [PerformancePoint(window.end, one.statistic)] for key, one in whole.items()}
    for its_window, finding in earlier:
        key = (finding.version, finding.subject)
        if key in points and _is_of_whole(finding) and _is_beside(its_window, window):
            points[key].append(PerformancePoint(its_window.end, finding.statistic))
    trends = (_trend(monitor, whole[key], points[key]) for key in whole)
    return [trend for trend in trends if trend is not None]


def _is_beside(earlier: Window, window: Window) -> bool:
    return earlier != window and earlier.length == window.length


def _is_of_whole(finding: Finding) -> bool:
    is_degradation = finding.test == "degradation" and finding.comparison is Comparison.BASELINE
    return is_degradation and finding.segment == ""


def _trend(monitor: Monitor, judgement: Finding, points: Sequence[PerformancePoint]) -> Finding | None:
    valued = [point for point in points if point.value is not None]
    if len(valued) < MINIMUM_POINTS:
        return None
    metric = judgement.subject
    configured = {name.value: value for name, value in monitor.config.checks.performance.objectives.items()}
    objective = configured.get(metric, judgement.threshold)
    objectives = {} if objective is None else {metric: objective}
    trend = PerformanceTracker().track_performance_over_time({metric: valued}, objectives=objectives)[metric]
    if trend.slope_per_day is None:
        return None
    until = max(point.moment for point in valued)
    return trend_finding(trend, objective=objective, until=until, version=judgement.version)
