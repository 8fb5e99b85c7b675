"""One subject's two profiles, and why they may not be comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from driftline.predictions.candidate import Candidate
from driftline.profiles import CategoricalProfile, NumericProfile, Profile

P = TypeVar("P", NumericProfile, CategoricalProfile)


@dataclass(frozen=True)
class Pair(Generic[P]):
    """The baseline's and the window's profile of one ``subject``."""

    subject: str
    reference: P
    current: P

    def refused(self, tests: tuple[str, ...], reason: str) -> list[Candidate]:
        """A candidate per test that says why it was not evaluated."""
        return [
            Candidate(
                subject=self.subject,
                test=test,
                reference_size=self.reference.rows,
                current_size=self.current.rows,
                reason=reason,
            )
            for test in tests
        ]


def pair_of(
    kind: type[P], subject: str, reference: Mapping[str, Profile], current: Mapping[str, Profile]
) -> Pair[P] | str:
    """The subject's two profiles, or why there is no such pair."""
    before, now = reference.get(subject), current.get(subject)
    if before is None:
        return f"the baseline holds no {subject}"
    if now is None:
        return f"the window holds no {subject}"
    if not isinstance(before, kind) or not isinstance(now, kind):
        return f"{subject} was not counted as a {kind.__name__}; build the baseline again"
    if before.binning.digest != now.binning.digest:
        return f"{subject} was counted in other cells than the baseline; count the window again"
    return Pair(subject, before, now)


def too_few(what: str, reference_rows: int, current_rows: int, minimum: int) -> str:
    """Why there are too few rows on one side; empty where there are enough."""
    if current_rows < minimum:
        return f"{current_rows} {what}, at least {minimum} are needed"
    if reference_rows < minimum:
        return f"the baseline has {reference_rows} {what}, at least {minimum} are needed"
    return ""
