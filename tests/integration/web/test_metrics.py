"""What the Prometheus endpoint tells, from a real store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from sqlalchemy import Engine, text

from driftline.config.experiment_config import ABTestConfig
from driftline.experiments.arm import ArmStatistics
from driftline.findings import Severity, Status
from driftline.live import Feed, PredictionCounts
from driftline.rollback import RollbackRequest, RollbackStatus, Trigger
from driftline.store import registry
from driftline.store.engine import store_transaction
from driftline.store.experiment_statistics import keep_arm_statistics
from driftline.store.experiments import ExperimentStatus, add_experiment, move_experiment
from driftline.store.incidents import open_or_renew_incident
from driftline.store.live import record_failure
from driftline.store.outbox import enqueue
from driftline.store.rollback_log import end_rollback, write_rollback
from driftline.web.metrics.catalogue import CATALOGUE
from driftline.windows import Window
from tests.fleet import FleetSize, fill_fleet
from tests.integration.monitoring.shop_experiment import described
from tests.integration.web.scraped import (
    NEWEST,
    NOW,
    TOKEN,
    Filled,
    Samples,
    counts,
    drift,
    metrics_app,
    named,
    performance,
    samples,
    value,
)

PSI, KS = "population_stability_index", "kolmogorov_smirnov"
SKIPPED: dict[str, Any] = {"status": Status.NOT_EVALUATED, "reason": "30 rows, at least 200 are needed"}


@pytest.fixture
def filled(store_engine: Engine) -> Filled:
    return Filled(store_engine)


@pytest.fixture
def scraper(store_engine: Engine) -> Iterator[TestClient]:
    with TestClient(metrics_app(lambda: store_engine), base_url="http://localhost/driftline/") as client:
        client.headers["authorization"] = f"Bearer {TOKEN}"
        yield client


def scrape(scraper: TestClient) -> Samples:
    answer = scraper.get("metrics")
    assert answer.status_code == 200, answer.text
    return samples(answer.text)


def test_an_empty_store_is_up_and_says_nothing_else(scraper: TestClient) -> None:
    found = scrape(scraper)
    assert value(found, "up") == 1
    assert {name for name, _ in found} == {"driftline_up", "driftline_scrape_duration_seconds"}


def test_the_newest_window_tells_of_drift_by_feature(scraper: TestClient, filled: Filled) -> None:
    filled.window(
        "fraud",
        drift("amount", PSI, 0.31, Status.DETECTED),
        drift("amount", KS, 0.22, Status.DETECTED),
        drift("country", PSI, 0.01),
        drift("country", "total_variation", 0.02),
        drift("basket", PSI, None, **SKIPPED),
        drift("amount", PSI, 0.9, Status.DETECTED, segment="country=DE"),
        drift("multivariate", "domain_classifier", 0.7, Status.DETECTED),
        severity=Severity.HIGH,
        labeled_rows=250,
    )
    filled.window("fraud", drift("old", PSI, 0.5), window=_earlier(NEWEST, 6))
    found = scrape(scraper)
    amount, country = ({"model": "fraud", "version": "v2", "feature": name} for name in ("amount", "country"))
    assert (value(found, "drift_detected", **amount), value(found, "drift_detected", **country)) == (1, 0)
    assert (value(found, "psi_score", **amount), value(found, "psi_score", **country)) == (0.31, 0.01)
    assert (value(found, "ks_statistic", **amount), value(found, "ks_statistic", **country)) == (0.22, None)
    assert len(named(found, "drift_detected")) == 2, "neither what was not evaluated, nor segments, nor older windows"
    of_version = {"model": "fraud", "version": "v2"}
    assert (value(found, "drifted_features", **of_version), value(found, "compared_features", **of_version)) == (1, 2)
    assert value(found, "left_out", model="fraud", what="feature") == 0
    assert value(found, "window_severity", model="fraud") == Severity.HIGH.rank
    assert value(found, "window_predictions", model="fraud") == 1000
    assert value(found, "label_coverage_ratio", model="fraud") == 0.25
    statuses = {status: value(found, "findings", model="fraud", check="drift", status=status) for status in Status}
    assert statuses == {Status.OK: 2, Status.DETECTED: 4, Status.NOT_EVALUATED: 1}


def test_a_monitor_says_when_it_last_succeeded_and_how_often_it_should(scraper: TestClient, filled: Filled) -> None:
    for hours in (0, 6, 12, 24):
        filled.window("fraud", window=_earlier(NEWEST, hours))
    filled.window("new")
    found = scrape(scraper)
    assert value(found, "monitor_window_end_timestamp_seconds", model="fraud") == NEWEST.end.timestamp()
    assert value(found, "monitor_last_success_timestamp_seconds", model="fraud") == NEWEST.end.timestamp() + 300
    assert value(found, "monitor_interval_seconds", model="fraud") == 6 * 3600
    assert value(found, "monitor_interval_seconds", model="new") is None


def test_a_model_that_was_last_checked_long_ago_tells_only_that(scraper: TestClient, filled: Filled) -> None:
    old = _earlier(NEWEST, 8 * 24)
    filled.window("gone", drift("amount", PSI, 0.4, Status.DETECTED), window=old, severity=Severity.HIGH)
    found = scrape(scraper)
    assert value(found, "monitor_window_end_timestamp_seconds", model="gone") == old.end.timestamp()
    assert not any(named(found, name) for name in ("drift_detected", "window_severity", "findings", "left_out"))


def test_performance_is_that_of_the_newest_window_with_labels(scraper: TestClient, filled: Filled) -> None:
    early = _earlier(NEWEST, 24)
    judged = performance(
        "accuracy", 0.76, status=Status.DETECTED, interval_low=0.74, interval_high=0.78, details={"is_provisional": 1}
    )
    filled.window("fraud", judged, performance("roc_auc", 0.9), window=early, labeled_rows=500)
    filled.window(
        "fraud", performance("accuracy", None, **SKIPPED), performance("accuracy", 0.81, "estimate"), labeled_rows=3
    )
    found = scrape(scraper)
    accuracy = {"model": "fraud", "version": "v2", "metric": "accuracy"}
    ends = [value(found, f"performance_{what}", **accuracy) for what in ("value", "lower", "upper", "estimate")]
    assert ends == [0.76, 0.74, 0.78, 0.81]
    assert value(found, "performance_degraded", **accuracy) == 1
    assert value(found, "performance_provisional", **accuracy) == 1
    assert value(found, "performance_degraded", **{**accuracy, "metric": "roc_auc"}) == 0
    assert value(found, "performance_lower", **{**accuracy, "metric": "roc_auc"}) is None
    assert value(found, "performance_window_end_timestamp_seconds", model="fraud") == early.end.timestamp()


def test_live_figures_are_those_of_the_last_minutes_by_version(scraper: TestClient, filled: Filled) -> None:
    _route(filled.engine, {"v1": 0.9, "v2": 0.1})
    newest_row = filled.live("fraud", {"v1": counts(90, 3, *[10.0] * 80, *[400.0] * 10)})
    filled.live("fraud", {}, feed=Feed.LABELS)
    with store_transaction(filled.engine) as connection:
        record_failure(connection, "broken", Feed.PREDICTIONS, "the table is gone")
    found = scrape(scraper)
    v1, v2 = ({"model": "fraud", "version": version} for version in ("v1", "v2"))
    assert (value(found, "live_predictions", **v1), value(found, "live_errors", **v1)) == (90, 3)
    assert (value(found, "live_predictions", **v2), value(found, "live_errors", **v2)) == (0, 0)
    assert value(found, "live_latency_seconds", **v1, quantile="0.5") == pytest.approx(0.01, rel=0.02)
    assert value(found, "live_latency_seconds", **v1, quantile="0.95") == pytest.approx(0.4, rel=0.02)
    assert value(found, "live_latency_seconds", **v2, quantile="0.95") is None
    assert (value(found, "route_share_ratio", **v1), value(found, "route_share_ratio", **v2)) == (0.9, 0.1)
    assert value(found, "route_changes_total", model="fraud") == 1
    feed = {"model": "fraud", "feed": "predictions"}
    newest = value(found, "feed_newest_row_timestamp_seconds", **feed)
    assert newest == pytest.approx(newest_row.timestamp(), abs=0.01)
    assert value(found, "feed_failing", **feed) == 0
    broken = {"model": "broken", "feed": "predictions"}
    assert value(found, "feed_failing", **broken) == 1
    assert value(found, "feed_counted_timestamp_seconds", **broken) is None
    assert value(found, "feed_attempted_timestamp_seconds", **broken) is not None


def test_rollbacks_are_counted_from_zero_on(scraper: TestClient, filled: Filled) -> None:
    filled.window("calm")
    for status in (RollbackStatus.VERIFIED, RollbackStatus.ESCALATED, RollbackStatus.DONE, RollbackStatus.HELD):
        _roll_back(filled.engine, status)
    found = scrape(scraper)
    assert value(found, "rollbacks_total", model="calm") == 0
    assert value(found, "rollbacks_total", model="fraud") == 3
    assert value(found, "rollbacks_escalated_total", model="fraud") == 1
    assert value(found, "rollbacks_unverified", model="fraud") == 1
    assert value(found, "rollbacks_awaiting_approval", model="fraud") == 0


def test_an_experiment_tells_its_state_and_its_arms(scraper: TestClient, filled: Filled) -> None:
    config = ABTestConfig.model_validate(described(arms={"v1": 80, "v2": 20}))
    with store_transaction(filled.engine) as connection:
        add_experiment(connection, config, "ada", NOW)
        move_experiment(
            connection, "fraud-v2", status=ExperimentStatus.RUNNING.value, looked_at=NOW, held_reason="uneven arms"
        )
        arms = {"v1": ArmStatistics(units=790), "v2": ArmStatistics(units=210)}
        keep_arm_statistics(connection, "fraud-v2", 0, arms)
    found = scrape(scraper)
    one = {"experiment": "fraud-v2", "model": "fraud"}
    states = {state: value(found, "experiment_state", **one, state=state) for state in ExperimentStatus}
    assert states == {state: state is ExperimentStatus.RUNNING for state in ExperimentStatus}
    assert (value(found, "experiment_held", **one), value(found, "experiment_failing", **one)) == (1, 0)
    assert value(found, "experiment_last_look_timestamp_seconds", **one) == pytest.approx(NOW.timestamp(), abs=0.01)
    assert value(found, "experiment_arm_share_ratio", **one, version="v2") == 0.2
    assert value(found, "experiment_arm_units", **one, version="v2") == 210


def test_an_experiment_whose_file_nobody_understands_any_more_hides_nothing(
    scraper: TestClient, filled: Filled
) -> None:
    with store_transaction(filled.engine) as connection:
        add_experiment(connection, ABTestConfig.model_validate(described()), "ada", NOW)
        connection.execute(text('UPDATE driftline.experiments SET config = \'{"from": "another version"}\''))
    filled.window("fraud")
    found = scrape(scraper)
    assert value(found, "experiment_state", experiment="fraud-v2", model="fraud", state="created") == 1
    assert not named(found, "experiment_arm_share_ratio")
    assert named(found, "monitor_window_end_timestamp_seconds")


def test_open_incidents_and_waiting_alerts_are_counted(scraper: TestClient, filled: Filled) -> None:
    since = NOW - timedelta(hours=1)
    with store_transaction(filled.engine) as connection:
        for cause, severity in (("drift", Severity.CRITICAL), ("fairness", Severity.MEDIUM)):
            open_or_renew_incident(connection, model="fraud", cause=cause, severity=severity, title="x", at=NOW)
        connection.execute(text("INSERT INTO driftline.alert_destinations VALUES ('pagerduty', NULL, now())"))
    for key in ("a", "b"):
        _enqueue(filled.engine, key, since)
    found = scrape(scraper)
    by_severity = {severity: value(found, "incidents_open", model="fraud", severity=severity) for severity in Severity}
    assert by_severity == {"none": None, "low": 0, "medium": 1, "high": 0, "critical": 1}
    assert value(found, "alerts_pending", destination="slack_alerts") == 2
    assert value(found, "alerts_pending", destination="pagerduty") == 0
    oldest = value(found, "alerts_oldest_pending_timestamp_seconds", destination="slack_alerts")
    assert oldest == pytest.approx(since.timestamp(), abs=0.01)


def test_two_thousand_features_are_bounded_the_worst_told_first(scraper: TestClient, filled: Filled) -> None:
    drifting = [drift(f"z{n}", PSI, 0.5, Status.DETECTED, severity=Severity.CRITICAL) for n in range(3)]
    filled.window("wide", *drifting, *(drift(f"f{n:04d}", PSI, 0.01) for n in range(1_997)))
    filled.window("narrow", drift("amount", PSI, 0.01))
    found = scrape(scraper)
    told = [dict(labels)["feature"] for labels in named(found, "psi_score") if ("model", "wide") in labels]
    assert sorted(told) == [*(f"f{n:04d}" for n in range(97)), "z0", "z1", "z2"]
    assert value(found, "left_out", model="wide", what="feature") == 1_900
    assert value(found, "compared_features", model="wide", version="v2") == 2_000
    assert value(found, "left_out", model="narrow", what="feature") == 0


def test_a_log_full_of_versions_is_bounded_to_the_most_asked(scraper: TestClient, filled: Filled) -> None:
    filled.live("fraud", {f"build-{n:03d}": counts(n) for n in range(500)})
    found = scrape(scraper)
    told = {dict(labels)["version"] for labels in named(found, "live_predictions")}
    assert told == {f"build-{n:03d}" for n in range(480, 500)}
    assert value(found, "left_out", model="fraud", what="version") == 480


def test_a_fleet_fills_every_metric_and_tells_no_series_twice(store_engine: Engine, scraper: TestClient) -> None:
    fill_fleet(store_engine, FleetSize(models=5, features=4, days=3, live_hours=1, profile_hours=1, experiments=2))
    _enqueue(store_engine, "1", NOW)
    lines = [line for line in scraper.get("metrics").text.splitlines() if not line.startswith("#")]
    series = [line.rpartition(" ")[0] for line in lines]
    assert len(series) == len(set(series)), "a series told twice is refused by Prometheus"
    told = {each.partition("{")[0] for each in series}
    assert told == {definition.full_name for definition in CATALOGUE}


STRANGE = 'a "quoted" \\ back\nslashed 🦊 näme{le="1"} # TYPE x'


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_strange_names_come_through_as_they_are(scraper: TestClient, filled: Filled, accept: str) -> None:
    filled.window(STRANGE, drift(STRANGE, PSI, 0.3, version=STRANGE), drift("x" * 5_000, PSI, 0.1))
    filled.live("<script>", {"": PredictionCounts(7, 0, {})})
    answer = scraper.get("metrics", headers={"accept": accept})
    parse = samples if accept == "text/plain" else lambda body: samples(list(openmetrics_families(body)))
    found = parse(answer.text)
    assert value(found, "psi_score", model=STRANGE, version=STRANGE, feature=STRANGE) == 0.3
    assert value(found, "live_predictions", model="<script>", version="") == 7
    assert max(len(dict(labels)["feature"]) for labels in named(found, "psi_score")) == 200


def test_the_scraper_chooses_the_format(scraper: TestClient, filled: Filled) -> None:
    filled.window("fraud")
    plain = scraper.get("metrics", headers={"accept": "text/plain;version=0.0.4"})
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# EOF" not in plain.text
    asked = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"
    modern = scraper.get("metrics", headers={"accept": asked})
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert modern.text.endswith("# EOF\n")
    assert "# UNIT driftline_monitor_window_end_timestamp_seconds seconds" in modern.text
    assert "# TYPE driftline_rollbacks counter" in modern.text
    assert modern.headers["cache-control"] == "no-store"


def _enqueue(engine: Engine, key: str, at: datetime) -> None:
    with store_transaction(engine) as connection:
        enqueue(
            connection, incident_id=None, model="fraud", deduplication_key=key, destination="slack_alerts", message={},
            at=at,
        )  # fmt: skip


def _earlier(window: Window, hours: int) -> Window:
    return Window(window.start - timedelta(hours=hours), window.end - timedelta(hours=hours))


def _route(engine: Engine, shares: dict[str, float]) -> None:
    with store_transaction(engine) as connection:
        for version in shares:
            registry.register_version(connection, model="fraud", version=version, artifact_uri="s3://x", at=NOW)
        registry.change_routes(
            connection,
            model="fraud",
            shares={version: Decimal(str(share)) for version, share in shares.items()},
            expected_revision=None,
            actor="ada",
            reason="release",
            cause_key="release",
            at=NOW,
        )


def _roll_back(engine: Engine, status: RollbackStatus) -> None:
    request = RollbackRequest(
        model="fraud",
        bad_version="v2",
        trigger=Trigger.ERROR_RATE,
        reason="errors",
        cause_key=f"cause/{status}",
        actor="guard",
        first_seen_at=NOW,
        evidence={},
    )
    first = RollbackStatus.DONE if status.has_changed_routes else status
    with store_transaction(engine) as connection:
        written = write_rollback(
            connection, request, status=first, target_version="v1", explanation="", at=NOW, verify_at=NOW,
            incident_id=None,
        )  # fmt: skip
        if status is not first:
            end_rollback(connection, written, status=status, explanation="", at=NOW)
