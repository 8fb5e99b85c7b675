"""What a look at one cause gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from driftline.findings import Severity, Status


class Cause(StrEnum):
    """What can be amiss; each is the cause of an incident."""

    NO_PREDICTIONS = "no_predictions"
    NO_LABELS = "no_labels"
    MONITOR_PAUSED = "monitor_paused"
    MONITOR_FAILING = "monitor_failing"
    MONITOR_LATE = "monitor_late"
    NOT_COUNTED = "not_counted"
    """The guard runs, and cannot count this model."""
    GUARD_SILENT = "guard_silent"
    OUTBOX_STUCK = "outbox_stuck"
    ALERTS_FAILED = "alerts_failed"
    """Alerts that their receivers refused for good."""
    MODEL_FILES = "model_files"
    """A model whose file is not valid has no monitor."""


@dataclass(frozen=True)
class WatchResult:
    """One cause at one model, or of the whole installation.

    Attributes
    ----------
    status:
        `NOT_EVALUATED` opens nothing and resolves nothing: not to know is no recovery.
    description:
        What is amiss, or why it could not be told; empty where all is well.
    """

    cause: Cause
    status: Status = Status.OK
    severity: Severity = Severity.NONE
    description: str = ""
    recommendation: str = ""

    @property
    def is_amiss(self) -> bool:
        return self.status is Status.DETECTED


def amiss(cause: Cause, severity: Severity, description: str, recommendation: str) -> WatchResult:
    return WatchResult(cause, Status.DETECTED, severity, description, recommendation)


def unknown(cause: Cause, reason: str) -> WatchResult:
    return WatchResult(cause, Status.NOT_EVALUATED, description=reason)
