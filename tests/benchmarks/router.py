"""What routing one prediction costs: `python tests/benchmarks/router.py` writes docs/evidence/router.md.

Beside it, in the same run: asking Postgres for the routes at every prediction, which a serving application without a
router would do, and Python's own `hash()`, which is quick and differs from process to process.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import provision
from driftline.serving.router import Router
from driftline.store import registry
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.migrate import migrate

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "router.md"
MODEL = "fraud"
CALLS, RUNS = 200_000, 7
CHANGES = 40
ENTITIES = [f"user-{each}" for each in range(10_000)]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="driftline-router-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        try:
            urls = provision(server.admin_url, Path(folder) / "secrets.json")
            engine = create_store_engine(urls.store)
            migrate(engine)
            _route(engine, {"v1": 0.9, "v2": 0.1}, "first")
            with Router(urls.store) as router:
                report = _report(router, urls.store, _delays(engine, router))
        finally:
            server.stop()
    EVIDENCE.write_text(report, encoding="utf-8")
    sys.stdout.write(report)


def _report(router: Router, dsn: str, delays: list[float]) -> str:
    hashed = _nanoseconds(lambda each: router.route(MODEL, each), CALLS)
    built_in = _nanoseconds(lambda each: "v2" if hash(each) % 1_000_000 < 100_000 else "v1", CALLS)
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = "SELECT version, share FROM driftline.routes WHERE model = %s"
        asked = _nanoseconds(lambda _: connection.execute(query, [MODEL]).fetchall(), 2_000)
    with ThreadPoolExecutor(4) as pool:
        began = time.perf_counter()
        list(pool.map(lambda _: [router.route(MODEL, each) for each in ENTITIES], range(20)))
        threaded = (time.perf_counter() - began) / (20 * len(ENTITIES)) * 1e9
    slowest = max(delays)
    return f"""# What routing costs

Made by `python tests/benchmarks/router.py` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load
{os.getloadavg()[0]:.1f}, Python {platform.python_version()}; medians of {RUNS} runs, the loop's own cost included.

| one prediction | microseconds | ratio |
|---|---:|---:|
| `Router.route`, hash-based, two versions | {hashed / 1e3:.2f} | 1 |
| the same from 4 threads (one interpreter lock) | {threaded / 1e3:.2f} | {threaded / hashed:.2g} |
| Python's `hash()`: not the same in another process | {built_in / 1e3:.2f} | {built_in / hashed:.2g} |
| asking Postgres for the routes each time | {asked / 1e3:.0f} | {asked / hashed:.3g} |

A change of the routes reached a router in this process after {statistics.median(delays) * 1e3:.1f} ms (median of
{CHANGES}), {slowest * 1e3:.1f} ms at most, counted from its commit.
"""


def _nanoseconds(call: Callable[[str], object], calls: int) -> float:
    entities = [ENTITIES[each % len(ENTITIES)] for each in range(calls)]
    found = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for entity in entities:
            call(entity)
        found.append((time.perf_counter() - began) / calls * 1e9)
    return statistics.median(found)


def _delays(engine: object, router: Router) -> list[float]:
    found = []
    for number in range(CHANGES):
        wanted = router.status.revisions[MODEL] + 1
        share = 0.1 + number % 2 / 10
        _route(engine, {"v1": 1 - share, "v2": share}, f"change {number}")
        began = time.perf_counter()
        while router.status.revisions[MODEL] < wanted:
            time.sleep(0.0002)
        found.append(time.perf_counter() - began)
    return found


def _route(engine: object, shares: dict[str, float], cause: str) -> None:
    now = datetime.now(UTC)
    with store_transaction(engine) as connection:  # type: ignore[arg-type]
        for version in shares:
            registry.register_version(connection, model=MODEL, version=version, artifact_uri=f"s3://{version}", at=now)
        registry.change_routes(
            connection,
            model=MODEL,
            shares=shares,
            expected_revision=None,
            actor="benchmark",
            reason="benchmark",
            cause_key=cause,
            at=now,
        )


if __name__ == "__main__":
    main()
