"""The store goes away in the middle of a window: running it again completes it, and nothing is there twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text

from driftline.errors import StoreError
from driftline.findings import Check
from driftline.monitoring.checks import run_check
from driftline.monitoring.decision import Context, decide_window
from driftline.monitoring.extract import extract_window
from driftline.monitoring.monitor import Monitor
from driftline.store.tables import alert_outbox, decisions, findings, incidents, profiles, slices, windows
from driftline.windows import Window
from tests.integration.shop_log import END, ShopLog

WINDOW = Window(END - timedelta(hours=6), END)
LIVE = Context(run_id="live", now=END + timedelta(hours=1))
CHECKS = (Check.DRIFT, Check.PREDICTIONS)

TOUCHED = (
    (profiles, ("slice_start", "part", "version", "segment", "subject", "rows", "payload")),
    (slices, ("slice_start", "part", "log_rows")),
    (windows, ("window_start", "rows", "labeled_rows")),
    (findings, ("subject", "test", "segment", "version", "status", "severity", "statistic")),
    (decisions, ("window_start", "verdict", "severity", "reason")),
    (incidents, ("cause", "status", "severity")),
    (alert_outbox, ("deduplication_key", "status", "attempts")),
)


@pytest.fixture
def monitor(brief: Callable[..., Monitor], shop: ShopLog) -> Monitor:
    """A monitor whose window has drifted."""
    shop.execute("UPDATE {schema}.predictions SET amount = NULL WHERE predicted_at >= %s", WINDOW.start)
    return brief(checks={"quality": {"enabled": False}, "performance": {"enabled": False}})


def run_tasks(monitor: Monitor) -> None:
    """As Airflow's tasks do: each step fails for itself."""
    extract_window(monitor, WINDOW, "live")
    for check in CHECKS:
        run_check(monitor, WINDOW, check)
    decide_window(monitor, WINDOW, LIVE)


def content(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(
                    select(*(table.c[name] for name in names)).order_by(*(table.c[name] for name in names[:-1]))
                )
            ]
            for table, names in TOUCHED
        }


@pytest.mark.parametrize(
    "step",
    [
        "driftline.monitoring.baseline.activate_baseline",
        "driftline.monitoring.slices.replace_slices",
        "driftline.monitoring.extract.record_window",
        "driftline.monitoring.checks.replace_findings",
        "driftline.monitoring.decision.record_decision",
        "driftline.monitoring.telling.enqueue",
    ],
)
def test_a_step_whose_connection_breaks_is_completed_by_the_next_try(
    monitor: Monitor, store_engine: Engine, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    module, name = step.rsplit(".", 1)
    original = getattr(__import__(module, fromlist=[name]), name)

    def written_and_then_cut_off(connection: Connection, *arguments: Any, **named: Any) -> None:
        original(connection, *arguments, **named)
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    monkeypatch.setattr(step, written_and_then_cut_off)
    with pytest.raises(StoreError, match="cannot be reached or broke off"):
        run_tasks(monitor)
    monkeypatch.undo()
    run_tasks(monitor)
    retried = content(store_engine)
    assert len(retried["windows"]) == len(retried["decisions"]) == len(retried["alert_outbox"]) == 1
    assert retried["decisions"][0][1] == "alert"
    run_tasks(monitor)
    assert content(store_engine) == retried
