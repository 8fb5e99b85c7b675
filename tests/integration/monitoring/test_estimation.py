"""Performance is estimated until labels come, and the estimate is held to account when they do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from driftline.decisions import Verdict
from driftline.findings import Check, Finding, Severity, Status
from driftline.monitoring.baseline import ensure_baseline
from driftline.monitoring.decision import Context
from driftline.monitoring.estimation import stored_estimation
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import WindowRun, run_window
from driftline.performance import ErrorModel, ScoreCalibration
from driftline.windows import Window
from tests.integration.shop_log import END, ShopLog

Brief = Callable[..., Monitor]

HOUR = timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)
ONLY_PERFORMANCE = {
    check.value: {"enabled": False} for check in Check if check.value in {"drift", "predictions", "quality"}
}
METRICS = {"accuracy", "precision", "recall", "f1", "roc_auc"}


@pytest.fixture
def monitor(brief: Brief) -> Monitor:
    return brief(checks=ONLY_PERFORMANCE)


def run(monitor: Monitor, window: Window = WINDOW) -> WindowRun:
    return run_window(monitor, window, Context(run_id="test", now=window.end + HOUR))


def by_subject(found: WindowRun, test: str) -> dict[str, Finding]:
    return {finding.subject: finding for finding in found.findings if finding.test == test}


def without_labels(shop: ShopLog, window: Window = WINDOW) -> None:
    shop.execute(
        "DELETE FROM {schema}.labels l USING {schema}.predictions p WHERE l.prediction_id = p.prediction_id "
        "AND p.predicted_at >= %s AND p.predicted_at < %s",
        window.start,
        window.end,
    )


def test_a_baseline_keeps_a_calibration_for_the_whole_and_each_segment(brief: Brief) -> None:
    baseline = ensure_baseline(brief(segments=[{"column": "country", "values": ["DE", "US"]}]))
    for segment in ("", "country=DE", "country=US"):
        learned = stored_estimation(baseline.calibration, segment)
        assert isinstance(learned.model, ScoreCalibration)
        assert learned.reason == ""
        assert set(learned.errors.deviations) >= METRICS
    assert stored_estimation({}, "").model is None, "a baseline of before knows no estimates"


def test_before_labels_the_estimate_stands_beside_the_missing_metric(monitor: Monitor, shop: ShopLog) -> None:
    without_labels(shop)
    found = run(monitor)
    estimates, realised = by_subject(found, "estimate"), by_subject(found, "degradation")
    assert set(estimates) == METRICS
    assert {finding.status for finding in estimates.values()} == {Status.OK}
    accuracy = estimates["accuracy"]
    # The log's labels differ from the predictions where the score is within 0.1 of the threshold: 5 %.
    assert accuracy.statistic == pytest.approx(0.95, abs=0.03)
    assert accuracy.interval_low is not None
    assert accuracy.interval_high is not None
    assert accuracy.interval_low < 0.95 < accuracy.interval_high
    assert realised["accuracy"].status is Status.NOT_EVALUATED
    assert realised["accuracy"].details["estimate"]["value"] == accuracy.statistic
    assert by_subject(found, "estimate_error") == {}


def test_when_labels_come_the_estimates_own_error_is_written_and_alerts_nobody(monitor: Monitor) -> None:
    found = run(monitor)
    errors, realised = by_subject(found, "estimate_error"), by_subject(found, "degradation")
    assert set(errors) == METRICS
    for name, finding in errors.items():
        assert (finding.status, finding.severity) == (Status.OK, Severity.NONE)
        assert finding.details["realised"] == pytest.approx(realised[name].statistic)
        assert finding.statistic == pytest.approx(finding.details["estimated"] - finding.details["realised"])
        assert finding.details["is_inside"]
        assert finding.details["is_trusted"]
    assert found.decision.verdict is Verdict.NOTHING


def test_inputs_that_are_hard_to_tell_alert_before_any_label(monitor: Monitor, shop: ShopLog) -> None:
    ensure_baseline(monitor)
    without_labels(shop)
    shop.execute(
        "UPDATE {schema}.predictions SET score = 0.75 + score / 10, is_fraud = 0.75 + score / 10 > 0.8 "
        "WHERE predicted_at >= %s",
        WINDOW.start,
    )
    found = run(monitor)
    accuracy = by_subject(found, "estimate")["accuracy"]
    assert accuracy.status is Status.DETECTED
    assert accuracy.severity is Severity.MEDIUM
    assert accuracy.details["is_provisional"], "an estimate never rolls back"
    assert found.decision.verdict is Verdict.ALERT


def test_an_estimator_that_was_wrong_in_three_windows_is_said_not_to_be_trusted(
    monitor: Monitor, shop: ShopLog
) -> None:
    # What a score means changes (concept drift): no estimate from scores can see it.
    ensure_baseline(monitor)
    shop.execute("UPDATE {schema}.labels SET was_fraud = NOT was_fraud WHERE known_at >= %s", END - 24 * HOUR)
    trusted = []
    for back in (18, 12, 6, 0):
        window = Window(WINDOW.start - back * HOUR, WINDOW.end - back * HOUR)
        if back == 0:
            without_labels(shop, window)
        found = run(monitor, window)
        assert all(finding.status is Status.OK for finding in by_subject(found, "estimate_error").values())
        trusted.append(by_subject(found, "estimate")["accuracy"].details["is_trusted"])
    assert trusted == [True, True, False, False]
    last = by_subject(found, "estimate")["accuracy"]
    assert "Not trusted: at least 3 of its last 10 estimates" in last.description
    assert last.status is Status.OK


def test_a_window_that_is_checked_again_counts_once(monitor: Monitor, shop: ShopLog) -> None:
    ensure_baseline(monitor)
    shop.execute("UPDATE {schema}.labels SET was_fraud = NOT was_fraud WHERE known_at >= %s", END - 12 * HOUR)
    for _ in range(4):
        found = run(monitor)
    assert by_subject(found, "estimate")["accuracy"].details["is_trusted"]


def test_predictions_that_ignore_the_score_are_not_estimated(brief: Brief, shop: ShopLog) -> None:
    shop.execute("UPDATE {schema}.predictions SET is_fraud = (mod(prediction_id, 2) = 0)")
    monitor = brief(checks=ONLY_PERFORMANCE)
    learned = stored_estimation(ensure_baseline(monitor).calibration, "")
    assert learned.model is None
    assert "do not follow from one threshold on the score" in learned.reason
    (said,) = by_subject(run(monitor), "estimate").values()
    assert (said.subject, said.status) == ("score", Status.NOT_EVALUATED)
    assert "one threshold on the score" in said.reason


def test_a_regressions_error_is_estimated_and_held_to_account(shop: ShopLog, brief: Brief) -> None:
    shop.execute("ALTER TABLE {schema}.labels ADD paid double precision")
    shop.execute(
        "UPDATE {schema}.labels l SET paid = p.amount * (1 + (hashint8(p.prediction_id) & 1023) / 5000.0) "
        "FROM {schema}.predictions p WHERE p.prediction_id = l.prediction_id"
    )
    mapping = shop.mapping(prediction="amount")
    del mapping["score"]
    monitor = brief(
        task="regression",
        positive_label=None,
        predictions=mapping,
        features=[{"name": "basket", "kind": "numeric"}],
        labels={**shop.description()["labels"], "label": "paid"},
        checks=ONLY_PERFORMANCE,
    )
    assert isinstance(stored_estimation(ensure_baseline(monitor).calibration, "").model, ErrorModel)
    errors = by_subject(run(monitor), "estimate_error")
    assert set(errors) == {"mae", "rmse"}
    assert errors["mae"].details["is_inside"]
    without_labels(shop)
    found = run(monitor)
    assert by_subject(found, "estimate")["mae"].statistic == pytest.approx(errors["mae"].details["realised"], rel=0.15)
