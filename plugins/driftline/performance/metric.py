"""Metrics: a value with its interval, and which way is worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from driftline.profiles import BinaryOutcomeProfile, MulticlassOutcomeProfile, Profile, RegressionOutcomeProfile

OutcomeProfile = BinaryOutcomeProfile | MulticlassOutcomeProfile | RegressionOutcomeProfile


@dataclass(frozen=True)
class Metric:
    """One measure of how good the predictions were.

    Attributes
    ----------
    name:
        For example ``accuracy``.
    value:
        ``None`` where the metric is undefined; `reason` then says why.
    interval_low, interval_high:
        Confidence interval of the value (95 % unless asked otherwise); ``None`` where there is too little to tell.
    size:
        Rows that the value rests on, for example the predicted positives for precision.
    reason:
        Why the metric is undefined; empty otherwise.
    """

    name: str
    value: float | None
    interval_low: float | None = None
    interval_high: float | None = None
    size: int = 0
    reason: str = ""


class MetricKind(StrEnum):
    """How a change of a metric is judged."""

    SHARE = "share"
    """Higher is better; a drop is measured in points (0.02 is 2 points)."""
    GAP = "gap"
    """Lower is better; a rise is measured in points."""
    ERROR = "error"
    """Lower is better; a rise is measured relative to the baseline's value (0.02 is 2 %)."""


METRIC_KINDS: Mapping[str, MetricKind] = MappingProxyType(
    {
        "accuracy": MetricKind.SHARE,
        "precision": MetricKind.SHARE,
        "recall": MetricKind.SHARE,
        "f1": MetricKind.SHARE,
        "specificity": MetricKind.SHARE,
        "roc_auc": MetricKind.SHARE,
        "pr_auc": MetricKind.SHARE,
        "precision_macro": MetricKind.SHARE,
        "recall_macro": MetricKind.SHARE,
        "f1_macro": MetricKind.SHARE,
        "precision_weighted": MetricKind.SHARE,
        "recall_weighted": MetricKind.SHARE,
        "f1_weighted": MetricKind.SHARE,
        "roc_auc_ovr": MetricKind.SHARE,
        "roc_auc_ovr_weighted": MetricKind.SHARE,
        "log_loss": MetricKind.ERROR,
        "brier": MetricKind.ERROR,
        "calibration_error": MetricKind.GAP,
        "mae": MetricKind.ERROR,
        "rmse": MetricKind.ERROR,
        "mape": MetricKind.ERROR,
        "r2": MetricKind.SHARE,
    }
)
"""The metrics that can be judged. Bias and the error's quantiles are shown, not judged: they have no better side."""

BINARY_METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "log_loss", "brier")
MULTICLASS_METRICS = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "roc_auc_ovr", "log_loss")
REGRESSION_METRICS = ("mae", "rmse", "r2")
"""What is judged unless the thresholds name metrics."""


def outcome_of(profile: Profile | None) -> OutcomeProfile | None:
    """The profile, where it is one of labeled predictions."""
    return profile if isinstance(profile, OutcomeProfile) else None


def undefined(name: str, reason: str, size: int = 0) -> Metric:
    """A metric without a value."""
    return Metric(name=name, value=None, size=size, reason=reason)
