"""The demo's serving application and its callers, as the programs that `make demo` starts."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import joblib
import numpy as np
import pandas as pd
import psycopg
import pytest
from sqlalchemy import Engine

from driftline.local.errors import LocalSetupError
from driftline.local.provisioning import Urls
from driftline.store.engine import store_transaction
from driftline.store.registry import change_routes, register_version
from include.demo.flights import CATEGORICAL, FEATURES, YEAR_START
from include.demo.log import create_tables
from include.demo.registry import grant_readers
from include.demo.serving_program import start_serving
from include.demo.stack import Stack
from include.demo.training import Recipe, train


@pytest.fixture
def stack(urls: Urls, store_engine: Engine) -> Iterator[Stack]:
    """With a version that learned from a few flights, and that has all the traffic."""
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        create_tables(connection)
    grant_readers(urls)
    now = datetime.now(UTC)
    with store_transaction(store_engine) as store:
        register_version(store, model="flight_delay", version="v1", artifact_uri="file:v1", at=now)
        change_routes(
            store, model="flight_delay", shares={"v1": 1}, expected_revision=None, actor="test", reason="release",
            cause_key="v1", at=now,
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(state=Path(folder))
        stack.models_folder.mkdir()
        joblib.dump(train(_recipe(), _flights()), stack.models_folder / "flight_delay-v1.joblib")
        yield stack
        stack.stop()
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        connection.execute("DROP SCHEMA flights CASCADE")


def test_they_are_started_once_on_a_port_that_is_free(stack: Stack, urls: Urls) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.serving_port))
        other.listen()
        url = start_serving(stack, urls)
        assert not url.endswith(f":{other.getsockname()[1]}")

    programs = {path.name: path.read_text() for path in (stack.state / "run").glob("*.pid")}
    assert set(programs) == {"serving.pid", "callers.pid"}
    assert start_serving(stack, urls) == url == stack.serving_url
    assert {path.name: path.read_text() for path in (stack.state / "run").glob("*.pid")} == programs
    question = {"id": "one", "flight": "UA1-EWR-IAH", "features": _flights().iloc[0][FEATURES].to_dict()}
    answer = httpx.post(f"{url}/predict/flight_delay", json=question, trust_env=False, timeout=30)
    assert answer.json()["version"] == "v1"


def test_one_that_does_not_come_up_says_why(stack: Stack, urls: Urls) -> None:
    (stack.models_folder / "broken.joblib").write_bytes(b"no model")
    with pytest.raises(LocalSetupError, match="does not come up") as failed:
        start_serving(stack, urls)
    assert "pickle" in str(failed.value)
    assert "callers" not in stack.running()


def _recipe() -> Recipe:
    return Recipe("flight_delay", "v1", FEATURES, {"max_iter": 2}, 30.0, 0.3)


def _flights() -> pd.DataFrame:
    chance = np.random.default_rng(1)
    flights = pd.DataFrame({name: "UA" if name in CATEGORICAL else chance.random(200) for name in FEATURES})
    flights["predicted_at"] = flights["label_at"] = pd.Timestamp(YEAR_START)
    flights["is_late"] = chance.random(200) < 0.3
    return flights
