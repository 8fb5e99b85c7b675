"""How long after its INSERT a prediction or label is in the live figures, under the real scheduler.

``python tests/benchmarks/live_lag.py [--minutes 10] [--models 15] [--rate 58]`` starts a Postgres and an Airflow of its
own in a temporary folder, switches `guard_serving` on, and logs predictions with labels at a steady rate. Meanwhile the
figures are asked every 0.2 s how many rows they hold: the n-th row of a model is in them once they hold n. Writes
docs/evidence/live_lag.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import psycopg
import yaml

from driftline.local.airflow import AirflowSettings, LocalAirflow
from driftline.local.ports import free_port
from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import LOG_READER, Urls, provision
from driftline.store.engine import create_store_engine
from driftline.store.migrate import migrate

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "docs" / "evidence" / "live_lag.md"
GUARD = "guard_serving"
LABEL_DELAY_SECONDS = 60.0
"""Mean of an exponential distribution."""
POLL_SECONDS = 0.2
FEEDS = {"predictions": "SELECT model, sum(predictions) FROM driftline.live_predictions GROUP BY 1",
         "labels": "SELECT model, sum(labeled) FROM driftline.live_outcomes GROUP BY 1"}  # fmt: skip


@dataclass
class Logged:
    """When each row of a model was committed, and since when the figures hold it."""

    committed: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)

    def note(self, total: int, at: float) -> None:
        self.seen += [at] * (min(total, len(self.committed)) - len(self.seen))

    @property
    def lags(self) -> list[float]:
        return [seen - committed for committed, seen in zip(self.committed, self.seen, strict=False)]


Log = dict[str, dict[str, Logged]]
"""By feed and model."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--models", type=int, default=15)
    parser.add_argument("--rate", type=float, default=58.0, help="Predictions per second over all models.")
    asked = parser.parse_args()
    models = [f"model_{number:02d}" for number in range(asked.models)]
    described = {model: description(model, number) for number, model in enumerate(models)}
    with (
        tempfile.TemporaryDirectory(prefix="driftline-lag-") as folder,
        installation(Path(folder), described) as running,
    ):
        airflow, urls, processes = running
        wait_for_guard(airflow, urls)
        before, load, started = processor_seconds(processes), [os.getloadavg()[0]], time.time()
        log, own = run(urls, models, asked.rate, asked.minutes * 60)
        seconds, used = time.time() - started, processor_seconds(processes)
        load.append(os.getloadavg()[0])
        runs = int(airflow.api("GET", f"/api/v2/dags/{GUARD}/dagRuns?limit=1")["total_entries"])
    spent = {name: used[name] - before[name] for name in used} | {"the benchmark itself": own}
    page = report(asked, log, Spent(seconds, spent, load, runs))
    OUTPUT.write_text(page)
    print(page)  # noqa: T201


@contextmanager
def installation(
    home: Path, described: dict[str, dict[str, Any]], slack_connection: str | None = None
) -> Iterator[tuple[LocalAirflow, Urls, dict[str, list[int]]]]:
    """Postgres and Airflow with all DAGs of this working copy and the ``described`` models; the process ids of both."""
    server = EmbeddedPostgres(home / "postgres", SCRATCH)
    server.start()
    airflow = None
    try:
        urls = provision(server.admin_url, home / "secrets.json")
        migrate(create_store_engine(urls.store))
        make_tables(urls, list(described))
        write_models(home / "models", described)
        airflow = LocalAirflow(
            AirflowSettings(
                home=home / "airflow",
                port=free_port(),
                metadata_url=urls.airflow,
                store_url=urls.store,
                log_url=urls.log_reader,
                slack_connection=slack_connection,
                dags_folder=ROOT / "dags",
                plugins_folder=ROOT / "plugins",
                python_path=(ROOT, ROOT / "plugins"),
                environment={"DRIFTLINE_MODELS": str(home / "models"), "PATH": os.environ["PATH"]},
            )
        )
        airflow.start()
        airflow.wait_until_healthy()
        postmaster = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        of_airflow = [int(json.loads(path.read_text())["pid"]) for path in (home / "airflow" / "run").glob("*.pid")]
        yield airflow, urls, {"Airflow": of_airflow, "Postgres": [postmaster]}
    finally:
        if airflow is not None:
            airflow.stop()
        server.stop()


def make_tables(urls: Urls, models: list[str]) -> None:
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA live")
        for model in models:
            for statement in (
                f"CREATE TABLE live.{model} (id bigint PRIMARY KEY, predicted_at timestamptz, version text, "
                "answer double precision, latency double precision, failure text)",
                f"CREATE INDEX ON live.{model} (predicted_at)",
                f"CREATE TABLE live.{model}_labels (id bigint PRIMARY KEY, truth double precision, "
                "known_at timestamptz)",
                f"CREATE INDEX ON live.{model}_labels (known_at)",
            ):
                connection.execute(statement)  # type: ignore[call-overload]
        connection.execute(f"GRANT USAGE ON SCHEMA live TO {LOG_READER}")  # type: ignore[call-overload]
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA live TO {LOG_READER}")  # type: ignore[call-overload]


def write_models(folder: Path, described: dict[str, dict[str, Any]]) -> None:
    folder.mkdir()
    for model, description in described.items():
        (folder / f"{model}.yaml").write_text(yaml.safe_dump(description))


def description(model: str, number: int) -> dict[str, Any]:
    """What a model's file holds; every third is a regression."""
    return {
        "model": model,
        "task": "regression" if number % 3 == 0 else "binary_classification",
        "connection": "prediction_log",
        "predictions": {
            "table": f"live.{model}", "id": "id", "time": "predicted_at", "version": "version",
            "prediction": "answer", "latency_ms": "latency", "error": "failure",
        },
        "labels": {
            "table": f"live.{model}_labels", "id": "id", "label": "truth", "time": "known_at", "expected_delay": "1h",
        },
        "features": "discover",
        "baseline": {"first": "7d"},
    }  # fmt: skip


