"""What each window's verdict was, and became when labels arrived: versions are added, never rewritten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Row,
    Select,
    and_,
    cast,
    func,
    insert,
    or_,
    select,
    true,
)

from driftline.decisions import Verdict, VerdictVersion
from driftline.findings import Check, Finding, Severity, Status
from driftline.store.decisions import DecisionRecord
from driftline.store.json_values import json_safe
from driftline.store.slices import Part
from driftline.store.tables import decisions, findings, slices, verdict_history, windows
from driftline.windows import Window

_KEPT = ("version", "segment", "subject", "test", "comparison", "status", "severity")
_FIGURES = ("statistic", "interval_low", "interval_high", "threshold", "current_size")


def record_verdict(connection: Connection, record: DecisionRecord, found: Iterable[Finding], at: datetime) -> bool:
    """Adds a version of the window's verdict, unless it says what the version before said; returns whether it did.

    Kept are the decision, and of the performance check what it judged of the whole and what it detected anywhere. That
    only figures moved is no new version.
    """
    performance = [finding for finding in found if finding.check is Check.PERFORMANCE]
    version = {
        "verdict": record.verdict.value,
        "severity": record.severity.value,
        "is_suppressed": record.is_suppressed,
        "is_provisional": is_provisional(performance),
        "performance": [json_safe(_entry(finding)) for finding in performance if _is_kept(finding)],
    }
    latest = connection.execute(
        _versions(record.model, record.window).order_by(verdict_history.c.revision.desc()).limit(1)
    ).one_or_none()
    if latest is not None and _said(latest._mapping) == _said(version):
        return False
    connection.execute(
        insert(verdict_history).values(
            model=record.model,
            window_start=record.window.start,
            window_end=record.window.end,
            revision=1 if latest is None else latest.revision + 1,
            reason=json_safe(record.reason),
            run_id=record.run_id,
            decided_at=at,
            **version,
        )
    )
    return True


def verdict_versions(connection: Connection, model: str, window: Window) -> list[VerdictVersion]:
    """The versions of the window's verdict, the first first."""
    rows = connection.execute(_versions(model, window).order_by(verdict_history.c.revision))
    return [_version(row) for row in rows]


def is_provisional(performance: Sequence[Finding]) -> bool:
    """Whether labels may still change what the performance check says of the whole."""
    judged = [finding for finding in performance if finding.test == "degradation" and finding.segment == ""]
    asked = judged or [finding for finding in performance if finding.test == "label_coverage"]
    return any(bool(finding.details.get("is_provisional", False)) for finding in asked)


def windows_to_revise(connection: Connection, model: str, now: datetime) -> list[Window]:
    """Decided windows whose verdict rests on older counts than the store has, or whose labels are due by now.

    The oldest first, so that incidents see windows in order of time.
    """
    decided = and_(
        decisions.c.model == windows.c.model,
        decisions.c.window_start == windows.c.window_start,
        decisions.c.window_end == windows.c.window_end,
    )
    newest_count = (
        select(func.max(slices.c.counted_at).label("counted_at"))
        .where(
            slices.c.model == windows.c.model,
            slices.c.baseline_id == windows.c.baseline_id,
            slices.c.part == Part.OUTCOMES.value,
            slices.c.slice_start >= windows.c.window_start,
            slices.c.slice_start < windows.c.window_end,
        )
        .lateral("newest_count")
    )
    seen = func.coalesce(decisions.c.extracted_at, decisions.c.decided_at)
    rows = connection.execute(
        select(windows.c.window_start, windows.c.window_end)
        .select_from(windows.join(decisions, decided).join(newest_count, true()))
        .where(windows.c.model == model, newest_count.c.counted_at.is_not(None))
        .where(or_(newest_count.c.counted_at > seen, _is_due(now)))
        .order_by(windows.c.window_end, windows.c.window_start)
    )
    return [Window(row.window_start, row.window_end) for row in rows]


def _is_due(now: datetime) -> ColumnElement[bool]:
    """The window was judged while labels were still expected, and they no longer are."""
    matures_at = cast(findings.c.details["matures_at"].astext, DateTime(timezone=True))
    return (
        select(findings.c.model)
        .where(
            findings.c.model == windows.c.model,
            findings.c.window_start == windows.c.window_start,
            findings.c.window_end == windows.c.window_end,
            findings.c.test == "label_coverage",
            findings.c.segment == "",
            findings.c.details["is_provisional"].astext == "true",
            matures_at <= now,
        )
        .exists()
    )


def _versions(model: str, window: Window) -> Select[Any]:
    return select(verdict_history).where(
        verdict_history.c.model == model,
        verdict_history.c.window_start == window.start,
        verdict_history.c.window_end == window.end,
    )


def _is_kept(finding: Finding) -> bool:
    is_judged = finding.test in {"degradation", "label_coverage"} and finding.segment == ""
    return is_judged or finding.status is Status.DETECTED


def _entry(finding: Finding) -> dict[str, Any]:
    entry = {name: str(getattr(finding, name)) for name in _KEPT}
    return {**entry, **{name: getattr(finding, name) for name in _FIGURES}, "coverage": finding.details.get("coverage")}


def _said(version: Any) -> tuple[Any, ...]:
    told = [tuple(entry[name] for name in _KEPT) for entry in version["performance"]]
    return (
        version["verdict"],
        version["severity"],
        version["is_suppressed"],
        version["is_provisional"],
        sorted(told),
    )


def _version(row: Row[Any]) -> VerdictVersion:
    return VerdictVersion(
        revision=row.revision,
        verdict=Verdict(row.verdict),
        severity=Severity(row.severity),
        reason=row.reason,
        is_suppressed=row.is_suppressed,
        is_provisional=row.is_provisional,
        performance=tuple(row.performance),
        run_id=row.run_id,
        decided_at=row.decided_at.astimezone(UTC),
    )
