"""What a rollback came to: done, or refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from driftline.serving.routes import RouteChange


class RollbackRefusal(StrEnum):
    """Why a rollback was not made. Nothing changes where one is refused."""

    MODEL_UNKNOWN = "model_unknown"
    """The model was never routed."""
    VERSION_UNKNOWN = "version_unknown"
    NOT_SERVING = "not_serving"
    """The bad version gets no traffic: there is nothing to take from it."""
    NO_EARLIER_VERSION = "no_earlier_version"
    """No other version ever had all the traffic and is still fit for it."""
    SAME_VERSION = "same_version"
    """The version to roll back to is the bad one."""
    TARGET_UNKNOWN = "target_unknown"
    TARGET_QUARANTINED = "target_quarantined"
    TARGET_UNHEALTHY = "target_unhealthy"


@dataclass(frozen=True, kw_only=True)
class RollbackOutcome:
    """What became of a rollback.

    Attributes
    ----------
    target_version:
        Where the traffic went; None where it went nowhere.
    refusal:
        Why not; None where it was done.
    explanation:
        The outcome in a sentence for people.
    change:
        The route change; its `is_new` is False where this very cause had rolled back before.
    """

    model: str
    bad_version: str
    target_version: str | None
    refusal: RollbackRefusal | None
    explanation: str
    change: RouteChange | None

    @property
    def is_done(self) -> bool:
        return self.refusal is None
