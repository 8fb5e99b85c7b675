"""A store to scrape, filled through the store's own functions, and what a scrape of it says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from driftline.decisions import Verdict
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.live import Feed, MinuteSpan, PredictionCounts, Watermark
from driftline.live.latency import cell_of
from driftline.store.decisions import DecisionRecord, record_decision
from driftline.store.engine import store_transaction
from driftline.store.live import record_count, replace_minutes
from driftline.store.tables import baselines
from driftline.store.windows import WindowRecord, record_window, replace_findings
from driftline.web.app import create_app
from driftline.web.metrics.endpoint import metrics_endpoint
from driftline.windows import Window, floor_to_slice

TOKEN = "a-token-for-the-tests"
NOW = datetime.now(UTC)
"""When the tests began, which may be a while ago."""
NEWEST = Window.ending(floor_to_slice(NOW), timedelta(hours=24))

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def metrics_app(open_store: Any, token: str | None = TOKEN) -> FastAPI:
    """The pages, whose readers are all turned away, with the endpoint beside them, mounted as Airflow mounts them."""

    def nobody() -> Any:
        raise AssertionError("The pages' login was asked")

    pages = create_app(open_store, nobody)
    secret = None if token is None else SecretStr(token)
    pages.add_route("/metrics", metrics_endpoint(open_store, lambda: secret))
    airflow = FastAPI()
    airflow.mount("/driftline", pages)
    return airflow


@dataclass(frozen=True)
class Filled:
    """Writes what monitors, the guard and people would have written."""

    engine: Engine

    def window(
        self, model: str, *found: Finding, window: Window = NEWEST, severity: Severity = Severity.NONE, **rows: int
    ) -> None:
        """A decided window with its findings."""
        with store_transaction(self.engine) as connection:
            baseline_id = connection.execute(insert(baselines).returning(baselines.c.baseline_id), _baseline(model))
            record_window(
                connection,
                WindowRecord(
                    model=model,
                    window=window,
                    baseline_id=baseline_id.scalar_one(),
                    run_id="scheduled__1",
                    **{"rows": 1000, "labeled_rows": 0, "slices_counted": 24, **rows},
                ),
            )
            for check in {finding.check for finding in found}:
                replace_findings(connection, model, window, check, [each for each in found if each.check is check])
            record_decision(connection, _decision(model, window, severity), window.end + timedelta(minutes=5))

    def live(self, model: str, counted: Mapping[str, PredictionCounts], *, feed: Feed = Feed.PREDICTIONS) -> datetime:
        """The guard's pass of this moment, which counted so much two minutes ago; the time of the newest row."""
        now = datetime.now(UTC)
        newest_row = now - timedelta(seconds=30)
        minute = now.replace(second=0, microsecond=0) - timedelta(minutes=2)
        span = MinuteSpan(minute, minute + timedelta(minutes=1))
        with store_transaction(self.engine) as connection:
            replace_minutes(
                connection, model, feed, span, {(minute, version): counts for version, counts in counted.items()}
            )
            record_count(
                connection,
                model,
                feed,
                watermark=Watermark(now, minute),
                newest_row=newest_row,
                rows_ahead=0,
            )
        return newest_row


def counts(predictions: int, errors: int = 0, *latencies_ms: float) -> PredictionCounts:
    cells: dict[int, int] = {}
    for latency in latencies_ms:
        cells[cell_of(latency)] = cells.get(cell_of(latency), 0) + 1
    return PredictionCounts(predictions, errors, cells)


def drift(feature: str, test: str, statistic: float | None, status: Status = Status.OK, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "check": Check.DRIFT,
        "version": "v2",
        "comparison": Comparison.BASELINE,
        "severity": Severity.HIGH if status is Status.DETECTED else Severity.NONE,
        **changes,
    }
    return Finding(subject=feature, test=test, status=status, statistic=statistic, **values)


def performance(metric: str, value: float | None, test: str = "degradation", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "check": Check.PERFORMANCE,
        "version": "v2",
        "comparison": Comparison.BASELINE,
        "status": Status.OK,
        **changes,
    }
    return Finding(subject=metric, test=test, statistic=value, **values)


def samples(families: Collection[Metric] | str) -> Samples:
    """The values by the metric's name and its labels."""
    if isinstance(families, str):
        families = list(text_string_to_metric_families(families))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    """One sample's value; None where there is none."""
    return found.get((f"driftline_{name}", frozenset(labels.items())))


def named(found: Samples, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """All samples of a metric by their labels."""
    return {labels: number for (metric, labels), number in found.items() if metric == f"driftline_{name}"}


def _baseline(model: str) -> dict[str, Any]:
    return {
        "model": model,
        "period_start": NEWEST.start - timedelta(days=30),
        "period_end": NEWEST.start,
        "rows": 30_000,
        "built_at": NEWEST.start,
        "is_active": False,
        "calibration": {},
    }


def _decision(model: str, window: Window, severity: Severity) -> DecisionRecord:
    return DecisionRecord(
        model=model,
        window=window,
        verdict=Verdict.ALERT if severity.rank else Verdict.NOTHING,
        severity=severity,
        reason="",
        is_suppressed=False,
        summary={},
        run_id="scheduled__1",
    )
