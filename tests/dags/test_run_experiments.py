"""Experiments under the real scheduler."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftline.config.experiment_config import ABTestConfig
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.moments import UnitMoments
from driftline.monitoring.ab_tests import ABTestController
from driftline.store import registry
from driftline.store.engine import store_transaction
from tests.dags.conftest import Installation, wait_until

pytestmark = pytest.mark.airflow

EXPERIMENTS = "run_experiments"
NAME = "letters"


def test_a_look_promotes_the_winner(installation: Installation) -> None:
    began = datetime.now(UTC) - timedelta(minutes=5)
    with store_transaction(installation.store) as connection:
        for version in ("a", "b"):
            registry.register_version(
                connection, model="letters", version=version, artifact_uri=f"s3://{version}", at=began
            )
    controller = ABTestController(installation.store, {}, lambda name: name)
    config = ABTestConfig.model_validate(
        {
            "experiment": NAME,
            "model": "letters",
            "control": "a",
            "arms": {"a": 50, "b": 50},
            "metrics": [{"metric": "accuracy", "role": "primary"}],
            "source": "application",
            "minimum_duration": "0s",
            "promote_automatically": True,
        }
    )
    controller.create_ab_test(config, actor="test", at=began)
    controller.start_ab_test(NAME, actor="test", at=began)
    figures = {
        version: ArmStatistics(2_000, 2_000, {"accuracy": UnitMoments.of_proportion(right, 2_000)})
        for version, right in (("a", 1_400), ("b", 1_800))
    }
    controller.collect_ab_test_metrics(NAME, figures, batch_key="one")
    wait_until(lambda: EXPERIMENTS in _dags(installation), 120, f"{EXPERIMENTS} to appear")
    installation.airflow.api("PATCH", f"/api/v2/dags/{EXPERIMENTS}", {"is_paused": False})
    run_id = installation.run(EXPERIMENTS)
    assert installation.wait_for_run(EXPERIMENTS, run_id) == "success", installation.errors(EXPERIMENTS)
    installation.airflow.api("PATCH", f"/api/v2/dags/{EXPERIMENTS}", {"is_paused": True})
    assert installation.rows("SELECT version, share FROM driftline.routes WHERE model = 'letters'") == [("b", 1)]
    assert installation.rows(
        "SELECT actor, verdict, winner FROM driftline.experiment_verdicts WHERE experiment = 'letters'"
    ) == [("run_experiments", "promote", "b")]


def _dags(installation: Installation) -> set[str]:
    return {dag["dag_id"] for dag in installation.airflow.api("GET", "/api/v2/dags?limit=100")["dags"]}
