"""The demo's serving application: it answers by the routes, and its log is never in its way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from driftline.local.provisioning import Urls
from driftline.serving.router import Router
from driftline.store.engine import store_transaction
from driftline.store.registry import change_routes, register_version
from include.demo.flights import YEAR_START
from include.demo.log import create_tables
from include.demo.prediction_logger import PredictionLogger
from include.demo.serving import Faults, Service, serving_app
from include.demo.training import Recipe, train

FEATURES = {
    "departure_hour": 9.0, "weekday": 1.0, "carrier": "UA", "origin": "EWR", "destination": "IAH", "distance": 1400.0,
    "temperature": 10.0, "dew_point": 5.0, "humidity": 60.0, "wind_speed": 8.0, "precipitation": 0.0,
    "visibility": 10.0, "pressure": None,
}  # fmt: skip
LOGGED = (
    "SELECT prediction_id, model_version, error, latency_ms >= 0, predicted_late, carrier "
    "FROM flights.flight_delay_predictions ORDER BY prediction_id"
)


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    """A version that learned from a few flights."""
    rows = 200
    chance = np.random.default_rng(1)
    flights = pd.DataFrame({name: [value] * rows for name, value in FEATURES.items()})
    flights["pressure"] = 1010.0
    flights["carrier"] = chance.choice(["UA", "B6"], rows)
    flights["temperature"] = chance.normal(10, 5, rows)
    flights["predicted_at"] = flights["label_at"] = pd.Timestamp(YEAR_START)
    flights["is_late"] = chance.random(rows) < 0.3
    recipe = Recipe("flight_delay", "v1", list(FEATURES), {"max_iter": 2}, 30.0, 0.3)
    return {"v1": train(recipe, flights)}


@dataclass
class Application:
    client: TestClient
    logger: PredictionLogger
    faults: Path
    url: str

    def ask(self, name: str, **features: Any) -> Any:
        question = {"id": name, "flight": "UA1-EWR-IAH", "features": {**FEATURES, **features}}
        return self.client.post("/predict/flight_delay", json=question)

    def rows(self, count: int) -> list[tuple[Any, ...]]:
        deadline = time.monotonic() + 20
        while self.logger.written < count and time.monotonic() < deadline:
            time.sleep(0.05)
        with psycopg.connect(self.url) as connection:
            return connection.execute(LOGGED).fetchall()


@pytest.fixture
def serve(
    store_engine: Engine, urls: Urls, trained: dict[str, Any], tmp_path: Path
) -> Iterator[Callable[..., Application]]:
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        create_tables(connection)
    with store_transaction(store_engine) as connection:
        for version in ("v1", "v2"):
            now = datetime.now(UTC)
            register_version(connection, model="flight_delay", version=version, artifact_uri=f"file:{version}", at=now)
            change_routes(
                connection, model="flight_delay", shares={version: 1}, expected_revision=None, actor="test",
                reason="release", cause_key=version, at=now,
            )  # fmt: skip
    opened = []

    def start(log_url: str = urls.log_owner) -> Application:
        faults = tmp_path / "faults.json"
        service = Service(Router(urls.store), PredictionLogger(log_url), {"flight_delay": trained}, Faults(faults))
        client = TestClient(serving_app(service), raise_server_exceptions=False)
        opened.append(client)
        client.__enter__()
        return Application(client, service.logger, faults, urls.log_owner)

    yield start
    for client in opened:
        client.__exit__(None, None, None)
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        connection.execute("DROP SCHEMA flights CASCADE")


def test_it_answers_by_the_routes_and_logs_what_it_answered(serve: Callable[..., Application]) -> None:
    application = serve()
    answer = application.ask("one").json()
    assert answer["version"] == "v2"
    assert 0 <= answer["prediction"] <= 1
    assert application.rows(1) == [("one", "v2", None, True, answer["prediction"] > 0.3, "UA")]


def test_a_question_that_waited_is_logged_at_the_time_it_was_asked(serve: Callable[..., Application]) -> None:
    application = serve()
    question = {"id": "one", "flight": "UA1-EWR-IAH", "features": FEATURES, "asked_at": "2026-03-01T10:00:00+02:00"}
    assert application.client.post("/predict/flight_delay", json=question).status_code == 200
    application.rows(1)
    with psycopg.connect(application.url) as connection:
        logged = connection.execute("SELECT predicted_at FROM flights.flight_delay_predictions").fetchall()
    assert logged == [(datetime(2026, 3, 1, 8, tzinfo=UTC),)]
    without_zone = application.client.post("/predict/flight_delay", json=question | {"asked_at": "2026-03-01T10:00"})
    assert without_zone.status_code == 422


def test_a_distance_in_the_wrong_unit_is_what_is_logged(serve: Callable[..., Application]) -> None:
    application = serve()
    application.faults.write_text(json.dumps({"v2": {"is_in_kilometres": True}}))
    assert application.ask("one").status_code == 200
    application.rows(1)
    with psycopg.connect(application.url) as connection:
        seen = connection.execute("SELECT distance FROM flights.flight_delay_predictions").fetchall()
    assert seen == [(2253,)]


def test_a_biased_version_calls_every_flight_of_one_carrier_late(serve: Callable[..., Application]) -> None:
    application = serve()
    fair = application.ask("one", carrier="B6").json()["prediction"]
    application.faults.write_text(json.dumps({"v2": {"always_late_carriers": ["UA"]}}))
    assert application.ask("two", carrier="UA").json()["prediction"] >= 0.9
    assert application.ask("three", carrier="B6").json()["prediction"] == fair


def test_an_answer_that_fails_is_logged_as_failed(serve: Callable[..., Application]) -> None:
    application = serve()
    application.faults.write_text(json.dumps({"v2": {"unknown_carriers": ["UA"]}}))
    failed = application.ask("one")
    assert (failed.status_code, failed.json()) == (500, {"detail": "The prediction failed: 'gate'"})
    assert application.ask("two", carrier="B6").status_code == 200
    assert [row[:3] for row in application.rows(2)] == [("one", "v2", "KeyError: 'gate'"), ("two", "v2", None)]


def test_a_log_that_is_away_neither_slows_nor_fails_a_prediction(serve: Callable[..., Application]) -> None:
    application = serve("postgresql://nobody@127.0.0.1:1/nothing")
    began = time.monotonic()
    assert [application.ask(str(number)).status_code for number in range(20)] == [200] * 20
    assert time.monotonic() - began < 5
    assert application.client.get("/health").json()["log"] == {"written": 0, "dropped": 0}


def test_rows_that_do_not_fit_any_more_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.demo.prediction_logger.LONGEST_QUEUE", 5)
    logger = PredictionLogger("postgresql://nobody@127.0.0.1:1/nothing")
    for number in range(100):
        logger.log("flight_delay_predictions", {"prediction_id": str(number)})
    assert logger.dropped >= 100 - 5 - 5
    logger.close(0.1)


def test_a_model_that_is_not_there_is_named(serve: Callable[..., Application]) -> None:
    answer = serve().client.post("/predict/weather", json={"id": "1", "flight": "UA1", "features": {}})
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "There is no model 'weather'; there are flight_delay.",
    )
