"""What may roll a version back, and what one look at it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from driftline.findings import Check, Severity, Status


class Trigger(StrEnum):
    """Why a version may be rolled back: the first three are the guard's, the others are windows' findings."""

    ERROR_RATE = "error_rate"
    LATENCY = "latency"
    LIVE_PERFORMANCE = "live_performance"
    PERFORMANCE = "performance"
    DRIFT = "drift"
    FAIRNESS = "fairness"
    PREDICTIONS = "predictions"

    @property
    def is_live(self) -> bool:
        """Whether the guard sees it, by itself, within a minute."""
        return self in LIVE_TRIGGERS

    @classmethod
    def of_check(cls, check: Check) -> Trigger:
        """The trigger that a window's critical finding of ``check`` is."""
        return cls(check.value)


LIVE_TRIGGERS = (Trigger.ERROR_RATE, Trigger.LATENCY, Trigger.LIVE_PERFORMANCE)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One look at one version.

    Attributes
    ----------
    status:
        `Status.DETECTED` where the limit is exceeded beyond doubt; `Status.NOT_EVALUATED` where there is too little to
        tell (`description` says what).
    value, limit:
        In the trigger's unit: shares of 1, or milliseconds. None where not evaluated.
    bound:
        What the value is at least (`driftline.rollback.bounds`): of the share of failed or slow predictions, or of the
        drop of the metric.
    samples, minutes:
        Predictions or labels that were looked at, and over how many minutes.
    since, latest:
        Name the data that the look before this one ended with, and the newest that was looked at now: what lies
        between is new. The same data again is no further evidence.
    """

    trigger: Trigger
    version: str
    status: Status
    value: float | None = None
    bound: float | None = None
    limit: float | None = None
    samples: int = 0
    minutes: int = 0
    since: str = ""
    latest: str = ""
    description: str = ""

    @property
    def is_exceeded(self) -> bool:
        return self.status is Status.DETECTED

    @property
    def severity(self) -> Severity:
        """Critical from twice the limit on."""
        if not self.is_exceeded or self.value is None or self.limit is None:
            return Severity.NONE
        return Severity.CRITICAL if self.value >= 2 * self.limit else Severity.HIGH


def not_evaluated(trigger: Trigger, version: str, reason: str) -> Reading:
    """A look that could not tell, and why."""
    return Reading(trigger=trigger, version=version, status=Status.NOT_EVALUATED, description=reason)
