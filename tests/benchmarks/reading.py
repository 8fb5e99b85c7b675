"""How fast a window becomes counts, and in how much memory.

``python tests/benchmarks/reading.py [--rows 5000000]`` starts a Postgres of its own in a temporary folder, fills it,
measures each way of reading in a process of its own, writes docs/evidence/reading.md and removes everything else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from driftline.local.postgres import SCRATCH, EmbeddedPostgres

MEASURES = Path(__file__).with_name("reading_measures.py")
OUTPUT = Path(__file__).parents[2] / "docs" / "evidence" / "reading.md"
FEATURES = 30
CATEGORIES = 5
PANDAS_BYTES_PER_ROW = 3_600
"""Peak memory of read_sql for 32 columns; measured. More than half of the free memory is not asked for."""

WAYS = {
    "copy": "`COPY … (FORMAT binary)`, thrown away",
    "read": "Driftline, read only",
    "count": "Driftline, read and counted",
    "sample": "Driftline, read, counted and sampled",
    "pandas": "`pandas.read_sql`",
}


@dataclass(frozen=True)
class Shape:
    """A table of the benchmark."""

    rows: int
    categories: int

    @property
    def table(self) -> str:
        return f"{'mixed' if self.categories else 'numbers'}_{self.rows}"

    @property
    def title(self) -> str:
        columns = f"{FEATURES - self.categories} `float8`" + (
            f" and {self.categories} `text` columns" if self.categories else " columns"
        )
        return f"{self.rows:,} rows, {columns}"


def main() -> None:
    arguments = _arguments()
    _check_output_folder(arguments.output)
    with tempfile.TemporaryDirectory(prefix="driftline-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        try:
            report = _report(server.admin_url, arguments.small_rows, arguments.rows)
        finally:
            server.stop()
    arguments.output.write_text(report)
    _say(f"Written: {arguments.output}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of the large window")
    parser.add_argument("--small-rows", type=int, default=100_000, help="rows of the small window")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the Markdown file to write")
    return parser.parse_args()


def _check_output_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise SystemExit(f"There is no folder {output.parent}: make it, or name another file with --output.")


def _report(url: str, small_rows: int, large_rows: int) -> str:
    began = datetime.now(UTC)
    parts = [_heading(url, began)]
    counted: dict[str, dict[str, Any]] = {}
    for shape in (Shape(rows, categories) for categories in (0, CATEGORIES) for rows in (small_rows, large_rows)):
        _say(f"{shape.title}: writing the table")
        with psycopg.connect(url, autocommit=True) as connection:
            _fill(connection, shape)
        results = {way: _measure(way, url, shape) for way in WAYS}
        counted[shape.table] = results["sample"]
        part = _section(shape, results)
        _say(part)
        parts.append(part)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SQL("DROP TABLE {}").format(Identifier(shape.table)))
    parts += [_memory_section(counted), _profiles_section(url), f"Load {os.getloadavg()[0]:.1f} at the end.\n"]
    _say("\n".join(parts[-3:]))
    return "\n".join(parts)


def _fill(connection: psycopg.Connection[Any], shape: Shape) -> None:
    """A day of predictions, in the order in which a log is written."""
    connection.execute(_create(shape))
    connection.execute(SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(Identifier(shape.table)))
    connection.execute(SQL("CREATE INDEX ON {} (at)").format(Identifier(shape.table)))
    connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier(shape.table)))


def _create(shape: Shape) -> Composed:
    numbers = [f"random_normal() AS f{index}" for index in range(FEATURES - shape.categories)]
    levels = [f"'level ' || floor(random() * random() * 50)::int AS c{index}" for index in range(shape.categories)]
    return SQL(
        "CREATE UNLOGGED TABLE {table} AS "
        "SELECT i AS id, timestamptz '2026-01-01 00:00+00' + i * interval '1 day' / {rows} AS at, 'v1' AS version, "
        + ", ".join([*numbers, *levels])
        + " FROM generate_series(0, {rows} - 1) AS i"
    ).format(table=Identifier(shape.table), rows=Literal(shape.rows))


def _measure(way: str, url: str, shape: Shape | None = None) -> dict[str, Any]:
    rows = 0 if shape is None else _readable_rows(way, shape)
    _say(f"  measuring {way}")
    completed = subprocess.run(
        [sys.executable, str(MEASURES), way, shape.table if shape else "", str(rows)],
        env={**os.environ, "DRIFTLINE_BENCH_URL": url},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    result: dict[str, Any] = json.loads(completed.stdout)
    if shape is not None and result["rows"] != rows:
        raise SystemExit(f"{way} came to {result['rows']:,} of {rows:,} rows: the benchmark is not valid.")
    return result


def _readable_rows(way: str, shape: Shape) -> int:
    """All of them, but for pandas only as many as fit into half of the free memory."""
    if way != "pandas":
        return shape.rows
    fitting = psutil.virtual_memory().available // 2 // PANDAS_BYTES_PER_ROW
    return shape.rows if shape.rows <= fitting else min(fitting, 1_000_000)


def _heading(url: str, began: datetime) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    load = os.getloadavg()[0]
    return f"""# Reading and counting a window

