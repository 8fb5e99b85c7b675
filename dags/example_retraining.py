"""An example for Airflow's asset scheduling: a DAG that retrains flight_delay when its features have drifted.

Copy it, and put your own training in place of the task.
"""

import logging

from airflow.sdk import DAG, Asset, task

DRIFT = Asset("driftline://flight_delay/drift")


@task
def choose_training_data(triggering_asset_events=None) -> list[dict[str, str]]:
    """Reads from the events what moved, and over which windows."""
    events = triggering_asset_events[DRIFT]
    for event in events:
        logging.info("%s to %s: %s", event.extra["window_start"], event.extra["window_end"], event.extra["reason"])
    return [{"window_start": event.extra["window_start"], "window_end": event.extra["window_end"]} for event in events]


with DAG(
    dag_id="example_retraining",
    description="Runs whenever the monitor of flight_delay has found drift.",
    schedule=DRIFT,
    catchup=False,
    tags=["driftline", "example"],
):
    choose_training_data()
