"""Predicted classes: their balance, one class only, classes never seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from driftline.findings import Severity
from driftline.predictions.candidate import Candidate, Ladder
from driftline.predictions.evidence import ShareChange
from driftline.predictions.nulls import null_share
from driftline.predictions.subjects import Pair, too_few
from driftline.predictions.thresholds import PredictionThresholds
from driftline.profiles import CategoricalProfile

CLASS_TESTS = ("class_balance", "positive_rate_spike", "one_class_only", "unknown_class", "null_share")

SPIKE: Ladder = ((10.0, Severity.HIGH), (50.0, Severity.CRITICAL))
"""By how many times more, or fewer, positives there are."""

ONE_CLASS: Ladder = ((1e-9, Severity.HIGH),)
"""That a class is gone matters however rare it was: evidence alone decides."""

SMALLEST_STEP = 0.005

UNKNOWN_CLASS: Ladder = (
    (0.01, Severity.LOW),
    (0.05, Severity.MEDIUM),
    (0.10, Severity.HIGH),
    (0.30, Severity.CRITICAL),
)
"""By the share of classes that the baseline never had, in points."""


def class_candidates(
    pair: Pair[CategoricalProfile], positive_level: str | None, thresholds: PredictionThresholds
) -> list[Candidate]:
    """Tests of the predicted class; nulls count in ``null_share`` only.

    Tests
    -----
    class_balance
        Statistic = share of positives, effect = its move in points; without a ``positive_level`` the total variation
        distance of all classes.
    positive_rate_spike
        Statistic = positives over those expected; effect = that, or its inverse where they became fewer.
    one_class_only
        Statistic = share of the commonest class, effect = the share that all others had.
    unknown_class
        Statistic = share of classes that the baseline never had, effect = its rise in points.
    null_share
        See `null_share`.
    """
    before, now = _present(pair.reference), _present(pair.current)
    reason = too_few("predictions", before, now, thresholds.minimum_rows)
    if reason:
        tests = [test for test in CLASS_TESTS[:-1] if positive_level is not None or test != "positive_rate_spike"]
        return [*pair.refused(tuple(tests), reason), null_share(pair, thresholds.minimum_rows)]
    return [
        *_balance(pair, positive_level, thresholds),
        _one_class_only(pair),
        _unknown_class(pair),
        null_share(pair, thresholds.minimum_rows),
    ]


def _balance(
    pair: Pair[CategoricalProfile], positive_level: str | None, thresholds: PredictionThresholds
) -> list[Candidate]:
    if positive_level is None:
        return [_balance_of_all(pair, thresholds)]
    change = ShareChange(
        _count(pair.reference, positive_level),
        _present(pair.reference),
        _count(pair.current, positive_level),
        _present(pair.current),
    )
    if change.reference_hits + change.current_hits == 0:
        reason = f"neither the baseline nor the window predicts {positive_level!r}: check positive_label"
        return pair.refused(("class_balance", "positive_rate_spike"), reason)
    p_value = change.chance_of_change()
    shift = Candidate(
        subject=pair.subject,
        test="class_balance",
        reference_size=change.reference_size,
        current_size=change.current_size,
        statistic=change.seen,
        threshold=thresholds.class_balance_shift,
        effect=abs(change.rise),
        p_value=p_value,
        ladder=_balance_ladder(thresholds.class_balance_shift),
        expected=change.expected,
        seen=change.seen,
        change=change,
        text=f"{change.seen:.2%} of the predictions are {positive_level!r}; {change.expected:.2%} are expected",
        advice="Compare the drift findings: either the inputs have moved, or the model or its cut-off was changed.",
    )
    spike = Candidate(
        subject=pair.subject,
        test="positive_rate_spike",
        reference_size=change.reference_size,
        current_size=change.current_size,
        statistic=change.ratio,
        threshold=SPIKE[0][0],
        effect=max(change.ratio, 1 / change.ratio),
        p_value=p_value,
        ladder=SPIKE,
        expected=change.expected,
        seen=change.seen,
        text=f"There are {change.ratio:.2g} times as many {positive_level!r} predictions as expected",
        advice="Check the cut-off and the version that is served; a burst of unusual traffic does this too.",
    )
    return [shift, spike]


def _balance_of_all(pair: Pair[CategoricalProfile], thresholds: PredictionThresholds) -> Candidate:
    before, now = _cells(pair.reference), _cells(pair.current)
    shares = before / before.sum(), now / now.sum()
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return Candidate(
        subject=pair.subject,
        test="class_balance",
        reference_size=int(before.sum()),
        current_size=int(now.sum()),
        statistic=distance,
        threshold=thresholds.class_balance_shift,
        effect=distance,
        p_value=_contingency(before, now),
        ladder=_balance_ladder(thresholds.class_balance_shift),
        expected=0.0,
        seen=distance,
        text=f"The shares of the predicted classes have moved by {distance * 100:.1f} points",
        advice="Compare the drift findings: either the inputs have moved, or the model was changed.",
    )


def _one_class_only(pair: Pair[CategoricalProfile]) -> Candidate:
    counts = _cells(pair.current)
    commonest = int(np.argmax(counts))
    before = _cells(pair.reference)
    name = _name(pair.current, commonest)
    others = ShareChange(
        int(before.sum() - before[commonest]),
        int(before.sum()),
        int(counts.sum() - counts[commonest]),
        int(counts.sum()),
    )
    is_alone = others.current_hits == 0
    return Candidate(
        subject=pair.subject,
        test="one_class_only",
        reference_size=others.reference_size,
        current_size=others.current_size,
        statistic=1 - others.seen,
        threshold=1.0,
        effect=others.expected if is_alone else 0.0,
        p_value=others.chance_of_fall(),
        ladder=ONE_CLASS,
        expected=1 - others.expected,
        seen=1 - others.seen,
        text=f"{1 - others.seen:.2%} of the predictions are {name}; {1 - others.expected:.2%} are expected",
        advice="The model answers the same to everything: check the loaded artifact and its inputs, or roll back.",
        details={"class": name},
    )


def _unknown_class(pair: Pair[CategoricalProfile]) -> Candidate:
    change = ShareChange(pair.reference.unseen, _present(pair.reference), pair.current.unseen, _present(pair.current))
    named = sorted(pair.current.unseen_levels, key=lambda level: (-pair.current.unseen_levels[level], level))[:5]
    return Candidate(
        subject=pair.subject,
        test="unknown_class",
        reference_size=change.reference_size,
        current_size=change.current_size,
        statistic=change.seen,
        threshold=UNKNOWN_CLASS[0][0],
        effect=change.rise,
        p_value=change.chance_of_rise(),
        ladder=UNKNOWN_CLASS,
        expected=change.expected,
        seen=change.seen,
        change=change,
        text=f"{change.seen:.2%} of the predictions are classes that the baseline never had",
        advice="Check whether the service writes classes under new names or with another type.",
        details={"classes": named},
    )


def _balance_ladder(floor: float) -> Ladder:
    """Low from the floor on; where (almost) any move counts, the other rungs are laid at half a point."""
    step = max(floor, SMALLEST_STEP)
    return (
        (floor, Severity.LOW),
        (2 * step, Severity.MEDIUM),
        (4 * step, Severity.HIGH),
        (8 * step, Severity.CRITICAL),
    )


def _present(profile: CategoricalProfile) -> int:
    return profile.rows - profile.nulls


def _count(profile: CategoricalProfile, level: str) -> int:
    position = profile.binning.position.get(level)
    return profile.unseen_levels.get(level, 0) if position is None else int(profile.counts[position])


def _cells(profile: CategoricalProfile) -> NDArray[np.float64]:
    """Rows per level, then those of pooled and of never-seen levels."""
    return np.array([*profile.counts, profile.other, profile.unseen], dtype=np.float64)


def _name(profile: CategoricalProfile, cell: int) -> str:
    levels = profile.binning.levels
    if cell < len(levels):
        return repr(levels[cell])
    return "of the baseline's rarer classes" if cell == len(levels) else "of never-seen classes"


def _contingency(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """p-value of Pearson's chi-square on the two rows of counts."""
    table = np.vstack([before, now])
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(np.sum(np.square(table - expected) / expected))
    return float(chdtrc(table.shape[1] - 1, statistic)) if table.shape[1] > 1 else 1.0
