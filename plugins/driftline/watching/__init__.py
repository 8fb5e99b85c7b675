"""The watcher's watcher: what should have happened and has not. Pure."""

from driftline.watching.judge import (
    alerts_failed,
    counting_fails,
    guard_silent,
    labels_missing,
    model_files_bad,
    monitor_failing,
    monitor_late,
    monitor_paused,
    outbox_stuck,
    predictions_missing,
)
from driftline.watching.result import Cause, WatchResult

__all__ = [
    "Cause",
    "WatchResult",
    "alerts_failed",
    "counting_fails",
    "guard_silent",
    "labels_missing",
    "model_files_bad",
    "monitor_failing",
    "monitor_late",
    "monitor_paused",
    "outbox_stuck",
    "predictions_missing",
]
