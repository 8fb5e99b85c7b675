"""``driftline experiments``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from driftline.store import registry
from driftline.store.engine import store_transaction
from tests.integration.cli.conftest import Command

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = "fraud"


@pytest.fixture
def file(store_engine: Engine, tmp_path: Path) -> Path:
    """An experiment's file; v1 serves."""
    with store_transaction(store_engine) as connection:
        for version in ("v1", "v2"):
            registry.register_version(connection, model=MODEL, version=version, artifact_uri=f"s3://{version}", at=NOON)
        registry.change_routes(
            connection, model=MODEL, shares={"v1": 1.0}, expected_revision=None, actor="test", reason="first",
            cause_key="first", at=NOON,
        )  # fmt: skip
    described = {
        "experiment": "fraud-v2",
        "model": MODEL,
        "control": "v1",
        "arms": {"v1": 80, "v2": 20},
        "samples": 10_000,
        "metrics": [
            {"metric": "accuracy", "role": "primary"},
            {"metric": "latency_p95", "role": "guardrail", "maximum_loss": 0.2},
        ],
    }
    path = tmp_path / "fraud-v2.yaml"
    path.write_text(yaml.safe_dump(described), encoding="utf-8")
    return path


def of(driftline: Command, *arguments: str) -> Any:
    ran = driftline("experiments", *arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_an_experiment_from_its_file_to_a_persons_decision(driftline: Command, file: Path) -> None:
    created = of(driftline, "create", str(file), "--traffic-per-day", "10000")
    assert created["status"] == "created"
    assert created["earliest_rollback_seconds"] == pytest.approx(86_400 * 0.1 + 420)
    assert of(driftline, "start", "fraud-v2")["percents"] == {"v1": 80, "v2": 20}
    assert of(driftline, "list")[0]["experiment"] == "fraud-v2"
    looked = of(driftline, "run")
    assert [(step["experiment"], step["verdict"], step["error"]) for step in looked] == [("fraud-v2", "hold", "")]
    shown = of(driftline, "show", "fraud-v2", "--fixed-horizon")
    assert shown["verdicts"][0]["reason"].startswith("No data: accuracy: the control and v2 has no data")
    assert set(shown["fixed_horizon"]) == {"v2/accuracy", "v2/latency_p95"}
    decided = of(driftline, "decide", "fraud-v2", "promote", "--reason", "we know better")
    assert (decided["verdict"], decided["winner"]) == ("promote", "v2")
    assert json.loads(driftline("routes", MODEL, "--json").out)["shares"] == {"v2": 1}
    assert of(driftline, "show", "fraud-v2")["status"] == "concluded"


def test_a_person_reads_it(driftline: Command, file: Path) -> None:
    ran = driftline("experiments", "create", str(file), "--start", "--traffic-per-day", "10000")
    assert "fraud-v2 (fraud): running; v1 80 %, v2 20 %; stage 1 of 1, 100 % of the traffic; control v1" in ran.out
    assert "it can promote after" in ran.out
    driftline("experiments", "run")
    ran = driftline("experiments", "show", "fraud-v2")
    assert "group_sequential, because a horizon of 10000 samples is planned" in ran.out
    assert "hold (run_experiments): No data" in ran.out
    assert "fraud-v2" in driftline("experiments", "list").out
    ran = driftline("experiments", "stop", "fraud-v2", "--reason", "holiday")
    assert "Ended: stopped by" in ran.out
    assert json.loads(driftline("routes", MODEL, "--json").out)["shares"] == {"v1": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nobody"), "There is no experiment 'nobody'"),
        (("start", "nobody"), "There is no experiment 'nobody'"),
        (("create", "missing.yaml"), "missing.yaml: cannot be read"),
        (("decide", "fraud-v2", "perhaps", "--reason", "x"), "it is one of continue, hold, promote"),
        (("decide", "fraud-v2", "promote", "--reason", " "), "The reason is empty"),
        (("decide", "fraud-v2", "promote", "--reason", "x", "--winner", "v9"), "it is one of v1, v2"),
        (("stop", "fraud-v2", "--reason", " "), "The reason is empty"),
    ],
)
def test_what_cannot_be_done_exits_with_2(
    driftline: Command, file: Path, arguments: tuple[str, ...], said: str
) -> None:
    of(driftline, "create", str(file), "--start")
    ran = driftline("experiments", *arguments)
    assert (ran.code, said in ran.err) == (2, True), ran.err
