"""Metrics of any outcome profile."""

from __future__ import annotations

from driftline.performance.classification import binary_metrics
from driftline.performance.metric import (
    BINARY_METRICS,
    MULTICLASS_METRICS,
    REGRESSION_METRICS,
    Metric,
    OutcomeProfile,
)
from driftline.performance.multiclass import multiclass_metrics
from driftline.performance.regression import regression_metrics
from driftline.profiles import BinaryOutcomeProfile, MulticlassOutcomeProfile


def outcome_metrics(profile: OutcomeProfile, confidence: float = 0.95) -> dict[str, Metric]:
    """The metrics of the profile's task, by name: `binary_metrics`, `multiclass_metrics` or `regression_metrics`."""
    if isinstance(profile, BinaryOutcomeProfile):
        return binary_metrics(profile, confidence)
    if isinstance(profile, MulticlassOutcomeProfile):
        return multiclass_metrics(profile, confidence)
    return regression_metrics(profile, confidence)


def usual_metrics(profile: OutcomeProfile) -> tuple[str, ...]:
    """The metrics that are judged for the profile's task unless others are named."""
    if isinstance(profile, BinaryOutcomeProfile):
        return BINARY_METRICS
    return MULTICLASS_METRICS if isinstance(profile, MulticlassOutcomeProfile) else REGRESSION_METRICS


def labeled_rows(profile: OutcomeProfile | None) -> int:
    """Labeled predictions that metrics can rest on."""
    if profile is None:
        return 0
    if isinstance(profile, BinaryOutcomeProfile | MulticlassOutcomeProfile):
        return profile.rows
    return profile.errors.finite
