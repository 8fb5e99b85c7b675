"""What is served now: predictions, errors and latencies of the last minutes, and the routes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select, text

from driftline.live import PredictionCounts
from driftline.store.scraping.bounds import COUNTED_WITHIN, LIVE_MINUTES
from driftline.store.tables import route_revisions, routes


@dataclass(frozen=True)
class RouteShare:
    model: str
    version: str
    share: float


@dataclass(frozen=True)
class RouteChanges:
    """How often the model's routes were changed, ever."""

    model: str
    changes: int


_LIVE = text("""
SELECT w.model, p.version, p.predictions, p.errors, p.latencies
FROM driftline.live_watermarks w
LEFT JOIN driftline.live_predictions p ON p.model = w.model
    AND p.minute >= date_trunc('minute', w.counted_until) - :span
    AND p.minute < date_trunc('minute', w.counted_until)
WHERE w.feed = 'predictions' AND w.counted_until >= now() - :within
""")


def live_figures(connection: Connection) -> dict[str, dict[str, PredictionCounts]]:
    """By model and version; a model that nobody asked anything is there, without versions."""
    found: dict[str, dict[str, PredictionCounts]] = {}
    for row in connection.execute(_LIVE, {"span": timedelta(minutes=LIVE_MINUTES), "within": COUNTED_WITHIN}):
        versions = found.setdefault(row.model, {})
        if row.version is None:
            continue
        latencies = {int(cell): count for cell, count in row.latencies.items()}
        counts = PredictionCounts(row.predictions, row.errors, latencies)
        versions[row.version] = versions.get(row.version, PredictionCounts()) + counts
    return found


def route_shares(connection: Connection) -> list[RouteShare]:
    rows = connection.execute(
        select(routes.c.model, routes.c.version, routes.c.share).order_by(routes.c.model, routes.c.version)
    )
    return [RouteShare(row.model, row.version, float(row.share)) for row in rows]


def route_changes(connection: Connection) -> list[RouteChanges]:
    rows = connection.execute(
        select(route_revisions.c.model, route_revisions.c.revision).order_by(route_revisions.c.model)
    )
    return [RouteChanges(row.model, row.revision) for row in rows]
