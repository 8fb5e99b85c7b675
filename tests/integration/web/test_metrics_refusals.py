"""Who may scrape, and what a scrape says where there is nothing to read."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, text

from driftline.errors import ConnectionNotConfigured
from driftline.local.ports import free_port
from driftline.store.engine import create_store_engine
from driftline.store.scraping import actions, read_scrape
from driftline.web.metrics.endpoint import LONGEST_SCRAPE_SECONDS
from tests.integration.web.scraped import TOKEN, Filled, metrics_app, named, samples, value

ADMITTED = {"authorization": f"Bearer {TOKEN}"}


@contextmanager
def client(open_store: Callable[[], Engine], token: str | None = TOKEN) -> Iterator[TestClient]:
    with TestClient(metrics_app(open_store, token), base_url="http://localhost/driftline/") as opened:
        yield opened


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer töken".encode("latin-1")},
        {"cookie": f"_token={TOKEN}"},
    ],
)
def test_who_does_not_carry_the_token_is_told_how(store_engine: Engine, headers: dict[str, str | bytes]) -> None:
    Filled(store_engine).window("secret_model")
    with client(lambda: store_engine) as scraper:
        answer = scraper.get("metrics", params={"token": TOKEN}, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.text == "Send the token that is configured for scraping: Authorization: Bearer TOKEN\n"


def test_the_token_may_be_of_any_characters(store_engine: Engine) -> None:
    token = "schlüssel-🔑-und-mehr"
    with client(lambda: store_engine, token) as scraper:
        assert scraper.get("metrics", headers={"authorization": f"bearer {token}".encode()}).status_code == 200


def test_without_a_configured_token_nobody_scrapes(store_engine: Engine) -> None:
    with client(lambda: store_engine, None) as scraper:
        answer = scraper.get("metrics", headers={"authorization": "Bearer "})
    assert answer.status_code == 503
    assert "Set DRIFTLINE_METRICS_TOKEN" in answer.text
    assert "the connection driftline_metrics with the token as its password" in answer.text


def test_a_token_that_can_be_guessed_is_none(store_engine: Engine) -> None:
    with client(lambda: store_engine, "secret") as scraper:
        answer = scraper.get("metrics", headers={"authorization": "Bearer secret"})
    assert answer.status_code == 503
    assert "shorter than 16 characters" in answer.text


def test_the_token_is_logged_nowhere(store_engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    down = create_store_engine(f"postgresql://nobody:hidden@127.0.0.1:{free_port()}/driftline")
    with client(lambda: down) as scraper:
        answers = [scraper.get("metrics", headers=headers) for headers in (ADMITTED, {"authorization": "Bearer no"})]
    assert [answer.status_code for answer in answers] == [200, 401]
    told = caplog.text + "".join(answer.text + str(answer.headers) for answer in answers)
    assert TOKEN not in told
    assert "hidden" not in told
    assert "The store cannot be scraped: The store's database 127.0.0.1:" in caplog.text


def test_a_database_that_is_down_is_told_as_such_and_nothing_old_is(store_engine: Engine) -> None:
    stores = [store_engine, create_store_engine(f"postgresql://nobody@127.0.0.1:{free_port()}/driftline")]
    Filled(store_engine).window("fraud")
    with client(lambda: stores.pop(0)) as scraper:
        up, down = (samples(scraper.get("metrics", headers=ADMITTED).text) for _ in range(2))
    assert (value(up, "up"), value(down, "up")) == (1, 0)
    assert named(up, "monitor_window_end_timestamp_seconds")
    assert {name for name, _ in down} == {"driftline_up", "driftline_scrape_duration_seconds"}


def test_a_store_that_airflow_does_not_know_is_down(store_engine: Engine) -> None:
    def unknown() -> Engine:
        raise ConnectionNotConfigured("Airflow has no connection 'driftline_store'.")

    with client(unknown) as scraper:
        assert value(samples(scraper.get("metrics", headers=ADMITTED).text), "up") == 0


def test_a_database_that_hangs_is_given_up_before_the_scraper_gives_up(store_engine: Engine) -> None:
    Filled(store_engine).window("fraud")
    with store_engine.connect() as other, other.begin():
        other.execute(text("LOCK TABLE driftline.incidents IN ACCESS EXCLUSIVE MODE"))
        with client(lambda: store_engine) as scraper:
            began = time.monotonic()
            answer = scraper.get("metrics", headers={**ADMITTED, "x-prometheus-scrape-timeout-seconds": "1"})
            took = time.monotonic() - began
    assert took < LONGEST_SCRAPE_SECONDS / 2
    assert value(samples(answer.text), "up") == 0


def test_more_than_two_scrapes_at_once_are_refused(store_engine: Engine) -> None:
    held, asked = threading.Event(), threading.Semaphore(0)

    def open_store() -> Engine:
        asked.release()
        held.wait(10)
        return store_engine

    statuses: list[int] = []
    with client(open_store) as scraper:

        def scrape() -> None:
            statuses.append(scraper.get("metrics", headers=ADMITTED).status_code)

        slow = [threading.Thread(target=scrape) for _ in range(2)]
        for each in slow:
            each.start()
            assert asked.acquire(timeout=10)
        assert scraper.get("metrics", headers=ADMITTED).status_code == 503
        held.set()
        for each in slow:
            each.join(10)
        assert statuses == [200, 200]
        assert scraper.get("metrics", headers=ADMITTED).status_code == 200, "and there is room again"


def test_a_scrape_cannot_write(store_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(connection: Connection) -> None:
        connection.execute(text("INSERT INTO driftline.alert_destinations VALUES ('x', NULL, NULL)"))

    monkeypatch.setattr(actions, "pending_counts", write)
    with pytest.raises(Exception, match="read-only transaction"):
        read_scrape(store_engine, 5)
