"""What the newest windows say: that they were decided, what was found, which features drift, how good the model is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, TextClause, text

from driftline.findings import RESERVED_SUBJECTS, Severity
from driftline.store.scraping.bounds import RECENT
from driftline.windows import Window


@dataclass(frozen=True)
class NewestWindow:
    """A model's newest decided window.

    Attributes
    ----------
    interval_seconds:
        What usually lies between the ends of two windows (the median of the last eight); None with a single one.
    is_recent:
        Whether it says something about now (`driftline.store.scraping.RECENT`).
    """

    model: str
    window: Window
    decided_at: datetime
    severity: Severity
    rows: int
    labeled_rows: int
    interval_seconds: float | None
    is_recent: bool


@dataclass(frozen=True)
class FindingCount:
    """How many findings of a check came out so, over all versions and segments of the window."""

    model: str
    check: str
    status: str
    count: int


@dataclass(frozen=True)
class FeatureDrift:
    """What the drift check said of a feature of the whole, against the baseline.

    Attributes
    ----------
    psi, kolmogorov_smirnov:
        The statistics; None where the test was not made.
    """

    model: str
    version: str
    feature: str
    is_detected: bool
    psi: float | None
    kolmogorov_smirnov: float | None


@dataclass(frozen=True)
class DriftCount:
    """How many features of the whole were compared, and how many drift."""

    model: str
    version: str
    features: int
    drifted: int


@dataclass(frozen=True)
class PerformanceFigure:
    """A metric of the newest window that labels say something about (or, of an estimate, of the newest window)."""

    model: str
    version: str
    metric: str
    is_estimate: bool
    value: float
    low: float | None
    high: float | None
    is_degraded: bool
    is_provisional: bool
    window_end: datetime


# The models one after the other from the index, each with its newest window: however many windows are kept.
_NEWEST = text("""
WITH RECURSIVE known(model) AS (
    (SELECT model FROM driftline.decisions ORDER BY model LIMIT 1)
    UNION ALL
    SELECT (SELECT d.model FROM driftline.decisions d WHERE d.model > known.model ORDER BY d.model LIMIT 1)
    FROM known WHERE known.model IS NOT NULL
)
SELECT newest.*, usual.interval_seconds, newest.window_end >= now() - :recent AS is_recent
FROM known
CROSS JOIN LATERAL (
    SELECT d.model, d.window_start, d.window_end, d.decided_at, d.severity,
           coalesce(w.rows, 0) AS rows, coalesce(w.labeled_rows, 0) AS labeled_rows
    FROM driftline.decisions d LEFT JOIN driftline.windows w USING (model, window_start, window_end)
    WHERE d.model = known.model ORDER BY d.window_end DESC, d.decided_at DESC LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY gap))::float8 AS interval_seconds
    FROM (
        SELECT window_end - lead(window_end) OVER (ORDER BY window_end DESC) AS gap
        FROM (
            SELECT DISTINCT d.window_end FROM driftline.decisions d
            WHERE d.model = known.model ORDER BY d.window_end DESC LIMIT 9
        ) AS ends
    ) AS gaps
) AS usual
ORDER BY newest.model
""")

_CHOSEN = """
WITH chosen AS (
    SELECT * FROM unnest(:models ::text[], :starts ::timestamptz[], :ends ::timestamptz[])
        AS c(model, window_start, window_end)
)
"""

_COUNTS = text(f"""{_CHOSEN}
SELECT f.model, f.check_name, f.status, count(*) AS count
FROM chosen JOIN driftline.findings f USING (model, window_start, window_end)
GROUP BY f.model, f.check_name, f.status ORDER BY f.model, f.check_name, f.status
""")  # noqa: S608 - no value is written into it

_OF_FEATURES = f"""{_CHOSEN}, of_feature AS (
    SELECT f.model, f.version, f.subject,
           bool_or(f.status = 'detected') AS is_detected,
           max(array_position(ARRAY['low', 'medium', 'high', 'critical'], f.severity)) AS rank,
           max(f.statistic) FILTER (WHERE f.test = 'population_stability_index') AS psi,
           max(f.statistic) FILTER (WHERE f.test = 'kolmogorov_smirnov') AS kolmogorov_smirnov
    FROM chosen JOIN driftline.findings f USING (model, window_start, window_end)
    WHERE f.check_name = 'drift' AND f.comparison = 'baseline' AND f.segment = '' AND f.status <> 'not_evaluated'
        AND f.subject <> ALL(:reserved)
    GROUP BY f.model, f.version, f.subject
)
"""  # noqa: S608

_DRIFT = text(f"""{_OF_FEATURES}
SELECT model, version, subject, is_detected, psi, kolmogorov_smirnov FROM (
    SELECT *, row_number() OVER (PARTITION BY model ORDER BY rank DESC NULLS LAST, subject, version) AS place
    FROM of_feature
) AS placed
WHERE place <= :most ORDER BY model, version, subject
""")  # noqa: S608

_DRIFT_COUNTS = text(f"""{_OF_FEATURES}
SELECT model, version, count(*) AS features, count(*) FILTER (WHERE is_detected) AS drifted
FROM of_feature GROUP BY model, version ORDER BY model, version
""")  # noqa: S608

_FIGURES = """
SELECT f.model, f.version, f.subject, f.test = 'estimate' AS is_estimate, f.status, f.statistic, f.interval_low,
       f.interval_high, f.window_end, coalesce((f.details ->> 'is_provisional')::boolean, false) AS is_provisional
