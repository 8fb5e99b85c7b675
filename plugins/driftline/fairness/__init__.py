"""Are all groups treated alike? Rates per group with intervals, disparities, and who has moved away from the others."""

from driftline.fairness.arrays import binary_groups, regression_groups
from driftline.fairness.counts import GroupCounts, pooled
from driftline.fairness.criteria import (
    BINARY_CRITERIA,
    MULTICLASS_CRITERIA,
    REGRESSION_CRITERIA,
    Criterion,
    Disparity,
    disparities,
    rates_of,
)
from driftline.fairness.findings import Place, gap_findings, level_findings
from driftline.fairness.gap import group_gaps
from driftline.fairness.rates import Rate, group_rate
from driftline.fairness.thresholds import FairnessThresholds
from driftline.fairness.usual import UsualGaps

__all__ = [
    "BINARY_CRITERIA",
    "MULTICLASS_CRITERIA",
    "REGRESSION_CRITERIA",
    "Criterion",
    "Disparity",
    "FairnessThresholds",
    "GroupCounts",
    "Place",
    "Rate",
    "UsualGaps",
    "binary_groups",
    "disparities",
    "gap_findings",
    "group_gaps",
    "group_rate",
    "level_findings",
    "pooled",
    "rates_of",
    "regression_groups",
]
