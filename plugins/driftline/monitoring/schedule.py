"""Which window a run is about, for every kind of run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from croniter import croniter

from driftline.config import Schedule
from driftline.errors import InputError
from driftline.windows import Window, as_utc

WINDOW_START = "window_start"
WINDOW_END = "window_end"


def resolve_window(
    schedule: Schedule, params: Mapping[str, Any], interval_end: datetime | None, run_after: datetime
) -> Window:
    """The window of a run.

    1. The parameters `window_end` and, where it is not the end minus the lookback, `window_start` (manual runs).
    2. Otherwise the lookback before the end of the run's data interval (scheduled runs and backfills).
    3. Otherwise the last window that closed before `run_after` (manual runs and runs by assets).

    Raises
    ------
    InputError
        When a parameter is no aware date and time on a whole hour, or the window lies in the future.
    """
    end = _moment(params, WINDOW_END)
    start = _moment(params, WINDOW_START)
    if end is None and start is not None:
        raise InputError("window_start is given without window_end. Give both, or only window_end.")
    if end is None:
        end = interval_end or last_tick(schedule.cron, run_after)
    window = Window(start, end) if start is not None else Window.ending(end, schedule.lookback)
    if window.end > run_after + timedelta(minutes=1):
        raise InputError(f"The window {window} has not closed yet. Choose a window_end that has passed.")
    return window


def last_tick(cron: str, before: datetime) -> datetime:
    """The last tick (UTC) of ``cron`` at or before ``before``."""
    moment = as_utc(before, "run's time")
    tick: datetime = croniter(cron, moment + timedelta(microseconds=1)).get_prev(datetime)
    return tick.astimezone(UTC)


def window_ends(cron: str, first: datetime, last: datetime) -> list[datetime]:
    """The ticks of ``cron`` from ``first`` to ``last``, both included.

    Raises
    ------
    InputError
        When ``cron`` is no cron expression, or a bound has no time zone.
    """
    if not croniter.is_valid(cron):
        raise InputError(f"{cron!r} is no cron expression. Write five fields, for example '0 */6 * * *'.")
    ticks = croniter(cron, as_utc(first, "first end") - timedelta(microseconds=1))
    ends: list[datetime] = []
    while (tick := ticks.get_next(datetime).astimezone(UTC)) <= last:
        ends.append(tick)
    return ends


def _moment(params: Mapping[str, Any], name: str) -> datetime | None:
    written = params.get(name)
    if written is None or isinstance(written, datetime):
        return written
    try:
        return datetime.fromisoformat(str(written))
    except ValueError:
        raise InputError(
            f"{name} is {written!r}, which is no date and time. Write it as 2026-01-31T06:00:00+00:00."
        ) from None
