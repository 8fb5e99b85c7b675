"""``maintain_store``: next months' partitions are made, expired rows dropped."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, get_current_context, task

from driftline.dagkit.monitor_dag import RETRIES

log = logging.getLogger(__name__)


def maintenance_dag() -> DAG:
    """Daily; how long things are kept are parameters of the DAG."""
    with DAG(
        dag_id="maintain_store",
        description="Makes the coming months' partitions and drops what is older than is kept.",
        schedule=CronDataIntervalTimetable("30 2 * * *", timezone="UTC"),
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args={"owner": "driftline", **RETRIES},
        params={
            "keep_profiles_days": Param(200, type="integer", minimum=31, title="Days to keep profiles"),
            "keep_findings_days": Param(800, type="integer", minimum=31, title="Days to keep findings and decisions"),
            "keep_live_days": Param(14, type="integer", minimum=2, title="Days to keep live figures"),
        },
        tags=["driftline"],
    ) as dag:
        task(task_id="make_partitions")(_make_partitions)() >> task(task_id="drop_expired")(_drop_expired)()
    return dag


def _make_partitions() -> None:
    from driftline.dagkit.connections import connection_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine, store_transaction
    from driftline.store.slices import ensure_profile_partitions

    now = datetime.now(UTC)
    with store_transaction(create_store_engine(connection_url(STORE_CONNECTION))) as connection:
        ensure_profile_partitions(connection, [now, now + timedelta(days=31), now + timedelta(days=62)])


def _drop_expired() -> dict[str, int]:
    from driftline.dagkit.connections import connection_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine
    from driftline.store.retention import Retention, drop_expired

    params = get_current_context()["params"]
    kept = Retention(
        profiles=timedelta(days=params["keep_profiles_days"]),
        findings=timedelta(days=params["keep_findings_days"]),
        live=timedelta(days=params["keep_live_days"]),
    )
    dropped = drop_expired(create_store_engine(connection_url(STORE_CONNECTION)), kept, datetime.now(UTC))
    log.info("Dropped: %s", dropped)
    return dropped
