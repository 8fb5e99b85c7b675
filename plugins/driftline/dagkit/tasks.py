"""What the tasks of a monitor do. Everything heavy is imported when a task runs, never when a DAG file is read."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Asset, AssetAlias, get_current_context

from driftline.dagkit.assets import APPROVAL_WANTED, outcome_alias, outcome_asset
from driftline.dagkit.connections import airflow_monitor
from driftline.dagkit.sending import send_alert
from driftline.dagkit.windows import WindowKey, as_key, from_key, window_of_run
from driftline.findings import Check
from driftline.windows import Window

log = logging.getLogger(__name__)

SEND_ALERTS = "send_alerts"
ROLL_BACK = "roll_back"
APPROVALS = "driftline_approvals"
VERIFY_ROLLBACK = "verify_rollback"
ALL_CLEAR = "all_clear"


def extract_slices(model: str) -> WindowKey:
    """Counts the window's missing and stale slices."""
    from driftline.monitoring.extract import extract_window

    context = get_current_context()
    monitor = airflow_monitor(model)
    window = window_of_run(monitor.config, context)
    record = extract_window(monitor, window, context["run_id"])
    log.info(
        "%s: %d predictions, %d labeled, %d slices counted",
        window,
        record.rows,
        record.labeled_rows,
        record.slices_counted,
    )
    return as_key(window)


def plan_slices(model: str, workers: int) -> list[WindowKey]:
    """Splits the slices that need counting among ``workers`` mapped tasks."""
    from driftline.monitoring.extract import plan_extraction

    monitor = airflow_monitor(model)
    window = window_of_run(monitor.config, get_current_context())
    return [as_key(chunk) for chunk in plan_extraction(monitor, window, workers)]


def extract_planned_slices(model: str, chunk: WindowKey) -> int:
    """Counts one mapped task's share of the slices."""
    from driftline.monitoring.extract import extract_chunk

    return extract_chunk(airflow_monitor(model), from_key(chunk))


def record_slices(model: str, counted: list[int]) -> WindowKey:
    """Writes the window down once the mapped tasks are through."""
    from driftline.monitoring.extract import record_extraction

    context = get_current_context()
    monitor = airflow_monitor(model)
    window = window_of_run(monitor.config, context)
    record_extraction(monitor, window, sum(counted), context["run_id"])
    return as_key(window)


def make_check(model: str, check: str, key: WindowKey) -> str:
    """Makes one check on the window; returns its summary in words."""
    from driftline.monitoring.checks import run_check

    summary = run_check(airflow_monitor(model), from_key(key), Check(check))
    log.info("%s", summary)
    return str(summary)


def decide(model: str, key: WindowKey) -> str | None:
    """Decides, writes the decision with its incidents and alert, publishes the outcomes, and names the branch.

    ``None`` (a historical window) skips all branches.
    """
    from driftline.decisions import Verdict
    from driftline.monitoring.decision import decide_window

    context = get_current_context()
    record = decide_window(airflow_monitor(model), from_key(key), _context(context, model, key))
    log.info("%s: %s", record.verdict, record.reason)
    if record.is_suppressed:
        log.info("The window is historical: its results are written, and nothing follows from them.")
        return None
    _publish(model, from_key(key), dict(record.summary), context)
    branches = {Verdict.NOTHING: ALL_CLEAR, Verdict.ALERT: SEND_ALERTS, Verdict.ROLL_BACK: ROLL_BACK}
    return branches[record.verdict]


def send_alerts(model: str) -> str:
    """Drains the model's outbox; fails, to be tried again, while a receiver does not take its alerts."""
    from driftline.monitoring.action import deliver_alerts

    delivery = deliver_alerts(airflow_monitor(model), send_alert)
    return f"{delivery.sent} alerts sent"


def roll_back(model: str, key: WindowKey) -> str:
    """Puts the last stable version back, then tells."""
    from driftline.monitoring.action import deliver_alerts, roll_back_window

    monitor = airflow_monitor(model)
    context = get_current_context()
    step = roll_back_window(monitor, from_key(key), _context(context, model, key))
    if step.is_news and step.rollback is not None and step.rollback.status == "awaiting_approval":
        context["outlet_events"][AssetAlias(APPROVALS)].add(
            Asset(APPROVAL_WANTED), extra={"rollback_id": step.rollback.rollback_id, "model": model}
        )
    deliver_alerts(monitor, send_alert)
    return f"{model} serves it no more" if step.rollback is None else step.rollback.explanation


def all_clear(model: str, key: WindowKey) -> str:
    """Nothing to do for this window; sends what an outage of a receiver may have left of earlier ones."""
    from driftline.monitoring.action import deliver_alerts

    delivery = deliver_alerts(airflow_monitor(model), send_alert)
    return f"{from_key(key)}: nothing to do; {delivery.sent} alerts of earlier windows sent"


def _context(context: Any, model: str, key: WindowKey) -> Any:
    from driftline.alerts import Link
    from driftline.dagkit.links import alert_links, run_url, window_url
    from driftline.monitoring.decision import Context

    run = context["dag_run"]
    return Context(
        run_id=run.run_id,
        acts_on_history=bool(context["params"].get("act_on_history", False)),
        links=(
            Link("Run in Airflow", run_url(run.dag_id, run.run_id)),
            Link("Report", window_url(model, from_key(key).end)),
        ),
        finding_links=alert_links(model, run.dag_id, run.run_id),
    )


def _publish(model: str, window: Window, summary: dict[str, Any], context: Any) -> None:
    """One asset event per outcome, so that other DAGs (retraining) can be scheduled on it."""
    outcomes = list(dict.fromkeys(cause["check"] for cause in summary["causes"])) or [ALL_CLEAR]
    events = context["outlet_events"][AssetAlias(outcome_alias(model))]
    for outcome in outcomes:
        events.add(Asset(outcome_asset(model, outcome)), extra={**as_key(window), "model": model, **summary})
