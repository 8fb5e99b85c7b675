"""What a model predicts."""

from __future__ import annotations

from enum import StrEnum


class PredictionTask(StrEnum):
    """The kinds of prediction that outputs and performance are judged by."""

    BINARY_CLASSIFICATION = "binary_classification"
    MULTICLASS_CLASSIFICATION = "multiclass_classification"
    REGRESSION = "regression"
