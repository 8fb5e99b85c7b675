"""``build_baseline``: learns a model's reference period anew."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airflow.sdk import DAG, Param, get_current_context, task

from driftline.dagkit.model_files import valid_models
from driftline.dagkit.monitor_dag import RETRIES

log = logging.getLogger(__name__)


def baseline_dag() -> DAG:
    """On demand, with the parameter `model`; windows are compared with the new baseline from then on."""
    models = sorted(valid_models())
    with DAG(
        dag_id="build_baseline",
        description="Learns a model's baseline anew from the period that its file names.",
        schedule=None,
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        default_args={"owner": "driftline", **RETRIES},
        params={"model": Param(models[0] if models else "", enum=models or [""], title="Model")},
        tags=["driftline"],
    ) as dag:
        task(task_id="build_baseline")(_build)()
    return dag


def _build() -> str:
    from driftline.dagkit.connections import airflow_monitor
    from driftline.monitoring.baseline import build_baseline

    model = get_current_context()["params"]["model"]
    baseline = build_baseline(airflow_monitor(model))
    log.info("Baseline %d of %s: %s, %d predictions", baseline.baseline_id, model, baseline.period, baseline.rows)
    return f"{model}: {baseline.period}"
