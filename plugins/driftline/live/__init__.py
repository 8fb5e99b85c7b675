"""Live figures: what a version did minute by minute, as counts that add up. Pure.

Predictions belong to the minute they were made in, labels to the minute they arrived in: so that each pass reads one
short span of each table, however late labels come, and fresh labels show at once whatever they are about.
"""

from driftline.live.figures import MinuteFigures, OutcomeCounts, PredictionCounts, VersionFigures
from driftline.live.spans import Feed, MinuteSpan, SpanPlan, Watermark, plan_spans

__all__ = [
    "Feed",
    "MinuteFigures",
    "MinuteSpan",
    "OutcomeCounts",
    "PredictionCounts",
    "SpanPlan",
    "VersionFigures",
    "Watermark",
    "plan_spans",
]
