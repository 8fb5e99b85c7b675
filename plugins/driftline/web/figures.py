"""Figures as people read them: with their units, and no more digits than they can bear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from driftline.performance.metric import METRIC_KINDS, MetricKind
from driftline.performance.wording import shown, title

_NOTHING = "–"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def share(value: float | None) -> str:
    """A share of 0 to 1 as a percentage; small ones keep two digits that count."""
    if value is None:
        return _NOTHING
    percent = value * 100
    digits = 0 if percent == 0 or abs(percent) >= 99.95 else 1 if abs(percent) >= 1 else 2
    written = f"{percent:.{digits}f}"
    return f"{written.removeprefix('-') if float(written) == 0 else written}%"


def count(value: int | None) -> str:
    return _NOTHING if value is None else f"{value:,}"


def milliseconds(value: float | None) -> str:
    """A duration of milliseconds; from ten seconds on in seconds."""
    if value is None:
        return _NOTHING
    return f"{value / 1000:,.1f} s" if value >= 10_000 else f"{value:,.0f} ms" if value >= 10 else f"{value:.2g} ms"


def metric(name: str, value: float | None) -> str:
    """A metric's value: shares as percentages, others with four digits."""
    return _NOTHING if value is None else shown(name, value) if name in METRIC_KINDS else f"{value:.4g}"


def metric_title(name: str) -> str:
    return title(name)


def is_share(name: str) -> bool:
    """Whether the metric is shown as a percentage."""
    return METRIC_KINDS.get(name) is MetricKind.SHARE and name != "r2"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in one unit: ``3 h``. Of the future, and of less than a minute: ``just now``."""
    seconds = (now - moment) / timedelta(seconds=1)
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds / length:,.0f} {unit} ago"
    return "just now"


def now() -> datetime:
    return datetime.now(UTC)
