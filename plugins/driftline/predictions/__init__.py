"""Do the model's own outputs look as they did on the baseline? Classes, scores, numbers, latency, errors."""

from driftline.predictions.checks import prediction_findings
from driftline.predictions.monitor import PredictionDistribution, PredictionDistributionMonitor
from driftline.predictions.task import PredictionTask
from driftline.predictions.thresholds import PredictionThresholds

__all__ = [
    "PredictionDistribution",
    "PredictionDistributionMonitor",
    "PredictionTask",
    "PredictionThresholds",
    "prediction_findings",
]
