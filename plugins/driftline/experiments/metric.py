"""What an experiment can be judged by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """How a metric's evidence is kept, and so which test it takes."""

    PROPORTION = "proportion"
    """A share of predictions, 0 to 1."""
    MEAN = "mean"
    ROC_AUC = "roc_auc"
    LATENCY_QUANTILE = "latency_quantile"
    """In milliseconds."""
    FAIRNESS_GAP = "fairness_gap"
    """How far a group's share of positive predictions is from that of all others, in shares."""


class MetricRole(StrEnum):
    """What a metric may do to its experiment."""

    PRIMARY = "primary"
    """Decides: a version wins or loses by it."""
    GUARDRAIL = "guardrail"
    """Must not get worse: harm proven beyond its `maximum_loss` ends the experiment at once."""
    SIGNAL = "signal"
    """Harm proven beyond its `maximum_loss` holds the experiment, for a person to look."""


class Source(StrEnum):
    """Which rows of the prediction log a metric needs."""

    PREDICTIONS = "predictions"
    LABELS = "labels"


@dataclass(frozen=True)
class Standard:
    """What is known of a metric that Driftline reads from the prediction log."""

    kind: MetricKind
    higher_is_better: bool
    source: Source
    quantile: float | None = None


class StandardMetric(StrEnum):
    """The metrics that are read from the prediction log."""

    ACCURACY = "accuracy"
    ERROR_RATE = "error_rate"
    POSITIVE_RATE = "positive_rate"
    MAE = "mae"
    MSE = "mse"
    ROC_AUC = "roc_auc"
    LATENCY_P50 = "latency_p50"
    LATENCY_P95 = "latency_p95"
    LATENCY_P99 = "latency_p99"
    FAIRNESS_GAP = "fairness_gap"


STANDARD = {
    StandardMetric.ACCURACY: Standard(MetricKind.PROPORTION, True, Source.LABELS),
    StandardMetric.ERROR_RATE: Standard(MetricKind.PROPORTION, False, Source.PREDICTIONS),
    StandardMetric.POSITIVE_RATE: Standard(MetricKind.PROPORTION, True, Source.PREDICTIONS),
    StandardMetric.MAE: Standard(MetricKind.MEAN, False, Source.LABELS),
    StandardMetric.MSE: Standard(MetricKind.MEAN, False, Source.LABELS),
    StandardMetric.ROC_AUC: Standard(MetricKind.ROC_AUC, True, Source.LABELS),
    StandardMetric.LATENCY_P50: Standard(MetricKind.LATENCY_QUANTILE, False, Source.PREDICTIONS, 0.5),
    StandardMetric.LATENCY_P95: Standard(MetricKind.LATENCY_QUANTILE, False, Source.PREDICTIONS, 0.95),
    StandardMetric.LATENCY_P99: Standard(MetricKind.LATENCY_QUANTILE, False, Source.PREDICTIONS, 0.99),
    StandardMetric.FAIRNESS_GAP: Standard(MetricKind.FAIRNESS_GAP, False, Source.PREDICTIONS),
}
