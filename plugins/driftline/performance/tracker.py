"""Performance on arrays: the same metrics and verdicts without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from driftline.findings import Finding
from driftline.performance.arrays import binary_outcomes, regression_outcomes
from driftline.performance.degradation import performance_findings
from driftline.performance.measure import labeled_rows, outcome_metrics
from driftline.performance.metric import Metric, OutcomeProfile
from driftline.performance.multiclass_arrays import multiclass_outcomes
from driftline.performance.thresholds import PerformanceThresholds
from driftline.performance.trend import TREND_DAYS, PerformancePoint, PerformanceTrend, performance_trend
from driftline.predictions.task import PredictionTask


class PerformanceTracker:
    """Measures, follows and judges one model's performance.

    Parameters
    ----------
    task : PredictionTask
        What the model predicts.
    positive_label
        The class that counts as positive (binary classification).
    thresholds : PerformanceThresholds
        What counts as degradation.
    classes : sequence, optional
        The classes in the order of the scores' columns (multiclass classification; scikit-learn's ``classes_``).

    Examples
    --------
    >>> tracker = PerformanceTracker()
    >>> tracker.calculate_metrics([1, 0, 1, 1], [1, 0, 0, 1])["recall"].value
    0.6666666666666666
    """

    def __init__(
        self,
        task: PredictionTask = PredictionTask.BINARY_CLASSIFICATION,
        *,
        positive_label: Any = 1,
        thresholds: PerformanceThresholds | None = None,
        classes: Sequence[Any] | None = None,
    ) -> None:
        self.task = task
        self.positive_label = positive_label
        self.thresholds = thresholds if thresholds is not None else PerformanceThresholds()
        self.classes = classes

    def count_outcomes(self, y_true: Any, y_pred: Any, y_pred_proba: Any | None = None) -> OutcomeProfile:
        """The rows as an outcome profile (`binary_outcomes`, `multiclass_outcomes` or `regression_outcomes`)."""
        if self.task is PredictionTask.REGRESSION:
            return regression_outcomes(y_true, y_pred)
        if self.task is PredictionTask.MULTICLASS_CLASSIFICATION:
            return multiclass_outcomes(y_true, y_pred, y_pred_proba, classes=self.classes)
        return binary_outcomes(y_true, y_pred, y_pred_proba, positive_label=self.positive_label)

    def calculate_metrics(self, y_true: Any, y_pred: Any, y_pred_proba: Any | None = None) -> dict[str, Metric]:
        """Every metric of the task, by name, each with its interval; undefined ones with the reason.

        Parameters
        ----------
        y_true, y_pred : array-like, shape (rows,)
            Labels and predictions; rows where one is null are left out.
        y_pred_proba : array-like, shape (rows,), (rows, 2) or (rows, classes), optional
            Score of the positive class, or of every class, 0 to 1. Others are left out of the metrics that need scores.

        Raises
        ------
        InputError
            When the columns do not fit each other or the task.
        """
        return outcome_metrics(self.count_outcomes(y_true, y_pred, y_pred_proba), self.thresholds.confidence)

    def track_performance_over_time(
        self,
        history: Mapping[str, Sequence[PerformancePoint]],
        *,
        objectives: Mapping[str, float] | None = None,
        days: int = TREND_DAYS,
    ) -> dict[str, PerformanceTrend]:
        """Mean, slope and days until the objective is broken, per metric of ``history`` (`performance_trend`)."""
        limits = objectives if objectives is not None else {}
        return {
            metric: performance_trend(metric, points, objective=limits.get(metric), days=days)
            for metric, points in history.items()
        }

    def detect_performance_degradation(
        self,
        reference: OutcomeProfile | None,
        current: OutcomeProfile | None,
        *,
        predictions: int | None = None,
        is_mature: bool = True,
        version: str = "current",
        segment: str = "",
    ) -> list[Finding]:
        """Findings of `performance_findings`; without ``predictions`` every prediction counts as labeled."""
        return performance_findings(
            reference,
            current,
            predictions=labeled_rows(current) if predictions is None else predictions,
            thresholds=self.thresholds,
            is_mature=is_mature,
            version=version,
            segment=segment,
        )
