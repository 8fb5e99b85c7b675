"""``guard_serving``: the newest minutes of every model, counted every 20 seconds."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, DeltaTriggerTimetable, task

from driftline.dagkit.model_files import valid_models

log = logging.getLogger(__name__)

GUARD = "guard_serving"
EVERY = timedelta(seconds=20)


def guard_dag() -> DAG:
    """All models in one task, one run at a time; a run that fails is not repeated, since the next one does the same."""
    with DAG(
        dag_id=GUARD,
        description="Counts every model's newest predictions and labels: the live figures.",
        schedule=DeltaTriggerTimetable(EVERY),
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=2),
        default_args={"owner": "driftline", "retries": 0},
        tags=["driftline"],
    ) as dag:
        task(task_id="count_live")(_count_live)()
    return dag


def _count_live() -> None:
    from driftline.dagkit.connections import connection_url
    from driftline.monitoring.live import count_live
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    store = create_store_engine(connection_url(STORE_CONNECTION))
    for failure in count_live(store, valid_models().values(), connection_url):
        log.error("The %s of %s are not counted: %s", failure.feed, failure.model, failure.error)
