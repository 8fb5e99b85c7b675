"""Is the model still good? Metrics with intervals, degradation, labels and trends, from outcome profiles."""

from driftline.performance.arrays import binary_outcomes, regression_outcomes
from driftline.performance.class_scores import ClassScores, MulticlassCalibration
from driftline.performance.classification import binary_metrics
from driftline.performance.degradation import performance_findings
from driftline.performance.delay import (
    DELAY_EDGES,
    MATURE_SHARE,
    NO_CURVE,
    DelayCurve,
    LabelOutlook,
    label_outlook,
)
from driftline.performance.error_model import ErrorModel, estimate_errors, estimate_errors_of_profile
from driftline.performance.estimate_error import EstimateError, estimate_error, is_trusted
from driftline.performance.estimate_findings import (
    EstimatedWindow,
    beside_realised,
    error_finding,
    estimate_findings,
    no_estimate,
)
from driftline.performance.estimation import ESTIMATED_METRICS, estimate_binary_metrics
from driftline.performance.labels import silence_finding
from driftline.performance.measure import labeled_rows, outcome_metrics, usual_metrics
from driftline.performance.metric import METRIC_KINDS, Metric, MetricKind, OutcomeProfile, outcome_of
from driftline.performance.multiclass import ConfusionMatrix, class_metrics, confusion_matrix, multiclass_metrics
from driftline.performance.multiclass_arrays import multiclass_outcomes
from driftline.performance.multiclass_estimation import ESTIMATED_CLASS_METRICS, estimate_multiclass_metrics
from driftline.performance.ranking import roc_auc_error_bound
from driftline.performance.regression import regression_metrics
from driftline.performance.score_calibration import ScoreCalibration, threshold_misfit
from driftline.performance.scored import ScoredPredictions
from driftline.performance.selection import selection_findings
from driftline.performance.thresholds import PerformanceThresholds
from driftline.performance.tracker import PerformanceTracker
from driftline.performance.trend import (
    MINIMUM_POINTS,
    TREND_DAYS,
    PerformancePoint,
    PerformanceTrend,
    performance_trend,
)
from driftline.performance.trend_findings import trend_finding

__all__ = [
    "DELAY_EDGES",
    "ESTIMATED_CLASS_METRICS",
    "ESTIMATED_METRICS",
    "MATURE_SHARE",
    "METRIC_KINDS",
    "MINIMUM_POINTS",
    "NO_CURVE",
    "TREND_DAYS",
    "ClassScores",
    "ConfusionMatrix",
    "DelayCurve",
    "ErrorModel",
    "EstimateError",
    "EstimatedWindow",
    "LabelOutlook",
    "Metric",
    "MetricKind",
    "MulticlassCalibration",
    "OutcomeProfile",
    "PerformancePoint",
    "PerformanceThresholds",
    "PerformanceTracker",
    "PerformanceTrend",
    "ScoreCalibration",
    "ScoredPredictions",
    "beside_realised",
    "binary_metrics",
    "binary_outcomes",
    "class_metrics",
    "confusion_matrix",
    "error_finding",
    "estimate_binary_metrics",
    "estimate_error",
    "estimate_errors",
    "estimate_errors_of_profile",
    "estimate_findings",
    "estimate_multiclass_metrics",
    "is_trusted",
    "label_outlook",
    "labeled_rows",
    "multiclass_metrics",
    "multiclass_outcomes",
    "no_estimate",
    "outcome_metrics",
    "outcome_of",
    "performance_findings",
    "performance_trend",
    "regression_metrics",
    "regression_outcomes",
    "roc_auc_error_bound",
    "selection_findings",
    "silence_finding",
    "threshold_misfit",
    "trend_finding",
    "usual_metrics",
]
