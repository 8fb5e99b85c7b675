"""Durations as people write them: 90s, 30m, 6h, 28d, 2w."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"^(\d+)\s*([smhdw])$")


def parse_duration(written: Any) -> timedelta:
    """The span that ``written`` means.

    Raises
    ------
    ValueError
        When it is not a whole number with one of the units s, m, h, d, w.
    """
    if isinstance(written, timedelta):
        return written
    match = _DURATION.match(written) if isinstance(written, str) else None
    if match is None:
        raise ValueError(
            f"is not a duration: write a whole number and one of s, m, h, d, w, for example 24h (found {written!r})"
        )
    count, unit = match.groups()
    try:
        return timedelta(**{_UNITS[unit]: int(count)})
    except OverflowError:
        raise ValueError(f"is longer than a duration can be (found {written!r})") from None


def format_duration(span: timedelta) -> str:
    """The shortest exact spelling of ``span`` (whole seconds)."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
"""A span in a YAML file."""
