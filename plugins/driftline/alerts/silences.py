"""Silences: what is not told for a time, because somebody said so."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_SILENCE = timedelta(days=30)
"""What is silenced for longer is forgotten."""


@dataclass(frozen=True, kw_only=True)
class Silence:
    """One silence, in force from ``created_at`` until ``until`` (excluded) or until somebody ends it.

    Attributes
    ----------
    cause:
        Check or other cause of incidents that is silenced; empty for all of the model's.
    subject:
        Feature, metric or other subject that is silenced; empty for all.
    """

    silence_id: int
    model: str
    cause: str
    subject: str
    reason: str
    created_by: str
    created_at: datetime
    until: datetime
    ended_at: datetime | None = None
    ended_by: str = ""

    def is_in_force(self, at: datetime) -> bool:
        return self.created_at <= at < self.until and (self.ended_at is None or at < self.ended_at)


def is_silenced(silences: Iterable[Silence], cause: str, subjects: Collection[str]) -> bool:
    """Whether nothing is left to tell of an incident of ``cause`` that would be told because of ``subjects``.

    One subject that nobody has silenced is enough to tell all. The ``silences`` are those in force, of the model.
    """
    check = cause.partition("/")[0]  # of a check with several causes: what is silenced is the check
    matching = [silence for silence in silences if silence.cause in {"", check}]
    if any(not silence.subject for silence in matching):
        return True
    silenced = {silence.subject for silence in matching}
    return bool(subjects) and silenced.issuperset(subjects)
