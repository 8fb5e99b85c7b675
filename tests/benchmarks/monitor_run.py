"""One monitor run of a 333,000-row day of 30 features: wall time, processor time and peak memory of each step.

``python tests/benchmarks/monitor_run.py`` starts a Postgres of its own in a temporary folder, logs eight days of
predictions with labels, builds the baseline on the first seven, and makes each step of the eighth day's window in a
process of its own, as Airflow does. Beside it: the same rows read by pandas and tested column by column by scipy.
Writes docs/evidence/monitor_run.md.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import LOG_READER, Urls, provision
from driftline.store.engine import create_store_engine
from driftline.store.migrate import migrate

OUTPUT = Path(__file__).parents[2] / "docs" / "evidence" / "monitor_run.md"
ROWS_PER_DAY = 333_000
DAYS = 8
START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=DAYS)
NUMERIC, CATEGORICAL = 25, 5
STEPS = ("extract", "quality", "drift", "performance", "predictions", "decide")
AGAIN = ("extract again", "drift again")
PLAIN = "pandas and scipy"

_STEP = """
import json, resource, sys, time
started = time.perf_counter()
from tests.benchmarks.monitor_run import make_step
before = time.perf_counter()
make_step(sys.argv[1], json.loads(sys.argv[2]))
usage = resource.getrusage(resource.RUSAGE_SELF)
peak = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
print(json.dumps({"wall": time.perf_counter() - started, "work": time.perf_counter() - before,
                  "processor": usage.ru_utime + usage.ru_stime, "peak_mb": peak}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="driftline-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        try:
            urls = provision(server.admin_url, Path(folder) / "secrets.json")
            migrate(create_store_engine(urls.store))
            _fill(urls)
            addresses = {"store": urls.store, "log": urls.log_reader}
            baseline = _measure("baseline", addresses)
            figures = {step: _measure(step, addresses) for step in (*STEPS, *AGAIN, PLAIN)}
        finally:
            server.stop()
    page = _page(baseline, figures)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(page)
    print(page)  # noqa: T201


def make_step(step: str, addresses: dict[str, str]) -> None:
    """One step, in this process; called by the child processes."""
    if step == PLAIN:
        _plain(addresses["log"])
        return
    from driftline.findings import Check
    from driftline.monitoring.baseline import build_baseline
    from driftline.monitoring.checks import run_check
    from driftline.monitoring.decision import Context, decide_window
    from driftline.monitoring.extract import extract_window
    from driftline.monitoring.monitor import Monitor
    from driftline.sources import PredictionLog
    from driftline.windows import Window

    config = _config()
    monitor = Monitor(config, create_store_engine(addresses["store"]), PredictionLog(config, addresses["log"]))
    window = Window.ending(END, timedelta(hours=24))
    match step.removesuffix(" again"):
        case "baseline":
            build_baseline(monitor)
        case "extract":
            extract_window(monitor, window)
        case "decide":
            decide_window(monitor, window, Context())
        case check:
            run_check(monitor, window, Check(check))


def _plain(url: str) -> None:
    """What a user would write: both windows into pandas, a test per column."""
    import pandas as pd
    from scipy import stats
    from sqlalchemy import create_engine

    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    read = "SELECT * FROM bench.predictions WHERE predicted_at >= %(start)s AND predicted_at < %(end)s"
    day = timedelta(days=1)
    reference = pd.read_sql(read, engine, params={"start": END - 2 * day, "end": END - day})
    current = pd.read_sql(read, engine, params={"start": END - day, "end": END})
    for name in _numeric():
        stats.ks_2samp(reference[name], current[name])
    for name in _categorical():
        stats.chi2_contingency(
            pd.concat([reference[name].value_counts(), current[name].value_counts()], axis=1).fillna(0)
        )


def _numeric() -> list[str]:
    return [f"x{n}" for n in range(NUMERIC)]


def _categorical() -> list[str]:
    return [f"c{n}" for n in range(CATEGORICAL)]


def _config() -> Any:
    from driftline.config import ModelConfig

    features = [{"name": name, "kind": "numeric"} for name in _numeric()]
    features += [{"name": name, "kind": "categorical"} for name in _categorical()]
    return ModelConfig.model_validate(
        {
            "model": "bench",
            "task": "binary_classification",
            "positive_label": True,
            "connection": "prediction_log",
            "predictions": {
                "table": "bench.predictions",
                "id": "id",
                "time": "predicted_at",
                "version": "version",
                "prediction": "is_positive",
                "score": "score",
            },
            "labels": {
                "table": "bench.labels",
                "id": "id",
                "label": "label",
                "time": "known_at",
                "expected_delay": "1h",
            },
            "features": features,
            "baseline": {"first": "7d"},
        }
    )


def _fill(urls: Urls) -> None:
    numeric = ", ".join(f"{name} double precision" for name in _numeric())
    categorical = ", ".join(f"{name} text" for name in _categorical())
    drawn = ", ".join(["sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"] * NUMERIC)
    levels = ", ".join(["'level ' || floor(random() * random() * 30)::int"] * CATEGORICAL)
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        statements = f"""
            CREATE SCHEMA bench;
            CREATE TABLE bench.predictions (id bigint PRIMARY KEY, predicted_at timestamptz, version text,
                is_positive boolean, score double precision, {numeric}, {categorical});
            CREATE INDEX ON bench.predictions (predicted_at);
            CREATE TABLE bench.labels (id bigint PRIMARY KEY, label boolean, known_at timestamptz);
            INSERT INTO bench.predictions
            SELECT n, '{START.isoformat()}'::timestamptz + n * interval '1 day' / {ROWS_PER_DAY}, 'v1', u > 0.8, u,
                {drawn}, {levels}
            FROM (SELECT n, random() AS u FROM generate_series(0, {ROWS_PER_DAY * DAYS - 1}) AS n) AS drawn;
            INSERT INTO bench.labels SELECT id, score + random() * 0.2 > 0.9, predicted_at + interval '1 hour'
            FROM bench.predictions;
            GRANT USAGE ON SCHEMA bench TO {LOG_READER};
            GRANT SELECT ON ALL TABLES IN SCHEMA bench TO {LOG_READER};
            ANALYZE bench.predictions; ANALYZE bench.labels
        """
        for statement in statements.split(";"):
            connection.execute(statement)  # type: ignore[call-overload]


def _measure(step: str, addresses: dict[str, str]) -> dict[str, float]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'plugins'}"}
    done = subprocess.run(
        [sys.executable, "-c", _STEP, step, json.dumps(addresses)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{step} failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def _page(baseline: dict[str, float], figures: dict[str, dict[str, float]]) -> str:
    window = sum(figures[step]["wall"] for step in STEPS)
    plain = figures[PLAIN]
    lines = [
        "# One monitor run of a day",
        "",
        f"{ROWS_PER_DAY:,} predictions with labels, {NUMERIC} numeric and {CATEGORICAL} categorical features, each "
        "step in a process of its own (so with Python's start and imports). Measured in one run by "
        f"`python tests/benchmarks/monitor_run.py` on {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d}.",
        "",
        "| step | wall s | of it work s | processor s | peak memory MB |",
        "|---|---|---|---|---|",
        _line(f"build_baseline ({DAYS - 1} days, once)", baseline),
        *(_line(step, figures[step]) for step in (*STEPS, *AGAIN)),
        _line("beside it: pandas.read_sql of two days, scipy's tests", plain),
        "",
        f"The whole window, one step after the other: {window:.1f} s, {window / plain['wall']:.2f} times what pandas "
        "and scipy take for the drift tests alone on two days of rows. Checked again (every step but quality reads "
        f"counts only), drift takes {figures['drift again']['work']:.2f} s of work: "
        f"{plain['work'] / figures['drift again']['work']:.0f} times less.",
        "",
    ]
    return "\n".join(lines)


def _line(name: str, figures: dict[str, float]) -> str:
    return (
        f"| {name} | {figures['wall']:.1f} | {figures['work']:.2f} | {figures['processor']:.1f} | "
        f"{figures['peak_mb']:.0f} |"
    )


if __name__ == "__main__":
    main()
