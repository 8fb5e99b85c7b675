"""A model's drift over time, feature by feature: what the heat map shows. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


Cells = Mapping[str, Sequence[tuple[int, Severity | None]]]
"""By feature, for each window: its end in seconds of Unix time, and how bad the drift was; ``None`` where nothing could
be evaluated. Plain numbers, because a page has thousands of them."""


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
    SELECT subject, array_agg(window_end) AS ends, array_agg(rank) AS ranks
    FROM (
        SELECT f.subject, extract(epoch FROM f.window_end)::bigint AS window_end,
               max(CASE f.status WHEN 'detected' THEN array_position(:ladder, f.severity) WHEN 'ok' THEN 1 END) AS rank
        FROM driftline.findings f WHERE {_HERE} AND f.subject = ANY(:subjects)
        GROUP BY f.subject, f.window_end
    ) AS cells GROUP BY subject
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


def drift_cells(connection: Connection, place: Place, features: Collection[str]) -> Cells:
    """The cells of ``features`` in all windows of the span that have a finding of them."""
    if not features:
        return {}
    rows = connection.execute(_CELLS, {**place.bound, "subjects": list(features)})
    ladder: dict[int | None, Severity | None] = dict(enumerate(Severity, start=1))
    return {
        row.subject: [(end, ladder.get(rank)) for end, rank in zip(row.ends, row.ranks, strict=True)] for row in rows
    }


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
