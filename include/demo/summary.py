"""What the demo found, read from Driftline's tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from rich.table import Table

MODEL = "flight_delay"

_LAST_WINDOW = """
SELECT d.window_start, d.window_end, d.verdict, d.severity, d.reason
FROM driftline.decisions d WHERE d.model = %s ORDER BY d.window_end DESC LIMIT 1
"""
_WORST = """
SELECT check_name, segment, subject, test, severity, description
FROM driftline.findings
WHERE model = %s AND window_end = %s AND status = 'detected'
ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low', 'none'], severity), check_name, subject
LIMIT %s
"""
_BY_MONTH = """
WITH of_month AS (
    SELECT date_trunc('month', window_start) AS month, window_end, check_name, subject, test, status, statistic, segment
    FROM driftline.findings WHERE model = %s
)
SELECT month,
       count(DISTINCT window_end) AS windows,
       count(DISTINCT window_end) FILTER (WHERE check_name = 'drift' AND status = 'detected') AS drifted,
       (SELECT string_agg(subject, ', ' ORDER BY times DESC, subject) FROM (
            SELECT inner_month.subject, count(*) AS times FROM of_month inner_month
            WHERE inner_month.month = outer_month.month AND check_name = 'drift' AND status = 'detected'
            GROUP BY inner_month.subject ORDER BY times DESC, subject LIMIT 3) AS moved) AS moved_most
FROM of_month outer_month GROUP BY month ORDER BY month
"""


@dataclass(frozen=True)
class Decision:
    """What became of a window."""

    window_start: datetime
    window_end: datetime
    verdict: str
    severity: str
    reason: str


def last_decision(store_url: str, model: str = MODEL) -> Decision | None:
    """The newest window's decision; None before the first."""
    with psycopg.connect(store_url) as connection:
        row = connection.execute(_LAST_WINDOW, [model]).fetchone()
    return None if row is None else Decision(*row)


def has_baseline(store_url: str, model: str) -> bool:
    """Whether ``model`` has an active baseline."""
    with psycopg.connect(store_url) as connection:
        row = connection.execute("SELECT 1 FROM driftline.baselines WHERE model = %s AND is_active", [model])
        return row.fetchone() is not None


def worst_findings(store_url: str, window_end: datetime, count: int = 6, model: str = MODEL) -> Table:
    """The severest findings of the window that ended at ``window_end``."""
    table = Table("severity", "check", "segment", "subject", "what was found", title="Findings", title_justify="left")
    with psycopg.connect(store_url) as connection:
        for check, segment, subject, _test, severity, description in connection.execute(
            _WORST, [model, window_end, count]
        ):
            table.add_row(severity, check, segment or "all", subject, description)
    return table


def drift_by_month(store_url: str, model: str = MODEL) -> Table:
    """How the year moved away from its beginning, month by month."""
    table = Table("month", "windows", "with drift", "moved most", title="The year", title_justify="left")
    with psycopg.connect(store_url) as connection:
        for month, windows, drifted, moved in connection.execute(_BY_MONTH, [model]):
            table.add_row(f"{month:%B %Y}", str(windows), str(drifted), moved or "")
    return table
