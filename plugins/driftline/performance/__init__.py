"""Is the model still good? Metrics with intervals, degradation, labels and trends, from outcome profiles."""

from driftline.performance.arrays import binary_outcomes, regression_outcomes
from driftline.performance.classification import binary_metrics
from driftline.performance.degradation import performance_findings
from driftline.performance.measure import outcome_metrics
from driftline.performance.metric import METRIC_KINDS, Metric, MetricKind, OutcomeProfile
from driftline.performance.ranking import roc_auc_error_bound
from driftline.performance.regression import regression_metrics
from driftline.performance.thresholds import PerformanceThresholds
from driftline.performance.tracker import PerformanceTracker
from driftline.performance.trend import PerformancePoint, PerformanceTrend, performance_trend

__all__ = [
    "METRIC_KINDS",
    "Metric",
    "MetricKind",
    "OutcomeProfile",
    "PerformancePoint",
    "PerformanceThresholds",
    "PerformanceTracker",
    "PerformanceTrend",
    "binary_metrics",
    "binary_outcomes",
    "outcome_metrics",
    "performance_findings",
    "performance_trend",
    "regression_metrics",
    "regression_outcomes",
    "roc_auc_error_bound",
]
