"""Addresses in Airflow's own pages, and in ours beside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from airflow.configuration import conf

from driftline.alerts import Link
from driftline.findings import Check, Finding
from driftline.web.addresses import MOUNT, finding_anchor, model_path, report_path, window_path
from driftline.windows import Window

REPORTED_CHECKS = (Check.DRIFT, Check.QUALITY)
"""Checks that leave a page of their own with each window."""


def run_url(dag_id: str, run_id: str) -> str:
    """The page of a run."""
    return f"{_base_url()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def model_url(model: str) -> str:
    """The page of a model: its windows and how they were judged."""
    return f"{_base_url()}{MOUNT}/{model_path(model)}"


def window_url(model: str, window_end: datetime) -> str:
    """The page of a window: its decision, findings and reports."""
    return f"{_base_url()}{MOUNT}/{window_path(model, window_end)}"


def alert_links(model: str, dag_id: str, run_id: str) -> Callable[[Window, Finding], tuple[Link, ...]]:
    """Where an alert of the run leads, given the finding that leads it: to the run, the finding, the check's report."""

    def links(window: Window, finding: Finding) -> tuple[Link, ...]:
        page = f"{window_url(model, window.end)}?window_start={window.start:%Y-%m-%dT%H:%MZ}"
        found = [
            Link("Run in Airflow", run_url(dag_id, run_id)),
            Link("Report", f"{page}#{finding_anchor(finding.key)}"),
        ]
        if finding.check in REPORTED_CHECKS:
            label = f"{finding.check.value.capitalize()} report"
            found.append(Link(label, f"{_base_url()}{MOUNT}/{report_path(model, window, finding.check.value)}"))
        return tuple(found)

    return links


def run_window_url(dag_id: str, run_id: str, report: str = "") -> str:
    """The page of a run's window, or one of its reports: asked for by the run, since a task may know no more."""
    of_run = f"{_base_url()}{MOUNT}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    return f"{of_run}/reports/{quote(report, safe='')}" if report else of_run


def _base_url() -> str:
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
