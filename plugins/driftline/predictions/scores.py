"""Scores of a classifier: how sure it is of itself."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import entr, ndtr

from driftline.findings import Severity
from driftline.predictions.candidate import Candidate, Ladder
from driftline.predictions.cells import cell_bounds, change_within
from driftline.predictions.evidence import ShareChange
from driftline.predictions.nulls import null_share
from driftline.predictions.ranges import constant_output, impossible_values
from driftline.predictions.subjects import Pair, too_few
from driftline.predictions.thresholds import PredictionThresholds
from driftline.profiles import NumericProfile

UNSURE = (0.4, 0.6)
"""Scores in here say next to nothing."""
SURE = (0.01, 0.99)
"""Scores at or beyond these claim certainty."""

SCORE_TESTS = (
    "score_out_of_range",
    "confidence_collapse",
    "over_confidence",
    "entropy",
    "constant_output",
    "null_share",
)

CLASS_SCORE_TESTS = ("score_out_of_range", "entropy", "constant_output", "null_share")

CONFIDENCE: Ladder = (
    (0.10, Severity.LOW),
    (0.20, Severity.MEDIUM),
    (0.40, Severity.HIGH),
    (0.70, Severity.CRITICAL),
)
"""By the rise of the share of unsure (or of certain) scores, in points."""

ENTROPY: Ladder = ((0.1, Severity.LOW), (0.2, Severity.MEDIUM), (0.4, Severity.HIGH))
"""By the move of the mean entropy, in bits (a score of 0.5 has 1)."""


def score_candidates(pair: Pair[NumericProfile], thresholds: PredictionThresholds) -> list[Candidate]:
    """Tests of the score of the positive class.

    Tests
    -----
    score_out_of_range
        Scores below 0 or above 1 (`impossible_values`).
    confidence_collapse, over_confidence
        Statistic = share of scores from 0.4 to 0.6, or up to 0.01 and from 0.99 on; effect = its rise in points.
    entropy
        Statistic = mean binary entropy of the scores in bits, effect = its move.
    constant_output, null_share
        See `constant_output` and `null_share`.
    """
    certain = impossible_values(pair, "score_out_of_range", 0.0, 1.0)
    nulls = null_share(pair, thresholds.minimum_rows)
    reason = too_few("scores", pair.reference.finite, pair.current.finite, thresholds.minimum_rows)
    if reason:
        return [certain, *pair.refused(SCORE_TESTS[1:-1], reason), nulls]
    unsure = change_within(pair.reference, pair.current, *UNSURE)
    sure = change_within(
        pair.reference, pair.current, math.nextafter(SURE[0], 1), math.nextafter(SURE[1], 0)
    ).complement
    return [
        certain,
        _confidence(
            "confidence_collapse",
            unsure,
            what=f"from {UNSURE[0]} to {UNSURE[1]}",
            advice="The model has stopped telling cases apart: look for missing or constant features.",
        ),
        _confidence(
            "over_confidence",
            sure,
            what=f"at most {SURE[0]} or at least {SURE[1]}",
            advice="The model claims a certainty it did not have: check the scaling of its inputs and its calibration.",
        ),
        _entropy(pair),
        constant_output(pair),
        nulls,
    ]


def class_score_candidates(pair: Pair[NumericProfile], thresholds: PredictionThresholds) -> list[Candidate]:
    """Tests of one class's score among several classes: those of `score_candidates` that hold for any class.

    A share of unsure scores says nothing of one class among many: most of its scores are low.
    """
    certain = impossible_values(pair, "score_out_of_range", 0.0, 1.0)
    nulls = null_share(pair, thresholds.minimum_rows)
    reason = too_few("scores", pair.reference.finite, pair.current.finite, thresholds.minimum_rows)
    if reason:
        return [certain, *pair.refused(CLASS_SCORE_TESTS[1:-1], reason), nulls]
    return [certain, _entropy(pair), constant_output(pair), nulls]


def _confidence(test: str, change: ShareChange, *, what: str, advice: str) -> Candidate:
    return Candidate(
        subject="score",
        test=test,
        reference_size=change.reference_size,
        current_size=change.current_size,
        statistic=change.seen,
        threshold=min(change.expected + CONFIDENCE[0][0], 1.0),
        effect=change.rise,
        p_value=change.chance_of_rise(),
        ladder=CONFIDENCE,
        expected=change.expected,
        seen=change.seen,
        change=change,
        text=f"{change.seen:.1%} of the scores are {what}; {change.expected:.1%} are expected",
        advice=advice,
    )


def _entropy(pair: Pair[NumericProfile]) -> Candidate:
    before, now = mean_entropy(pair.reference), mean_entropy(pair.current)
    error = math.hypot(before[1], now[1])
    move = now[0] - before[0]
    return Candidate(
        subject=pair.subject,
        test="entropy",
        reference_size=pair.reference.finite,
        current_size=pair.current.finite,
        statistic=now[0],
        threshold=ENTROPY[0][0],
        effect=abs(move),
        p_value=2 * float(ndtr(-abs(move) / error)) if error > 0 else float(move == 0),
        ladder=ENTROPY,
        expected=before[0],
        seen=now[0],
        text=f"The mean entropy of the scores is {now[0]:.3f} bits; {before[0]:.3f} is expected",
        advice="The model is more, or less, sure of itself than it was: compare the drift findings.",
    )


def mean_entropy(profile: NumericProfile) -> tuple[float, float]:
    """Mean binary entropy of the scores in bits (each cell at its middle), and its standard error."""
    low, high = cell_bounds(profile)
    middle = np.clip(np.where(profile.binning.atoms, high, (low + high) / 2), 0.0, 1.0)
    bits = (entr(middle) + entr(1 - middle)) / math.log(2)
    mean = float(np.sum(bits * profile.counts)) / profile.finite
    variance = float(np.sum(np.square(bits - mean) * profile.counts)) / max(profile.finite - 1, 1)
    return mean, math.sqrt(variance / profile.finite)
