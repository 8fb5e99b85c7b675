"""Addresses in Airflow's own pages."""

from __future__ import annotations

from urllib.parse import quote

from airflow.configuration import conf


def run_url(dag_id: str, run_id: str) -> str:
    """The page of a run."""
    return f"{_base_url()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def _base_url() -> str:
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
