"""Is the mean of the predictions that have a label that of all? A regression has no classes to ask it of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import ndtr

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.performance.metric import OutcomeProfile
from driftline.profiles import NumericProfile, Profile, RegressionOutcomeProfile

SIGNIFICANCE = 0.001
LEAST_PREDICTIONS = 30
"""A kind of prediction with fewer is not looked at."""
LARGEST_SHIFT = 0.2
"""Means may differ by so many standard deviations between labeled and all predictions before it is told."""
SELECTION_ADVICE = "Find out which predictions get a label: metrics of selected labels say nothing about the others."


@dataclass(frozen=True)
class Shift:
    """How far the mean of the labeled predictions is from that of all: in standard deviations of all; its p-value."""

    size: float
    chance: float
    labeled: int
    predictions: int


_Side = tuple[Mapping[str, Profile], OutcomeProfile | None]


def shift_between(reference: _Side, current: _Side) -> tuple[Shift, float] | None:
    """The shift of a regression's window, and that of the baseline; ``None`` where there is none to tell."""
    now = _shift(*current)
    if now is None or now.predictions < LEAST_PREDICTIONS or now.labeled >= now.predictions:
        return None
    usual = _shift(*reference)
    return now, 0.0 if usual is None else usual.size


def _shift(subjects: Mapping[str, Profile], outcome: OutcomeProfile | None) -> Shift | None:
    prediction = subjects.get("prediction")
    if not isinstance(prediction, NumericProfile) or not isinstance(outcome, RegressionOutcomeProfile):
        return None
    everything, labeled = prediction.moments, outcome.labels.n
    deviation = everything.standard_deviation if everything.n > 1 else math.nan
    # A row's prediction is its label and its error: so are the means.
    mean = outcome.labels.mean + outcome.errors.moments.mean
    if not labeled or not deviation > 0 or not math.isfinite(mean):
        return None
    size = (mean - everything.mean) / deviation
    # Drawn without replacement from the predictions.
    error = math.sqrt(max(1 / labeled - 1 / everything.n, 0.0))
    return Shift(size, 2 * float(ndtr(-abs(size) / error)) if error else 1.0, labeled, everything.n)


def shift_finding(now: Shift, usual: float, *, is_mature: bool, version: str, segment: str) -> Finding:
    """The finding `labeled_predictions` of `driftline.performance.selection_findings`."""
    is_selected = now.chance < SIGNIFICANCE and abs(now.size) > LARGEST_SHIFT
    is_new = is_mature and abs(now.size - usual) > LARGEST_SHIFT
    severity = Severity.MEDIUM if is_new else Severity.LOW
    side = "above" if now.size > 0 else "below"
    waiting = "" if is_mature else " Labels are still expected, which may even it out."
    return Finding(
        check=Check.PERFORMANCE,
        version=version,
        segment=segment,
        subject="labels",
        test="labeled_predictions",
        comparison=Comparison.BASELINE,
        status=Status.DETECTED if is_selected else Status.OK,
        severity=severity if is_selected else Severity.NONE,
        statistic=now.size,
        p_value=now.chance,
        threshold=LARGEST_SHIFT,
        effect=abs(now.size - usual),
        current_size=now.labeled,
        description=(
            f"The {now.labeled:,} of {now.predictions:,} predictions that have a label are {abs(now.size):.2f} "
            f"standard deviations {side} all of them on average (on the baseline {usual:+.2f}).{waiting}"
        ),
        recommendation=SELECTION_ADVICE if is_selected else "",
        details={"is_provisional": not is_mature, "labels": now.labeled, "predictions": now.predictions},
    )
