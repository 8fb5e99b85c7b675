"""The DAG of one model's monitor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAlias, CronDataIntervalTimetable, Param, TriggerRule, task

from driftline.config import ModelConfig
from driftline.dagkit import tasks
from driftline.dagkit.assets import outcome_alias
from driftline.dagkit.model_files import valid_models
from driftline.dagkit.task_links import linked
from driftline.dagkit.verify_rollback import VerifyRollback
from driftline.findings import Check

CHECKS = (Check.QUALITY, Check.DRIFT, Check.PERFORMANCE, Check.PREDICTIONS, Check.FAIRNESS)
RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(seconds=20), "retry_exponential_backoff": True}
ALERT_RETRIES: dict[str, Any] = {
    "retries": 12,
    "retry_delay": timedelta(seconds=20),
    "max_retry_delay": timedelta(minutes=10),
}
"""Over an hour of tries: an outage of Slack delays an alert and loses none."""


def monitor_dags() -> list[DAG]:
    """A DAG per valid model file, in the order of the models' names."""
    return [monitor_dag(config) for _, config in sorted(valid_models().items())]


def monitor_dag(config: ModelConfig) -> DAG:
    """``monitor__<model>``: a window's slices are counted, checked, decided on and acted on."""
    schedule = config.schedule
    with DAG(
        dag_id=f"monitor__{config.model}",
        description=config.description or f"Watches the model {config.model}.",
        doc_md=_documentation(config),
        schedule=CronDataIntervalTimetable(schedule.cron, timezone="UTC"),
        start_date=schedule.start,
        catchup=False,
        max_active_runs=2,
        default_args={"owner": config.owner, **RETRIES},
        params=_params(),
        tags=["driftline", "monitor", config.task.value],
    ) as dag:
        key = _extraction(config)
        decision = _decision(config, key)
        checks = [_check(config, check, key) for check in CHECKS if config.is_enabled(check)]
        checks >> decision
        decision >> _branches(config, key)
    return dag


def _extraction(config: ModelConfig) -> Any:
    workers = config.schedule.extraction_workers
    if workers == 1:
        return task(task_id="extract_slices")(tasks.extract_slices)(config.model)
    chunks = task(task_id="plan_slices")(tasks.plan_slices)(config.model, workers)
    counted = (
        task(task_id="extract_slices")(tasks.extract_planned_slices).partial(model=config.model).expand(chunk=chunks)
    )
    recorded = task(task_id="record_slices", trigger_rule=TriggerRule.NONE_FAILED)(tasks.record_slices)
    return recorded(config.model, counted)


def _check(config: ModelConfig, check: Check, key: Any) -> Any:
    return linked(task(task_id=f"check_{check.value}")(tasks.make_check)(config.model, check.value, key), check)


def _decision(config: ModelConfig, key: Any) -> Any:
    decide = task.branch(
        task_id="decide",
        # One broken check never stops the others: what they found is decided on.
        trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
        outlets=[AssetAlias(outcome_alias(config.model))],
    )(tasks.decide)
    return linked(decide(config.model, key))


def _branches(config: ModelConfig, key: Any) -> list[Any]:
    rolled_back = task(task_id=tasks.ROLL_BACK, outlets=[AssetAlias(tasks.APPROVALS)])(tasks.roll_back)(
        config.model, key
    )
    rolled_back >> VerifyRollback(task_id=tasks.VERIFY_ROLLBACK, model=config.model, **ALERT_RETRIES)
    return [
        linked(task(task_id=tasks.SEND_ALERTS, **ALERT_RETRIES)(tasks.send_alerts)(config.model)),
        rolled_back,
        task(task_id=tasks.ALL_CLEAR, **ALERT_RETRIES)(tasks.all_clear)(config.model, key),
    ]


def _params() -> dict[str, Param]:
    return {
        "window_end": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Window end",
            description="End of the window, on a whole hour. Empty: the last window that has closed.",
        ),
        "window_start": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Window start",
            description="Start of the window. Empty: the model's lookback before the end.",
        ),
        "act_on_history": Param(
            False,
            type="boolean",
            title="Act on history",
            description="Alert and roll back even where the window ended longer ago than the alert horizon.",
        ),
    }


def _documentation(config: ModelConfig) -> str:
    labels = "no labels" if config.labels is None else "labels"
    return (
        f"# {config.model}\n\n{config.description}\n\nOwner: {config.owner}. "
        f"A {config.task.value} model with {labels}; every window looks back {config.schedule.lookback}."
        "\n\nBackfill:\n\n"
        f"    airflow backfill create --dag-id monitor__{config.model} --from-date 2026-01-01 --to-date 2026-01-31\n"
    )
