"""The pages as browsers see them: on loopback, under a prefix, over a store filled with a fleet."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from psycopg import sql
from sqlalchemy import Engine, make_url

from driftline.errors import ConnectionNotConfigured
from driftline.local.ports import free_port
from driftline.local.provisioning import Urls
from driftline.store.engine import create_store_engine
from driftline.store.migrate import migrate
from driftline.web.access import LoginRequired, VisibleModels
from driftline.web.acting import Acting, Actor
from driftline.web.app import create_app
from tests.fleet import SMALL, Fleet, fill_fleet

PREFIX = "/airflow"
USER = "user"
"""The cookie that names who is logged in: ``ann`` may act, ``viewer`` may look, ``outsider`` may see nothing."""

_FRAME = """<!doctype html><html lang="en"><title>Airflow</title>
<iframe title="Driftline" src="driftline/serving" width="1200" height="900"
 sandbox="allow-scripts allow-same-origin allow-forms allow-downloads"></iframe></html>"""
"""As Airflow frames the pages: no popups, no modals."""


@dataclass(frozen=True)
class Site:
    """The running pages, and what they show."""

    address: str
    store: Engine
    fleet: Fleet

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """What the store answers."""
        url = self.store.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]


@contextmanager
def fleet_site(admin_url: str, urls: Urls) -> Iterator[Site]:
    """Serves the pages over a database of their own, beside the one that other tests empty."""
    store = _own_store(admin_url, urls)
    fleet = fill_fleet(store, SMALL)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(_airflow(store), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, name="pages", daemon=True)
    thread.start()
    try:
        _wait_until_started(server)
        yield Site(f"http://127.0.0.1:{port}{PREFIX}/driftline/", store, fleet)
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _wait_until_started(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the pages did not come up"
        time.sleep(0.02)


def _own_store(admin_url: str, urls: Urls) -> Engine:
    name = "driftline_browser"
    owner = make_url(urls.store).username
    assert owner is not None
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
    store = create_store_engine(make_url(urls.store).set(database=name).render_as_string(hide_password=False))
    migrate(store)
    return store


def _airflow(store: Engine) -> FastAPI:
    airflow = FastAPI(root_path=PREFIX)
    airflow.mount("/driftline", create_app(lambda: store, _require_reader, _acting()))
    airflow.add_api_route("/frame", lambda: HTMLResponse(_FRAME))
    return airflow


def _acting() -> Acting:
    return Acting(
        require_actor=_require_actor,
        signing_key=lambda: "a key for tests, of some length",
        site=lambda: "",
        models=dict,
        resolve=_resolve,
    )


def _require_reader(request: Request) -> VisibleModels:
    user = request.cookies.get(USER)
    if user is None:
        raise LoginRequired(f"{PREFIX}/frame")

    def visible(models: Collection[str]) -> set[str]:
        return set() if user == "outsider" else set(models)

    return visible


def _require_actor(request: Request) -> Actor:
    user = request.cookies.get(USER, "")
    return Actor(user, user, lambda models: set(models) if user == "ann" else set())


def _resolve(connection_id: str) -> str:
    raise ConnectionNotConfigured(f"No connection {connection_id}.")
