"""``send_alerts``: drains the outbox as soon as the guard has something to tell."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, task

from driftline.dagkit.assets import ALERTS_WAITING
from driftline.dagkit.monitor_dag import ALERT_RETRIES

SENDER = "send_alerts"


def alerts_dag() -> DAG:
    """Of its own, so that a receiver that does not answer holds up no look at serving."""
    with DAG(
        dag_id=SENDER,
        description="Sends what the guard has to tell; tries for over an hour where it is not taken.",
        schedule=[Asset(ALERTS_WAITING)],
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args={"owner": "driftline", **ALERT_RETRIES},
        tags=["driftline"],
    ) as dag:
        task(task_id="send_alerts")(_send_alerts)()
    return dag


def _send_alerts() -> str:
    from driftline.dagkit.connections import connection_url
    from driftline.dagkit.sending import send_alert
    from driftline.monitoring.action import deliver_all_alerts
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    delivery = deliver_all_alerts(create_store_engine(connection_url(STORE_CONNECTION)), send_alert)
    return f"{delivery.sent} alerts sent"
