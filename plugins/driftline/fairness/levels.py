"""How severe a finding about groups is."""

from __future__ import annotations

from driftline.fairness.criteria import Disparity
from driftline.fairness.gap import GapChange
from driftline.fairness.rates import ERRORS
from driftline.fairness.thresholds import FairnessThresholds
from driftline.findings import Severity

GAP_LADDER = ((4.0, Severity.CRITICAL), (2.0, Severity.HIGH), (0.0, Severity.MEDIUM))
"""The severity from an increase of so many times the allowed one on."""

LEVEL_LADDER = ((2.0, Severity.HIGH), (0.0, Severity.MEDIUM))
"""The same for a level beyond its limit. Never critical: what was so before is no reason to roll a version back."""

ROUNDING = 1e-9


def gap_severity(change: GapChange) -> Severity:
    """By `GAP_LADDER`, of a change that is unfair."""
    times = change.increase / change.allowed
    return next(severity for rung, severity in GAP_LADDER if times >= rung * (1 - ROUNDING))


def level_severity(level: Disparity, thresholds: FairnessThresholds) -> tuple[Severity, float | None]:
    """The severity of a level whose interval lies beyond its limit (`Severity.NONE`: it does not), and the limit."""
    limit = _limit(level, thresholds)
    if limit is None or level.value is None or level.interval_low is None or level.interval_high is None:
        return Severity.NONE, limit
    if level.is_ratio:
        is_beyond, times = level.interval_high < limit, limit / level.value if level.value > 0 else float("inf")
    else:
        is_beyond, times = level.interval_low > limit, level.value / limit
    if not is_beyond:
        return Severity.NONE, limit
    return next(severity for rung, severity in LEVEL_LADDER if times >= rung), limit


def _limit(level: Disparity, thresholds: FairnessThresholds) -> float | None:
    """Limits are of shares: an error's difference has none."""
    if level.rate in ERRORS:
        return None
    return thresholds.minimum_ratio if level.is_ratio else thresholds.maximum_difference
