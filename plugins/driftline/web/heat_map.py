"""Drift as a heat map: one row a feature, one column a window (or a day, where there are many)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil

from driftline.findings import Severity
from driftline.store.drift_history import Cells, DriftedFeature
from driftline.web.addresses import stamp
from driftline.windows import Window

ROWS = 30
"""Features on one page."""
MOST_COLUMNS = 124
"""Windows that have a column each: 31 days of four. Of more, each day has one."""
_LABELS = 10
_SECOND = timedelta(seconds=1)

NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True)
class Column:
    """A window, or a day: ``key`` as the address names it."""

    key: str
    end: datetime


@dataclass(frozen=True)
class Label:
    """A date above the columns that it spans."""

    at: datetime
    columns: int


@dataclass(frozen=True)
class HeatRow:
    """A feature; ``cells`` has each column's word: a severity, ``not evaluated``, or nothing where no finding is."""

    feature: str
    severity: Severity
    windows: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class HeatMap:
    """A page of features, the worst first.

    Attributes
    ----------
    drifted, found, total:
        Features that drifted in the span, that the search has found, and that there are.
    is_daily:
        Whether a column is a day.
    """

    columns: tuple[Column, ...]
    labels: tuple[Label, ...]
    rows: tuple[HeatRow, ...]
    drifted: int
    found: int
    total: int
    page: int
    pages: int
    is_daily: bool


AskCells = Callable[[Collection[str]], Cells]


def view_heat_map(
    windows: Sequence[Window],
    features: Sequence[str],
    drifted: Sequence[DriftedFeature],
    cells: AskCells,
    *,
    search: str,
    page: int,
) -> HeatMap:
    """The page that is asked for; ``cells`` is called once, with the features that are on it.

    Parameters
    ----------
    windows:
        Of the span, in order of their ends.
    features, drifted:
        All that are watched; those that drifted, the worst first.
    """
    worst = {each.feature: each for each in drifted}
    ranked = list(dict.fromkeys([*worst, *features]))
    found = [name for name in ranked if search.casefold() in name.casefold()]
    pages = max(ceil(len(found) / ROWS), 1)
    page = min(page, pages)
    shown = found[(page - 1) * ROWS : page * ROWS]
    is_daily = len(windows) > MOST_COLUMNS
    columns = _columns(windows, is_daily=is_daily)
    keys = {int(window.end.timestamp()): column_key(window, is_daily=is_daily) for window in windows}
    found_cells = cells(shown)
    rows = tuple(
        HeatRow(
            name,
            worst[name].severity if name in worst else Severity.NONE,
            worst[name].windows if name in worst else 0,
            _words(found_cells.get(name, ()), keys, columns),
        )
        for name in shown
    )
    return HeatMap(columns, _labels(columns), rows, len(worst), len(found), len(ranked), page, pages, is_daily)


def column_key(window: Window, *, is_daily: bool) -> str:
    return f"{window.end - _SECOND:%Y-%m-%d}" if is_daily else stamp(window.end)


def _columns(windows: Sequence[Window], *, is_daily: bool) -> tuple[Column, ...]:
    ends = {column_key(window, is_daily=is_daily): window.end for window in windows}
    return tuple(Column(key, end) for key, end in ends.items())


def _labels(columns: Sequence[Column]) -> tuple[Label, ...]:
    """About ten dates, each over the columns that begin with it."""
    step = max(ceil(len(columns) / _LABELS), 1)
    grouped = groupby(enumerate(columns), key=lambda each: each[0] // step)
    spans = [[column for _, column in group] for _, group in grouped]
    return tuple(Label(span[0].end, len(span)) for span in spans)


def _words(
    cells: Sequence[tuple[int, Severity | None]], keys: Mapping[int, str], columns: Sequence[Column]
) -> tuple[str, ...]:
    """The gravest of what was found in each column."""
    gravest: dict[str, Severity | None] = {}
    for end, severity in cells:
        key = keys.get(end, "")
        gravest[key] = max(gravest.get(key), severity, key=_rank)
    said = {key: NOT_EVALUATED if severity is None else severity.value for key, severity in gravest.items()}
    return tuple(said.get(column.key, "") for column in columns)


def _rank(severity: Severity | None) -> int:
    return -1 if severity is None else severity.rank
