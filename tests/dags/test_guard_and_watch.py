"""The guard and the watcher of the monitors under the real scheduler."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import psycopg
import pytest
import yaml

from driftline.config.model_config import Schedule
from driftline.monitoring.schedule import last_tick
from driftline.store.engine import store_transaction
from driftline.store.registry import change_routes, register_version
from tests.dags.conftest import Installation, wait_until
from tests.documented_commands import ROOT

pytestmark = pytest.mark.airflow

GUARD = "guard_serving"
WATCHER = "watch_monitors"
APPROVAL = "approve_rollbacks"
PAUSED = "monitor__arrival_delay"
MODELS = ("flight_delay", "arrival_delay")

_LOG_ONE = """
INSERT INTO flights.flight_delay_predictions
SELECT 'live', now(), flight, 'live', true, 0.9, 123.0, 'boom', departure_hour, weekday, carrier, origin, destination,
       distance, temperature, dew_point, humidity, wind_speed, precipitation, visibility, pressure
FROM flights.flight_delay_predictions LIMIT 1;
INSERT INTO flights.flight_delay_labels VALUES ('live', now(), true)
"""
_FAIL = """
INSERT INTO flights.{model}_predictions (prediction_id, predicted_at, flight, model_version, error, departure_hour,
       weekday, carrier, origin, destination, distance)
SELECT 'bad-' || gen_random_uuid(), now(), flight, 'bad', 'boom', departure_hour, weekday, carrier, origin, destination,
       distance
FROM flights.{model}_predictions LIMIT 30
"""
_REMOVE = """
DELETE FROM flights.flight_delay_predictions WHERE prediction_id = 'live';
DELETE FROM flights.flight_delay_labels WHERE prediction_id = 'live'
"""


@contextmanager
def switched(installation: Installation, dag_id: str, *, on: bool) -> Iterator[None]:
    """The DAG switched on or off for a while, then back."""

    def is_paused() -> dict[str, bool]:
        dags = installation.airflow.api("GET", "/api/v2/dags?limit=100")["dags"]
        return {dag["dag_id"]: dag["is_paused"] for dag in dags}

    wait_until(lambda: dag_id in is_paused(), 120, f"{dag_id} to appear")
    before = is_paused()[dag_id]
    installation.airflow.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": not on})
    try:
        yield
    finally:
        installation.airflow.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": before})


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
    with switched(installation, GUARD, on=True):
        wait_until(lambda: bool(installation.rows(labeled)), 90, "the live figures")
        wait_until(lambda: bool(_succeeded(installation)), 90, "the run to end")
    assert installation.rows(counted) == [(1, 1)]
    assert installation.rows(labeled) == [(1, 1)]
    assert {run["run_type"] for run in installation.runs(GUARD)} == {"scheduled"}
    assert "failed" not in {run["state"] for run in installation.runs(GUARD)}


def test_a_paused_monitor_is_an_incident(installation: Installation) -> None:
    opened = "SELECT status FROM driftline.incidents WHERE model = 'arrival_delay' AND cause = 'monitor_paused'"
    with switched(installation, PAUSED, on=False), switched(installation, WATCHER, on=True):
        for _ in range(2):
            run_id = installation.run(WATCHER)
            assert installation.wait_for_run(WATCHER, run_id) == "success", installation.errors(WATCHER)
            assert set(installation.task_states(WATCHER, run_id).values()) == {"success"}
            assert installation.rows(opened) == [("open",)]
    told = [str(request.body) for request in installation.receiver.requests if WATCHER in str(request.body)]
    assert len([body for body in told if f"{PAUSED} is paused" in body]) == 1


@pytest.fixture
def failed_run(installation: Installation) -> Iterator[None]:
    """The monitor's run of the last window has failed; paused, so that the scheduler does not make it good."""
    cron = yaml.safe_load((installation.models / "arrival_delay.yaml").read_text()).get("schedule", {}).get("cron")
    end = last_tick(cron or Schedule().cron, datetime.now(UTC))
    start = last_tick(cron or Schedule().cron, end - timedelta(microseconds=1))
    runs, path = installation.airflow.api, f"/api/v2/dags/{PAUSED}/dagRuns"
    with switched(installation, PAUSED, on=False):
        there = {run["logical_date"]: run for run in installation.runs(PAUSED) if run["logical_date"] is not None}
        known = next((run for date, run in there.items() if datetime.fromisoformat(date) == start), None)
        run = known or runs("POST", path, {"logical_date": start.isoformat()})
        address = f"{path}/{quote(run['dag_run_id'], safe='')}"
        runs("PATCH", address, {"state": "failed"})
        yield
        if known is None:
            runs("DELETE", address)
        else:
            runs("PATCH", address, {"state": known["state"] if known["state"] in {"success", "failed"} else "queued"})


def test_a_monitor_whose_last_run_failed_is_one_incident_and_told_once(
    installation: Installation, failed_run: None
) -> None:
    opened = "SELECT status FROM driftline.incidents WHERE model = 'arrival_delay' AND cause = 'monitor_failing'"
    said = f"The last scheduled run of {PAUSED} failed."
    with switched(installation, WATCHER, on=True):
        for _ in range(2):
            run_id = installation.run(WATCHER)
            assert installation.wait_for_run(WATCHER, run_id) == "success", installation.errors(WATCHER)
            assert installation.rows(opened) == [("open",)]
    assert len([request for request in installation.receiver.requests if said in str(request.body)]) == 1