"""

# Without labels there is nothing to look for: only windows that have some are looked at, the newest few.
_REALISED = text(f"""{_FIGURES}
FROM unnest(:models ::text[]) AS m(model)
CROSS JOIN LATERAL (
    SELECT w.window_start, w.window_end FROM driftline.windows w
    WHERE w.model = m.model AND w.labeled_rows > 0 AND EXISTS (
        SELECT FROM driftline.findings g
        WHERE (g.model, g.window_start, g.window_end) = (w.model, w.window_start, w.window_end)
            AND g.test = 'degradation' AND g.comparison = 'baseline' AND g.segment = '' AND g.statistic IS NOT NULL
    )
    ORDER BY w.window_start DESC, w.window_end DESC LIMIT 1
) AS newest
JOIN driftline.findings f
    ON (f.model, f.window_start, f.window_end) = (m.model, newest.window_start, newest.window_end)
WHERE f.test = 'degradation' AND f.comparison = 'baseline' AND f.segment = '' AND f.statistic IS NOT NULL
ORDER BY f.model, f.version, f.subject
""")  # noqa: S608

_ESTIMATED = text(f"""{_CHOSEN}{_FIGURES}
FROM chosen JOIN driftline.findings f USING (model, window_start, window_end)
WHERE f.test = 'estimate' AND f.comparison = 'baseline' AND f.segment = '' AND f.statistic IS NOT NULL
ORDER BY f.model, f.version, f.subject
""")


def newest_windows(connection: Connection) -> list[NewestWindow]:
    """Each model's newest decided window, in the order of the models' names."""
    return [
        NewestWindow(
            model=row.model,
            window=Window(row.window_start, row.window_end),
            decided_at=row.decided_at,
            severity=Severity(row.severity),
            rows=row.rows,
            labeled_rows=row.labeled_rows,
            interval_seconds=row.interval_seconds,
            is_recent=row.is_recent,
        )
        for row in connection.execute(_NEWEST, {"recent": RECENT})
    ]


def finding_counts(connection: Connection, chosen: Sequence[NewestWindow]) -> list[FindingCount]:
    return [FindingCount(*row) for row in _of_windows(connection, _COUNTS, chosen)]


def feature_drift(connection: Connection, chosen: Sequence[NewestWindow], most: int) -> list[FeatureDrift]:
    """At most ``most`` pairs of feature and version of each model: the most severe first, then by name."""
    rows = _of_windows(connection, _DRIFT, chosen, reserved=sorted(RESERVED_SUBJECTS), most=most)
    return [FeatureDrift(*row) for row in rows]


def drift_counts(connection: Connection, chosen: Sequence[NewestWindow]) -> list[DriftCount]:
    rows = _of_windows(connection, _DRIFT_COUNTS, chosen, reserved=sorted(RESERVED_SUBJECTS))
    return [DriftCount(*row) for row in rows]


def realised_performance(connection: Connection, chosen: Sequence[NewestWindow]) -> list[PerformanceFigure]:
    """What labels say, of each model's newest window that they say something about: it may be an older one."""
    rows = connection.execute(_REALISED, {"models": [each.model for each in chosen]})
    return [_figure(row) for row in rows]


def estimated_performance(connection: Connection, chosen: Sequence[NewestWindow]) -> list[PerformanceFigure]:
    """What is estimated without labels, of the newest windows."""
    return [_figure(row) for row in _of_windows(connection, _ESTIMATED, chosen)]


def _of_windows(
    connection: Connection, statement: TextClause, chosen: Sequence[NewestWindow], **values: Any
) -> Sequence[Any]:
    windows = [each.window for each in chosen]
    of_windows = {
        "models": [each.model for each in chosen],
        "starts": [window.start for window in windows],
        "ends": [window.end for window in windows],
    }
    return connection.execute(statement, {**of_windows, **values}).all()


def _figure(row: Any) -> PerformanceFigure:
    return PerformanceFigure(
        model=row.model,
        version=row.version,
        metric=row.subject,
        is_estimate=row.is_estimate,
        value=row.statistic,
        low=row.interval_low,
        high=row.interval_high,
        is_degraded=row.status == "detected",
        is_provisional=row.is_provisional,
        window_end=row.window_end,
    )
