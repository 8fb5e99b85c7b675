"""Outputs that are missing or are no numbers."""

from __future__ import annotations

from driftline.findings import Severity
from driftline.predictions.candidate import Candidate, Ladder
from driftline.predictions.evidence import ShareChange
from driftline.predictions.subjects import Pair, too_few
from driftline.profiles import CategoricalProfile, NumericProfile

NULL_SHARE: Ladder = (
    (0.02, Severity.LOW),
    (0.05, Severity.MEDIUM),
    (0.10, Severity.HIGH),
    (0.30, Severity.CRITICAL),
)
"""By the rise of the share, in points."""


def null_share(pair: Pair[NumericProfile] | Pair[CategoricalProfile], minimum_rows: int) -> Candidate:
    """A rise of the share of rows that are null, not finite or no number."""
    reason = too_few("rows", pair.reference.rows, pair.current.rows, minimum_rows)
    if reason:
        return pair.refused(("null_share",), reason)[0]
    change = ShareChange(_missing(pair.reference), pair.reference.rows, _missing(pair.current), pair.current.rows)
    return Candidate(
        subject=pair.subject,
        test="null_share",
        reference_size=change.reference_size,
        current_size=change.current_size,
        statistic=change.seen,
        threshold=min(change.expected + NULL_SHARE[0][0], 1.0),
        effect=change.rise,
        p_value=change.chance_of_rise(),
        ladder=NULL_SHARE,
        expected=change.expected,
        seen=change.seen,
        change=change,
        text=(
            f"{change.seen:.2%} of the {_plural(pair.subject)} are missing or invalid; "
            f"{change.expected:.2%} are expected"
        ),
        advice="Look for failing calls and for a changed type or column in the service that writes the log.",
    )


def _plural(subject: str) -> str:
    """``scores``; ``scores of bird``."""
    name, of, rest = subject.partition(" of ")
    return f"{name}s{of}{rest}"


def _missing(profile: NumericProfile | CategoricalProfile) -> int:
    if isinstance(profile, NumericProfile):
        return profile.nulls + profile.non_finite + profile.invalid
    return profile.nulls
