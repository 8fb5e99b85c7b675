"""The window of a task's run, and how it travels between tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from driftline.config import ModelConfig
from driftline.monitoring.schedule import resolve_window
from driftline.windows import Window

WindowKey = dict[str, str]
"""What passes through XCom: never data, only which window."""


def window_of_run(config: ModelConfig, context: Any) -> Window:
    """The window of the run that ``context`` belongs to; manual runs and runs by assets have no interval."""
    run = context["dag_run"]
    return resolve_window(config.schedule, context["params"], context.get("data_interval_end"), run.run_after)


def as_key(window: Window) -> WindowKey:
    return {"window_start": window.start.isoformat(), "window_end": window.end.isoformat()}


def from_key(key: WindowKey) -> Window:
    return Window(datetime.fromisoformat(key["window_start"]), datetime.fromisoformat(key["window_end"]))
