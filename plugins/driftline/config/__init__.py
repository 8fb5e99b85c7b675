"""What to watch: one YAML file per model, validated before anything runs."""

from driftline.config.loader import load_model, load_models
from driftline.config.model_config import (
    BaselinePeriod,
    Checks,
    DriftCheck,
    Feature,
    FeatureKind,
    Labels,
    ModelConfig,
    PerformanceCheck,
    Predictions,
    PredictionsCheck,
    QualityCheck,
    Rollback,
    Schedule,
    Segment,
    Task,
)

__all__ = [
    "BaselinePeriod",
    "Checks",
    "DriftCheck",
    "Feature",
    "FeatureKind",
    "Labels",
    "ModelConfig",
    "PerformanceCheck",
    "Predictions",
    "PredictionsCheck",
    "QualityCheck",
    "Rollback",
    "Schedule",
    "Segment",
    "Task",
    "load_model",
    "load_models",
]
