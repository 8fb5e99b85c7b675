"""An excess counts once it has held for k of n looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from driftline.findings import Status
from driftline.rollback.limits import Limits
from driftline.rollback.trigger import Reading, Trigger


@dataclass(frozen=True, kw_only=True)
class TriggerState:
    """What the last looks at one version for one trigger saw.

    Attributes
    ----------
    looks:
        Whether the limit was exceeded, the newest last; looks that could not tell are not among them.
    exceeded_since:
        When the excess that holds now was first seen; None where none does.
    reading:
        The newest look that could tell; None before the first.
    """

    model: str
    version: str
    trigger: Trigger
    looks: tuple[bool, ...] = ()
    looked_at: datetime | None = None
    exceeded_since: datetime | None = None
    reading: Reading | None = None

    def is_held(self, limits: Limits) -> bool:
        """The newest look exceeds the limit, and so did enough of those before it."""
        return bool(self.looks) and self.looks[-1] and sum(self.looks[-limits.of :]) >= limits.held

    def is_over(self, limits: Limits) -> bool:
        """None of the last looks exceeds the limit, and there were enough of them to say so."""
        return len(self.looks) >= limits.of and not any(self.looks[-limits.of :])


def looked(state: TriggerState, reading: Reading, at: datetime, limits: Limits) -> TriggerState:
    """The state after one more look at ``at``.

    A look that could not tell, that saw nothing new, that began before the last one ended (two guards at once), or is
    older than it (a clock that was set back) changes nothing: no data is neither good nor bad.
    """
    seen = "" if state.reading is None else state.reading.latest
    is_news = reading.since == seen != reading.latest
    is_later = state.looked_at is None or at > state.looked_at
    if reading.status is Status.NOT_EVALUATED or not is_news or not is_later:
        return state
    looks = (*state.looks, reading.is_exceeded)[-limits.of :]
    since = state.exceeded_since if any(looks[:-1]) else None
    return TriggerState(
        model=state.model,
        version=state.version,
        trigger=state.trigger,
        looks=looks,
        looked_at=at,
        exceeded_since=(since or at) if any(looks) else None,
        reading=reading,
    )
