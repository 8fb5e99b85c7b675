"""What the pages show: decisions, windows and which reports they have. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, select, text

from driftline.decisions import Verdict
from driftline.findings import Severity
from driftline.store.engine import store_transaction
from driftline.store.tables import decisions, reports, windows
from driftline.windows import Window

_STATEMENT_TIMEOUT = "10s"


@dataclass(frozen=True)
class WindowSummary:
    """A window in a list.

    Attributes
    ----------
    verdict, severity, reason:
        Its decision; ``None`` and empty until it is decided.
    is_suppressed:
        The window is written only: nobody is told from its verdict.
    """

    model: str
    window: Window
    rows: int
    labeled_rows: int
    run_id: str
    extracted_at: datetime
    verdict: Verdict | None = None
    severity: Severity = Severity.NONE
    reason: str = ""
    is_suppressed: bool = False
    decided_at: datetime | None = None


@contextmanager
def store_reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that may only read; a statement that takes longer than 10 s is given up.

    Raises
    ------
    StoreError
        When the database is unreachable, not migrated, refuses the role or takes too long.
    """
    with store_transaction(engine) as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT}'"))
        yield connection


def windows_between(
    connection: Connection, model: str, since: datetime, until: datetime, limit: int
) -> list[WindowSummary]:
    """The model's windows that end after ``since`` and until ``until``, in order; of more than ``limit`` the newest."""
    newest = (
        _summaries()
        .where(windows.c.model == model, windows.c.window_end > since, windows.c.window_end <= until)
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
    )
    return [_summary(row) for row in connection.execute(newest)][::-1]


def windows_ending(connection: Connection, model: str, window_end: datetime) -> list[WindowSummary]:
    """The model's windows with that end (their starts differ), the one extracted last first."""
    ending = (
        _summaries()
        .where(windows.c.model == model, windows.c.window_end == window_end)
        .order_by(windows.c.extracted_at.desc(), windows.c.window_start)
    )
    return [_summary(row) for row in connection.execute(ending)]


def window_of_run(connection: Connection, model: str, run_id: str) -> Window | None:
    """The window that a run extracted or decided last; ``None`` where it has none, or a later run took it over."""
    of_run = (
        _summaries()
        .where(windows.c.model == model, (windows.c.run_id == run_id) | (decisions.c.run_id == run_id))
        .order_by(*_NEWEST_FIRST)
        .limit(1)
    )
    row = connection.execute(of_run).one_or_none()
    return None if row is None else Window(row.window_start, row.window_end)


def report_kinds(connection: Connection, model: str, window: Window) -> list[str]:
    """The kinds of stored pages that a window has."""
    kept = select(reports.c.kind).where(
        reports.c.model == model, reports.c.window_start == window.start, reports.c.window_end == window.end
    )
    return list(connection.execute(kept.order_by(reports.c.kind)).scalars())


_NEWEST_FIRST = (windows.c.window_end.desc(), windows.c.extracted_at.desc())


def _summaries() -> Select[Any]:
    return select(
        windows.c.model,
        windows.c.window_start,
        windows.c.window_end,
        windows.c.rows,
        windows.c.labeled_rows,
        windows.c.run_id,
        windows.c.extracted_at,
        decisions.c.verdict,
        decisions.c.severity,
        decisions.c.reason,
        decisions.c.is_suppressed,
        decisions.c.decided_at,
    ).select_from(
        windows.outerjoin(
            decisions,
            and_(
                decisions.c.model == windows.c.model,
                decisions.c.window_start == windows.c.window_start,
                decisions.c.window_end == windows.c.window_end,
            ),
        )
    )


def _summary(row: Row[Any]) -> WindowSummary:
    summary = WindowSummary(
        model=row.model,
        window=Window(row.window_start, row.window_end),
        rows=row.rows,
        labeled_rows=row.labeled_rows,
        run_id=row.run_id,
        extracted_at=row.extracted_at,
    )
    if row.verdict is None:
        return summary
    return replace(
        summary,
        verdict=Verdict(row.verdict),
        severity=Severity(row.severity),
        reason=row.reason,
        is_suppressed=row.is_suppressed,
        decided_at=row.decided_at,
    )
