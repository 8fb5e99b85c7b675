"""Windows with their findings and reports. Writing a window again replaces it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.store.json_values import json_safe
from driftline.store.tables import findings, reports, windows
from driftline.windows import Window


@dataclass(frozen=True)
class WindowRecord:
    """What is known of a window once its slices are counted."""

    model: str
    window: Window
    baseline_id: int
    rows: int
    labeled_rows: int
    slices_counted: int
    run_id: str


def record_window(connection: Connection, record: WindowRecord) -> None:
    values = {
        "model": record.model,
        "window_start": record.window.start,
        "window_end": record.window.end,
        "baseline_id": record.baseline_id,
        "rows": record.rows,
        "labeled_rows": record.labeled_rows,
        "slices_counted": record.slices_counted,
        "run_id": record.run_id,
        "extracted_at": datetime.now(UTC),
    }
    connection.execute(
        upsert(windows)
        .values(values)
        .on_conflict_do_update(index_elements=["model", "window_start", "window_end"], set_=values)
    )


def window_record(connection: Connection, model: str, window: Window) -> WindowRecord | None:
    row = connection.execute(select(windows).where(_is_window(windows, model, window))).one_or_none()
    if row is None:
        return None
    return WindowRecord(
        model=model,
        window=window,
        baseline_id=row.baseline_id,
        rows=row.rows,
        labeled_rows=row.labeled_rows,
        slices_counted=row.slices_counted,
        run_id=row.run_id,
    )


def replace_findings(
    connection: Connection, model: str, window: Window, check: Check, found: Iterable[Finding]
) -> None:
    """Writes a check's findings of a window, instead of what that check found there before.

    Writers of one model take turns: a monitor and a revision may judge the same window at once.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"findings:{model}"})
    connection.execute(
        delete(findings).where(_is_window(findings, model, window), findings.c.check_name == check.value)
    )
    now = datetime.now(UTC)
    rows = [_row(model, window, finding, now) for finding in found]
    if rows:
        connection.execute(insert(findings), rows)


def window_findings(connection: Connection, model: str, window: Window) -> list[Finding]:
    """All checks' findings of a window, always in the same order."""
    key = (findings.c.version, findings.c.comparison, findings.c.segment, findings.c.subject, findings.c.test)
    rows = connection.execute(select(findings).where(_is_window(findings, model, window)).order_by(*key))
    return [_finding(row._mapping) for row in rows]


def earlier_findings(
    connection: Connection,
    model: str,
    test: str,
    since: datetime,
    until: datetime,
    *,
    segment: str | None = None,
) -> list[tuple[Window, Finding]]:
    """The findings of one test (in one segment) on windows within ``since`` and ``until``, the newest window first."""
    wanted = select(findings).where(
        findings.c.model == model,
        findings.c.test == test,
        findings.c.window_start >= since,
        findings.c.window_end <= until,
    )
    if segment is not None:
        wanted = wanted.where(findings.c.segment == segment)
    rows = connection.execute(wanted.order_by(findings.c.window_end.desc(), findings.c.window_start.desc()))
    return [(Window(row.window_start, row.window_end), _finding(row._mapping)) for row in rows]


def replace_report(
    connection: Connection, model: str, window: Window, *, kind: str, content_type: str, body: str
) -> None:
    """Keeps a window's rendered page, instead of the one of the same kind before."""
    values = {
        "model": model,
        "window_start": window.start,
        "window_end": window.end,
        "kind": kind,
        "content_type": content_type,
        "body": body.encode(),
        "written_at": datetime.now(UTC),
    }
    connection.execute(
        upsert(reports)
        .values(values)
        .on_conflict_do_update(index_elements=["model", "window_start", "window_end", "kind"], set_=values)
    )


def window_report(connection: Connection, model: str, window: Window, kind: str) -> str | None:
    body = connection.execute(
        select(reports.c.body).where(_is_window(reports, model, window), reports.c.kind == kind)
    ).scalar_one_or_none()
    return None if body is None else bytes(body).decode()


def _is_window(table: Table, model: str, window: Window) -> ColumnElement[bool]:
    return and_(table.c.model == model, table.c.window_start == window.start, table.c.window_end == window.end)


_STATISTICS: Sequence[str] = (
    "statistic", "p_value", "threshold", "effect", "interval_low", "interval_high", "minimum_detectable_shift",
)  # fmt: skip


def _row(model: str, window: Window, finding: Finding, now: datetime) -> dict[str, Any]:
    row = asdict(finding)
    row["check_name"] = row.pop("check").value
    row |= {name: _finite(row[name]) for name in _STATISTICS}
    row |= {"comparison": finding.comparison.value, "status": finding.status.value, "severity": finding.severity.value}
    row["details"] = json_safe(row["details"])
    return row | {"model": model, "window_start": window.start, "window_end": window.end, "found_at": now}


def _finding(row: Any) -> Finding:
    values = {field.name: row[field.name] for field in fields(Finding) if field.name != "check"}
    values |= {
        "comparison": Comparison(row["comparison"]),
        "status": Status(row["status"]),
        "severity": Severity(row["severity"]),
    }
    return Finding(check=Check(row["check_name"]), **values)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
