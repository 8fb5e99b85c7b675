"""The pages over a real store, with a reader whom the test can turn away."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert

from driftline.config import ModelConfig
from driftline.decisions import Verdict
from driftline.errors import ConnectionNotConfigured
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.profiles import NumericProfile
from driftline.profiles.binning import Floats
from driftline.profiles.roles import Role
from driftline.profiles.slices import SliceKey
from driftline.store.baselines import activate_baseline, add_baseline, write_baseline_profiles
from driftline.store.decisions import DecisionRecord, record_decision
from driftline.store.engine import store_transaction
from driftline.store.slices import CountedSlices, Fingerprint, Part, replace_slices
from driftline.store.tables import baselines
from driftline.store.verdicts import record_verdict
from driftline.store.windows import WindowRecord, record_window, replace_findings, replace_report
from driftline.web.acting import Acting, Actor
from driftline.web.app import create_app
from driftline.windows import Window

DAY = Window(datetime(2026, 3, 1, 6, tzinfo=UTC), datetime(2026, 3, 2, 6, tzinfo=UTC))
PREFIX = "/airflow/driftline"
"""The pages are mounted below a prefix, as under a `base_url` with a path."""


@dataclass
class Host:
    """The application that the pages are mounted into."""

    store: Engine | Exception
    hidden: set[str] = field(default_factory=set)
    refusal: Exception | None = None
    unchangeable: set[str] = field(default_factory=set)
    user: str = "ann"
    models: dict[str, ModelConfig] = field(default_factory=dict)
    site: str = ""

    def open_store(self) -> Engine:
        if isinstance(self.store, Exception):
            raise self.store
        return self.store

    def require_reader(self) -> Any:
        if self.refusal is not None:
            raise self.refusal
        return self.visible

    def require_actor(self) -> Actor:
        return Actor(f"id of {self.user}", self.user, lambda models: set(models) - self.unchangeable)

    def acting(self) -> Acting:
        return Acting(
            require_actor=self.require_actor,
            signing_key=lambda: "a key for tests, of some length",
            site=lambda: self.site,
            models=lambda: self.models,
            resolve=self.resolve,
        )

    def resolve(self, connection_id: str) -> str:
        raise ConnectionNotConfigured(f"No connection {connection_id}.")

    def visible(self, models: Collection[str]) -> set[str]:
        return set(models) - self.hidden


@pytest.fixture
def host(store_engine: Engine) -> Host:
    return Host(store_engine)


@pytest.fixture
def browser(host: Host) -> Iterator[TestClient]:
    airflow = FastAPI(root_path="/airflow")
    airflow.mount("/driftline", create_app(host.open_store, host.require_reader, host.acting()))
    with TestClient(airflow, base_url=f"http://localhost{PREFIX}/", follow_redirects=False) as client:
        client.headers["accept"] = "text/html"
        yield client


@dataclass(frozen=True)
class Results:
    """Writes what a monitor would have written."""

    engine: Engine

    def window(self, model: str = "fraud", window: Window = DAY, run_id: str = "scheduled__1", **changes: Any) -> None:
        values: dict[str, Any] = {"rows": 1000, "labeled_rows": 250, "slices_counted": 24, **changes}
        with store_transaction(self.engine) as connection:
            baseline_id = connection.execute(insert(baselines).returning(baselines.c.baseline_id), _baseline(model))
            record_window(
                connection,
                WindowRecord(model=model, window=window, baseline_id=baseline_id.scalar_one(), run_id=run_id, **values),
            )

    def counted(self, reference: Floats, current: Floats, feature: str = "amount", window: Window = DAY) -> None:
        """A baseline in force with one numeric feature, and a window that was counted by it."""
        before = NumericProfile.of_baseline(reference)
        period = Window(window.start - timedelta(days=30), window.start)
        with store_transaction(self.engine) as connection:
            baseline = add_baseline(connection, "fraud", period, {feature: (Role.FEATURE, before.binning)})
            write_baseline_profiles(connection, baseline, {"": {feature: before}})
            activate_baseline(connection, baseline, before.rows, {})
            now = NumericProfile.of(current, before.binning)
            replace_slices(
                connection,
                baseline,
                Part.PREDICTIONS,
                {window.start: Fingerprint(now.rows, None)},
                CountedSlices({SliceKey(window.start, "v2", ""): {feature: now}}),
            )
            record_window(connection, WindowRecord("fraud", window, baseline.baseline_id, 1000, 250, 1, "scheduled__1"))

    def verdict(self, at: datetime, *performance: Finding, **changes: Any) -> None:
        """A version of the verdict, as deciding writes it beside the decision."""
        with store_transaction(self.engine) as connection:
            record_verdict(connection, _decided("fraud", DAY, **changes), performance, at)

    def decision(self, model: str = "fraud", window: Window = DAY, **changes: Any) -> None:
        with store_transaction(self.engine) as connection:
            record_decision(connection, _decided(model, window, **changes), window.end)

    def findings(self, check: Check, *found: Finding, window: Window = DAY, model: str = "fraud") -> None:
        with store_transaction(self.engine) as connection:
            replace_findings(connection, model, window, check, found)

    def report(self, kind: str, body: str, window: Window = DAY) -> None:
        with store_transaction(self.engine) as connection:
            replace_report(connection, "fraud", window, kind=kind, content_type="text/html; charset=utf-8", body=body)


@pytest.fixture
def results(store_engine: Engine) -> Results:
    return Results(store_engine)


def finding(subject: str = "amount", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "check": Check.DRIFT,
        "version": "v2",
        "test": "kolmogorov_smirnov",
        "comparison": Comparison.BASELINE,
        "status": Status.DETECTED,
        "severity": Severity.HIGH,
        "statistic": 0.21,
        "threshold": 0.08,
        "description": "Its median rose from 12 to 31.",
        "recommendation": "Look at the source of amount.",
        **changes,
    }
    return Finding(subject=subject, **values)


def _decided(model: str, window: Window, **changes: Any) -> DecisionRecord:
    values: dict[str, Any] = {
        "verdict": Verdict.ALERT,
        "severity": Severity.HIGH,
        "reason": "Drift: amount (high)",
        "is_suppressed": False,
        "summary": {},
        "run_id": "scheduled__1",
        **changes,
    }
    return DecisionRecord(model=model, window=window, **values)


def _baseline(model: str) -> dict[str, Any]:
    return {
        "model": model,
        "period_start": DAY.start - timedelta(days=30),
        "period_end": DAY.start,
        "rows": 30_000,
        "built_at": DAY.start,
        "is_active": False,
        "calibration": {},
    }
