"""What an experiment's evidence comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What follows from a look; `PROMOTE`, `ROLL_BACK` and `INCONCLUSIVE` end the experiment."""

    CONTINUE = "continue"
    """Nothing is proven yet."""
    HOLD = "hold"
    """Something is amiss with the experiment itself: nothing is decided, and no ramp goes on, until it is mended."""
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    INCONCLUSIVE = "inconclusive"
    """The horizon is reached without a winner. It stays so: another look would be one too many."""

    @property
    def is_final(self) -> bool:
        return self in {Verdict.PROMOTE, Verdict.ROLL_BACK, Verdict.INCONCLUSIVE}


@dataclass(frozen=True)
class Ruling:
    """A verdict with its reason.

    Attributes
    ----------
    winner:
        The version that is to have the traffic; None where nobody won.
    recommendation:
        What a person should do next.
    is_urgent:
        Harm is proven: it counts even where nothing else is decided any more.
    """

    verdict: Verdict
    reason: str
    winner: str | None = None
    recommendation: str = ""
    is_urgent: bool = False
