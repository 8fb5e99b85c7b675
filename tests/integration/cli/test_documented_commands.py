"""Every `driftline` command of the documents runs, on the flights that the documents speak of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest
from sqlalchemy import Engine, text

from driftline.findings import Severity
from driftline.local.provisioning import Urls
from driftline.monitoring.rollback_engine import AutoRollbackEngine
from driftline.rollback import RollbackMode, RollbackPolicy, RollbackRequest, Trigger
from driftline.store import registry
from driftline.store.engine import store_transaction
from driftline.store.incidents import open_or_renew_incident
from driftline.store.outbox import enqueue
from include.demo.flights import load_flights
from include.demo.log import LABELS, PREDICTIONS, add_rows, create_tables, replay_of_log, with_features
from include.demo.replay import answers, labels
from include.demo.training import RECIPES, Recipe, train
from tests.documented_commands import ROOT, documented_commands, words_of
from tests.integration.cli.conftest import Command

WRITTEN_AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
"""When the pages were written: their windows lie before it."""
NAMES = {"NAME": "flight_delay-holdback", "…": "enough is known"}
"""What a person puts in the place of a page's placeholders."""
NEEDS_THE_DEMO = ("demo", "incident")
"""Played against a running demo only; that it is refused without one is tested elsewhere."""
FINE, FOUND = 0, 1
LEFT_OUT = r"^segments:\n( .*\n)+|^  - .name: (origin|destination|dew|humid|wind|precip|visib|press).*\n"
"""Of the models' files: segments, and features that no command names; like the quality check, each takes its time."""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The demo's models, and the README's `churn`: the same flights under another name, with one feature."""
    folder = tmp_path / "models"
    folder.mkdir()
    for path in (ROOT / "include" / "models").glob("*.yaml"):
        description = re.sub(LEFT_OUT, "", path.read_text("utf-8"), flags=re.MULTILINE)
        without_quality = description.replace("checks:\n", "checks:\n  quality: {enabled: false}\n", 1)
        (folder / path.name).write_text(without_quality, "utf-8")
    churn = (folder / "flight_delay.yaml").read_text("utf-8").replace("model: flight_delay", "model: churn", 1)
    of_one = re.sub(r"^  - .name: (departure_hour|carrier|temperature).*\n", "", churn, flags=re.MULTILINE)
    (folder / "churn.yaml").write_text(of_one, "utf-8")
    return folder


@pytest.fixture
def flights_log(urls: Urls) -> Iterator[None]:
    """One flight in twenty of the year, answered by versions that have learned little."""
    flights = load_flights().iloc[::20]
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        create_tables(connection)
        replay = replay_of_log(connection, WRITTEN_AT)
        due = replay.flights_due(flights, "predicted_at", replay.log_start, WRITTEN_AT)
        arrived = replay.flights_due(flights, "label_at", replay.log_start, WRITTEN_AT)
        for model in PREDICTIONS:
            versions = {recipe.version: train(_quick(recipe), flights) for recipe in RECIPES if recipe.model == model}
            add_rows(connection, PREDICTIONS[model], with_features(answers(due, versions), due))
            add_rows(connection, LABELS[model], labels(arrived, model))
    yield
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        connection.execute("DROP SCHEMA flights CASCADE")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that a person types in: the files that the pages name, and the repository's `include`."""
    chance = np.random.default_rng(7)
    for name in ("january.parquet", "july.parquet", "august.parquet", "before.parquet", "after.csv"):
        score = chance.random(2_000)
        frame = pd.DataFrame({
            "dep_delay": chance.normal(10, 5, 2_000), "carrier": chance.choice(["UA", "DL"], 2_000), "score": score,
            "prediction": score > 0.5, "label": chance.random(2_000) < score,
        })  # fmt: skip
        frame.to_csv(tmp_path / name, index=False) if name.endswith(".csv") else frame.to_parquet(tmp_path / name)
    (tmp_path / "include").symlink_to(ROOT / "include")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def numbered(store_engine: Engine) -> None:
    """What the pages name by numbers: incident 12, the alerts 17 to 19 that failed, rollbacks 12 and 13.

    The second silence that is made will be the third.
    """
    with store_transaction(store_engine) as connection:
        for table, column, number in (
            ("incidents", "incident_id", 12),
            ("alert_outbox", "alert_id", 17),
            ("rollbacks", "rollback_id", 12),
            ("silences", "silence_id", 2),
        ):
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, :column), :number, false)"),
                {"table": f"driftline.{table}", "column": column, "number": number},
            )
        open_or_renew_incident(
            connection, model="flight_delay", cause="drift", severity=Severity.HIGH, title="It moved", at=WRITTEN_AT
        )
        for key in ("first", "second", "third"):
            enqueue(
                connection, incident_id=None, model="flight_delay", deduplication_key=key, destination="slack_alerts",
                message={"title": key},
            )  # fmt: skip
        connection.execute(text("UPDATE driftline.alert_outbox SET status = 'failed', last_error = 'is_archived'"))


@pytest.fixture
def registered(store_engine: Engine, numbered: None) -> None:
    """The versions that the pages name; what is to be rolled back waits for a person's approval."""
    with store_transaction(store_engine) as connection:
        for model, versions in {
            "churn": ["v0", "v1"],
            "flight_delay": ["v1", "v2"],
            "fraud": ["v5", "v6", "v7"],
        }.items():
            for version in versions:
                registry.register_version(
                    connection, model=model, version=version, artifact_uri=f"s3://{version}", at=WRITTEN_AT
                )
                registry.change_routes(
                    connection, model=model, shares={version: 1}, expected_revision=None, actor="deploy",
                    reason="release", cause_key=f"{model}/{version}", at=WRITTEN_AT,
                )  # fmt: skip
        for model, version in (("fraud", "v7"), ("churn", "v1")):
            AutoRollbackEngine(model, RollbackPolicy(mode=RollbackMode.APPROVAL)).execute_rollback(
                connection,
                RollbackRequest(
                    model=model, bad_version=version, trigger=Trigger.ERROR_RATE, reason="12 of 100 failed.",
                    cause_key=f"{model}/{version}", actor="guard", first_seen_at=WRITTEN_AT, evidence={},
                ),
                at=WRITTEN_AT,
            )  # fmt: skip


@pytest.mark.usefixtures("flights_log", "files", "registered")
def test_every_command_of_the_pages_runs(driftline: Command) -> None:
    assert driftline("baseline", "build", "churn").code == FINE
    refused = {}
    for line in dict.fromkeys(line for _, line in documented_commands()):
        words = [NAMES.get(word, word) for word in words_of(line)]
        if tuple(words[:2]) == NEEDS_THE_DEMO:
            continue
        ran = driftline(*words)
        if ran.code not in {FINE, FOUND}:
            refused[line] = ran.err
    assert not refused


def _quick(recipe: Recipe) -> Recipe:
    return Recipe(recipe.model, recipe.version, recipe.features, {"max_iter": 5}, 30.0, 0.3)
