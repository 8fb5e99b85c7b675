"""Driftline as an Airflow plugin: its pages in the API server, and the way to them in the navigation."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from driftline.web.addresses import MOUNT

_PAGES = MOUNT.removeprefix("/")
"""Relative to Airflow's `<base>`, so that the pages are found under a prefix of `[api] base_url` too."""


class DriftlinePlugin(AirflowPlugin):  # type: ignore[misc] # Airflow is not typed here
    """Pages about windows: in the navigation, on every DAG and on every run."""

    name = "driftline"
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Driftline",
            "href": f"{_PAGES}/",
            "destination": "nav",
            "url_route": "driftline",
            "nav_top_level": True,
        },
        {
            "name": "Driftline",
            "href": f"{_PAGES}/dags/{{DAG_ID}}",
            "destination": "dag",
            "url_route": "driftline-model",
        },
        {
            "name": "Driftline",
            "href": f"{_PAGES}/dags/{{DAG_ID}}/runs/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "driftline-window",
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Made when the API server asks: plugins are loaded in every task too, which need no web application."""
        from driftline.dagkit.web_access import require_reader
        from driftline.dagkit.web_acting import acting
        from driftline.dagkit.web_metrics import metrics_token
        from driftline.dagkit.web_store import open_store, open_store_for_scrape
        from driftline.web.app import create_app
        from driftline.web.metrics.endpoint import metrics_endpoint

        app = create_app(open_store, require_reader, acting())
        # A plain route: the login that stands before the pages does not stand before it.
        app.add_route("/metrics", metrics_endpoint(open_store_for_scrape, metrics_token))
        return [{"app": app, "url_prefix": MOUNT, "name": "Driftline"}]
