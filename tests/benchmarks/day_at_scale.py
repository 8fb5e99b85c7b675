"""What a day of monitoring costs at 5 million predictions over 15 models, and what of it grows with the traffic.

``python tests/benchmarks/day_at_scale.py`` starts a Postgres of its own in a temporary folder and logs, for each model,
a thin baseline and then the last 24 hours as they came: before each of the day's four windows (24 h long, every 6 h)
the predictions and labels of the 6 hours before it. Each window is extracted, checked and decided in a process of its
own; then the guard counts the newest minutes of the same tables. Three models have the traffic of one of fifteen, a
fourth ten times as much. Counted is processor time: of the Python processes, and of all of Postgres's. Writes
docs/evidence/day_at_scale.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import LOG_READER, Urls, provision
from driftline.store.engine import create_store_engine
from driftline.store.migrate import migrate
from tests.benchmarks.live_lag import processor_seconds

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "docs" / "evidence" / "day_at_scale.md"
ROWS_PER_DAY = 333_000
"""One of 15 models that make 5 million predictions a day."""
MODELS, TIMES = 15, 10
BASELINE_DAYS, BASELINE_ROWS_PER_DAY = 12, 20_000
"""The baseline costs cells, not rows: it may be thin."""
NUMERIC, CATEGORICAL = 25, 5
HOUR = timedelta(hours=1)
EVERY, LOOKBACK, LABEL_DELAY = 6 * HOUR, 24 * HOUR, HOUR
STAGES = ("extract", "quality", "drift", "performance", "predictions", "decide")
GUARD_PASSES, GUARD_EVERY_SECONDS = 40, 20
PASSES_PER_DAY = 86_400 // GUARD_EVERY_SECONDS

IMPORTED = (
    "great_expectations",
    "scipy.stats",
    "statsmodels.regression.linear_model",
    "driftline.monitoring.check_drift",
    "driftline.monitoring.check_performance",
    "driftline.monitoring.check_predictions",
    "driftline.monitoring.check_quality",
)
"""What the stages would otherwise import while they are measured."""

_CHILD = """
import json, sys
from tests.benchmarks.day_at_scale import child
print(json.dumps(child(json.loads(sys.argv[1]))))
"""


@dataclass
class Used:
    """Processor seconds of Python and of Postgres."""

    python: float = 0.0
    postgres: float = 0.0

    def add(self, other: Used) -> None:
        self.python += other.python
        self.postgres += other.postgres

    @property
    def both(self) -> float:
        return self.python + self.postgres


@dataclass
class Day:
    """What the day of one model took: by stage, for starting Python with its imports (each window), and the guard's."""

    stages: dict[str, Used] = field(default_factory=lambda: {stage: Used() for stage in STAGES})
    start: Used = field(default_factory=Used)
    baseline: float = 0.0
    slices: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=3, help="models of 1/15 of the traffic that are really run")
    parser.add_argument("--rows", type=int, default=ROWS_PER_DAY, help="predictions a day of each of them")
    asked = parser.parse_args()
    names = [f"model_{number}" for number in range(asked.models)]
    began, load = time.time(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="driftline-day-") as folder, _server(Path(folder)) as server:
        days = {name: _run_day(server, name, asked.rows) for name in names}
        large = _run_day(server, "large", TIMES * asked.rows)
        guards = server.measure({"guard": names}), server.measure({"guard": ["large"]})
    page = _page(asked, list(days.values()), large, guards, (time.time() - began, load, os.getloadavg()[0]))
    OUTPUT.write_text(page, encoding="utf-8")
    print(page)  # noqa: T201


@dataclass(frozen=True)
class _Server:
    """The Postgres that is measured."""

    urls: Urls
    admin_url: str
    postmaster: int

    def measure(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """What `child` says of the job, in a process of its own."""
        # What filling the log has left to write is no part of what is measured.
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", "OMP_NUM_THREADS": "1"}
        urls = {"store": self.urls.store, "log": self.urls.log_reader}
        told = json.dumps({**job, **urls, "postmaster": self.postmaster})
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, told], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{job} failed:\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found


