"""An effect with its sequential interval over time, as the numbers that an SVG is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10

from driftline.store.experiment_course import CoursePoint

WIDTH, HEIGHT = 640, 230
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 10, 28
_TICKS = 5


@dataclass(frozen=True)
class EffectChart:
    """One metric of one treatment.

    Attributes
    ----------
    band, line:
        Points of the interval's outline and of the effect, in the picture's units.
    zero, limit:
        Heights of no difference, and of the loss that is not allowed; None where it is out of the picture.
    columns, rows:
        Place and label of the ticks.
    points:
        For the table beside it, the newest first.
    """

    name: str
    hint: str
    band: str
    line: str
    zero: float | None
    limit: float | None
    columns: tuple[tuple[float, str], ...]
    rows: tuple[tuple[float, str], ...]
    points: tuple[CoursePoint, ...]


def effect_chart(name: str, hint: str, course: Sequence[CoursePoint], limit: float | None) -> EffectChart | None:
    """The chart of a course; None where nothing was found yet."""
    known = [point for point in course if point.effect is not None]
    if not known:
        return None
    scale = _Scale.of(known, limit)
    lows = [(scale.x(point.at), scale.y(_or(point.low, scale.bottom))) for point in known]
    highs = [(scale.x(point.at), scale.y(_or(point.high, scale.top))) for point in known]
    return EffectChart(
        name=name,
        hint=hint,
        band=_written([*highs, *reversed(lows)]),
        line=_written((scale.x(point.at), scale.y(point.effect or 0.0)) for point in known),
        zero=scale.height(0.0),
        limit=None if limit is None else scale.height(limit),
        columns=scale.columns(),
        rows=scale.rows(),
        points=tuple(reversed(known)),
    )


@dataclass(frozen=True)
class _Scale:
    """From times and effects to places."""

    start: datetime
    end: datetime
    bottom: float
    top: float

    @classmethod
    def of(cls, points: Sequence[CoursePoint], limit: float | None) -> _Scale:
        """From the newer half of the course: at first an interval is so wide that nothing else could be seen."""
        newer = points[len(points) // 2 :]
        bounds = [value for point in newer for value in (point.low, point.effect, point.high) if value is not None]
        reach = [0.0, *bounds, *([] if limit is None else [limit])]
        low, high = min(reach), max(reach)
        margin = (high - low) * 0.08 or 1.0
        start, end = points[0].at, points[-1].at
        return cls(start, max(end, start + timedelta(minutes=5)), low - margin, high + margin)

    def x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        inside = min(max(value, self.bottom), self.top)
        share = (inside - self.bottom) / (self.top - self.bottom)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def height(self, value: float) -> float | None:
        return self.y(value) if self.bottom <= value <= self.top else None

    def rows(self) -> tuple[tuple[float, str], ...]:
        step = _round_step((self.top - self.bottom) / _TICKS)
        first, last = ceil(self.bottom / step), floor(self.top / step)
        return tuple(
            (self.y(number * step), f"{number * step:+.6g}" if number else "0") for number in range(first, last + 1)
        )

    def columns(self) -> tuple[tuple[float, str], ...]:
        span = self.end - self.start
        written = "%H:%M" if span < timedelta(hours=20) else "%-d %b %H:%M" if span < timedelta(days=5) else "%-d %b"
        moments = [self.start + span * number / (_TICKS - 1) for number in range(_TICKS)]
        return tuple((self.x(moment), f"{moment.astimezone(UTC):{written}}") for moment in moments)


def _round_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)


def _or(value: float | None, instead: float) -> float:
    return instead if value is None else value


def _written(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
