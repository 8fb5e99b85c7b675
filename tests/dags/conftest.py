"""A real installation for the whole session: Airflow with its scheduler, two Postgres servers, real flights, a receiver
that speaks Slack's protocol. The metadata has a server of its own, so that a test may restart the other one."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from driftline.local.airflow import USER, AirflowSettings, LocalAirflow
from driftline.local.ports import free_port
from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import Urls, provision
from driftline.local.slack_receiver import SlackReceiver, start_receiver
from driftline.store.engine import create_store_engine
from driftline.store.migrate import migrate

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "include" / "models"
NULLED_SHARE = 0.5
VIEWER = "viewer"
"""Somebody who may read every DAG, and edit none."""


@dataclass(frozen=True)
class Installation:
    """What a test can look at and shake."""

    airflow: LocalAirflow
    data_server: EmbeddedPostgres
    urls: Urls
    store: Engine
    receiver: SlackReceiver
    models: Path
    airflow_home: Path

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Triggers a run by hand; returns its id."""
        body = {"logical_date": None, "conf": conf or {}}
        return str(self.airflow.api("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float = 240) -> str:
        """The state in which the run ended."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id.replace('+', '%2B')}"
        states: dict[str, str] = {}

        def ended() -> bool:
            states["now"] = self.airflow.api("GET", path)["state"]
            return states["now"] in {"success", "failed"}

        try:
            wait_until(ended, seconds, f"{dag_id} {run_id} to end")
        except AssertionError as error:
            error.add_note(f"{self.task_states(dag_id, run_id)}\n{self.errors(dag_id)}")
            raise
        return states["now"]

    def errors(self, dag_id: str) -> str:
        """What the tasks' logs say went wrong."""
        logs = self.airflow_home.glob(f"logs/dag_id={dag_id}/**/*.log")
        lines = [line for log in logs for line in log.read_text().splitlines() if '"error_detail"' in line]
        return "\n".join(line[:3000] for line in lines[-3:])

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id.replace('+', '%2B')}/taskInstances"
        return {task["task_id"]: task["state"] for task in self.airflow.api("GET", path)["task_instances"]}

    def password(self, user: str) -> str:
        """Of a user that Airflow made one for."""
        return str(json.loads((self.airflow_home / "passwords.json").read_text())[user])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.airflow.api("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
        return runs

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the store answers."""
        with psycopg.connect(self.urls.store) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]


def wait_until(is_met: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_met():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(1)


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    # Run in the background, as `make test` does, a shell's children are told to end by this signal: nothing may stay.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="driftline-airflow-") as folder:
        home = Path(folder)
        metadata_server = EmbeddedPostgres(home / "metadata", SCRATCH)
        data_server = EmbeddedPostgres(home / "data", SCRATCH)
        try:
            metadata_server.start()
            data_server.start()
            metadata_urls = provision(metadata_server.admin_url, home / "metadata-secrets.json")
            urls = provision(data_server.admin_url, home / "data-secrets.json")
            with start_receiver(log=home / "alerts.jsonl") as receiver:
                yield from _with_airflow(home, metadata_urls, urls, data_server, receiver)
        finally:
            data_server.stop()
            metadata_server.stop()


def _with_airflow(
    home: Path, metadata_urls: Urls, urls: Urls, data_server: EmbeddedPostgres, receiver: SlackReceiver
) -> Iterator[Installation]:
    models = home / "models"
    _write_models(models)
    airflow = LocalAirflow(
        AirflowSettings(
            home=home / "airflow",
            port=free_port(),
            metadata_url=metadata_urls.airflow,
            store_url=urls.store,
            log_url=urls.log_reader,
            slack_connection=f'{{"conn_type": "slackwebhook", "password": "{receiver.webhook_url}"}}',
            dags_folder=ROOT / "dags",
            plugins_folder=ROOT / "plugins",
            python_path=(ROOT, ROOT / "plugins"),
            environment={
                "DRIFTLINE_MODELS": str(models),
                "PATH": os.environ["PATH"],
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{VIEWER}:viewer",
            },
        )
    )
    try:
        airflow.start()
        store = create_store_engine(urls.store)
        migrate(store)
        _log_flights(urls, home / "trained")
        airflow.wait_until_healthy()
        yield Installation(airflow, data_server, urls, store, receiver, models, home / "airflow")
    finally:
        airflow.stop()


def _write_models(folder: Path) -> None:
    """The demo's own models; one of them counted by two mapped tasks, and asked about before it is rolled back."""
    folder.mkdir()
    for path in sorted(MODELS.glob("*.yaml")):
        described = path.read_text(encoding="utf-8")
        if path.stem == "arrival_delay":
            assert described.count("\nschedule:\n") == 1
            described = described.replace("\nschedule:\n", "\nschedule:\n  extraction_workers: 2\n")
            described += "\nrollback: {enabled: true, mode: approval}\n"
        (folder / path.name).write_text(described, encoding="utf-8")


def _log_flights(urls: Urls, models_folder: Path) -> None:
    """Real flights with real predictions; in the last day half of the temperatures are lost on the way."""
    from include.demo.feed import open_feed

    now = datetime.now(UTC)
    open_feed(urls.log_owner, models_folder, now).catch_up(now)
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        connection.execute(
            """
            UPDATE flights.flight_delay_predictions SET temperature = NULL
            WHERE predicted_at >= now() - interval '36 hours' AND hashtext(prediction_id::text) % 2 = 0
            """
        )
