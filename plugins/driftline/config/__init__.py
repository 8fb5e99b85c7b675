"""What to watch: one YAML file per model, validated before anything runs."""

from driftline.config.alerts_config import Alerts
from driftline.config.fairness_config import Fairness, FairnessCheck, ProtectedAttribute
from driftline.config.loader import load_model, load_models
from driftline.config.model_config import (
    BaselinePeriod,
    Checks,
    Criticality,
    DriftCheck,
    Feature,
    FeatureKind,
    Labels,
    ModelConfig,
    PerformanceCheck,
    Predictions,
    PredictionsCheck,
    QualityCheck,
    Schedule,
    Segment,
    Task,
)
from driftline.config.rollback_config import Guard, Rollback

__all__ = [
    "Alerts",
    "BaselinePeriod",
    "Checks",
    "Criticality",
    "DriftCheck",
    "Fairness",
    "FairnessCheck",
    "Feature",
    "FeatureKind",
    "Guard",
    "Labels",
    "ModelConfig",
    "PerformanceCheck",
    "Predictions",
    "PredictionsCheck",
    "ProtectedAttribute",
    "QualityCheck",
    "Rollback",
    "Schedule",
    "Segment",
    "Task",
    "load_model",
    "load_models",
]