def wait_for_guard(airflow: LocalAirflow, urls: Urls, seconds: float = 120) -> None:
    """Switches the guard on, and lets it settle with nothing to count."""
    deadline = time.monotonic() + 180
    while GUARD not in {dag["dag_id"] for dag in airflow.api("GET", "/api/v2/dags?limit=100")["dags"]}:
        if time.monotonic() > deadline:
            raise SystemExit(f"{GUARD} does not appear in Airflow")
        time.sleep(1)
    airflow.api("PATCH", f"/api/v2/dags/{GUARD}", {"is_paused": False})
    time.sleep(seconds)
    with psycopg.connect(urls.store) as connection:
        if not connection.execute("SELECT 1 FROM driftline.live_watermarks").fetchall():
            raise SystemExit(f"{GUARD} has not counted anything yet")


def run(urls: Urls, models: list[str], rate: float, seconds: float) -> tuple[Log, float]:
    """Logs rows for so long, then waits until all are counted (a minute at most); with the own processor time."""
    log: Log = {feed: {model: Logged() for model in models} for feed in FEEDS}
    stopped = threading.Event()
    poller = threading.Thread(target=poll, args=(urls, log, stopped))
    own = time.process_time()
    poller.start()
    write(urls, models, log, rate, seconds)
    deadline = time.time() + 60
    while any(len(each.seen) < len(each.committed) for feed in log.values() for each in feed.values()):
        if time.time() > deadline:
            break
        time.sleep(POLL_SECONDS)
    stopped.set()
    poller.join()
    return log, time.process_time() - own


def write(urls: Urls, models: list[str], log: Log, rate: float, seconds: float) -> None:
    chance, number, due_labels = random.Random(1), 0, []
    started = time.time()
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        while (elapsed := time.time() - started) < seconds:
            while number < elapsed * rate:
                model = chance.choice(models)
                answer = float(chance.random() < 0.3)
                connection.execute(
                    f"INSERT INTO live.{model} VALUES (%s, clock_timestamp(), %s, %s, %s, NULL)",  # type: ignore[call-overload]
                    (number, chance.choice(["v1", "v2"]), answer, chance.lognormvariate(3, 0.5)),
                )
                log["predictions"][model].committed.append(time.time())
                due_labels.append((time.time() + chance.expovariate(1 / LABEL_DELAY_SECONDS), model, number, answer))
                number += 1
            now = time.time()
            for _, model, identifier, answer in (each for each in due_labels if each[0] <= now):
                connection.execute(
                    f"INSERT INTO live.{model}_labels VALUES (%s, %s, clock_timestamp())",  # type: ignore[call-overload]
                    (identifier, answer if chance.random() < 0.9 else 1 - answer),
                )
                log["labels"][model].committed.append(time.time())
            due_labels = [each for each in due_labels if each[0] > now]
            time.sleep(0.01)


def poll(urls: Urls, log: Log, stopped: threading.Event) -> None:
    with psycopg.connect(urls.store, autocommit=True) as connection:
        while not stopped.wait(POLL_SECONDS):
            for feed, question in FEEDS.items():
                for model, total in connection.execute(question):  # type: ignore[call-overload]
                    log[feed][model].note(int(total), time.time())


def processor_seconds(processes: dict[str, list[int]]) -> dict[str, float]:
    """What these processes have used with all that they ever started; children that still run are asked themselves."""
    return {name: sum(_used(psutil.Process(number)) for number in numbers) for name, numbers in processes.items()}


def _used(process: psutil.Process) -> float:
    used = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            used += sum(each.cpu_times()[:4])
    return used


@dataclass(frozen=True)
class Spent:
    """What the run took."""

    seconds: float
    processor: dict[str, float]
    load: list[float]
    runs: int


def report(asked: argparse.Namespace, log: Log, spent: Spent) -> str:
    lines = [
        "# How far the live figures lag behind",
        "",
        f"{asked.models} models, {asked.rate:g} predictions a second in all ({asked.rate * 86400 / 1e6:.1f} million a "
        f"day), labels {LABEL_DELAY_SECONDS:.0f} s later on average, for {asked.minutes:g} minutes; a real Airflow 3.3 "
        "(scheduler, API server, DAG processor, triggerer) with `guard_serving` every 20 s, and one Postgres for "
        f"everything. Measured by `python tests/benchmarks/live_lag.py` on {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}.",
        "",
        "| from the INSERT's commit to the figure | rows | not counted | P50 s | P95 s | P99 s | longest s |",
        "|---|---|---|---|---|---|---|",
        *(_lag_line(feed, list(by_model.values())) for feed, by_model in log.items()),
        "",
        "| processor time over the run | s | share of one core |",
        "|---|---|---|",
        *(f"| {name} | {used:.0f} | {used / spent.seconds:.1%} |" for name, used in spent.processor.items()),
        "",
        f"Runs of `guard_serving` in all: {spent.runs}. Load of the machine (1 minute) before and after: "
        f"{spent.load[0]:.2f}, {spent.load[1]:.2f}.",
        "",
    ]
    return "\n".join(lines)


def _lag_line(feed: str, logged: list[Logged]) -> str:
    lags = [lag for each in logged for lag in each.lags]
    rows = sum(len(each.committed) for each in logged)
    p50, p95, p99 = np.quantile(lags, [0.5, 0.95, 0.99])
    return f"| {feed} | {rows:,} | {rows - len(lags)} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {max(lags):.1f} |"


if __name__ == "__main__":
    sys.exit(main())
