"""A model's figures over time, and what happened to it meanwhile. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from driftline.findings import Finding, Severity
from driftline.store.drift_history import Place
from driftline.store.overview import finding_of
from driftline.windows import Window

MOST_MARKS = 200
"""Marks on a time axis: of more, the newest."""


@dataclass(frozen=True)
class Span:
    """From the end of the first window to the end of the newest."""

    first: datetime
    newest: datetime


class Measured(NamedTuple):
    """A finding's figure at its window's end; one of thousands, so no more than a row.

    Attributes
    ----------
    reference:
        The same on the baseline, or what the baseline leads to expect.
    is_soft:
        Provisional, or an estimate that is not trusted.
    median:
        Of a latency, beside its 95th percentile.
    """

    end: datetime
    version: str
    subject: str
    test: str
    value: float | None
    low: float | None
    high: float | None
    threshold: float | None
    reference: float | None
    is_soft: bool
    median: float | None


class MarkKind(StrEnum):
    """What a mark on a time axis stands for."""

    ROUTE = "route"
    ROLLBACK = "rollback"
    INCIDENT = "incident"
    RESOLVED = "resolved"
    BASELINE = "baseline"
    EXPERIMENT = "experiment"


@dataclass(frozen=True)
class Mark:
    """Something that happened to the model."""

    at: datetime
    kind: MarkKind
    said: str
    severity: Severity = Severity.NONE


@dataclass(frozen=True)
class BaselineStanding:
    """The baseline in force: its period, predictions, when it was built, and the segments that it knows."""

    baseline_id: int
    period: Window
    rows: int
    built_at: datetime
    segments: tuple[str, ...]


_SPAN = text(
    "SELECT (SELECT window_end FROM driftline.decisions WHERE model = :model ORDER BY window_end LIMIT 1) AS first, "
    "(SELECT window_end FROM driftline.decisions WHERE model = :model ORDER BY window_end DESC LIMIT 1) AS newest"
)
_SERIES = text(
    """
    SELECT f.window_end, f.version, f.subject, f.test, f.statistic, f.interval_low, f.interval_high, f.threshold,
           CASE WHEN jsonb_typeof(coalesce(f.details -> 'reference_value', f.details -> 'expected')) = 'number'
                THEN coalesce(f.details ->> 'reference_value', f.details ->> 'expected')::float END,
           CASE f.test WHEN 'estimate' THEN f.details ->> 'is_trusted' = 'false'
                ELSE coalesce(f.details ->> 'is_provisional', '') = 'true' END,
           CASE WHEN jsonb_typeof(f.details -> 'p50') = 'number' THEN (f.details ->> 'p50')::float END
    FROM driftline.findings f
    WHERE f.model = :model AND f.segment = :segment AND f.window_end > :since AND f.window_end <= :until
        AND f.subject = ANY(:subjects) AND f.test = ANY(:tests) AND f.check_name <> 'drift'
        AND f.comparison <> 'version' AND (CAST(:version AS text) IS NULL OR f.version = :version)
    ORDER BY f.window_end, f.window_start, f.version
    """
)
_MARKS = text(
    """
    SELECT * FROM (
        SELECT changed_at AS at, 'route' AS kind, actor || ': ' || reason AS said, 'none' AS severity,
               shares_after AS shares
        FROM driftline.route_history WHERE model = :model
        UNION ALL
        SELECT created_at, 'rollback', bad_version || coalesce(' to ' || target_version, '') || ' (' ||
               replace(status, '_', ' ') || '): ' || reason, 'critical', NULL
        FROM driftline.rollbacks WHERE model = :model
        UNION ALL
        SELECT opened_at, 'incident', title, severity, NULL FROM driftline.incidents WHERE model = :model
        UNION ALL
        SELECT resolved_at, 'resolved', title, 'none', NULL
        FROM driftline.incidents WHERE model = :model AND resolved_at IS NOT NULL
        UNION ALL
        SELECT built_at, 'baseline', 'baseline of ' || to_char(period_start, 'YYYY-MM-DD') || ' to ' ||
               to_char(period_end, 'YYYY-MM-DD'), 'none', NULL
        FROM driftline.baselines WHERE model = :model AND rows > 0
        UNION ALL
        SELECT started_at, 'experiment', experiment || ' started', 'none', NULL
        FROM driftline.experiments WHERE model = :model AND started_at IS NOT NULL
        UNION ALL
        SELECT ended_at, 'experiment', experiment || ' ended: ' || end_reason, 'none', NULL
        FROM driftline.experiments WHERE model = :model AND ended_at IS NOT NULL
    ) AS marks WHERE at > :since AND at <= :until ORDER BY at DESC LIMIT :most
    """
)
_BASELINE = text("SELECT * FROM driftline.baselines WHERE model = :model AND is_active")
_SEGMENTS = text(
    "SELECT DISTINCT segment FROM driftline.baseline_profiles WHERE baseline_id = :baseline_id ORDER BY segment"
)
_METRICS = text(
    """
    SELECT DISTINCT ON (f.subject, f.test, f.version)
           f.check_name, f.version, f.comparison, f.segment, f.subject, f.test, f.status, f.severity, f.statistic,
           f.threshold, f.effect, f.interval_low, f.interval_high, f.current_size, f.reason, f.description, f.details
    FROM driftline.findings f
    WHERE f.model = :model AND f.window_start = :start AND f.window_end = :end AND f.segment = :segment
        AND f.check_name = ANY(:checks) AND f.comparison <> 'version'
    ORDER BY f.subject, f.test, f.version
    """
)
_FAIRNESS = text(
    """
    SELECT f.* FROM driftline.findings f
    WHERE f.model = :model AND f.window_start = :start AND f.window_end = :end AND f.check_name = 'fairness'
    ORDER BY f.version, f.subject, f.test
    """
)


def model_span(connection: Connection, model: str) -> Span | None:
    """Over which time the model has decided windows; ``None`` without any."""
    row = connection.execute(_SPAN, {"model": model}).one()
    return None if row.first is None else Span(row.first.astimezone(UTC), row.newest.astimezone(UTC))


def measured_series(
    connection: Connection, place: Place, subjects: Collection[str], tests: Collection[str]
) -> list[Measured]:
    """The figures of ``tests`` on ``subjects``, window by window, the oldest first."""
    rows = connection.execute(_SERIES, {**place.bound, "subjects": list(subjects), "tests": list(tests)})
    return [Measured._make(row) for row in rows]


def whole_findings(
    connection: Connection, model: str, window: Window, segment: str, checks: Collection[str]
) -> list[Finding]:
    """What ``checks`` found in one segment of a window against baseline and expectation."""
    asked = {"model": model, "start": window.start, "end": window.end, "segment": segment, "checks": list(checks)}
    return [finding_of(row) for row in connection.execute(_METRICS, asked)]


def fairness_findings(connection: Connection, model: str, window: Window) -> list[Finding]:
    """All that the fairness check found in a window."""
    asked = {"model": model, "start": window.start, "end": window.end}
    return [finding_of(row) for row in connection.execute(_FAIRNESS, asked)]


def model_marks(connection: Connection, place: Place) -> list[Mark]:
    """What happened to the model within the span, the newest first."""
    return [_mark(row) for row in connection.execute(_MARKS, {**place.bound, "most": MOST_MARKS})]


def baseline_standing(connection: Connection, model: str) -> BaselineStanding | None:
    """The baseline in force; ``None`` where there is none."""
    row = connection.execute(_BASELINE, {"model": model}).one_or_none()
    if row is None:
        return None
    segments = connection.execute(_SEGMENTS, {"baseline_id": row.baseline_id}).scalars()
    return BaselineStanding(
        row.baseline_id,
        Window(row.period_start, row.period_end),
        row.rows,
        row.built_at.astimezone(UTC),
        tuple(segments),
    )


def _mark(row: Row[Any]) -> Mark:
    said = row.said
    if row.shares:
        shares = ", ".join(f"{version} {float(share):.0%}" for version, share in sorted(row.shares.items()))
        said = f"{shares} ({said})"
    return Mark(row.at.astimezone(UTC), MarkKind(row.kind), said, Severity(row.severity))
