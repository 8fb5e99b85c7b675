"""A drift that begins at a known hour in one segment: dated, placed, ranked and told, on a real log and store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from driftline.alerts import AlertMessage
from driftline.decisions import Verdict
from driftline.findings import Check, Comparison, Finding, Status
from driftline.monitoring.decision import Context
from driftline.monitoring.extract import extract_window
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import WindowRun, run_window
from driftline.store.baselines import stored_baseline
from driftline.store.engine import store_transaction
from driftline.store.slice_history import counted_hours, subject_history
from driftline.store.tables import alert_outbox
from driftline.store.windows import window_report
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR, ShopLog

HOUR = timedelta(hours=1)
LAST_DAY = Window(END - 24 * HOUR, END)
LIVE = Context(run_id="test", now=END + HOUR)
ONSET = END - 10 * HOUR
ONLY_DRIFT = {name: {"enabled": False} for name in ("quality", "performance", "predictions")}
SPOIL = (
    "UPDATE {schema}.predictions SET amount = amount + 30, basket = basket + 5 "
    "WHERE country = 'DE' AND predicted_at >= %s"
)

Changed = Callable[..., Monitor]


def detected(run: WindowRun, **wanted: str) -> list[Finding]:
    found = [
        finding
        for finding in run.findings
        if finding.status is Status.DETECTED and all(getattr(finding, name) == value for name, value in wanted.items())
    ]
    assert found, wanted
    return found


def test_a_drift_is_dated_placed_grouped_and_told(changed: Changed, shop: ShopLog, store_engine: Engine) -> None:
    shop.execute(SPOIL, ONSET)
    monitor = changed(checks=ONLY_DRIFT)
    run = run_window(monitor, LAST_DAY, LIVE)
    assert run.failures == ()
    assert run.decision.verdict is Verdict.ALERT
    for subject, other in (("amount", "basket"), ("basket", "amount")):
        for finding in detected(run, subject=subject, segment=""):
            where = finding.details["localization"]
            assert where["onset"] == "step"
            assert abs(datetime.fromisoformat(where["since"]) - ONSET) <= 2 * HOUR
            assert where["carried_by"] == "country=DE"
            assert where["together_with"] == [other]
            assert "mostly in country=DE" in finding.description
    with store_transaction(store_engine) as connection:
        page = window_report(connection, monitor.model, LAST_DAY, Check.DRIFT.value)
        [(message,)] = connection.execute(select(alert_outbox.c.message)).all()
    assert page is not None
    assert f"moved together since {END - 10 * HOUR:%Y-%m-%d}" in page
    alert = AlertMessage.from_json(message)
    told = {item.subject.partition(" in ")[0]: item.description for item in alert.items}
    assert "It has drifted since" in told["amount"]
    assert "together with basket" in told["amount"]


def test_the_same_window_again_says_the_same(changed: Changed, shop: ShopLog) -> None:
    shop.execute(SPOIL, ONSET)
    monitor = changed(checks=ONLY_DRIFT)
    assert run_window(monitor, LAST_DAY, LIVE).findings == run_window(monitor, LAST_DAY, LIVE).findings


def test_what_the_model_leans_on_is_told_first(changed: Changed, shop: ShopLog, store_engine: Engine) -> None:
    shop.execute(SPOIL, ONSET)
    features = [
        {"name": "amount", "kind": "numeric", "importance": 0.05, "pipeline": "till"},
        {"name": "basket", "kind": "numeric", "importance": 0.9, "pipeline": "till"},
        {"name": "country", "kind": "categorical"},
    ]
    run = run_window(changed(checks=ONLY_DRIFT, features=features), LAST_DAY, LIVE)
    [amount] = {finding.harm for finding in detected(run, subject="amount", segment="")}
    [basket] = {finding.harm for finding in detected(run, subject="basket", segment="")}
    assert basket > amount > 0
    with store_transaction(store_engine) as connection:
        page = window_report(connection, "fraud", LAST_DAY, Check.DRIFT.value)
    assert page is not None
    assert page.index("<h3>basket") < page.index("<h3>amount")
    assert "all 2 features of pipeline till (basket and amount) moved together since" in page


def test_the_window_before_is_compared_and_never_alarms(changed: Changed, shop: ShopLog) -> None:
    shop.execute(SPOIL, LAST_DAY.start)
    shop.execute("UPDATE {schema}.predictions SET amount = amount + 30 WHERE predicted_at < %s", END - 7 * 24 * HOUR)
    monitor = changed(checks=ONLY_DRIFT)
    extract_window(monitor, LAST_DAY.previous)
    run = run_window(monitor, LAST_DAY, LIVE)
    beside = {f.subject: f for f in run.findings if f.comparison is Comparison.PREVIOUS_WINDOW}
    assert set(beside) == {"amount", "basket", "country", "is_member"}
    assert {finding.status for finding in beside.values()} == {Status.OK}
    moved, still = beside["amount"].effect, beside["is_member"].effect
    assert moved is not None
    assert still is not None
    assert moved > 0.3 > still
    assert "not judged" in beside["amount"].description
    assert beside["amount"].p_value is beside["amount"].threshold is None


def test_without_the_window_before_that_is_said_once_and_changes_no_decision(monitor: Monitor) -> None:
    run = run_window(monitor, LAST_DAY, LIVE)
    [finding] = [f for f in run.findings if f.comparison is Comparison.PREVIOUS_WINDOW]
    assert finding.status is Status.NOT_EVALUATED
    assert "has 0 of the 24 slices of the window before" in finding.reason
    assert run.decision.verdict is Verdict.NOTHING
    assert "window before" not in run.decision.reason


def test_the_history_of_a_few_subjects_is_read_hour_by_hour(monitor: Monitor, store_engine: Engine) -> None:
    run = run_window(monitor, LAST_DAY, LIVE)
    assert run.record.baseline_id
    looked_at = Window(END - 30 * HOUR, END)
    with store_transaction(store_engine) as connection:
        baseline = stored_baseline(connection, run.record.baseline_id)
        whole = subject_history(
            connection, baseline, looked_at, version="v1", segment="", subjects=["amount", "no such feature"]
        )
        part = subject_history(connection, baseline, looked_at, version="v1", segment="country=DE", subjects=["amount"])
        nothing = subject_history(connection, baseline, looked_at, version="v9", segment="", subjects=["amount"])
        hours = counted_hours(connection, baseline, looked_at)
    assert hours == 24
    assert nothing == {}
    assert [start for start, _ in whole["amount"]] == list(LAST_DAY.slices)
    assert [profile.rows for _, profile in whole["amount"]] == [ROWS_PER_HOUR] * 24
    assert 0 < sum(profile.rows for _, profile in part["amount"]) < 24 * ROWS_PER_HOUR
