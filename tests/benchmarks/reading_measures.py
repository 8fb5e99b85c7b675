"""What `reading.py` measures, each in a process of its own: prints one JSON object.

Run as ``python reading_measures.py MEASURE TABLE ROWS`` with the server's URL in DRIFTLINE_BENCH_URL.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES = 30
LEVELS = 50
DAY_ROWS = 333_000
MEBIBYTE = 2**20


@dataclass
class Measurement:
    """Seconds of the measured part, and the process's peak memory (MiB) before and after it."""

    seconds: float = 0.0
    before: float = 0.0
    peak: float = 0.0
    rows: int = 0
    more: dict[str, float] = field(default_factory=dict)


@contextmanager
def measured() -> Iterator[Measurement]:
    """Measures what is done inside; imports and preparation belong before it."""
    measurement = Measurement(before=_peak_memory())
    began = time.perf_counter()
    yield measurement
    measurement.seconds = time.perf_counter() - began
    measurement.peak = _peak_memory()


def copy(table: str, rows: int) -> Measurement:
    """``COPY … TO STDOUT (FORMAT binary)`` of the same rows and columns, received and thrown away."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    columns = SQL(", ").join(map(Identifier, ["at", "version", *_feature_names(table)]))
    query = SQL("COPY (SELECT {} FROM {} WHERE at >= {} AND at < {}) TO STDOUT (FORMAT binary)").format(
        columns, Identifier(table), START, START + timedelta(days=1)
    )
    with psycopg.connect(_url()) as connection, connection.cursor() as cursor:
        counted = cursor.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table))).fetchone()
        assert counted is not None
        with measured() as measurement:
            measurement.rows = counted[0]
            with cursor.copy(query) as stream:
                measurement.more["bytes"] = sum(map(len, stream))
    return measurement


def pandas(table: str, rows: int) -> Measurement:
    """pandas.read_sql of the same rows and columns by SQLAlchemy and psycopg."""
    import pandas as pd
    import sqlalchemy as sa

    engine = sa.create_engine(_url().replace("postgresql://", "postgresql+psycopg://"))
    names = ", ".join(["at", "version", *_feature_names(table)])
    query = sa.text(f"SELECT {names} FROM {table} WHERE at >= :start AND at < :end LIMIT :rows")
    with engine.connect() as connection, measured() as measurement:
        frame = pd.read_sql(query, connection, params={"start": START, "end": START + timedelta(days=1), "rows": rows})
        measurement.rows = len(frame)
    return measurement


def read(table: str, rows: int) -> Measurement:
    """Driftline reading the window as Arrow batches, thrown away."""
    log, window, columns, _ = _log(table)
    with measured() as measurement:
        for batch in log.read_predictions(window, columns):
            measurement.rows += batch.num_rows
    return measurement


def count(table: str, rows: int) -> Measurement:
    """Driftline reading and counting the window: rows to counts."""
    from driftline.profiles.counting import SliceCounter

    log, window, columns, binnings = _log(table)
    counter = SliceCounter([], binnings)
    with measured() as measurement:
        for batch in log.read_predictions(window, columns):
            counter.add(batch)
        profiles = counter.profiles()
    counted = [subjects["f0"].rows for key, subjects in profiles.items() if key.segment == ""]
    measurement.rows = sum(counted)
    measurement.more["slices"] = len(counted)
    return measurement


def sample(table: str, rows: int) -> Measurement:
    """What a monitor does: the window read with its ids, counted, and 500 rows of each hour kept."""
    from driftline.profiles.counting import SliceCounter
    from driftline.profiles.sample_counting import SampleCounter
    from driftline.sources.queries import Conversion

    log, window, columns, binnings = _log(table)
    counter, sampler = SliceCounter([], binnings), SampleCounter([], binnings)
    with measured() as measurement:
        for batch in log.read_predictions(window, [*columns, log.selected("id", Conversion.NUMBER)]):
            counter.add(batch)
            sampler.add(batch)
        profiles, samples = counter.profiles(), sampler.samples()
    measurement.rows = sum(drawn.population for drawn in samples.values())
    measurement.more["slices"] = len(profiles)
    measurement.more["sampled"] = sum(map(len, samples.values()))
    return measurement


def count_day(table: str, rows: int) -> Measurement:
    """Counting a day in memory, and merging its hourly profiles."""
    from driftline.profiles import merge
    from driftline.profiles.counting import SliceCounter

    batches, binnings = _day_batches(), _binnings("numbers")
    counter = SliceCounter([], binnings)
    with measured() as measurement:
        for batch in batches:
            counter.add(batch)
        hourly = list(counter.profiles().values())
        measurement.rows = DAY_ROWS
    measurement.more["merge_ms"] = 1e3 * _quickest(
        lambda: [merge([hour[name] for hour in hourly]) for name in binnings]  # type: ignore[type-var]
    )
    return measurement


def short_reads(table: str, rows: int) -> Measurement:
    """An hour of a few rows, in processor time of this process: the first read by a `PredictionLog`, and every further.

    The driver has been imported before.
    """
    import psycopg

    from driftline.windows import Window

    with psycopg.connect(_url(), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS short")
        values = ", ".join(f"random() AS {name}" for name in _feature_names("short"))
        connection.execute(
            "CREATE TABLE short AS SELECT i AS id, timestamptz '2026-01-01 00:00+00' + i * interval '1 second' AS at, "  # type: ignore[arg-type]
            f"'v1' AS version, {values} FROM generate_series(0, 999) AS i"
        )
    hour = Window(START, START + timedelta(hours=1))

    def read_once(log: Any, columns: Any) -> float:
        began = time.process_time()
        assert sum(batch.num_rows for batch in log.read_predictions(hour, columns)) == 1_000
        return time.process_time() - began

    first, further = [], []
    with measured() as measurement:
        for _ in range(5):
            log, _, columns, _ = _log("short")
            assert log.catalog
            first.append(read_once(log, columns))
            further += [read_once(log, columns) for _ in range(5)]
    measurement.more["first_ms"], measurement.more["further_ms"] = 1e3 * min(first), 1e3 * min(further)
    return measurement


def checks(table: str, rows: int) -> Measurement:
    """The drift check of a window of 30 features on ready profiles, without and with a calibrated baseline."""
    from driftline.drift import DriftDetector, build_calibration
    from driftline.profiles import merge
    from driftline.windows import Window

    days = [_hourly_profiles(day) for day in range(28)]
    slices = [(start, profiles) for day in days for start, profiles in day]
    names = list(_binnings("numbers"))
    reference = {name: merge([profiles[name] for _, profiles in slices]) for name in names}
    window = Window(START + timedelta(days=28), START + timedelta(days=29))
    current = {name: merge([profiles[name] for _, profiles in _hourly_profiles(28)]) for name in names}
    with measured() as measurement:
        calibration = build_calibration(slices, window_hours=24)
    plain, calibrated = DriftDetector(), DriftDetector(calibration=calibration)
    measurement.more["plain_ms"] = 1e3 * _quickest(lambda: plain.detect_profile_drift(reference, current))
    measurement.more["calibrated_ms"] = 1e3 * _quickest(
        lambda: calibrated.detect_profile_drift(reference, current, window=window)
    )
    return measurement


MEASURES: dict[str, Callable[[str, int], Measurement]] = {
    "copy": copy, "pandas": pandas, "read": read, "count": count, "sample": sample,
    "count_day": count_day, "checks": checks, "short_reads": short_reads,
}  # fmt: skip


def _url() -> str:
    return os.environ["DRIFTLINE_BENCH_URL"]


def _feature_names(table: str) -> list[str]:
    categories = 5 if table.startswith("mixed") else 0
    return [f"f{index}" for index in range(FEATURES - categories)] + [f"c{index}" for index in range(categories)]


def _log(table: str) -> tuple[Any, Any, Any, Any]:
    import adbc_driver_postgresql.dbapi  # noqa: F401 - its import is not to be measured

    from driftline.config import ModelConfig
    from driftline.sources import PredictionLog
    from driftline.windows import Window

    features = [
        {"name": name, "kind": "numeric" if name.startswith("f") else "categorical"} for name in _feature_names(table)
    ]
    config = ModelConfig.model_validate(
        {
            "model": "bench",
            "task": "regression",
            "connection": "bench",
            "predictions": {
                "table": f"public.{table}", "id": "id", "time": "at", "version": "version", "prediction": "f0",
            },
            "features": features,
            "baseline": {"first": "1h"},
        }
    )  # fmt: skip
    log = PredictionLog(config, _url())
    assert config.features != "discover"
    columns = [log.selected_feature(feature) for feature in config.features]
    return log, Window(START, START + timedelta(days=1)), columns, _binnings(table)


def _binnings(table: str) -> dict[str, Any]:
    import numpy as np

    from driftline.profiles import CategoricalBinning, NumericBinning

    random = np.random.default_rng(1)
    numeric = NumericBinning.from_values(random.normal(size=200_000))
    levels = CategoricalBinning.from_counts({f"level {index}": LEVELS - index for index in range(LEVELS)})
    return {
        name: NumericBinning(numeric.edges.copy()) if name.startswith("f") else levels for name in _feature_names(table)
    }


def _day_batches() -> list[Any]:
    """A day as ADBC's batches of 8 MiB carry it."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(2)
    micros = int(START.timestamp()) * 1_000_000 + np.arange(DAY_ROWS) * (86_400_000_000 // DAY_ROWS)
    columns = {f"f{index}": random.normal(size=DAY_ROWS) for index in range(FEATURES)}
    version = pa.array(["v1"] * DAY_ROWS)
    table = pa.table({"at": pa.array(micros, pa.timestamp("us", tz="UTC")), "version": version, **columns})
    return table.to_batches(max_chunksize=8 * MEBIBYTE // (8 * FEATURES))  # type: ignore[no-any-return]


def _hourly_profiles(day: int) -> list[tuple[datetime, dict[str, Any]]]:
    import numpy as np

    from driftline.profiles import NumericProfile

    random = np.random.default_rng(100 + day)
    binnings = _binnings("numbers")
    return [
        (
            START + timedelta(days=day, hours=hour),
            {name: NumericProfile.of(random.normal(size=400), binning) for name, binning in binnings.items()},
        )
        for hour in range(24)
    ]


def _quickest(work: Callable[[], object], times: int = 5) -> float:
    def once() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return min(once() for _ in range(times))


def _peak_memory() -> float:
    """In MiB; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MEBIBYTE if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    name, table_name, row_count = sys.argv[1:]
    print(json.dumps(vars(MEASURES[name](table_name, int(row_count)))))  # noqa: T201
