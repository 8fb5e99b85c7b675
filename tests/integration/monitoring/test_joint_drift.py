"""All features of a window together: learned with the baseline, found where no feature alone has moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, update

from driftline.decisions import Verdict
from driftline.drift import MultivariateCalibration
from driftline.findings import Check, Finding, Severity, Status
from driftline.monitoring.baseline import build_baseline, ensure_baseline
from driftline.monitoring.calibration import drift_budget, joint_budget
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import WindowRun, run_window
from driftline.store.engine import store_transaction
from driftline.store.tables import baseline_samples, baselines, findings, samples
from driftline.store.windows import window_report
from driftline.windows import Window
from tests.integration.shop_log import END, ShopLog

HOUR = timedelta(hours=1)
LAST = Window(END - 6 * HOUR, END)
LIVE = Context(run_id="test", now=END + HOUR)
ONLY_DRIFT: dict[str, Any] = {name: {"enabled": False} for name in ("quality", "performance", "predictions")}
JOINT = {"domain_classifier", "pca_reconstruction", "correlation_change", "score_drift"}
BASELINE = {"first": "4d"}
TIE = "UPDATE {schema}.predictions SET basket = round(((ln(amount) - 3) * 10)::numeric, 2) WHERE prediction_id % 5 <> 0"
FLIP = "UPDATE {schema}.predictions SET basket = 10 - basket WHERE predicted_at >= %s"

Brief = Callable[..., Monitor]


@pytest.fixture
def tied(brief: Brief, shop: ShopLog) -> Brief:
    """Monitors of a log in which the basket follows from the amount in four of five rows; both are as before alone."""
    shop.execute(TIE)
    return lambda **changes: brief(**{"baseline": BASELINE, "checks": ONLY_DRIFT, **changes})


def joint(run: WindowRun) -> dict[str, Finding]:
    return {finding.test: finding for finding in run.findings if finding.subject == "multivariate"}


def alone(run: WindowRun) -> list[Finding]:
    return [finding for finding in run.findings if finding.subject not in {"multivariate", "rows"}]


def without_joint(engine: Engine) -> None:
    """Leaves the baselines as a version of Driftline made them that did not look at all features together."""
    with store_transaction(engine) as connection:
        for number, learned in connection.execute(select(baselines.c.baseline_id, baselines.c.calibration)).all():
            rest = {key: value for key, value in learned.items() if key != "multivariate"}
            connection.execute(update(baselines).where(baselines.c.baseline_id == number).values(calibration=rest))


def test_a_flipped_correlation_is_found_by_all_together_and_by_no_feature(
    tied: Brief, shop: ShopLog, store_engine: Engine
) -> None:
    shop.execute(FLIP, LAST.start)
    monitor = tied()
    run = run_window(monitor, LAST, LIVE)
    assert run.failures == ()
    assert [finding.subject for finding in alone(run) if finding.status is Status.DETECTED] == []
    found = joint(run)
    assert set(found) == JOINT
    change = found["correlation_change"]
    assert (change.status, change.severity) == (Status.DETECTED, Severity.HIGH)
    assert change.details["pairs"][0]["features"] == ["amount", "basket"]
    assert "amount and basket" in change.description
    assert "No feature moved by itself" in change.description
    assert change.details["evidence"] == "calibrated"
    assert found["score_drift"].status is Status.OK
    assert run.decision.verdict is Verdict.ALERT
    with store_transaction(store_engine) as connection:
        page = window_report(connection, monitor.model, LAST, Check.DRIFT.value)
    assert page is not None
    assert "All features together" in page
    assert "0 of 4 features drifted" in page


def test_clean_windows_do_not_alarm(tied: Brief) -> None:
    monitor = tied()
    for number in range(12):
        window = Window(LAST.start - 13 * number * HOUR, LAST.end - 13 * number * HOUR)
        found = joint(run_window(monitor, window, LIVE))
        assert {name: finding.status for name, finding in found.items()} == dict.fromkeys(JOINT, Status.OK)


def test_the_same_window_again_writes_the_same_rows(tied: Brief, shop: ShopLog, store_engine: Engine) -> None:
    shop.execute(FLIP, LAST.start)
    monitor = tied()
    rows = []
    for _ in range(2):
        run_window(monitor, LAST, LIVE)
        with store_transaction(store_engine) as connection:
            stored = [column for column in findings.columns if column.name != "found_at"]
            wanted = select(*stored).where(findings.c.subject == "multivariate").order_by(findings.c.test)
            rows.append([dict(row) for row in connection.execute(wanted).mappings()])
    assert len(rows[0]) == len(JOINT)
    assert rows[0] == rows[1]
    assert repr(rows[0]) == repr(rows[1])


def test_a_baseline_built_again_learns_the_same(tied: Brief) -> None:
    monitor = tied()
    first, second = build_baseline(monitor), build_baseline(monitor)
    assert first.baseline_id != second.baseline_id
    learned = MultivariateCalibration.from_json(first.calibration["multivariate"])
    assert learned == MultivariateCalibration.from_json(second.calibration["multivariate"])
    assert (learned.blocks, learned.rows, learned.score, tuple(learned.nulls)) == (16, 360, "score", (200,))
    assert learned.features == ("amount", "basket", "country", "is_member")


def test_a_feature_that_moves_alone_is_part_of_the_same_story(tied: Brief, shop: ShopLog) -> None:
    shop.execute("UPDATE {schema}.predictions SET amount = amount + 100 WHERE predicted_at >= %s", LAST.start)
    found = joint(run_window(tied(), LAST, LIVE))
    assert found["domain_classifier"].status is Status.DETECTED
    assert "By themselves moved amount" in found["domain_classifier"].description
    assert found["domain_classifier"].details["moved_by_themselves"] == ["amount"]


def test_a_window_of_too_few_rows_is_not_evaluated(tied: Brief, shop: ShopLog) -> None:
    shop.execute("DELETE FROM {schema}.predictions WHERE predicted_at >= %s AND mod(prediction_id, 3) > 0", LAST.start)
    found = joint(run_window(tied(), LAST, LIVE))
    assert {finding.status for finding in found.values()} == {Status.NOT_EVALUATED}
    assert all("120 rows; at least 200" in finding.reason for finding in found.values())


def test_a_baseline_that_is_too_short_says_so(tied: Brief) -> None:
    [finding] = joint(run_window(tied(baseline={"first": "2d"}), LAST, LIVE)).values()
    assert (finding.test, finding.status) == ("multivariate_check", Status.NOT_EVALUATED)
    assert "The baseline holds 8 windows of 6:00:00; at least 10 are needed" in finding.reason


def test_a_baseline_of_too_quiet_windows_says_so(tied: Brief, shop: ShopLog) -> None:
    shop.execute("DELETE FROM {schema}.predictions WHERE prediction_id % 2 > 0")
    [finding] = joint(run_window(tied(), LAST, LIVE)).values()
    assert "0 of 16 windows of the baseline have 200 sampled rows" in finding.reason


def test_a_baseline_of_before_says_how_to_mend_it(tied: Brief, store_engine: Engine) -> None:
    monitor = tied()
    ensure_baseline(monitor)
    without_joint(store_engine)
    run = run_window(monitor, LAST, LIVE)
    [finding] = joint(run).values()
    assert finding.status is Status.NOT_EVALUATED
    assert "Run: driftline baseline build fraud" in finding.reason
    assert {each.status for each in alone(run)} == {Status.OK}


def test_without_samples_of_the_baseline_or_the_window_nothing_is_judged(tied: Brief, store_engine: Engine) -> None:
    monitor = tied()
    run_window(monitor, LAST, LIVE)
    with store_transaction(store_engine) as connection:
        connection.execute(delete(samples).where(samples.c.slice_start >= LAST.start + HOUR))
    [finding] = joint(run_window(monitor, LAST, LIVE)).values()
    assert "stand for 17% of its 360 rows" in finding.reason
    with store_transaction(store_engine) as connection:
        connection.execute(delete(baseline_samples))
    [finding] = joint(run_window(monitor, LAST, LIVE)).values()
    assert "The baseline has no sample of rows. Run: driftline baseline build fraud" in finding.reason


def test_a_model_without_a_score_has_no_test_of_it(tied: Brief, shop: ShopLog) -> None:
    mapping = shop.mapping()
    mapping.pop("score")
    monitor = tied(predictions=mapping, labels=None, excluded_columns=["score"])
    assert set(joint(run_window(monitor, LAST, LIVE))) == JOINT - {"score_drift"}


def test_a_score_that_is_missing_from_the_window_is_said_and_costs_nothing_else(tied: Brief, shop: ShopLog) -> None:
    shop.execute("UPDATE {schema}.predictions SET score = NULL WHERE predicted_at >= %s", LAST.start)
    found = joint(run_window(tied(), LAST, LIVE))
    assert found["score_drift"].status is Status.NOT_EVALUATED
    assert found["score_drift"].reason
    assert {found[test].status for test in JOINT - {"score_drift"}} == {Status.OK}


@pytest.mark.parametrize(
    ("broken", "lost"), [("separation_of", {"domain_classifier"}), ("read_tables", {"multivariate_check"})]
)
def test_a_test_that_breaks_costs_no_other_finding(
    tied: Brief, monkeypatch: pytest.MonkeyPatch, broken: str, lost: set[str]
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("the solver gave up")

    module = "multivariate" if broken == "read_tables" else "multivariate_tests"
    monitor = tied()
    ensure_baseline(monitor)
    monkeypatch.setattr(f"driftline.drift.{module}.{broken}", breaks)
    run = run_window(monitor, LAST, LIVE)
    assert run.failures == ()
    found = joint(run)
    assert {test for test, finding in found.items() if finding.status is Status.NOT_EVALUATED} == lost
    assert all("RuntimeError: the solver gave up" in found[test].reason for test in lost)
    assert {finding.subject for finding in alone(run)} == {"amount", "basket", "country", "is_member"}


def test_learning_that_breaks_leaves_the_baseline_and_its_reason(tied: Brief, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise MemoryError("too wide")

    monkeypatch.setattr("driftline.drift.learn_multivariate", breaks)
    [finding] = joint(run_window(tied(), LAST, LIVE)).values()
    assert "could not be learned (MemoryError: too wide)" in finding.reason


def test_switched_off_the_features_one_by_one_have_the_whole_budget(tied: Brief) -> None:
    on = tied()
    off = tied(checks={**ONLY_DRIFT, "drift": {"multivariate": {"enabled": False}}}, model="off")
    segmented = tied(segments=[{"column": "country", "values": ["DE", "FR"]}], model="segmented")
    assert (drift_budget(on, ""), joint_budget(on)) == pytest.approx((0.0075, 0.0025))
    assert (drift_budget(off, ""), joint_budget(off)) == pytest.approx((0.01, 0.0))
    assert (drift_budget(segmented, ""), joint_budget(segmented)) == pytest.approx((0.00375, 0.00125))
    assert drift_budget(segmented, "country=DE") == pytest.approx(0.0025)
    run = run_window(off, LAST, LIVE)
    assert joint(run) == {}
    assert "multivariate" not in ensure_baseline(off).calibration
    assert ensure_baseline(on).calibration["drift"][""]["false_alarm_rate"] == pytest.approx(0.0075)


def test_only_the_most_important_features_of_a_wide_model_are_compared(tied: Brief) -> None:
    features = [
        {"name": "amount", "kind": "numeric", "importance": 2.0},
        {"name": "is_member", "kind": "boolean"},
        {"name": "basket", "kind": "numeric", "importance": 1.0},
    ]
    checks = {**ONLY_DRIFT, "drift": {"multivariate": {"maximum_features": 2}}}
    learned = ensure_baseline(tied(features=features, checks=checks)).calibration["multivariate"]
    assert learned["features"] == ["amount", "basket"]
