"""``guard_serving``: every 20 seconds the newest minutes of every model are counted, judged and acted on."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, AssetAlias, DeltaTriggerTimetable, get_current_context, task

from driftline.dagkit.assets import ALERTS_WAITING, APPROVAL_WANTED
from driftline.dagkit.model_files import valid_models

log = logging.getLogger(__name__)

GUARD = "guard_serving"
EVERY = timedelta(seconds=20)
NEWS = "driftline_alerts"


def guard_dag() -> DAG:
    """All models in one task, one run at a time; a run that fails is not repeated, since the next one does the same."""
    with DAG(
        dag_id=GUARD,
        description="Counts every model's newest predictions and labels, and rolls back what exceeds its limits.",
        schedule=DeltaTriggerTimetable(EVERY),
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=2),
        default_args={"owner": "driftline", "retries": 0},
        tags=["driftline"],
    ) as dag:
        task(task_id="guard", outlets=[AssetAlias(NEWS)])(_guard)()
    return dag


def _guard() -> str:
    from driftline.alerts import Link
    from driftline.dagkit.connections import connection_url
    from driftline.dagkit.links import model_url
    from driftline.monitoring.guard import guard
    from driftline.monitoring.live import count_live
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    store = create_store_engine(connection_url(STORE_CONNECTION))
    configs = list(valid_models().values())
    for failure in count_live(store, configs, connection_url):
        log.error("The %s of %s are not counted: %s", failure.feed, failure.model, failure.error)
    context = get_current_context()
    # Not the run: of the guard's, only the last hour's are kept.
    guarded = guard(store, configs, lambda model: [Link("Model", model_url(model))])
    for each in guarded:
        if each.error:
            log.error("%s is not guarded: %s", each.model, each.error)
        for rollback in each.rollbacks:
            log.warning("%s: %s", each.model, rollback.explanation)
            if rollback.status == "awaiting_approval":
                context["outlet_events"][AssetAlias(NEWS)].add(
                    Asset(APPROVAL_WANTED), extra={"rollback_id": rollback.rollback_id, "model": each.model}
                )
    told = sum(each.told for each in guarded)
    if told:
        context["outlet_events"][AssetAlias(NEWS)].add(Asset(ALERTS_WAITING))
    return f"{told} told"
