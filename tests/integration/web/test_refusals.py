from __future__ import annotations

from html import unescape

import pytest
from fastapi import HTTPException
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from driftline.errors import ConnectionNotConfigured, StoreError
from driftline.local.ports import free_port
from driftline.store.engine import create_store_engine
from driftline.web.access import LoginRequired
from driftline.web.app import create_app
from tests.integration.web.conftest import Host, Results

ADDRESSES = (
    "",
    "models/fraud",
    "windows/fraud/2026-03-02T06:00Z",
    "windows/fraud/2026-03-02T06:00Z/reports/drift",
    "dags/monitor__fraud",
    "dags/monitor__fraud/runs/scheduled__1",
    "serving",
    "serving/fraud",
    "serving/fraud/promote",
    "rollbacks/1",
    "incidents",
    "incidents/1",
    "experiments",
    "experiments/ab",
    "experiments/ab/stop",
    "api/experiments",
    "api/experiments/ab",
    "dags/monitor__fraud/runs/scheduled__1/reports/drift",
    "static/charts.js",
)
SENT_TO = (
    "serving/fraud/promote",
    "rollbacks/1/approve",
    "incidents/1/acknowledge",
    "silences/1/end",
    "experiments/ab/stop",
    "api/experiments",
    "api/experiments/ab/start",
    "api/experiments/ab/stop",
    "api/experiments/ab/verdict",
)
"""Where forms go; the tests of each page send them."""


def test_the_addresses_tried_here_are_all_there_are(host: Host) -> None:
    routes = create_app(host.open_store, host.require_reader).routes
    assert all(isinstance(route, APIRoute) for route in routes), "a mount would stand outside the dependency"
    assert sum("GET" in route.methods for route in routes if isinstance(route, APIRoute)) == len(ADDRESSES)
    assert len(routes) == len(ADDRESSES) + len(SENT_TO)


@pytest.mark.parametrize("address", SENT_TO)
def test_a_form_of_nobody_is_refused(browser: TestClient, host: Host, address: str) -> None:
    host.refusal = LoginRequired("/airflow/api/v2/auth/login?next=x")
    answer = browser.post(address, data={"reason": "x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/airflow/api/v2/auth/login?next=x")


def test_pages_that_nothing_is_lent_to_only_show(host: Host) -> None:
    with TestClient(create_app(host.open_store, host.require_reader)) as client:
        assert client.get("/serving").status_code == 200
        assert client.post("/serving/fraud/promote", data={}).status_code == 403


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_browser_that_is_not_logged_in_is_led_to_the_login(
    browser: TestClient, results: Results, host: Host, address: str
) -> None:
    results.window()
    host.refusal = LoginRequired("/airflow/api/v2/auth/login?next=x")
    answer = browser.get(address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/airflow/api/v2/auth/login?next=x")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers", [{"accept": "application/json"}, {"accept": "text/html", "authorization": "Bearer wrong"}]
)
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_program_that_is_not_logged_in_is_refused(
    browser: TestClient, results: Results, host: Host, address: str, headers: dict[str, str]
) -> None:
    results.window()
    host.refusal = LoginRequired("/login")
    answer = browser.get(address, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "fraud" not in answer.text


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_reader_without_the_right_is_refused(browser: TestClient, results: Results, host: Host, address: str) -> None:
    results.window()
    host.refusal = HTTPException(403, "You may not see Airflow's site.")
    answer = browser.get(address)
    assert answer.status_code == 403
    assert "You may not see Airflow's site." in unescape(answer.text)


def test_a_database_that_is_down_is_said_to_be(browser: TestClient, host: Host) -> None:
    port = free_port()
    host.store = create_store_engine(f"postgresql://driftline:hunter2@127.0.0.1:{port}/driftline")
    answer = browser.get("windows/fraud/2026-03-02T06:00Z")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "Driftline cannot reach its database" in answer.text
    assert f"127.0.0.1:{port}/driftline cannot be reached" in answer.text
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    "error", [ConnectionNotConfigured("Airflow has no connection 'driftline_store'."), StoreError("not Postgres")]
)
def test_a_store_that_is_not_configured_is_said_to_be(browser: TestClient, host: Host, error: Exception) -> None:
    host.store = error
    answer = browser.get("")
    assert answer.status_code == 503
    assert str(error).replace("'", "&#39;") in answer.text


@pytest.mark.parametrize("address", ["docs", "redoc", "openapi.json"])
def test_there_are_no_pages_outside_the_dependency(browser: TestClient, host: Host, address: str) -> None:
    assert browser.get(address).status_code == 404
    assert browser.post("").status_code == 405
