"""Decisions: what each window led to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from driftline.decisions import EarlierWindow, Verdict
from driftline.findings import Check, Severity, Status
from driftline.store.json_values import json_safe
from driftline.store.tables import decisions, windows
from driftline.windows import Window


@dataclass(frozen=True)
class DecisionRecord:
    """A window's decision.

    Attributes
    ----------
    is_suppressed:
        The window is historical: its verdict is written, and nothing follows from it.
    summary:
        Counts by check and the causes with their subjects (JSON).
    """

    model: str
    window: Window
    verdict: Verdict
    severity: Severity
    reason: str
    is_suppressed: bool
    summary: Mapping[str, Any]
    run_id: str


def record_decision(connection: Connection, record: DecisionRecord, at: datetime, *, is_look: bool = False) -> None:
    """Writes the window's decision, instead of an earlier one.

    Unless it ``is_look`` (somebody looks at a terminal, and nothing may follow), the decision also keeps which counts
    it rests on: labels that are counted later have it revised.
    """
    values: dict[str, Any] = {
        "model": record.model,
        "window_start": record.window.start,
        "window_end": record.window.end,
        "verdict": record.verdict.value,
        "severity": record.severity.value,
        "reason": record.reason,
        "is_suppressed": record.is_suppressed,
        "summary": json_safe(dict(record.summary)),
        "run_id": record.run_id,
        "decided_at": at,
    }
    if not is_look:
        values["extracted_at"] = connection.execute(
            select(windows.c.extracted_at).where(
                windows.c.model == record.model,
                windows.c.window_start == record.window.start,
                windows.c.window_end == record.window.end,
            )
        ).scalar_one_or_none()
    connection.execute(
        upsert(decisions)
        .values(values)
        .on_conflict_do_update(index_elements=["model", "window_start", "window_end"], set_=values)
    )


def window_decision(connection: Connection, model: str, window: Window) -> DecisionRecord | None:
    row = connection.execute(
        select(decisions).where(
            decisions.c.model == model,
            decisions.c.window_start == window.start,
            decisions.c.window_end == window.end,
        )
    ).one_or_none()
    if row is None:
        return None
    return DecisionRecord(
        model=model,
        window=window,
        verdict=Verdict(row.verdict),
        severity=Severity(row.severity),
        reason=row.reason,
        is_suppressed=row.is_suppressed,
        summary=row.summary,
        run_id=row.run_id,
    )


def earlier_windows(connection: Connection, model: str, window: Window, limit: int) -> list[EarlierWindow]:
    """What the last ``limit`` decided windows before ``window`` found, the newest first.

    Of those that are as long, and that ended at most ``limit`` lengths before it: what was found before a long pause
    has not persisted.
    """
    length = window.end - window.start
    query = (
        select(decisions.c.summary)
        .where(
            decisions.c.model == model,
            decisions.c.window_end < window.end,
            decisions.c.window_end >= window.end - limit * length,
            decisions.c.window_end - decisions.c.window_start == length,
        )
        .order_by(decisions.c.window_end.desc())
        .limit(limit)
    )
    return [_earlier(summary) for summary in connection.execute(query).scalars()]


def _earlier(summary: Mapping[str, Any]) -> EarlierWindow:
    told = {
        Check(check)
        for check, counts in summary.get("checks", {}).items()
        if any(counts.get(status.value) for status in (Status.OK, Status.DETECTED))
    }
    found = frozenset((Check(check), version) for check, version in summary.get("critical", []))
    return EarlierWindow(frozenset(told), found)
