"""Reads the user's own tables of predictions and labels: as Arrow batches, read-only, in constant memory."""

from driftline.sources.catalog import LogCatalog, LogColumn, ValueFamily
from driftline.sources.prediction_log import PredictionLog

__all__ = ["LogCatalog", "LogColumn", "PredictionLog", "ValueFamily"]
