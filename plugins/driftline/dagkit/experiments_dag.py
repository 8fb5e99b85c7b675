"""``run_experiments``: one look at every experiment, every 5 minutes."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, CronTriggerTimetable, task

from driftline.dagkit.model_files import models_folder, valid_models

log = logging.getLogger(__name__)

EXPERIMENTS = "run_experiments"
EXPERIMENTS_VARIABLE = "DRIFTLINE_EXPERIMENTS"


def experiments_folder() -> Path:
    """``DRIFTLINE_EXPERIMENTS``, else ``experiments`` beside the models' folder."""
    named = os.environ.get(EXPERIMENTS_VARIABLE)
    return Path(named) if named else models_folder().parent / "experiments"


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
    from driftline.config.experiment_files import load_valid_experiments
    from driftline.dagkit.connections import connection_url
    from driftline.monitoring.ab_tests import ABTestController
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    described, faults = load_valid_experiments(experiments_folder())
    for fault in faults:
        log.error("%s", fault)
    controller = ABTestController(create_store_engine(connection_url(STORE_CONNECTION)), valid_models(), connection_url)
    steps = [*controller.keep_described(described.values()), *controller.run_all()]
    for step in steps:
        if step.error:
            log.error("%s could not be looked at: %s", step.experiment, step.error)
        else:
            log.info("%s: %s %s", step.experiment, "" if step.ruling is None else step.ruling.reason, step.note)
    return f"{len(steps)} experiments looked at, {sum(bool(step.error) for step in steps)} in vain"
