"""A model's drift over time, feature by feature: what the heat map shows. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from driftline.findings import Check, Finding, Severity
from driftline.profiles.roles import Role
from driftline.store.overview import finding_of
from driftline.windows import Window


@dataclass(frozen=True)
class Place:
    """Which part of a model's findings is looked at: from ``since`` (excluded) to ``until`` (a window's end).

    Attributes
    ----------
    segment:
        ``""`` is the whole.
    version:
        ``None``: all versions, the worst of them counts.
    """

    model: str
    since: datetime
    until: datetime
    segment: str = ""
    version: str | None = None

    @property
    def bound(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "since": self.since,
            "until": self.until,
            "segment": self.segment,
            "version": self.version,
            "ladder": [severity.value for severity in Severity],
        }


@dataclass(frozen=True)
class DriftedFeature:
    """One feature's drift over the span: how bad at worst, in how many windows, and the end of the last of them."""

    feature: str
    severity: Severity
    windows: int
    latest: datetime


@dataclass(frozen=True)
class DriftCell:
    """What was found of one feature in one window: ``severity`` is ``None`` where nothing could be evaluated."""

    feature: str
    window: Window
    severity: Severity | None


_HERE = """f.model = :model AND f.segment = :segment AND f.window_end > :since AND f.window_end <= :until
        AND f.check_name = 'drift' AND f.comparison = 'baseline'
        AND (CAST(:version AS text) IS NULL OR f.version = :version)"""

_DRIFTED = text(
    f"""
    SELECT f.subject, max(array_position(:ladder, f.severity)) AS rank, count(DISTINCT f.window_end) AS windows,
           max(f.window_end) AS latest
    FROM driftline.findings f
    WHERE {_HERE} AND f.status = 'detected' AND f.subject NOT IN ('multivariate', 'rows')
    GROUP BY f.subject ORDER BY rank DESC, latest DESC, windows DESC, f.subject
    """  # noqa: S608 - made of constants
)
_CELLS = text(
    f"""
    SELECT f.subject, f.window_start, f.window_end,
           max(CASE WHEN f.status = 'detected' THEN array_position(:ladder, f.severity)
                    WHEN f.status = 'ok' THEN 1 END) AS rank
    FROM driftline.findings f WHERE {_HERE} AND f.subject = ANY(:subjects)
    GROUP BY f.subject, f.window_start, f.window_end
    """  # noqa: S608 - made of constants
)
_FEATURES = text(
    """
    SELECT subject FROM driftline.baseline_binnings WHERE role = :feature AND baseline_id = (
        SELECT baseline_id FROM driftline.baselines WHERE model = :model
        ORDER BY is_active DESC, baseline_id DESC LIMIT 1
    ) ORDER BY subject
    """
)
_OF_FEATURE = text(
    """
    SELECT f.* FROM driftline.findings f
    WHERE f.model = :model AND f.window_start = :start AND f.window_end = :end AND f.subject = :subject
        AND f.check_name = :check
    ORDER BY f.version, f.comparison, f.segment, f.test
    """
)
_GRAVEST = text(
    f"""
    SELECT f.window_start, f.window_end FROM driftline.findings f
    WHERE {_HERE} AND f.subject = ANY(:subjects)
    ORDER BY (f.status = 'detected') DESC, array_position(:ladder, f.severity) DESC, f.window_end DESC LIMIT 1
    """  # noqa: S608 - made of constants
)


def watched_features(connection: Connection, model: str) -> list[str]:
    """The features of the baseline in force (of the newest one, where none is), in order."""
    return list(connection.execute(_FEATURES, {"model": model, "feature": Role.FEATURE.value}).scalars())


def drifted_features(connection: Connection, place: Place) -> list[DriftedFeature]:
    """The features that drifted within the span, the worst first, then those that drifted last."""
    return [
        DriftedFeature(row.subject, _severity(row.rank), row.windows, row.latest)
        for row in connection.execute(_DRIFTED, place.bound)
    ]


def drift_cells(connection: Connection, place: Place, features: Collection[str]) -> list[DriftCell]:
    """One cell for each of ``features`` and each window of the span that has a finding of it."""
    if not features:
        return []
    rows = connection.execute(_CELLS, {**place.bound, "subjects": list(features)})
    return [
        DriftCell(
            row.subject, Window(row.window_start, row.window_end), None if row.rank is None else _severity(row.rank)
        )
        for row in rows
    ]


def gravest_window(connection: Connection, place: Place, feature: str) -> Window | None:
    """The window of the span where the feature was worst, the newest of several; ``None`` where it has no finding."""
    row: Row[Any] | None = connection.execute(_GRAVEST, {**place.bound, "subjects": [feature]}).one_or_none()
    return None if row is None else Window(row.window_start, row.window_end)


def subject_findings(
    connection: Connection, model: str, window: Window, subject: str, check: Check = Check.DRIFT
) -> list[Finding]:
    """All that a check found of one subject in a window: every version, segment and test."""
    rows = connection.execute(
        _OF_FEATURE,
        {"model": model, "start": window.start, "end": window.end, "subject": subject, "check": check.value},
    )
    return [finding_of(row) for row in rows]


def _severity(rank: int) -> Severity:
    return list(Severity)[rank - 1]