@contextmanager
def _server(folder: Path) -> Iterator[_Server]:
    server = EmbeddedPostgres(folder / "postgres", SCRATCH)
    server.start()
    try:
        urls = provision(server.admin_url, folder / "secrets.json")
        migrate(create_store_engine(urls.store))
        with psycopg.connect(urls.log_owner, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA bench")
            connection.execute(f"GRANT USAGE ON SCHEMA bench TO {LOG_READER}")  # type: ignore[call-overload]
        postmaster = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        yield _Server(urls, server.admin_url, postmaster)
    finally:
        server.stop()


class _Log:
    """One model's tables, filled as time goes by."""

    def __init__(self, urls: Urls, model: str) -> None:
        self._url, self._model, self._next_id = urls.log_owner, model, 0
        numeric = ", ".join(f"x{n} double precision" for n in range(NUMERIC))
        categorical = ", ".join(f"c{n} text" for n in range(CATEGORICAL))
        self._run(
            f"CREATE TABLE bench.{model} (id bigint PRIMARY KEY, predicted_at timestamptz, version text, is_positive "
            f"boolean, score double precision, latency double precision, {numeric}, {categorical}) "
            "WITH (autovacuum_enabled = false)",
            f"CREATE INDEX ON bench.{model} (predicted_at)",
            f"CREATE TABLE bench.{model}_labels (id bigint PRIMARY KEY, label boolean, known_at timestamptz) "
            "WITH (autovacuum_enabled = false)",
            f"CREATE INDEX ON bench.{model}_labels (known_at)",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA bench TO {LOG_READER}",
        )

    def predict(self, start: datetime, end: datetime, rows_per_day: int) -> None:
        rows = round(rows_per_day * ((end - start) / (24 * HOUR)))
        drawn = ", ".join(["sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"] * NUMERIC)
        levels = ", ".join(["'level ' || floor(random() * random() * 30)::int"] * CATEGORICAL)
        self._run(
            f"INSERT INTO bench.{self._model} SELECT {self._next_id} + n, '{start.isoformat()}'::timestamptz + n * "
            f"interval '1 day' / {rows_per_day}, 'v1', u > 0.8, u, exp(3 + random()), {drawn}, {levels} "
            f"FROM (SELECT n, random() AS u FROM generate_series(0, {rows - 1}) AS n) AS drawn"
        )
        self._next_id += rows

    def label(self, start: datetime, end: datetime) -> None:
        """Of the predictions of that time."""
        self._run(
            f"INSERT INTO bench.{self._model}_labels SELECT id, score + random() * 0.2 > 0.9, predicted_at + interval "
            f"'{LABEL_DELAY.total_seconds()} seconds' FROM bench.{self._model} WHERE predicted_at >= "
            f"'{start.isoformat()}' AND predicted_at < '{end.isoformat()}'",
            f"ANALYZE bench.{self._model}",
            f"ANALYZE bench.{self._model}_labels",
        )

    def _run(self, *statements: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]


def _run_day(server: _Server, model: str, rows: int) -> Day:
    """The last 24 whole hours, window by window; then what has come since, for the guard."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    begin, first = end - 24 * HOUR, end - 24 * HOUR - BASELINE_DAYS * 24 * HOUR
    log, day = _Log(server.urls, model), Day()
    log.predict(first, begin, BASELINE_ROWS_PER_DAY)
    log.label(first, begin - LABEL_DELAY)
    # Not of this day: the baseline, and what the last window of the day before has counted.
    before = server.measure({"model": model, "end": begin.isoformat()})
    day.baseline = before["baseline"]["python"] + before["baseline"]["postgres"]
    for number in range(1, 24 * HOUR // EVERY + 1):
        until = begin + number * EVERY
        log.predict(until - EVERY, until, rows)
        log.label(until - EVERY - LABEL_DELAY, until - LABEL_DELAY)
        found = server.measure({"model": model, "end": until.isoformat()})
        for stage in STAGES:
            day.stages[stage].add(Used(**found[stage]))
        day.start.add(Used(**found["start"]))
        day.slices += found["slices"]
        sys.stderr.write(f"{model} {until:%H:%M} {found}\n")
    # Rows that are ahead of the clock wait for their time: the guard's minutes are always full.
    log.predict(end, end + 2 * HOUR, rows)
    log.label(end - LABEL_DELAY, end + HOUR)
    return day


class _Meter:
    """Processor time of this process and of Postgres, since it was last asked."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster
        self._last = self._now()

    def lap(self) -> dict[str, float]:
        now, last = self._now(), self._last
        self._last = now
        return {"python": now.python - last.python, "postgres": now.postgres - last.postgres}

    def _now(self) -> Used:
        return Used(time.process_time(), processor_seconds({"Postgres": [self._postmaster]})["Postgres"])


def child(job: Mapping[str, Any]) -> dict[str, Any]:
    """One window, or the guard's passes, in this process."""
    return _guard(job) if "guard" in job else _window(job)


def _window(job: Mapping[str, Any]) -> dict[str, Any]:
    meter = _Meter(job["postmaster"])
    for name in IMPORTED:
        import_module(name)
    from driftline.findings import Check
    from driftline.monitoring.baseline import ensure_baseline
    from driftline.monitoring.checks import run_check
    from driftline.monitoring.decision import Context, decide_window
    from driftline.monitoring.extract import extract_window
    from driftline.windows import Window

    found: dict[str, Any] = {"start": {"python": time.process_time(), "postgres": meter.lap()["postgres"]}}
    monitor = _monitor(job, job["model"])
    end = datetime.fromisoformat(job["end"])
    window = Window.ending(end, LOOKBACK)
    ensure_baseline(monitor)
    found["baseline"] = meter.lap()
    found["slices"] = extract_window(monitor, window).slices_counted
    found["extract"] = meter.lap()
    for check in (Check.QUALITY, Check.DRIFT, Check.PERFORMANCE, Check.PREDICTIONS):
        run_check(monitor, window, check, end)
        found[check.value] = meter.lap()
    decide_window(monitor, window, Context(now=end))
    found["decide"] = meter.lap()
    return found


def _guard(job: Mapping[str, Any]) -> dict[str, Any]:
    from driftline.monitoring.live import count_live

    started = time.process_time()
    store = create_store_engine(job["store"])
    configs = [_config(model) for model in job["guard"]]
    failures = count_live(store, configs, lambda _: job["log"])  # catches up an hour: no usual pass
    meter = _Meter(job["postmaster"])
    for _ in range(GUARD_PASSES):
        failures += count_live(store, configs, lambda _: job["log"])
    if failures:
        raise SystemExit(str(failures))
    return {"start": started, "passes": meter.lap()}


def _monitor(job: Mapping[str, Any], model: str) -> Any:
    from driftline.monitoring.monitor import Monitor
    from driftline.sources import PredictionLog

    config = _config(model)
    return Monitor(config, create_store_engine(job["store"]), PredictionLog(config, job["log"]))


def _config(model: str) -> Any:
    from driftline.config import ModelConfig

    features = [{"name": f"x{n}", "kind": "numeric"} for n in range(NUMERIC)]
    features += [{"name": f"c{n}", "kind": "categorical"} for n in range(CATEGORICAL)]
    return ModelConfig.model_validate(
        {
            "model": model,
            "task": "binary_classification",
            "positive_label": True,
            "connection": "prediction_log",
            "predictions": {
                "table": f"bench.{model}", "id": "id", "time": "predicted_at", "version": "version",
                "prediction": "is_positive", "score": "score", "latency_ms": "latency",
            },
            "labels": {
                "table": f"bench.{model}_labels", "id": "id", "label": "label", "time": "known_at",
                "expected_delay": "2h",
            },
            "features": features,
            "baseline": {"first": f"{BASELINE_DAYS}d"},
        }
    )  # fmt: skip


def _page(
    asked: argparse.Namespace,
    days: Sequence[Day],
    large: Day,
    guards: tuple[dict[str, Any], dict[str, Any]],
    run: tuple[float, float, float],
) -> str:
    mean = {stage: _mean([day.stages[stage] for day in days]) for stage in STAGES}
    start = _mean([day.start for day in days])
    usual, heavy = (_per_model(guard, models) for guard, models in zip(guards, (asked.models, 1), strict=True))
    of_guard = guards[0]["start"] * PASSES_PER_DAY
    windows = sum(used.both for used in mean.values())
    total = MODELS * (windows + start.python) + MODELS * usual.both * PASSES_PER_DAY + of_guard
    seconds, load_before, load_after = run
    lines = [
        "# A day at 5 million predictions over 15 models",
        "",
        f"Measured by `python tests/benchmarks/day_at_scale.py` on {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}; {seconds / 60:.0f} minutes in all, load of the",
        f"machine (1 minute) {load_before:.1f} before and {load_after:.1f} after. Processor seconds, of Python and of",
        f"all of Postgres. {asked.models} models of {asked.rows:,} predictions a day ({NUMERIC} numeric and "
        f"{CATEGORICAL} categorical features, score, latency,",
        f"labels after {LABEL_DELAY.total_seconds() / 3600:.0f} h) were really run, and one of {TIMES * asked.rows:,}. "
        f"**The figures of {MODELS} models are the mean of those {asked.models}, times {MODELS}.**",
        "Windows of 24 h every 6 h, each when its rows had just come: four a day, each in a process of its own.",
        "",
        "## One model's day",
        "",
        f"| stage (four windows) | Python s | Postgres s | both s | at {TIMES} x the traffic: Python s | Postgres s "
        "| both s | grows by |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(_line(stage, mean[stage], large.stages[stage]) for stage in STAGES),
        _line("**all**", _sum(mean.values()), _sum(large.stages.values())),
        "",
        f"Slices counted: {days[0].slices} a model (the day's 24 hours of predictions, and those of its labels when "
        f"they had come); {large.slices} at {TIMES} x. Every row of predictions is read once for the profiles; quality "
        "reads a sample",
        "of at most 200,000 rows of each window. Starting Python with its imports took "
        f"{start.python / 4:.1f} s a window on top (once per scheduler with `driftline.dagkit.preload`). The baseline "
        f"({BASELINE_DAYS} days of {BASELINE_ROWS_PER_DAY:,} rows), built once, took "
        f"{statistics.mean(day.baseline for day in days):.0f} s.",
        "",
        "## The guard",
        "",
        f"{GUARD_PASSES} passes after the first, over the same tables: the newest minutes and ten older ones, of "
        "predictions and labels.",
        "",
        "| a pass | Python ms a model | Postgres ms a model | both, a day of 4,320 passes: s a model |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {used.python * 1000:.1f} | {used.postgres * 1000:.1f} | {used.both * PASSES_PER_DAY:.0f} |"
            for name, used in (("1 x", usual), (f"{TIMES} x", heavy))
        ),
        "",
        f"A pass's process starts in {guards[0]['start']:.2f} s of processor time (imports; Airflow's own share is in "
        f"live_lag.md): {of_guard:.0f} s a day, whatever the number of models and rows.",
        "",
        f"## The day of {MODELS} models",
        "",
        "| part | s | share of one core |",
        "|---|---:|---:|",
        *(
            f"| {name} | {used:,.0f} | {used / 86_400:.1%} |"
            for name, used in (
                (
                    f"windows: counting (extract), {MODELS} x {mean['extract'].both:.1f} s",
                    MODELS * mean["extract"].both,
                ),
                ("windows: checks and decisions", MODELS * (windows - mean["extract"].both)),
                (f"windows: Python's start and imports, {MODELS} x 4", MODELS * start.python),
                ("guard: counting", MODELS * usual.both * PASSES_PER_DAY),
                ("guard: Python's start and imports", of_guard),
                ("**all**", total),
            )
        ),
        "",
    ]
    return "\n".join(lines)


def _per_model(guard: Mapping[str, Any], models: int) -> Used:
    share = models * GUARD_PASSES
    return Used(guard["passes"]["python"] / share, guard["passes"]["postgres"] / share)


def _mean(each: Sequence[Used]) -> Used:
    return Used(statistics.mean(one.python for one in each), statistics.mean(one.postgres for one in each))


def _sum(each: Any) -> Used:
    total = Used()
    for one in each:
        total.add(one)
    return total


def _line(name: str, once: Used, large: Used) -> str:
    figures = (once.python, once.postgres, once.both, large.python, large.postgres, large.both)
    return f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + f" | {large.both / once.both:.1f} |"


if __name__ == "__main__":
    sys.exit(main())
