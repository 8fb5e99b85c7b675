"""The task that looks, some minutes after a rollback, whether it helped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class VerifyRollback(BaseOperator):  # type: ignore[misc] # Airflow's package is lazily typed
    """Waits, without a worker's slot, until the model's rollbacks can be judged, and ends them.

    Where `guard_serving` runs it may have done so before.
    """

    def __init__(self, *, model: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.model = model

    def execute(self, context: Context) -> str:  # noqa: ARG002 - Airflow calls it so
        from driftline.dagkit.connections import airflow_monitor
        from driftline.monitoring.rollback_verification import next_look
        from driftline.store.reading import store_reading

        now = datetime.now(UTC)
        with store_reading(airflow_monitor(self.model).store) as connection:
            due = next_look(connection, self.model, now)
        if due is not None:
            self.defer(trigger=DateTimeTrigger(moment=due), method_name=self.look.__name__)
        return "no rollback waits to be looked at"

    def look(self, context: Context, event: Any = None) -> str:  # noqa: ARG002 - Airflow calls it so
        """Judges what is due; waits again where it cannot be told yet."""
        from driftline.alerts import Link
        from driftline.dagkit.connections import airflow_monitor, connection_url
        from driftline.dagkit.links import run_url
        from driftline.dagkit.sending import send_alert
        from driftline.monitoring.action import deliver_alerts
        from driftline.monitoring.rollback_verification import look_at_rollbacks

        run = context["dag_run"]
        monitor = airflow_monitor(self.model)
        links = [Link("Run in Airflow", run_url(run.dag_id, run.run_id))]
        looked_at = look_at_rollbacks(monitor.store, monitor.config, connection_url, links)
        deliver_alerts(monitor, send_alert)
        if looked_at.next_look is not None:
            self.defer(trigger=DateTimeTrigger(moment=looked_at.next_look), method_name=self.look.__name__)
        return "; ".join(looked_at.explanations) or "somebody else has looked at it"
