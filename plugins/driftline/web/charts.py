"""Lines over time, as the page's script draws them and its tables say them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from driftline.store.model_history import Mark, Measured
from driftline.store.reading import WindowSummary
from driftline.web.figures import is_share, metric_title

SHOWN_VERSIONS = 3
"""Versions with lines of their own in one chart: those that were measured last."""

TABLE_ROWS = 28
"""Windows in the table beside a chart: a week of four a day. Browsers take their time over more."""


class Unit(StrEnum):
    """What a chart's numbers are."""

    SHARE = "share"
    MILLISECONDS = "ms"
    COUNT = "count"
    NUMBER = "number"


class LineKind(StrEnum):
    """How a line is drawn."""

    REALISED = "realised"
    ESTIMATED = "estimated"
    REFERENCE = "reference"
    LIMIT = "limit"


@dataclass(frozen=True)
class Line:
    """One value per moment of its chart; ``None`` where there is none.

    Attributes
    ----------
    low, high:
        The values' intervals; empty without any.
    soft:
        Where the value is provisional, or its estimate not trusted.
    hue:
        0, 1 or 2: lines of one version have the same.
    """

    label: str
    kind: LineKind
    values: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    soft: tuple[bool, ...] = ()
    hue: int = 0


@dataclass(frozen=True)
class Chart:
    """Attributes
    ----------
    moments:
        Ends of windows, rising.
    said:
        One sentence for who does not see the picture.
    """

    name: str
    title: str
    unit: Unit
    moments: tuple[datetime, ...]
    lines: tuple[Line, ...]
    said: str = ""

    @property
    def newest(self) -> list[tuple[datetime, int]]:
        """The moments that the table shows with their places, the newest first."""
        return [(self.moments[place], place) for place in reversed(range(len(self.moments)))][:TABLE_ROWS]

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for line in self.lines for value in line.values)

    def to_json(self) -> dict[str, Any]:
        """For the script: moments in seconds of Unix time."""
        lines = [asdict(line) for line in self.lines]
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit.value,
            "moments": [int(moment.timestamp()) for moment in self.moments],
            "lines": lines,
            "said": self.said,
        }


def marks_json(marks: Iterable[Mark]) -> list[dict[str, Any]]:
    return [{"at": int(mark.at.timestamp()), "kind": mark.kind.value, "said": mark.said} for mark in marks]


def performance_chart(metric: str, series: Sequence[Measured]) -> Chart:
    """A metric, realised and estimated, with the baseline's value and the limit that the check held it against."""
    of_metric = [each for each in series if each.subject == metric]
    realised = [each for each in of_metric if each.test == "degradation"]
    estimated = [each for each in of_metric if each.test == "estimate"]
    moments = _moments(of_metric)
    lines: list[Line] = []
    for hue, version in enumerate(_newest_versions(of_metric)):
        named = f" {version}" if version else ""
        lines += _lines(_Drawn(f"realised{named}", LineKind.REALISED, version, hue), realised, moments)
        lines += _lines(_Drawn(f"estimated{named}", LineKind.ESTIMATED, version, hue), estimated, moments)
    lines += _constant("baseline", LineKind.REFERENCE, [*estimated, *realised], moments, lambda one: one.reference)
    lines += _constant("limit", LineKind.LIMIT, [*estimated, *realised], moments, lambda one: one.threshold)
    unit = Unit.SHARE if is_share(metric) else Unit.NUMBER
    return _said(Chart("performance", metric_title(metric), unit, moments, tuple(lines)))


@dataclass(frozen=True)
class Subject:
    """What a chart of one test is about."""

    name: str
    title: str
    unit: Unit
    test: str
    of: str


def figure_chart(asked: Subject, series: Sequence[Measured]) -> Chart:
    """One test's statistic per version, with what the baseline leads to expect."""
    found = [each for each in series if (each.test, each.subject) == (asked.test, asked.of)]
    moments = _moments(found)
    lines: list[Line] = []
    for hue, version in enumerate(_newest_versions(found)):
        label = version or asked.title
        lines += _lines(_Drawn(label, LineKind.REALISED, version, hue), found, moments)
        beside = _values(found, version, moments, lambda one: one.median)
        if any(value is not None for value in beside):
            lines.append(Line(f"{label}, median", LineKind.ESTIMATED, beside, hue=hue))
    lines += _constant("baseline", LineKind.REFERENCE, found, moments, lambda one: one.reference)
    return _said(Chart(asked.name, asked.title, asked.unit, moments, tuple(lines)))


def volume_chart(windows: Sequence[WindowSummary]) -> Chart:
    moments = tuple(window.window.end for window in windows)
    rows = Line("predictions", LineKind.REALISED, tuple(float(window.rows) for window in windows))
    labeled = Line("with a label", LineKind.ESTIMATED, tuple(float(window.labeled_rows) for window in windows), hue=1)
    return _said(Chart("volume", "Predictions per window", Unit.COUNT, moments, (rows, labeled)))


@dataclass(frozen=True)
class _Drawn:
    """How one version's figures become a line."""

    label: str
    kind: LineKind
    version: str
    hue: int


def _lines(drawn: _Drawn, series: Sequence[Measured], moments: Sequence[datetime]) -> list[Line]:
    values = _values(series, drawn.version, moments, lambda one: one.value)
    if not any(value is not None for value in values):
        return []
    own = [each for each in series if each.version == drawn.version]
    soft = {each.end for each in own if each.is_soft}
    return [
        Line(
            drawn.label,
            drawn.kind,
            values,
            _values(own, drawn.version, moments, lambda one: one.low),
            _values(own, drawn.version, moments, lambda one: one.high),
            tuple(moment in soft for moment in moments),
            drawn.hue,
        )
    ]


def _values(
    series: Sequence[Measured], version: str, moments: Sequence[datetime], value: Callable[[Measured], float | None]
) -> tuple[float | None, ...]:
    known = {each.end: value(each) for each in series if each.version == version}
    return tuple(known.get(moment) for moment in moments)


def _constant(
    label: str,
    kind: LineKind,
    series: Sequence[Measured],
    moments: Sequence[datetime],
    value: Callable[[Measured], float | None],
) -> list[Line]:
    """What is the same for all versions, such as the baseline's value."""
    known = {each.end: found for each in series if (found := value(each)) is not None}
    return [Line(label, kind, tuple(known.get(moment) for moment in moments))] if known else []


def _moments(series: Iterable[Measured]) -> tuple[datetime, ...]:
    return tuple(sorted({each.end for each in series}))


def _newest_versions(series: Iterable[Measured]) -> list[str]:
    """The versions that were measured last, the newest first."""
    latest = {each.version: each.end for each in series if each.value is not None}
    return sorted(latest, key=lambda version: latest[version], reverse=True)[:SHOWN_VERSIONS]


def _said(chart: Chart) -> Chart:
    """The chart with its sentence."""
    values = [value for line in chart.lines[:1] for value in line.values if value is not None]
    if not values:
        return chart
    said = (
        f"{chart.title}, {len(values)} windows: from {min(values):.4g} to {max(values):.4g}, newest {values[-1]:.4g}."
    )
    return Chart(chart.name, chart.title, chart.unit, chart.moments, chart.lines, said)
