"""The main job under the real scheduler."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftline.alerts import violations
from tests.dags.conftest import Installation, wait_until

pytestmark = pytest.mark.airflow

MONITOR = "monitor__flight_delay"
MAPPED = "monitor__arrival_delay"
BRANCHES = {"send_alerts", "roll_back", "all_clear"}
OTHERS = ("watch_monitors", "rolled back", "rollback verified", "the rollback did not help")
"""What the watcher's and the guard's messages say, which are about the same models."""
FINDINGS = """
    SELECT version, comparison, segment, subject, test, status, severity, statistic, p_value, threshold, effect,
           description
    FROM driftline.findings WHERE model = 'flight_delay' AND window_end = %s ORDER BY 1, 2, 3, 4, 5
"""


@pytest.fixture(scope="module")
def scheduled_run(installation: Installation) -> dict[str, Any]:
    """The run that the scheduler itself made of the last closed window, ended."""
    airflow = installation.airflow
    wait_until(lambda: MONITOR in _dag_ids(installation), 120, f"{MONITOR} to appear")
    airflow.api("PATCH", f"/api/v2/dags/{MONITOR}", {"is_paused": False})
    wait_until(lambda: bool(installation.runs(MONITOR)), 60, "the scheduler to make a run")
    run = installation.runs(MONITOR)[0]
    installation.wait_for_run(MONITOR, run["dag_run_id"])
    return next(found for found in installation.runs(MONITOR) if found["dag_run_id"] == run["dag_run_id"])


def test_every_dag_file_is_read_in_less_than_a_second(installation: Installation) -> None:
    assert installation.airflow.api("GET", "/api/v2/importErrors")["import_errors"] == []
    expected = {MONITOR, MAPPED, "build_baseline", "maintain_store", "revise_verdicts", "example_retraining"}
    expected |= {"guard_serving", "watch_monitors", "send_alerts", "approve_rollbacks"}
    wait_until(lambda: expected <= _dag_ids(installation), 120, "all DAGs to appear")


def test_a_scheduled_run_ends_well_and_takes_one_branch(
    installation: Installation, scheduled_run: dict[str, Any]
) -> None:
    assert scheduled_run["state"] == "success"
    assert scheduled_run["run_type"] == "scheduled"
    states = installation.task_states(MONITOR, scheduled_run["dag_run_id"])
    assert {task for task in BRANCHES if states[task] == "success"} == {"send_alerts"}
    assert {task for task in BRANCHES if states[task] == "skipped"} == BRANCHES - {"send_alerts"}


def test_its_findings_are_in_the_table(installation: Installation, scheduled_run: dict[str, Any]) -> None:
    found = installation.rows(FINDINGS, scheduled_run["data_interval_end"])
    nulls = [row for row in found if row[3] == "temperature" and row[5] == "detected" and row[2] == ""]
    assert nulls, "half of the temperatures are missing"
    checks = installation.rows(
        "SELECT DISTINCT check_name FROM driftline.findings WHERE window_end = %s AND model = 'flight_delay'",
        scheduled_run["data_interval_end"],
    )
    assert {check for (check,) in checks} == {"quality", "drift", "performance", "predictions", "fairness"}


def test_slack_got_one_message_within_block_kits_limits(
    installation: Installation, scheduled_run: dict[str, Any]
) -> None:
    bodies = {id(request): str(request.body) for request in installation.receiver.requests}
    messages = [
        request
        for request in installation.receiver.requests
        if "flight_delay" in bodies[id(request)] and not any(name in bodies[id(request)] for name in OTHERS)
    ]
    assert [request.status for request in messages] == [200]
    body = messages[0].body
    assert violations(body) == []
    said = str(body)
    assert "temperature" in said
    assert scheduled_run["dag_run_id"].replace("+", "%2B").replace(":", "%3A") in said, "a link leads to the run"


def test_only_keys_pass_between_tasks(installation: Installation, scheduled_run: dict[str, Any]) -> None:
    run_id = scheduled_run["dag_run_id"].replace("+", "%2B")
    path = f"/api/v2/dags/{MONITOR}/dagRuns/{run_id}/taskInstances/extract_slices/xcomEntries/return_value"
    value = installation.airflow.api("GET", path)["value"]
    assert set(value) == {"window_start", "window_end"}


def test_the_outcome_starts_a_dag_that_waits_for_it(installation: Installation, scheduled_run: dict[str, Any]) -> None:
    airflow = installation.airflow
    airflow.api("PATCH", "/api/v2/dags/example_retraining", {"is_paused": False})
    _clear(installation, MONITOR, scheduled_run["dag_run_id"])
    assert installation.wait_for_run(MONITOR, scheduled_run["dag_run_id"]) == "success"
    wait_until(lambda: bool(installation.runs("example_retraining")), 60, "the drift to start the retraining")
    run_id = installation.runs("example_retraining")[0]["dag_run_id"]
    assert installation.wait_for_run("example_retraining", run_id) == "success"
    events = airflow.api("GET", "/api/v2/assets/events?limit=20")["asset_events"]
    drift = [event for event in events if event["extra"].get("model") == "flight_delay"]
    assert drift[0]["extra"]["verdict"] == "alert"


def test_a_cleared_run_sends_nothing_twice(installation: Installation, scheduled_run: dict[str, Any]) -> None:
    before = len(installation.receiver.requests)
    rows = installation.rows(FINDINGS, scheduled_run["data_interval_end"])
    _clear(installation, MONITOR, scheduled_run["dag_run_id"])
    assert installation.wait_for_run(MONITOR, scheduled_run["dag_run_id"]) == "success"
    assert len(installation.receiver.requests) == before
    again = installation.rows(FINDINGS, scheduled_run["data_interval_end"])
    assert [row[:5] for row in again] == [row[:5] for row in rows]


def test_verdicts_are_revised_per_model_and_nothing_is_sent_twice(installation: Installation) -> None:
    before = len(installation.receiver.requests)
    installation.airflow.api("PATCH", "/api/v2/dags/revise_verdicts", {"is_paused": False})
    run_id = installation.run("revise_verdicts", {})
    assert installation.wait_for_run("revise_verdicts", run_id) == "success"
    states = installation.task_states("revise_verdicts", run_id)
    assert {"revise__flight_delay", "revise__arrival_delay"} <= {task for task in states if states[task] == "success"}
    looked = installation.rows("SELECT model FROM driftline.label_watermarks WHERE compared_at IS NOT NULL")
    assert {"flight_delay", "arrival_delay"} <= {model for (model,) in looked}
    assert len(installation.receiver.requests) == before


def test_a_historical_window_run_by_hand_writes_and_does_not_act(
    installation: Installation, scheduled_run: dict[str, Any]
) -> None:
    before = len(installation.receiver.requests)
    end = _midnight() - timedelta(days=60)
    run_id = installation.run(MONITOR, {"window_end": end.isoformat()})
    assert installation.wait_for_run(MONITOR, run_id) == "success"
    states = installation.task_states(MONITOR, run_id)
    assert {states[task] for task in BRANCHES} == {"skipped"}
    assert installation.rows(FINDINGS, end)
    suppressed = installation.rows(
        "SELECT is_suppressed FROM driftline.decisions WHERE model = 'flight_delay' AND window_end = %s", end
    )
    assert suppressed == [(True,)]
    assert len(installation.receiver.requests) == before


def test_a_backfill_gives_the_same_rows_again_and_sends_nothing(
    installation: Installation, scheduled_run: dict[str, Any]
) -> None:
    sent = len(installation.receiver.requests)
    first = _midnight() - timedelta(days=40)
    last = first + timedelta(hours=12)
    ends = [first + timedelta(hours=6 * n) for n in (1, 2, 3)]
    _backfill(installation, first, last, "none")
    rows = [installation.rows(FINDINGS, end) for end in ends]
    assert all(rows)
    _backfill(installation, first, last, "completed")
    assert [installation.rows(FINDINGS, end) for end in ends] == rows
    assert len(installation.receiver.requests) == sent


def test_slices_are_counted_by_mapped_tasks_where_the_model_asks_for_them(
    installation: Installation, scheduled_run: dict[str, Any]
) -> None:
    installation.airflow.api("PATCH", f"/api/v2/dags/{MAPPED}", {"is_paused": False})
    end = _midnight() - timedelta(days=50)
    run_id = installation.run(MAPPED, {"window_end": end.isoformat()})
    assert installation.wait_for_run(MAPPED, run_id) == "success"
    path = f"/api/v2/dags/{MAPPED}/dagRuns/{run_id.replace('+', '%2B')}/taskInstances"
    tasks = installation.airflow.api("GET", path)["task_instances"]
    assert sorted(task["map_index"] for task in tasks if task["task_id"] == "extract_slices") == [0, 1]
    counted = installation.rows(
        "SELECT slices_counted, rows > 0 FROM driftline.windows WHERE model = 'arrival_delay' AND window_end = %s", end
    )
    assert counted == [(48, True)]


def test_a_postgres_restarted_in_the_middle_of_a_run_is_survived(
    installation: Installation, scheduled_run: dict[str, Any]
) -> None:
    end = _midnight() - timedelta(days=70)
    run_id = installation.run(MONITOR, {"window_end": end.isoformat()})
    wait_until(
        lambda: installation.task_states(MONITOR, run_id).get("extract_slices") in {"running", "success"},
        60,
        "the run to begin",
    )
    installation.data_server.stop()
    time.sleep(3)
    installation.data_server.start()
    assert installation.wait_for_run(MONITOR, run_id) == "success"
    decided = installation.rows(
        "SELECT count(*) FROM driftline.decisions WHERE model = 'flight_delay' AND window_end = %s", end
    )
    assert decided == [(1,)]


def test_airflow_stopped_in_the_middle_of_a_run_goes_on_after_the_restart(
    installation: Installation, scheduled_run: dict[str, Any]
) -> None:
    end = _midnight() - timedelta(days=80)
    run_id = installation.run(MONITOR, {"window_end": end.isoformat()})
    wait_until(
        lambda: installation.task_states(MONITOR, run_id).get("extract_slices") in {"running", "success"},
        60,
        "the run to begin",
    )
    installation.airflow.stop()
    installation.airflow.start()
    installation.airflow.wait_until_healthy()
    assert installation.wait_for_run(MONITOR, run_id, seconds=420) == "success"
    assert installation.rows(FINDINGS, end)


def test_a_bad_model_file_is_an_import_error_and_the_others_go_on(installation: Installation) -> None:
    bad = installation.models / "bad.yaml"
    bad.write_text("model: bad\nthreshold: 3\n")
    try:
        installation.airflow.cli("dags", "reserialize")
        errors = installation.airflow.api("GET", "/api/v2/importErrors")["import_errors"]
        assert [error["filename"].endswith("model_files.py") for error in errors] == [True]
        assert "bad.yaml: threshold: is not a known key" in errors[0]["stack_trace"]
        assert MONITOR in _dag_ids(installation)
    finally:
        bad.unlink()
        installation.airflow.cli("dags", "reserialize")


def _backfill(installation: Installation, first: datetime, last: datetime, reprocess: str) -> None:
    installation.airflow.cli(
        "backfill", "create", "--dag-id", MONITOR, "--from-date", first.isoformat(), "--to-date", last.isoformat(),
        "--reprocess-behavior", reprocess,
    )  # fmt: skip

    def completed() -> bool:
        backfills = installation.airflow.api("GET", f"/api/v2/backfills?dag_id={MONITOR}")["backfills"]
        return all(backfill["completed_at"] for backfill in backfills)

    wait_until(completed, 300, "the backfill to complete")
    states = {run["state"] for run in installation.runs(MONITOR) if run["run_type"] == "backfill"}
    assert states == {"success"}


def _clear(installation: Installation, dag_id: str, run_id: str) -> None:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id.replace('+', '%2B')}/clear"
    installation.airflow.api("POST", path, {"dry_run": False})


def _dag_ids(installation: Installation) -> set[str]:
    return {dag["dag_id"] for dag in installation.airflow.api("GET", "/api/v2/dags?limit=100")["dags"]}


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
