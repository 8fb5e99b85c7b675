"""``watch_monitors``: the watcher's watcher."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from driftline.dagkit.model_files import model_file_faults, valid_models

if TYPE_CHECKING:
    from driftline.config import ModelConfig
    from driftline.monitoring.watch import DagState

log = logging.getLogger(__name__)

WATCHER = "watch_monitors"


def watch_dag() -> DAG:
    """Every 5 minutes; a run that fails is not repeated, since the next one does the same."""
    with DAG(
        dag_id=WATCHER,
        description="Opens an incident where predictions, labels, monitors, the guard or alerts fail to come.",
        schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=10),
        default_args={"owner": "driftline", "retries": 0},
        tags=["driftline"],
    ) as dag:
        task(task_id="watch")(_watch)() >> task(task_id="send_alerts")(_send_alerts)()
        task(task_id="trim_history")(_trim_history)()
    return dag


def _watch() -> str:
    from driftline.alerts import Link
    from driftline.dagkit.connections import connection_url
    from driftline.dagkit.links import run_url
    from driftline.monitoring.reminding import remind
    from driftline.monitoring.watch import act_on, watch
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    store = create_store_engine(connection_url(STORE_CONNECTION))
    watched = watch(store, valid_models().values(), connection_url, faults=model_file_faults(), ask_airflow=_dag_state)
    for each in watched:
        for result in each.results:
            if result.description:
                log.warning("%s: %s, %s: %s", each.model, result.cause, result.status, result.description)
    run = get_current_context()["dag_run"]
    told = act_on(store, watched, [Link("Run in Airflow", run_url(run.dag_id, run.run_id))])
    reminders = remind(store, valid_models().values())
    return f"{sum(len(each.amiss) for each in watched)} amiss, {told} told, {reminders} told again"


def _send_alerts() -> str:
    """All models' alerts: also what a monitor that no longer runs has left in the outbox."""
    from driftline.dagkit.connections import connection_url
    from driftline.dagkit.sending import send_alert
    from driftline.monitoring.action import deliver_all_alerts
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    delivery = deliver_all_alerts(create_store_engine(connection_url(STORE_CONNECTION)), send_alert)
    return f"{delivery.sent} alerts sent"


def _trim_history() -> str:
    """Keeps an hour of the guard's runs and a day of the watcher's: they are many, and all alike."""
    from driftline.dagkit.guard_dag import GUARD
    from driftline.dagkit.history import API_CONNECTION, delete_old_runs

    deleted = [delete_old_runs(GUARD, timedelta(hours=1)), delete_old_runs(WATCHER, timedelta(days=1))]
    if None in deleted:
        raise AirflowSkipException(
            f"There is no connection {API_CONNECTION!r}, so runs of {GUARD} pile up, 4,320 a day. Add it (type HTTP, a "
            f"user who may delete runs), or let cron do it: airflow db clean --dag-ids {GUARD},{WATCHER} "
            "--tables dag_run --clean-before-timestamp \"$(date -d '1 hour ago' -Is)\" --skip-archive --yes"
        )
    return f"{sum(filter(None, deleted))} runs deleted"


def _dag_state(config: ModelConfig, window_end: datetime) -> DagState:
    """What Airflow answers a task about another DAG: over its task API, since its database is out of bounds."""
    from driftline.monitoring.schedule import last_tick
    from driftline.monitoring.watch import DagState

    dag_id = f"monitor__{config.model}"
    instance: Any = get_current_context()["ti"]
    # A scheduled run's logical date is the start of its interval: the tick before.
    logical_date = last_tick(config.schedule.cron, window_end - timedelta(microseconds=1))
    try:
        is_paused = bool(instance.get_dag(dag_id).is_paused)
        failed, succeeded = (
            instance.get_dr_count(dag_id=dag_id, logical_dates=[logical_date], states=[state])
            for state in ("failed", "success")
        )
    except Exception as error:
        return DagState(reason=f"Airflow does not tell about {dag_id}: {error}")
    return DagState(is_paused, bool(failed and not succeeded), "")
