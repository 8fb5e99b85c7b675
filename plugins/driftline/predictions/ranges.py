"""Values that cannot be, that the baseline never had, or that are always the same."""

from __future__ import annotations

import math

import numpy as np

from driftline.findings import Severity
from driftline.predictions.candidate import Candidate, Ladder
from driftline.predictions.cells import beyond_range, cell_bounds, change_in_cells, change_within
from driftline.predictions.evidence import ShareChange
from driftline.predictions.subjects import Pair
from driftline.profiles import NumericProfile

OUTLIER_SIGMAS = 3.0

IMPOSSIBLE: Ladder = ((1e-12, Severity.MEDIUM), (0.01, Severity.HIGH), (0.10, Severity.CRITICAL))
"""By the share of the rows that may be impossible, at most: a single one is an error."""

CONSTANT: Ladder = ((0.5, Severity.HIGH), (0.9, Severity.CRITICAL))
"""By the rise of the share that one cell holds."""

RANGE: Ladder = (
    (0.01, Severity.LOW),
    (0.02, Severity.MEDIUM),
    (0.05, Severity.HIGH),
    (0.20, Severity.CRITICAL),
)
"""By the rise of the share beyond the baseline's range, or beyond three standard deviations, in points."""


def impossible_values(pair: Pair[NumericProfile], test: str, lowest: float, highest: float) -> Candidate:
    """Values below ``lowest`` or above ``highest``: no statistics needed, one is one too many.

    Statistic = the value farthest beyond, effect = the share of rows that may be impossible, at most: cells tell no
    better.
    """
    current = pair.current
    if current.finite == 0:
        return pair.refused((test,), "the window holds no number")[0]
    beyond = max(lowest - current.minimum, current.maximum - highest)
    is_low = lowest - current.minimum >= current.maximum - highest
    extreme, limit = (current.minimum, lowest) if is_low else (current.maximum, highest)
    share = _share_possibly_beyond(current, lowest, highest)
    return Candidate(
        subject=pair.subject,
        test=test,
        is_expectation=True,
        current_size=current.finite,
        statistic=extreme,
        threshold=limit if math.isfinite(limit) else None,
        effect=share if beyond > 0 else 0.0,
        ladder=IMPOSSIBLE,
        expected=_range_text(lowest, highest),
        seen=_range_text(current.minimum, current.maximum),
        text=(
            f"{pair.subject.capitalize()} values run {_range_text(current.minimum, current.maximum)}; "
            f"{_range_text(lowest, highest)} is possible"
        ),
        advice="Such values are errors: check the model's output layer and the unit that the service logs.",
    )


def constant_output(pair: Pair[NumericProfile]) -> Candidate:
    """Outputs that (nearly) all fall into one cell which used to hold few.

    Statistic = share of the fullest cell, effect = its rise in points. An open outermost cell counts only where it
    holds a single value. The p-value allows for the choice among the cells.
    """
    counts = pair.current.counts.copy()
    is_single_value = pair.current.minimum == pair.current.maximum
    if not is_single_value and counts.size > 2:
        counts[[0, -1]] = 0
    cell = int(np.argmax(counts))
    chosen = np.zeros(counts.size, dtype=np.bool_)
    chosen[cell] = True
    change = change_in_cells(pair.reference, pair.current, chosen)
    where = _cell_text(pair.current, cell)
    return Candidate(
        subject=pair.subject,
        test="constant_output",
        reference_size=change.reference_size,
        current_size=change.current_size,
        statistic=change.seen,
        threshold=min(change.expected + CONSTANT[0][0], 1.0),
        effect=change.rise,
        p_value=min(1.0, change.chance_of_rise() * counts.size),
        ladder=CONSTANT,
        expected=change.expected,
        seen=change.seen,
        change=change,
        text=f"{change.seen:.1%} of the {pair.subject} values are {where}; {change.expected:.1%} are expected",
        advice="The model seems frozen: check its inputs for a constant or default feature vector, and its artifact.",
        details={"standard_deviation": _number(pair.current.moments.standard_deviation)},
    )


def range_change(pair: Pair[NumericProfile]) -> Candidate:
    """More values beyond the baseline's minimum and maximum, its outermost cells included (see `beyond_range`)."""
    change = change_in_cells(pair.reference, pair.current, beyond_range(pair.reference))
    usual = _range_text(pair.reference.minimum, pair.reference.maximum)
    return _tail_candidate(
        pair,
        "regression_range",
        change,
        text=(
            f"{change.seen:.2%} of the predictions lie at or beyond the ends of the baseline's range ({usual}); "
            f"{change.expected:.2%} are expected"
        ),
    )


def outlier_share(pair: Pair[NumericProfile]) -> Candidate:
    """More values farther from the baseline's mean than three of its standard deviations."""
    moments = pair.reference.moments
    margin = OUTLIER_SIGMAS * moments.standard_deviation
    if not math.isfinite(margin) or margin <= 0:
        reason = "the baseline's predictions have no standard deviation to measure outliers by"
        return pair.refused(("outliers",), reason)[0]
    change = change_within(pair.reference, pair.current, moments.mean - margin, moments.mean + margin).complement
    limits = _range_text(moments.mean - margin, moments.mean + margin)
    return _tail_candidate(
        pair,
        "outliers",
        change,
        text=(
            f"{change.seen:.2%} of the predictions are three standard deviations from the baseline's mean or more "
            f"(not {limits}); {change.expected:.2%} are expected"
        ),
    )


def _tail_candidate(pair: Pair[NumericProfile], test: str, change: ShareChange, *, text: str) -> Candidate:
    return Candidate(
        subject=pair.subject,
        test=test,
        reference_size=change.reference_size,
        current_size=change.current_size,
        statistic=change.seen,
        threshold=min(change.expected + RANGE[0][0], 1.0),
        effect=change.rise,
        p_value=change.chance_of_rise(),
        ladder=RANGE,
        expected=change.expected,
        seen=change.seen,
        change=change,
        text=text,
        advice="Look at the inputs of the extreme predictions: the model extrapolates there.",
        details={
            "minimum": pair.current.minimum,
            "maximum": pair.current.maximum,
            "reference_minimum": pair.reference.minimum,
            "reference_maximum": pair.reference.maximum,
        },
    )


def _share_possibly_beyond(profile: NumericProfile, lowest: float, highest: float) -> float:
    low, high = cell_bounds(profile)
    may_be = ((low < lowest) & (profile.minimum < lowest)) | ((high > highest) & (profile.maximum > highest))
    return int(profile.counts[may_be].sum()) / profile.finite


def _range_text(low: float, high: float) -> str:
    if math.isinf(low) or math.isinf(high):
        return f"at most {high:.6g}" if math.isinf(low) else f"at least {low:.6g}"
    return f"{low:.6g} to {high:.6g}"


def _cell_text(profile: NumericProfile, cell: int) -> str:
    if profile.minimum == profile.maximum:
        return f"{profile.minimum:.4g}"
    low, high = (bounds[cell] for bounds in cell_bounds(profile))
    return f"{high:.4g}" if profile.binning.atoms[cell] else f"from {low:.4g} to {high:.4g}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
