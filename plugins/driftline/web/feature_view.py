"""One subject in one window: reference against current, what the tests say, since when, and in which segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from driftline.drift.drawing import drawn
from driftline.drift.movement import Move, missing_move, moves_of
from driftline.drift.pairs import NotEvaluable, NumericPair, Pair, pair_of_profiles
from driftline.errors import InputError
from driftline.findings import Comparison, Finding, Severity, by_severity
from driftline.store.subject_profiles import SubjectProfiles
from driftline.windows import Window


@dataclass(frozen=True)
class Distribution:
    """Both sides of a subject.

    Attributes
    ----------
    picture:
        An SVG element, whose labels are escaped.
    moves:
        Quantiles, or the levels that moved most; ``missing`` is the share of rows without a value.
    are_shares:
        Whether the moves are shares (levels) rather than values (quantiles).
    """

    picture: Markup
    moves: tuple[Move, ...]
    missing: Move
    are_shares: bool
    reference_rows: int
    current_rows: int
    period: Window


@dataclass(frozen=True)
class SegmentRow:
    """The worst that was found of the subject in one segment."""

    segment: str
    worst: Finding
    share: float | None
    """Of the change, how much happened there (0 to 1), where it is known."""


@dataclass(frozen=True)
class FeatureView:
    """What is known of one subject in one window.

    Attributes
    ----------
    why_not:
        Why there is no distribution to show; empty where there is one.
    since:
        When its drift began, where it could be dated.
    together_with:
        Features that moved with it.
    """

    subject: str
    window: Window
    severity: Severity
    leading: Finding | None
    tests: tuple[Finding, ...]
    segments: tuple[SegmentRow, ...]
    distribution: Distribution | None
    why_not: str = ""
    since: datetime | None = None
    together_with: tuple[str, ...] = ()


def view_feature(
    subject: str, window: Window, segment: str, findings: Sequence[Finding], profiles: SubjectProfiles | None
) -> FeatureView:
    """The subject as ``segment`` saw it; what the other segments found stands beside it."""
    against = [one for one in findings if one.comparison is Comparison.BASELINE]
    here = by_severity(one for one in against if one.segment == segment)
    leading = here[0] if here else None
    distribution, why_not = view_distribution(profiles)
    located: dict[str, Any] = next((place for one in here if (place := one.details.get("localization"))), {})
    return FeatureView(
        subject,
        window,
        leading.severity if leading else Severity.NONE,
        leading,
        tuple(here),
        _segments(against, located),
        distribution,
        why_not,
        datetime.fromisoformat(located["since"]) if located.get("since") else None,
        tuple(located.get("together_with", ())),
    )


def view_distribution(profiles: SubjectProfiles | None) -> tuple[Distribution | None, str]:
    """Both sides as a picture and in numbers, or why they cannot be shown."""
    if profiles is None or profiles.reference is None:
        return None, "The baseline that the window was compared with does not have it."
    if profiles.current is None:
        return None, "Its hourly profiles are not kept any more, or the window has no rows of it."
    try:
        pair = pair_of_profiles(profiles.reference, profiles.current)
    except (NotEvaluable, InputError) as error:
        return None, str(error)
    return _distribution(pair, profiles.period), ""


def _distribution(pair: Pair, period: Window) -> Distribution:
    return Distribution(
        Markup(drawn(pair)),  # noqa: S704 - its labels are escaped there
        tuple(moves_of(pair)),
        missing_move(pair),
        not isinstance(pair, NumericPair),
        pair.reference_size,
        pair.current_size,
        period,
    )


def _segments(findings: Sequence[Finding], located: dict[str, Any]) -> tuple[SegmentRow, ...]:
    shares = {each["segment"]: each["share"] for each in located.get("segments", ())}
    worst: dict[str, Finding] = {}
    for finding in by_severity(findings):
        if finding.segment:
            worst.setdefault(finding.segment, finding)
    return tuple(SegmentRow(segment, finding, shares.get(segment)) for segment, finding in worst.items())
