"""The service around the model: latency and errors."""

from __future__ import annotations

import math

import numpy as np

from driftline.findings import Severity
from driftline.predictions.candidate import Candidate, Ladder
from driftline.predictions.cells import change_in_cells
from driftline.predictions.evidence import ShareChange
from driftline.predictions.subjects import Pair, too_few
from driftline.predictions.thresholds import PredictionThresholds
from driftline.profiles import CategoricalProfile, NumericProfile

LATENCY: Ladder = (
    (0.2, Severity.LOW),
    (0.5, Severity.MEDIUM),
    (1.0, Severity.HIGH),
    (4.0, Severity.CRITICAL),
)
"""By the relative rise of the 95th percentile: 1.0 is twice as slow."""

ERROR_RATE: Ladder = (
    (0.01, Severity.LOW),
    (0.02, Severity.MEDIUM),
    (0.05, Severity.HIGH),
    (0.20, Severity.CRITICAL),
)
"""By the rise of the share of failed predictions, in points."""

FAILED = "true"
"""The level of the error column that stands for a failed prediction."""


def latency_p95(pair: Pair[NumericProfile], thresholds: PredictionThresholds) -> Candidate:
    """A slower 95th percentile.

    Statistic = the window's 95th percentile in milliseconds with its interval (order statistics), effect = its
    relative rise; evidence = more rows above the baseline's percentile than it had (the quantile test: Conover 1999,
    Practical Nonparametric Statistics, 3.2).
    """
    before, now = pair.reference, pair.current
    reason = too_few("latencies", before.finite, now.finite, thresholds.minimum_rows)
    usual = before.quantile(0.95)
    if not reason and usual <= 0:
        reason = f"the baseline's 95th percentile is {usual:.4g} ms, so that there is no relative rise"
    if reason:
        return pair.refused(("latency_p95",), reason)[0]
    seen = now.quantile(0.95)
    above = np.arange(before.binning.cells) > before.binning.locate(np.array([usual]))[0]
    change = change_in_cells(before, now, above)
    spread = 1.96 * math.sqrt(0.95 * 0.05 / now.finite)
    return Candidate(
        subject=pair.subject,
        test="latency_p95",
        reference_size=before.finite,
        current_size=now.finite,
        statistic=seen,
        threshold=usual * (1 + LATENCY[0][0]),
        effect=seen / usual - 1,
        p_value=change.chance_of_rise(),
        ladder=LATENCY,
        expected=usual,
        seen=seen,
        interval=(now.quantile(0.95 - spread), now.quantile(min(0.95 + spread, 1.0))),
        text=f"The 95th percentile of latency is {seen:.4g} ms; {usual:.4g} ms is expected",
        advice="Check the service, its feature store and what it calls.",
        details={"p50": now.quantile(0.5), "p99": now.quantile(0.99), "maximum": now.maximum},
    )


def error_rate(pair: Pair[CategoricalProfile], thresholds: PredictionThresholds) -> Candidate:
    """More failed predictions. Statistic = their share of all rows, effect = its rise in points."""
    reason = too_few("predictions", pair.reference.rows, pair.current.rows, thresholds.minimum_rows)
    if reason:
        return pair.refused(("error_rate",), reason)[0]
    change = ShareChange(_failed(pair.reference), pair.reference.rows, _failed(pair.current), pair.current.rows)
    return Candidate(
        subject=pair.subject,
        test="error_rate",
        reference_size=change.reference_size,
        current_size=change.current_size,
        statistic=change.seen,
        threshold=min(change.expected + ERROR_RATE[0][0], 1.0),
        effect=change.rise,
        p_value=change.chance_of_rise(),
        ladder=ERROR_RATE,
        expected=change.expected,
        seen=change.seen,
        change=change,
        text=f"{change.seen:.2%} of the predictions failed; {change.expected:.2%} are expected",
        advice="Look at the service's log for the errors that became common.",
    )


def _failed(profile: CategoricalProfile) -> int:
    position = profile.binning.position.get(FAILED)
    return profile.unseen_levels.get(FAILED, 0) if position is None else int(profile.counts[position])
