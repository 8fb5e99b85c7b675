"""Addresses in Airflow's own pages, and in ours beside them."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from airflow.configuration import conf

from driftline.web.addresses import MOUNT, model_path, window_path


def run_url(dag_id: str, run_id: str) -> str:
    """The page of a run."""
    return f"{_base_url()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def model_url(model: str) -> str:
    """The page of a model: its windows and how they were judged."""
    return f"{_base_url()}{MOUNT}/{model_path(model)}"


def window_url(model: str, window_end: datetime) -> str:
    """The page of a window: its decision, findings and reports."""
    return f"{_base_url()}{MOUNT}/{window_path(model, window_end)}"


def _base_url() -> str:
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
