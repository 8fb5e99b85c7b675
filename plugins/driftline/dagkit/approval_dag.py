"""``approve_rollbacks``: asks a person, in Airflow's UI, about a rollback that waits for approval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Asset, task

from driftline.dagkit.assets import APPROVAL_WANTED

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVAL = "approve_rollbacks"
ROLL_BACK = "Roll back"
HOLD = "Hold"
PATIENCE = timedelta(hours=24)


class AskAboutRollback(HITLOperator):  # type: ignore[misc] # Airflow's package is lazily typed
    """Waits, without a worker's slot, for a person's word, and does as it says; without an answer it holds."""

    def __init__(self, *, rollback_id: int, **arguments: Any) -> None:
        super().__init__(
            subject="Roll back?", options=[ROLL_BACK, HOLD], defaults=HOLD, response_timeout=PATIENCE, **arguments
        )
        self.rollback_id = rollback_id

    def execute(self, context: Context) -> Any:
        from driftline.monitoring.approval import waiting_rollback

        rollback = waiting_rollback(_store(), self.rollback_id)
        if rollback is None:
            return f"Rollback {self.rollback_id} does not wait for approval any more."
        self.subject = f"Roll back {rollback.model}: {rollback.bad_version} to {rollback.target_version}?"
        self.body = f"{rollback.reason}\n\n{rollback.explanation}"
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        from driftline.dagkit.model_files import valid_models
        from driftline.monitoring.approval import answer, waiting_rollback
        from driftline.monitoring.rollback_engine import rollback_policy

        answered = super().execute_complete(context, event)
        user = answered["responded_by_user"]
        person = "nobody in time" if user is None else str(user["name"])
        store, approved = _store(), answered["chosen_options"] == [ROLL_BACK]
        waiting = waiting_rollback(store, self.rollback_id)
        config = None if waiting is None else valid_models().get(waiting.model)
        policy = None if config is None else rollback_policy(config)
        return answer(store, self.rollback_id, approved=approved, person=person, policy=policy)


def approval_dag() -> DAG:
    """A run a request; the answer is given under "Required actions"."""
    with DAG(
        dag_id=APPROVAL,
        description="Asks a person about rollbacks of models that want approval.",
        schedule=[Asset(APPROVAL_WANTED)],
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        default_args={"owner": "driftline", "retries": 3, "retry_delay": timedelta(seconds=20)},
        tags=["driftline"],
    ) as dag:
        AskAboutRollback.partial(task_id="ask").expand(rollback_id=task(task_id="requests")(_requests)())
    return dag


def _requests(triggering_asset_events: Any = None) -> list[int]:
    """The rollbacks that this run was started for."""
    events = [event for each in (triggering_asset_events or {}).values() for event in each]
    return sorted({int(event.extra["rollback_id"]) for event in events})


def _store() -> Any:
    from driftline.dagkit.connections import connection_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    return create_store_engine(connection_url(STORE_CONNECTION))