def test_the_guards_old_runs_are_deleted_as_the_task_does_it(installation: Installation) -> None:
    """With nothing kept."""
    with switched(installation, GUARD, on=True):
        wait_until(lambda: bool(_succeeded(installation)), 90, "a run of the guard")
    before = _succeeded(installation)
    delete = (
        "from datetime import timedelta; from driftline.dagkit.history import delete_old_runs; "
        f"print(delete_old_runs({GUARD!r}, timedelta(0)))"
    )
    environment = installation.airflow.variables
    done = subprocess.run([sys.executable, "-c", delete], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not before & _succeeded(installation)


def test_the_command_of_the_guide_deletes_them_too(installation: Installation) -> None:
    guide = (ROOT / "docs" / "ML_MONITORING_GUIDE.md").read_text(encoding="utf-8").replace("\\\n", " ")
    [line] = re.findall(r"^airflow (db clean .*)$", guide, flags=re.MULTILINE)
    with switched(installation, GUARD, on=True):
        wait_until(lambda: len(_succeeded(installation)) > 1, 90, "two runs of the guard")
    before = _succeeded(installation)
    now = datetime.now(UTC).isoformat()
    installation.airflow.cli(*shlex.split(re.sub(r'"\$\(.*\)"', now, line)))
    # Airflow keeps a DAG's newest run.
    assert len(before & _succeeded(installation)) <= 1


@pytest.fixture
def failing(installation: Installation) -> Iterator[Callable[[], None]]:
    """Two models whose new version fails every time that the function is called."""
    with store_transaction(installation.store) as connection:
        for model, version in product(MODELS, ("good", "bad")):
            now = datetime.now(UTC)
            register_version(connection, model=model, version=version, artifact_uri=f"file:{version}", at=now)
            change_routes(
                connection, model=model, shares={version: 1}, expected_revision=None, actor="test", reason="release",
                cause_key=f"{model}/{version}", at=now,
            )  # fmt: skip
    with psycopg.connect(installation.urls.log_owner, autocommit=True) as log:

        def fail() -> None:
            for model in MODELS:
                log.execute(_FAIL.format(model=model))  # type: ignore[call-overload]

        yield fail
        for model in MODELS:
            statement = f"DELETE FROM flights.{model}_predictions WHERE model_version = 'bad'"
            log.execute(statement)  # type: ignore[call-overload]


def test_a_version_that_fails_is_rolled_back_and_where_that_is_wanted_a_person_is_asked_first(
    installation: Installation, failing: Callable[[], None]
) -> None:
    def statuses() -> dict[str, str]:
        failing()
        return dict(installation.rows("SELECT model, status FROM driftline.rollbacks"))

    def routes() -> dict[str, str]:
        return dict(installation.rows("SELECT model, version FROM driftline.routes WHERE share = 1"))

    def told() -> list[str]:
        return [str(request.body) for request in installation.receiver.requests]

    with (
        switched(installation, GUARD, on=True),
        switched(installation, "send_alerts", on=True),
        switched(installation, APPROVAL, on=True),
    ):
        wait_until(lambda: set(statuses()) == set(MODELS), 180, "the guard to act on both")
        assert statuses() == {"flight_delay": "done", "arrival_delay": "awaiting_approval"}
        assert routes() == {"flight_delay": "good", "arrival_delay": "bad"}
        wait_until(lambda: any("flight_delay: rolled back" in body for body in told()), 60, "the alert")
        assert any("/driftline/models/flight_delay" in body for body in told())
        wait_until(lambda: bool(_questions(installation)), 60, "the question")
        (question,) = _questions(installation)
        assert question["subject"] == "Roll back arrival_delay: bad to good?"
        asked = question["task_instance"]
        # The question is there a moment before its task waits for the answer, and Airflow takes none before.
        run_id = asked["dag_run_id"]
        wait_until(
            lambda: installation.task_states(APPROVAL, run_id)["ask"] == "awaiting_input", 60, "the task to wait"
        )
        path = f"/api/v2/dags/{APPROVAL}/dagRuns/{quote(run_id)}/taskInstances/ask/{asked['map_index']}/hitlDetails"

        def is_heard() -> bool:
            """Airflow asks anew where it is answered before its scheduler has noted that the asking process is over."""
            state = installation.task_states(APPROVAL, run_id)["ask"]
            if state == "awaiting_input":
                with suppress(HTTPError):
                    installation.airflow.api("PATCH", path, {"chosen_options": ["Roll back"]})
            return state == "success"

        wait_until(is_heard, 180, "the answer to be heard")
        assert installation.wait_for_run(APPROVAL, run_id) == "success", installation.errors(APPROVAL)
        assert routes() == dict.fromkeys(MODELS, "good")
    actors = installation.rows("SELECT actor FROM driftline.route_history WHERE model = 'arrival_delay' ORDER BY 1")
    assert ("guard, approved by admin",) in actors


def _questions(installation: Installation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = installation.airflow.api("GET", f"/api/v2/dags/{APPROVAL}/dagRuns/~/hitlDetails")[
        "hitl_details"
    ]
    return found


def _succeeded(installation: Installation) -> set[str]:
    return {run["dag_run_id"] for run in installation.runs(GUARD) if run["state"] == "success"}
