"""The guard and the watcher of the monitors under the real scheduler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.dags.conftest import Installation, wait_until

pytestmark = pytest.mark.airflow

GUARD = "guard_serving"
WATCHER = "watch_monitors"
PAUSED = "monitor__arrival_delay"

_LOG_ONE = """
INSERT INTO flights.flight_delay_predictions
SELECT 'live', now(), flight, 'live', true, 0.9, 123.0, 'boom', departure_hour, weekday, carrier, origin, destination,
       distance, temperature, dew_point, humidity, wind_speed, precipitation, visibility, pressure
FROM flights.flight_delay_predictions LIMIT 1;
INSERT INTO flights.flight_delay_labels VALUES ('live', now(), true)
"""
_REMOVE = """
DELETE FROM flights.flight_delay_predictions WHERE prediction_id = 'live';
DELETE FROM flights.flight_delay_labels WHERE prediction_id = 'live'
"""


@contextmanager
def switched_on(installation: Installation, dag_id: str) -> Iterator[None]:
    dags = lambda: {dag["dag_id"] for dag in installation.airflow.api("GET", "/api/v2/dags?limit=100")["dags"]}  # noqa: E731
    wait_until(lambda: dag_id in dags(), 120, f"{dag_id} to appear")
    installation.airflow.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
    try:
        yield
    finally:
        installation.airflow.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": True})
        wait_until(
            lambda: {run["state"] for run in installation.runs(dag_id)} <= {"success", "failed"}, 120, "runs to end"
        )


@pytest.fixture
def logged(installation: Installation) -> Iterator[None]:
    """One failed prediction with its label, made now."""
    with psycopg.connect(installation.urls.log_owner, autocommit=True) as connection:
        connection.execute(_LOG_ONE)
        yield
        connection.execute(_REMOVE)


def test_the_guard_counts_what_has_just_been_logged(installation: Installation, logged: None) -> None:
    counted = (
        "SELECT predictions, errors FROM driftline.live_predictions WHERE model = 'flight_delay' AND version = 'live'"
    )
    labeled = (
        "SELECT labeled, true_positives FROM driftline.live_outcomes WHERE model = 'flight_delay' AND version = 'live'"
    )
    with switched_on(installation, GUARD):
        wait_until(lambda: bool(installation.rows(labeled)), 90, "the live figures")
    assert installation.rows(counted) == [(1, 1)]
    assert installation.rows(labeled) == [(1, 1)]
    assert {run["state"] for run in installation.runs(GUARD)} == {"success"}
    assert {run["run_type"] for run in installation.runs(GUARD)} == {"scheduled"}


def test_a_paused_monitor_is_an_incident_until_it_is_switched_on(installation: Installation) -> None:
    opened = (
        "SELECT status FROM driftline.incidents WHERE model = 'arrival_delay' AND cause = 'monitor_paused' "
        "ORDER BY incident_id"
    )
    with switched_on(installation, PAUSED):
        pass
    with switched_on(installation, WATCHER):
        run_id = installation.run(WATCHER)
        assert installation.wait_for_run(WATCHER, run_id) == "success", installation.errors(WATCHER)
        assert set(installation.task_states(WATCHER, run_id).values()) == {"success"}
        assert installation.rows(opened) == [("open",)]
        told = [str(request.body) for request in installation.receiver.requests if WATCHER in str(request.body)]
        assert len([body for body in told if "monitor__arrival_delay is paused" in body]) == 1
        with switched_on(installation, PAUSED):
            run_id = installation.run(WATCHER)
            assert installation.wait_for_run(WATCHER, run_id) == "success"
            assert installation.rows(opened) == [("resolved",)]


def test_the_guards_old_runs_are_deleted_by_a_task(installation: Installation) -> None:
    """The task's own way, with nothing kept."""
    with switched_on(installation, GUARD):
        wait_until(lambda: any(run["state"] == "success" for run in installation.runs(GUARD)), 90, "a run of the guard")
    delete = (
        "from datetime import timedelta; from driftline.dagkit.history import delete_old_runs; "
        f"print(delete_old_runs({GUARD!r}, timedelta(0)))"
    )
    environment = installation.airflow.variables
    done = subprocess.run([sys.executable, "-c", delete], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert installation.runs(GUARD) == []
