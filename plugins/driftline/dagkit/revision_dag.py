"""``revise_verdicts``: windows are judged anew when their labels arrive."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airflow.sdk import DAG, CronDataIntervalTimetable, get_current_context, task

from driftline.dagkit.model_files import valid_models
from driftline.dagkit.monitor_dag import RETRIES

log = logging.getLogger(__name__)


def revision_dag() -> DAG:
    """Hourly, a task per model with labels: one model's fault never stops the others."""
    with DAG(
        dag_id="revise_verdicts",
        description="Counts the labels that arrived, and judges the windows anew that they are of.",
        schedule=CronDataIntervalTimetable("20 * * * *", timezone="UTC"),
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        max_active_tasks=4,
        default_args={"owner": "driftline", **RETRIES},
        tags=["driftline"],
    ) as dag:
        for model, config in sorted(valid_models().items()):
            if config.labels is not None:
                task(task_id=f"revise__{model}")(_revise)(model)
    return dag


def _revise(model: str) -> str:
    """Revises, then sends what follows; what Slack does not take is sent by the model's next run."""
    from driftline.alerts import Link
    from driftline.dagkit.connections import airflow_monitor
    from driftline.dagkit.links import alert_links, run_url
    from driftline.dagkit.sending import send_alert
    from driftline.monitoring.action import deliver_alerts
    from driftline.monitoring.revision import NotRevised, revise_model

    run = get_current_context()["dag_run"]
    monitor = airflow_monitor(model)
    links = (Link("Run in Airflow", run_url(run.dag_id, run.run_id)),)
    to_finding = alert_links(model, run.dag_id, run.run_id)
    revision = revise_model(monitor, run_id=run.run_id, links=links, finding_links=to_finding)
    for one in revision.windows:
        before = "" if one.before is None else f"{one.before.verdict} -> "
        log.info("%s: %s%s (%s)", one.window, before, one.after.verdict, one.after.reason)
    deliver_alerts(monitor, send_alert)
    if revision.failures:
        raise NotRevised(model, revision.failures)
    return str(revision)
