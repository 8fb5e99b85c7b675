"""How long the dashboards' queries take, over 15 models × 30 features × 90 days.

``python tests/benchmarks/dashboards.py [--models 15] [--features 30] [--days 90]`` fills a Postgres of its own in a
temporary folder (`tests.fleet`), then asks every query of every dashboard as Grafana would, one after the other, as the
role that Grafana has: with the whole history as time range, once with a cold cache of Postgres and then warm. Writes
docs/evidence/dashboards.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import DASHBOARDS, Urls, provision
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.grants import Reader, grant_reading
from driftline.store.migrate import migrate
from tests.fleet import Fleet, FleetModel, FleetSize, fill_fleet
from tests.fleet.plan import planned
from tests.grafana import Board, TimeRange, load_boards

OUTPUT = Path(__file__).parents[2] / "docs" / "evidence" / "dashboards.md"
ROUNDS = 5
GOAL_SECONDS, MISSION_SECONDS = 1.0, 3.0


@dataclass(frozen=True)
class Measured:
    """A dashboard opened on one model: seconds per query, the first time and the median of the others."""

    board: str
    opened_on: str
    queries: int
    rows: int
    first: float
    usual: float
    slowest: tuple[str, float]


def main() -> None:
    arguments = _arguments()
    size = FleetSize(models=arguments.models, features=arguments.features, days=arguments.days)
    if arguments.url:
        _print(_measure(planned(size), arguments.url))
        return
    with _server() as (server, urls):
        engine = create_store_engine(urls.store)
        migrate(engine)
        began = time.perf_counter()
        fleet = fill_fleet(engine, size)
        filled = time.perf_counter() - began
        with store_transaction(engine) as connection:
            grant_reading(connection, DASHBOARDS, Reader.DASHBOARDS)
            sizes = _sizes(connection)
        with psycopg.connect(urls.store, autocommit=True) as owner:
            owner.execute("VACUUM ANALYZE driftline.findings")
        server.stop()
        server.start()
        measured = _measure(fleet.models, urls.dashboards)
    _print(measured)
    if not arguments.dry:
        OUTPUT.write_text(_report(fleet, filled, sizes, measured), "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=15)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--dry", action="store_true", help="Write no evidence.")
    parser.add_argument("--url", help="Of a store that was filled so already, for the role of the dashboards.")
    return parser.parse_args()


@contextmanager
def _server() -> Iterator[tuple[EmbeddedPostgres, Urls]]:
    with tempfile.TemporaryDirectory(prefix="driftline-dashboards-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        try:
            yield server, provision(server.admin_url, Path(folder) / "secrets.json")
        finally:
            server.stop()


def _measure(models: Sequence[FleetModel], url: str) -> list[Measured]:
    """Every dashboard on the first models, which have the stories and the segments."""
    span = TimeRange(models[0].windows[0].end - timedelta(days=1), datetime.now(UTC))
    measured = []
    with psycopg.connect(url, autocommit=True) as connection:
        for board in load_boards():
            measured += [_opened(board, connection, span, name) for name in _names(board, models)]
    return measured


def _names(board: Board, models: Sequence[FleetModel]) -> list[str]:
    """What a dashboard is opened on: models with experiments, the whole fleet, or the first five."""
    if board.name == "fleet_overview":
        return [""]
    return [model.name for model in models[:5] if board.name != "ab_comparison" or model.bad_from is None]


def _opened(board: Board, connection: psycopg.Connection[Any], span: TimeRange, model: str) -> Measured:
    values = board.chosen(connection, span, {"model": model} if model else None)
    asked = list(board.queries(values, span))
    taken: list[list[float]] = []
    rows = 0
    for _ in range(ROUNDS):
        seconds = []
        rows = 0
        for query in asked:
            began = time.perf_counter()
            rows += len(query.run(connection))
            seconds.append(time.perf_counter() - began)
        taken.append(seconds)
    medians = [statistics.median(each) for each in zip(*taken[1:], strict=True)]
    place = max(range(len(asked)), key=medians.__getitem__)
    return Measured(
        board.name, model or f"all {len(values['model'])} models", len(asked), rows, sum(taken[0]), sum(medians),
        (asked[place].where.partition(": ")[2], medians[place]),
    )  # fmt: skip


def _sizes(connection: Any) -> dict[str, Any]:
    count = connection.execute(text("SELECT count(*) FROM driftline.findings")).scalar_one()
    size = connection.execute(text("SELECT pg_total_relation_size('driftline.findings')")).scalar_one()
    index = connection.execute(
        text("SELECT pg_relation_size('driftline.findings_by_test') + pg_relation_size('driftline.findings_not_ok')")
    ).scalar_one()
    return {"findings": count, "size_mb": size / 1e6, "index_mb": index / 1e6}


def _print(measured: Sequence[Measured]) -> None:
    for each in measured:
        print(  # noqa: T201
            f"{each.board:18} {each.opened_on:20} {each.queries:3} queries {each.rows:7} rows "
            f"first {each.first:6.3f} s  then {each.usual:6.3f} s  slowest {each.slowest[1]:.3f} s: {each.slowest[0]}"
        )


def _report(fleet: Fleet, filled: float, sizes: dict[str, Any], measured: Sequence[Measured]) -> str:
    rows = "\n".join(
        f"| {each.board.replace('_', ' ')} | {each.opened_on} | {each.queries} | {each.rows:,} | {each.first:.2f} | "
        f"{each.usual:.2f} | {each.slowest[0]}: {1000 * each.slowest[1]:.0f} ms |"
        for each in measured
    )
    worst = max(each.usual for each in measured)
    size = fleet.size
    return f"""# How long Grafana's dashboards take

`python tests/benchmarks/dashboards.py`, {datetime.now(UTC):%Y-%m-%d}, on {os.cpu_count()} cores
({platform.machine()}), Python {platform.python_version()}, the embedded Postgres with 128 MB of shared buffers, a load
average of {os.getloadavg()[0]:.1f} at the end.

The store holds {size.models} models × {size.features} features × {size.days} days, windows every 6 hours over 24 hours:
{sizes["findings"]:,} findings, {sizes["size_mb"]:,.0f} MB with their indexes, of which the two that the dashboards add
take {sizes["index_mb"]:,.0f} MB. Filling it took {filled:.0f} s.

Each dashboard is opened with all {size.days} days as its time range, with all versions and all features chosen, as the
role that Grafana has. The queries of all its panels and marks are asked one after the other, and their times added up
(Grafana asks several at once). *First* is right after a start of Postgres (the system may still have pages of its files
in memory), *then* the median of {ROUNDS - 1} more times.

| dashboard | opened on | queries | rows | first, s | then, s | slowest query |
|---|---|---|---|---|---|---|
{rows}

The goal is {GOAL_SECONDS:g} s, the mission's limit {MISSION_SECONDS:g} s; the slowest dashboard takes {worst:.2f} s.
"""


if __name__ == "__main__":
    main()
