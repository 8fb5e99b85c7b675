"""How long a page takes: on the server, and until it can be used in chromium.

``make bench-pages`` fills two stores of their own in a temporary folder (15 models × 30 features × 90 days; 1,000
models), serves the pages on loopback and asks for each of them again and again. "Usable" is from the click, in a window
that is open already, until the document is parsed, its scripts have run, its charts are drawn and the browser has
painted twice. Nothing comes from a cache. Writes docs/evidence/pages.md.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import text

from driftline.local.ports import free_port
from driftline.local.postgres import DURABLE, EmbeddedPostgres
from driftline.local.provisioning import provision
from driftline.store.engine import create_store_engine
from driftline.store.migrate import migrate
from driftline.web.addresses import model_path, window_path
from driftline.web.app import create_app
from tests.fleet import Fleet, FleetSize, fill_fleet
from tests.fleet.plan import THOUSAND

OUTPUT = Path(__file__).parents[2] / "docs" / "evidence" / "pages.md"
SERVED, VISITED = 40, 20
"""Answers of the server, and visits of a browser, for each page."""
GOAL = 1.0
CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")  # fmt: skip

_USABLE = """() => new Promise((done) => {
    const wait = () => {
        const charts = document.getElementById("drawn");
        if (document.readyState !== "complete" || (charts && !document.documentElement.dataset.drawn))
            return setTimeout(wait, 5);
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
    };
    wait();
})"""


@dataclass(frozen=True)
class Measured:
    """Seconds of each answer and of each visit of one page."""

    fleet: str
    page: str
    kilobytes: float
    served: Sequence[float]
    usable: Sequence[float]


def main() -> int:
    fleets = {"15 models × 30 features × 90 days": (FleetSize(), _pages), "1,000 models": (THOUSAND, _overviews)}
    measured: list[Measured] = []
    for name, (size, pages) in fleets.items():
        measured += _fleet(name, size, pages)
        # Filling the next store takes minutes: what is known by then is kept.
        OUTPUT.write_text(_report(measured))
    sys.stdout.write(_report(measured))
    slowest = max(_percentile(one.usable, 95) for one in measured)
    return 0 if slowest < GOAL else 1


def _pages(fleet: Fleet) -> dict[str, str]:
    model = next(one for one in fleet.models if one.story == "drift")
    of_model = model_path(model.name)
    feature = quote(model.features[0])
    return {
        "overview": "",
        "model, 7 days": f"{of_model}?days=7",
        "model, 30 days (as it opens)": of_model,
        "model, 90 days": f"{of_model}?days=90",
        "model, a feature's distribution": f"{of_model}?feature={feature}",
        "window": window_path(model.name, fleet.until),
    }


def _overviews(fleet: Fleet) -> dict[str, str]:
    return {
        "overview, first page": "",
        "overview, last page": "?page=20",
        "overview, found by name": f"?q={fleet.models[500].name[-3:]}",
        "model": model_path(fleet.models[500].name),
    }


def _fleet(name: str, size: FleetSize, pages: Callable[[Fleet], dict[str, str]]) -> Iterator[Measured]:
    with _site(size) as (address, fleet), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        for page, path in pages(fleet).items():
            sys.stderr.write(f"{name}: {page}\n")
            yield _measure(name, page, address + path, browser)
        browser.close()


def _measure(fleet: str, page: str, address: str, browser: Browser) -> Measured:
    with httpx.Client(timeout=60, trust_env=False) as client:
        size = len(client.get(address).raise_for_status().content) / 1000
        served = [_timed(lambda: client.get(address).raise_for_status()) for _ in range(SERVED)]
    return Measured(fleet, page, size, served, _visits(browser, address))


def _visits(browser: Browser, address: str) -> list[float]:
    """Seconds of each, after a first one that opens the window."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    try:
        page = context.new_page()
        context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        return [_visit(page, address) for _ in range(VISITED + 1)][1:]
    finally:
        context.close()


def _visit(page: Page, address: str) -> float:
    page.goto(address, wait_until="commit")
    return float(page.evaluate(_USABLE)) / 1000


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _site(size: FleetSize) -> Iterator[tuple[str, Fleet]]:
    """The pages over a store that is filled for them, as an API server serves them."""
    with tempfile.TemporaryDirectory(prefix="driftline-pages-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", DURABLE)
        server.start()
        try:
            urls = provision(server.admin_url, Path(folder) / "secrets.json")
            store = create_store_engine(urls.store)
            migrate(store)
            fleet = fill_fleet(store, size)
            with store.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                # As autovacuum leaves them.
                connection.execute(text("VACUUM (ANALYZE) driftline.findings"))
            airflow = FastAPI(root_path="/airflow")
            airflow.mount("/driftline", create_app(lambda: store, lambda: set))
            with _served(airflow) as address:
                yield f"{address}/airflow/driftline/", fleet
        finally:
            server.stop()


@contextmanager
def _served(application: FastAPI) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _report(measured: Sequence[Measured]) -> str:
    lines = [
        "# Pages: time on the server, and until they can be used",
        "",
        f"`make bench-pages` on {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}; "
        f"load {os.getloadavg()[0]:.1f} at the end. {SERVED} answers and {VISITED} visits of chromium for each page, "
        "in a window that is open already, nothing from a cache. Usable: the document is parsed, its scripts have run, "
        "its charts are drawn, and the browser has painted twice. Server, Postgres and browser share the cores. The "
        "goal is less than 1 s.",
    ]
    for fleet in dict.fromkeys(one.fleet for one in measured):
        lines += [
            "",
            f"## {fleet}",
            "",
            "| page | KB | server P50 | server P95 | usable P50 | usable P95 |",
            "|---|---|---|---|---|---|",
            *(_row(one) for one in measured if one.fleet == fleet),
        ]
    return "\n".join(lines) + "\n"


def _row(one: Measured) -> str:
    times = [f"{_percentile(values, share) * 1000:.0f} ms" for values in (one.served, one.usable) for share in (50, 95)]
    return f"| {one.page} | {one.kilobytes:,.0f} | {' | '.join(times)} |"


def _percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


if __name__ == "__main__":
    raise SystemExit(main())
