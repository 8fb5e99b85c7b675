"""``run_experiments``: one look at every experiment, every 5 minutes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from driftline.dagkit.model_files import valid_models

log = logging.getLogger(__name__)

EXPERIMENTS = "run_experiments"


def experiments_dag() -> DAG:
    """All experiments in one task; a run that fails is not repeated, since the next one does the same."""
    with DAG(
        dag_id=EXPERIMENTS,
        description="Looks at every A/B test and gradual rollout: reads, judges, promotes or takes traffic away.",
        schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=10),
        default_args={"owner": "driftline", "retries": 0},
        tags=["driftline"],
    ) as dag:
        task(task_id="look_at_experiments")(_look_at_experiments)()
    return dag


def _look_at_experiments() -> str:
    from driftline.dagkit.connections import connection_url
    from driftline.monitoring.ab_tests import ABTestController
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    store = create_store_engine(connection_url(STORE_CONNECTION))
    steps = ABTestController(store, valid_models(), connection_url).run_all()
    for step in steps:
        if step.error:
            log.error("%s could not be looked at: %s", step.experiment, step.error)
        else:
            log.info("%s: %s %s", step.experiment, "" if step.ruling is None else step.ruling.reason, step.note)
    return f"{len(steps)} experiments looked at, {sum(bool(step.error) for step in steps)} in vain"
