"""A real Prometheus scrapes the real endpoint, and knows the rules that are shipped with it."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from driftline.findings import Severity, Status
from driftline.store.engine import store_transaction
from driftline.store.incidents import open_or_renew_incident
from driftline.store.outbox import enqueue
from tests.debian_programs import required
from tests.integration.prometheus_server import Prometheus, prometheus, serving
from tests.integration.web.scraped import NOW, TOKEN, Filled, counts, drift, metrics_app, performance

STRANGE = 'a "quoted" \\ back\nslashed 🦊'


@pytest.fixture
def filled(store_engine: Engine) -> Filled:
    """Two models as they look after a while, one of them with trouble, and with a name that makes some."""
    store = Filled(store_engine)
    store.window("calm", drift("amount", "population_stability_index", 0.02), performance("accuracy", 0.94))
    store.window(
        STRANGE,
        drift("amount", "population_stability_index", 0.31, Status.DETECTED),
        drift("amount", "kolmogorov_smirnov", 0.22, Status.DETECTED),
        severity=Severity.HIGH,
        labeled_rows=250,
    )
    store.live("calm", {"v1": counts(600, 6, *[10.0] * 594)})
    store.live(STRANGE, {"v1": counts(300, 30, *[10.0] * 270)})
    with store_transaction(store_engine) as connection:
        open_or_renew_incident(
            connection, model=STRANGE, cause="drift", severity=Severity.CRITICAL, title="amount drifts", at=NOW
        )
        enqueue(
            connection, incident_id=None, model=STRANGE, deduplication_key="1", destination="slack_alerts", message={},
            at=NOW - timedelta(hours=1),
        )  # fmt: skip
    return store


def test_prometheus_scrapes_and_answers_and_its_rules_speak(filled: Filled, tmp_path: Path) -> None:
    app = metrics_app(lambda: filled.engine)
    with serving(app) as port, prometheus(tmp_path, port, TOKEN) as server:
        server.wait_until(lambda: server.value("sum(model:driftline_incidents_open:sum)") == 1, "the recording rules")
        (target,) = server.targets()
        assert (target["health"], target["lastError"]) == ("up", "")
        assert (server.value("up"), server.value("driftline_up")) == (1, 1)
        (drifting,) = server.query("driftline_drift_detected == 1")
        assert drifting["metric"]["model"] == STRANGE
        assert server.value('driftline_psi_score{model="calm"}') == 0.02
        errors = {
            sample["metric"]["model"]: float(sample["value"][1])
            for sample in server.query("model:driftline_live_errors:ratio")
        }
        assert errors == {"calm": 0.01, STRANGE: 0.1}
        _rules_are_well(server)
        _speaks(server, "DriftlineCriticalIncident", "firing", STRANGE)
        _speaks(server, "DriftlineOutboxStuck", "pending", "slack_alerts")


def test_prometheus_with_the_wrong_token_sees_that_it_is_refused(filled: Filled, tmp_path: Path) -> None:
    app = metrics_app(lambda: filled.engine)
    with serving(app) as port, prometheus(tmp_path, port, f"{TOKEN}?") as server:
        server.wait_until(lambda: server.value('up{job="driftline"}') == 0, "the first scrape")
        (target,) = server.targets()
        assert "401" in target["lastError"]
        assert server.query("driftline_up") == []
        server.wait_until(
            lambda: any(
                rule["name"] == "DriftlineScrapeDown" and rule["state"] == "pending" for rule in _alerts(server)
            ),
            "the alert on it",
        )


def test_prometheus_own_linter_finds_no_fault(filled: Filled) -> None:
    promtool = required("promtool", "prometheus")
    with serving(metrics_app(lambda: filled.engine)) as port:
        headers = {"authorization": f"Bearer {TOKEN}"}
        answer = httpx.get(f"http://127.0.0.1:{port}/driftline/metrics", headers=headers, trust_env=False)
    linted = subprocess.run([promtool, "check", "metrics"], input=answer.text, capture_output=True, text=True)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")


def _rules_are_well(server: Prometheus) -> None:
    server.wait_until(lambda: all(rule["health"] != "unknown" for rule in server.rules()), "every rule to be evaluated")
    assert [rule for rule in server.rules() if rule["health"] != "ok"] == []


def _speaks(server: Prometheus, name: str, state: str, about: str) -> None:
    server.wait_until(lambda: (name, state) in _states(server), f"{name} to be {state}")
    (rule,) = (rule for rule in _alerts(server) if rule["name"] == name)
    (alert,) = rule["alerts"]
    assert about in alert["labels"].values()
    assert about in alert["annotations"]["summary"]


def _states(server: Prometheus) -> set[tuple[str, str]]:
    return {(rule["name"], rule["state"]) for rule in _alerts(server)}


def _alerts(server: Prometheus) -> list[dict[str, Any]]:
    return [rule for rule in server.rules() if rule["type"] == "alerting"]
