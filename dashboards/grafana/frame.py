"""What all dashboards have: their names, links to each other, time range, data sources."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.panels import to_dashboard
from dashboards.grafana.sources import source_variables

FLEET, PERFORMANCE, DRIFT, EXPERIMENTS = (
    "driftline-fleet", "driftline-performance", "driftline-drift", "driftline-experiments",
)  # fmt: skip
"""The dashboards' uids, which are their addresses: ``/d/driftline-drift``."""

TITLES = {FLEET: "Fleet", PERFORMANCE: "Performance", DRIFT: "Data drift", EXPERIMENTS: "A/B tests"}


def dashboard(
    title: str,
    uid: str,
    description: str,
    choices: Sequence[Builder[models.VariableModel]],
    marks: Sequence[Builder[models.AnnotationQuery]],
) -> Dashboard:
    """An empty dashboard, read-only: it is changed in Python and generated again."""
    return (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["driftline"])
        .readonly()
        .timezone("browser")
        .time("now-30d", "now")
        .refresh("5m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables([*source_variables(), *choices])
        .annotations(list(marks))
        .links([to_dashboard(name, other) for other, name in TITLES.items() if other != uid])
    )