Written by `python tests/benchmarks/reading.py` in one run that began {began:%Y-%m-%d %H:%M} UTC.
{_processor()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB;
load {load:.1f} at the start (whatever else ran then took its share);
Python {platform.python_version()}, PostgreSQL {row[0]} on the same machine. Every way reads the same rows and columns
(prediction time, version, {FEATURES} features) in a process of its own. Memory is the process's peak (`ru_maxrss`);
"grown by" is what reading added to what the imports had taken. A ratio is to `COPY`'s rows/s.
"""


def _section(shape: Shape, results: dict[str, dict[str, Any]]) -> str:
    lines = [
        f"## {shape.title}",
        "",
        "| | seconds | rows/s | ratio | peak MiB | grown by MiB |",
        "|---|---|---|---|---|---|",
    ]
    copy_rate = shape.rows / results["copy"]["seconds"]
    for way, result in results.items():
        rate = result["rows"] / result["seconds"]
        part = "" if result["rows"] == shape.rows else f", only {result['rows']:,} of the rows (memory)"
        lines.append(
            f"| {WAYS[way]}{part} | {result['seconds']:.2f} | {rate:,.0f} | {rate / copy_rate:.2f} "
            f"| {result['peak']:.0f} | {result['peak'] - result['before']:.0f} |"
        )
    return "\n".join([*lines, ""])


def _memory_section(counted: dict[str, dict[str, Any]]) -> str:
    lines = ["## Memory does not grow with the rows", "", "| window | grown by MiB |", "|---|---|"]
    lines += [f"| {table} | {result['peak'] - result['before']:.0f} |" for table, result in counted.items()]
    return "\n".join([*lines, ""])


def _profiles_section(url: str) -> str:
    day, checks, short = _measure("count_day", url), _measure("checks", url), _measure("short_reads", url)["more"]
    milliseconds = 1e3 * day["seconds"]
    return f"""## On ready profiles, {FEATURES} numeric features of 1,000 cells

| | ms |
|---|---|
| Counting a day of {day["rows"]:,} rows in memory into 24 hourly profiles each | {milliseconds:.0f} |
| Merging those 24 hourly profiles | {day["more"]["merge_ms"]:.1f} |
| Drift check of a window against the baseline, not calibrated | {checks["more"]["plain_ms"]:.1f} |
| Drift check of a window against a calibrated baseline of 28 days | {checks["more"]["calibrated_ms"]:.1f} |
| Calibrating those 28 days (once per baseline) | {1e3 * checks["seconds"]:.0f} |

## A short read: 1,000 rows of {FEATURES} features, processor time of the reading process

| | ms |
|---|---|
| the first by a `PredictionLog`, which makes the driver's database object | {short["first_ms"]:.1f} |
| every further, which shares it | {short["further_ms"]:.1f} |
"""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())


def _say(message: str) -> None:
    print(message, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
