"""How long a scrape of `/driftline/metrics` takes, and how much it says.

``python tests/benchmarks/scrape.py`` fills a Postgres of its own in a temporary folder (`tests.fleet`) with 15 models ×
30 features × 90 days, then with 1,000 models, then with one model of 2,000 features, and scrapes the endpoint of each
as Prometheus would, over HTTP on loopback. Writes docs/evidence/scrape.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import provision
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.migrate import migrate
from driftline.store.scraping import read_scrape
from tests.fleet import THOUSAND, FleetSize, fill_fleet
from tests.integration.prometheus_server import serving
from tests.integration.web.scraped import TOKEN, metrics_app

OUTPUT = Path(__file__).parents[2] / "docs" / "evidence" / "scrape.md"
ROUNDS = 20
SIZES = {
    "15 models × 30 features × 90 days": FleetSize(),
    "1,000 models": THOUSAND,
    "1 model × 2,000 features": FleetSize(models=1, features=2_000, days=1),
}


@dataclass(frozen=True)
class Measured:
    """Seconds of each scrape after the first, of which so many read the store; and what was said."""

    what: str
    findings: int
    seconds: Sequence[float]
    reading: float
    series: int
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="Write no evidence.")
    arguments = parser.parse_args()
    measured = []
    for what, size in SIZES.items():
        measured.append(_measure(what, size))
        print(_row(measured[-1]), flush=True)  # noqa: T201
    if not arguments.dry:
        OUTPUT.write_text(_report(measured), "utf-8")


def _measure(what: str, size: FleetSize) -> Measured:
    with tempfile.TemporaryDirectory(prefix="driftline-scrape-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        try:
            urls = provision(server.admin_url, Path(folder) / "secrets.json")
            return _scraped(what, size, urls.store)
        finally:
            server.stop()


def _scraped(what: str, size: FleetSize, url: str) -> Measured:
    engine = create_store_engine(url)
    migrate(engine)
    fill_fleet(engine, size)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE driftline.findings")
    with serving(metrics_app(lambda: engine)) as port, httpx.Client(trust_env=False, timeout=60) as client:
        client.headers["authorization"] = f"Bearer {TOKEN}"
        seconds, body = [], ""
        for _ in range(ROUNDS + 1):
            began = time.perf_counter()
            body = client.get(f"http://127.0.0.1:{port}/driftline/metrics").text
            seconds.append(time.perf_counter() - began)
    assert "\ndriftline_up 1.0\n" in body
    began = time.perf_counter()
    read_scrape(engine, 60)
    reading = time.perf_counter() - began
    with store_transaction(engine) as connection:
        findings = connection.execute(text("SELECT count(*) FROM driftline.findings")).scalar_one()
    series = sum(not line.startswith("#") for line in body.splitlines())
    return Measured(what, findings, seconds[1:], reading, series, len(body.encode()) / 1e6)


def _row(each: Measured) -> str:
    p95 = statistics.quantiles(each.seconds, n=20)[-1]
    return (
        f"| {each.what} | {each.findings:,} | {1000 * statistics.median(each.seconds):,.0f} | {1000 * p95:,.0f} | "
        f"{1000 * each.reading:,.0f} | {each.series:,} | {each.megabytes:.2f} |"
    )


def _report(measured: Sequence[Measured]) -> str:
    rows = "\n".join(map(_row, measured))
    return f"""# How long a scrape takes

`python tests/benchmarks/scrape.py`, {datetime.now(UTC):%Y-%m-%d}, on {os.cpu_count()} cores ({platform.machine()}),
Python {platform.python_version()}, the embedded Postgres with 128 MB of shared buffers, a load average of
{os.getloadavg()[0]:.1f} at the end. {ROUNDS} scrapes after a first one, over HTTP on loopback, in Prometheus' text
format without compression; everything is read anew at each. Prometheus waits 10 s for an answer.

| store | findings | P50, ms | P95, ms | reading the store, ms | series | MB |
|---|---|---|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    main()
