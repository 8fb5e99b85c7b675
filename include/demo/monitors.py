"""The monitors' DAGs in Airflow: switched on, and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from driftline.local.airflow import LocalAirflow
from driftline.local.errors import LocalSetupError

PREFIX = "monitor__"
GUARD = "guard_serving"
SENDERS = ("send_alerts", "approve_rollbacks")
"""What the guard sets going."""
REVISION = "revise_verdicts"
WATCHER = "watch_monitors"
SECONDS_TO_APPEAR = 120.0
SECONDS_TO_COMPLETE = 240.0
FINISHED = ("success", "failed")


@dataclass(frozen=True)
class MonitorRun:
    """The newest run of a monitor."""

    dag_id: str
    run_id: str
    state: str


def wait_for_monitors(
    airflow: LocalAirflow, models: list[str], tell: Callable[[str], None] = lambda _: None
) -> list[MonitorRun]:
    """Switch on the monitor of every model, and wait until each has completed a run.

    Raises
    ------
    LocalSetupError
        When a monitor does not appear or does not complete in time, or its run fails; the message says where to look.
    """
    dag_ids = [f"{PREFIX}{model}" for model in models]
    _wait_until(lambda: _missing(airflow, dag_ids), SECONDS_TO_APPEAR, tell, "do not appear in Airflow")
    for dag_id in dag_ids:
        switch_on(airflow, dag_id)
    for dag_id in dag_ids:
        _retry_failed(airflow, dag_id)
    _wait_until(lambda: _unfinished(airflow, dag_ids), SECONDS_TO_COMPLETE, tell, "have not completed a run")
    runs = [_newest_finished(airflow, dag_id) for dag_id in dag_ids]
    failed = [run for run in runs if run.state == "failed"]
    if failed:
        pages = ", ".join(f"{airflow.base_url}/dags/{run.dag_id}/runs/{quote(run.run_id)}" for run in failed)
        raise LocalSetupError(f"A monitor's run failed; its log is at {pages}. `make demo` tries again.")
    return runs


def switch_on(airflow: LocalAirflow, dag_id: str) -> None:
    """Let the scheduler run ``dag_id`` from now on."""
    airflow.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})


def _wait_until(awaited: Callable[[], list[str]], seconds: float, tell: Callable[[str], None], problem: str) -> None:
    deadline = time.monotonic() + seconds
    while left := awaited():
        tell(f"waiting for {', '.join(left)}")
        if time.monotonic() > deadline:
            raise LocalSetupError(
                f"After {seconds:.0f} s {', '.join(left)} {problem}. See the logs in .driftline/airflow."
            )
        time.sleep(1)


def _missing(airflow: LocalAirflow, dag_ids: list[str]) -> list[str]:
    there = {dag["dag_id"] for dag in airflow.api("GET", "/api/v2/dags?limit=100")["dags"]}
    return [dag_id for dag_id in dag_ids if dag_id not in there]


def _unfinished(airflow: LocalAirflow, dag_ids: list[str]) -> list[str]:
    return [dag_id for dag_id in dag_ids if not _finished_runs(airflow, dag_id)]


def _retry_failed(airflow: LocalAirflow, dag_id: str) -> None:
    """A run that failed in an earlier attempt is cleared, and so done again."""
    finished = _finished_runs(airflow, dag_id)
    if finished and finished[0]["state"] == "failed":
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(finished[0]['dag_run_id'])}/clear"
        airflow.api("POST", path, {"dry_run": False})


def _newest_finished(airflow: LocalAirflow, dag_id: str) -> MonitorRun:
    run = _finished_runs(airflow, dag_id)[0]
    return MonitorRun(dag_id, run["dag_run_id"], run["state"])


def _finished_runs(airflow: LocalAirflow, dag_id: str) -> list[dict[str, Any]]:
    runs = airflow.api("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=-run_after&limit=5")["dag_runs"]
    return [run for run in runs if run["state"] in FINISHED]
