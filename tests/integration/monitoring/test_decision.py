"""What follows from a window: incidents and alerts once, and none for history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from driftline.alerts import AlertMessage
from driftline.decisions import Verdict
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.monitoring import checks as checks_module
from driftline.monitoring.checks import enabled_checks
from driftline.monitoring.decision import Context, decide_window
from driftline.monitoring.extract import extract_window
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import run_window
from driftline.store.decisions import window_decision
from driftline.store.engine import store_transaction
from driftline.store.tables import alert_outbox, decisions, findings, incidents, windows
from driftline.store.windows import replace_findings, window_findings
from driftline.windows import Window
from tests.integration.shop_log import END, ShopLog

HOUR = timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)
LIVE = Context(run_id="live", now=END + HOUR)
HISTORICAL = Context(run_id="backfill", now=END + timedelta(days=2))

Brief = Callable[..., Monitor]


def rows_of(engine: Engine, *columns: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns[:1]))]


def followed(engine: Engine) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Incidents (cause, status, severity) and alerts."""
    return (
        rows_of(engine, incidents.c.cause, incidents.c.status, incidents.c.severity),
        rows_of(engine, alert_outbox.c.deduplication_key, alert_outbox.c.status),
    )


def found(status: Status = Status.OK, severity: Severity = Severity.NONE, check: Check = Check.DRIFT) -> Finding:
    return Finding(
        check=check,
        version="v1",
        subject="amount",
        test="psi",
        comparison=Comparison.BASELINE,
        status=status,
        severity=severity,
        description="amount moved",
    )


CALM = found()
LOUD = found(Status.DETECTED, Severity.HIGH)
LOUDER = found(Status.DETECTED, Severity.CRITICAL)
UNKNOWN = replace(found(Status.NOT_EVALUATED), reason="too few rows")


@pytest.fixture
def judge(brief: Brief) -> Callable[..., Any]:
    """Decides a window in which the drift check found these; nothing else is enabled."""
    others = {check.value: {"enabled": False} for check in Check if check not in {Check.DRIFT, Check.FAIRNESS}}
    monitor = brief(checks=others)

    def decide(window: Window, context: Context, findings_: Iterable[Finding]) -> Any:
        with store_transaction(monitor.store) as connection:
            replace_findings(connection, monitor.model, window, Check.DRIFT, findings_)
        return decide_window(monitor, window, context)

    return decide


def later(hours: int) -> tuple[Window, Context]:
    window = Window(WINDOW.start + hours * HOUR, WINDOW.end + hours * HOUR)
    return window, Context(run_id="later", now=window.end + HOUR)


def test_a_live_alert_opens_one_incident_with_one_alert_however_often_it_runs(
    brief: Brief, shop: ShopLog, store_engine: Engine
) -> None:
    shop.execute("UPDATE {schema}.predictions SET amount = NULL WHERE predicted_at >= %s", WINDOW.start)
    monitor = brief(checks={"performance": {"enabled": False}, "predictions": {"enabled": False}})
    first = run_window(monitor, WINDOW, LIVE)
    assert first.decision.verdict is Verdict.ALERT
    assert not first.decision.is_suppressed
    opened, alerts = followed(store_engine)
    assert opened == [("drift", "open", "critical"), ("quality", "open", "critical")]
    assert len(alerts) == 1
    written = [rows_of(store_engine, *table.c) for table in (incidents, alert_outbox)]
    found_first = first.findings

    again = run_window(monitor, WINDOW, replace(LIVE, now=END + 2 * HOUR))
    assert again.record.slices_counted == 0
    assert again.findings == found_first
    assert again.decision.reason == first.decision.reason
    assert [rows_of(store_engine, *table.c) for table in (incidents, alert_outbox)] == written
    for table in (windows, decisions):
        assert len(rows_of(store_engine, table.c.model)) == 1

    [(message,)] = rows_of(store_engine, alert_outbox.c.message)
    alert = AlertMessage.from_json(message)
    assert "amount" in {item.subject for item in alert.items}
    assert alert.window == WINDOW


def test_a_calm_window_leads_to_nothing(judge: Any, store_engine: Engine) -> None:
    assert judge(WINDOW, LIVE, [CALM]).verdict is Verdict.NOTHING
    assert followed(store_engine) == ([], [])


def test_a_historical_window_writes_its_decision_and_leads_to_nothing(judge: Any, store_engine: Engine) -> None:
    record = judge(WINDOW, HISTORICAL, [LOUD])
    assert (record.verdict, record.is_suppressed) == (Verdict.ALERT, True)
    assert followed(store_engine) == ([], [])
    with store_transaction(store_engine) as connection:
        assert window_decision(connection, "fraud", WINDOW) == record


def test_a_historical_window_acts_when_somebody_asks(judge: Any, store_engine: Engine) -> None:
    record = judge(WINDOW, replace(HISTORICAL, acts_on_history=True), [LOUD])
    assert not record.is_suppressed
    opened, alerts = followed(store_engine)
    assert (len(opened), len(alerts)) == (1, 1)


@pytest.mark.parametrize(
    ("now", "is_suppressed"), [(END + 24 * HOUR, False), (END + 24 * HOUR + timedelta(seconds=1), True)]
)
def test_history_begins_behind_the_alert_horizon(judge: Any, now: datetime, is_suppressed: bool) -> None:
    assert judge(WINDOW, Context(now=now), [LOUD]).is_suppressed is is_suppressed


def test_a_historical_window_does_not_resolve_what_is_open_now(judge: Any, store_engine: Engine) -> None:
    judge(WINDOW, LIVE, [LOUD])
    judge(Window(END - 12 * HOUR, END - 6 * HOUR), Context(now=END + 30 * HOUR), [CALM])
    assert followed(store_engine)[0] == [("drift", "open", "high")]


def test_the_same_cause_in_the_next_window_tells_nobody_again(judge: Any, store_engine: Engine) -> None:
    judge(WINDOW, LIVE, [LOUD])
    judge(*later(6), [LOUD])
    opened, alerts = followed(store_engine)
    assert (len(opened), len(alerts)) == (1, 1)


def test_an_open_incident_does_not_hide_what_breaks_later(judge: Any, store_engine: Engine) -> None:
    other = replace(LOUD, subject="country")
    judge(WINDOW, LIVE, [LOUD, replace(other, severity=Severity.LOW)])
    for hours in (6, 6, 12, 18):
        judge(*later(hours), [LOUD, other] if hours != 12 else [other])
    opened, alerts = followed(store_engine)
    assert opened == [("drift", "open", "high")]
    assert [key.partition("/high")[2] for key, _ in alerts] == ["", "/country"]
    messages = [AlertMessage.from_json(message) for (message,) in rows_of(store_engine, alert_outbox.c.message)]
    assert ["New in an open incident: country." in message.verdict for message in messages].count(True) == 1


def test_a_cause_that_gets_worse_tells_once_more(judge: Any, store_engine: Engine) -> None:
    judge(WINDOW, LIVE, [LOUD])
    for _ in range(2):
        judge(*later(6), [LOUDER])
    opened, alerts = followed(store_engine)
    assert opened == [("drift", "open", "critical")]
    assert len(alerts) == 2


def test_a_calmer_later_window_resolves_the_incident(judge: Any, store_engine: Engine) -> None:
    judge(WINDOW, LIVE, [LOUD])
    judge(*later(6), [CALM])
    assert followed(store_engine)[0] == [("drift", "resolved", "high")]


def test_a_window_that_could_not_be_evaluated_resolves_nothing(judge: Any, store_engine: Engine) -> None:
    judge(WINDOW, LIVE, [LOUD])
    judge(*later(6), [UNKNOWN])
    assert followed(store_engine)[0] == [("drift", "open", "high")]


def test_running_the_old_window_again_does_not_open_what_was_resolved(judge: Any, store_engine: Engine) -> None:
    judge(WINDOW, LIVE, [LOUD])
    judge(*later(6), [CALM])
    judge(WINDOW, replace(LIVE, now=END + 8 * HOUR), [LOUD])
    opened, alerts = followed(store_engine)
    assert opened == [("drift", "resolved", "high")]
    assert [key for key, _ in alerts] == ["incident/1/high", "incident/1/resolved"]


def test_a_cause_that_returns_opens_another_incident(judge: Any, store_engine: Engine) -> None:
    judge(WINDOW, LIVE, [LOUD])
    judge(*later(6), [CALM])
    judge(*later(12), [LOUD])
    opened, alerts = followed(store_engine)
    assert sorted(status for _, status, _ in opened) == ["open", "resolved"]
    assert [key for key, _ in alerts] == ["incident/1/high", "incident/1/resolved", "incident/2/high"]


def together(subject: str, *others: str) -> Finding:
    return replace(LOUD, subject=subject, details={"localization": {"together_with": list(others)}})


def calm(*subjects: str) -> list[Finding]:
    return [replace(CALM, subject=subject) for subject in subjects]


WEATHER = [together("temp", "wind"), together("wind", "temp")]


def test_features_that_moved_together_are_an_incident_and_a_window_is_one_message(
    judge: Any, store_engine: Engine
) -> None:
    for _ in range(2):
        judge(WINDOW, LIVE, [*WEATHER, LOUD])
    opened, alerts = followed(store_engine)
    assert opened == [("drift", "open", "high"), ("drift/temp", "open", "high")]
    assert len(alerts) == 1
    [(message,)] = rows_of(store_engine, alert_outbox.c.message)
    assert {item.subject for item in AlertMessage.from_json(message).items} == {"temp", "wind", "amount"}


def test_a_group_keeps_its_incident_while_members_come_and_go(judge: Any, store_engine: Engine) -> None:
    judge(WINDOW, LIVE, WEATHER)
    judge(*later(6), [together("temp"), *calm("wind")])
    judge(*later(12), [*calm("temp"), together("wind")])
    assert len(followed(store_engine)[1]) == 1
    widened = [together("wind", "rain"), together("rain", "wind"), *calm("temp")]
    for _ in range(2):
        judge(*later(18), widened)
    written = [rows_of(store_engine, *table.c) for table in (incidents, alert_outbox)]
    judge(*later(6), [together("temp"), *calm("wind")])
    assert [rows_of(store_engine, *table.c) for table in (incidents, alert_outbox)] == written
    opened, alerts = followed(store_engine)
    assert opened == [("drift/temp", "open", "high")]
    assert [key.partition("/high")[2] for key, _ in alerts] == ["", "/rain"]


def test_an_incident_of_features_ends_when_none_of_them_alarms_and_all_were_looked_at(
    judge: Any, store_engine: Engine
) -> None:
    judge(WINDOW, LIVE, [*WEATHER, LOUD])
    judge(*later(6), [LOUD, *calm("temp"), replace(UNKNOWN, subject="wind")])
    assert followed(store_engine)[0] == [("drift", "open", "high"), ("drift/temp", "open", "high")]
    judge(*later(12), [LOUD, *calm("temp", "wind")])
    assert followed(store_engine)[0] == [("drift", "open", "high"), ("drift/temp", "resolved", "high")]
    judge(WINDOW, LIVE, [*WEATHER, LOUD])
    assert len(followed(store_engine)[0]) == 2
    judge(*later(18), [CALM, *WEATHER])
    opened, alerts = followed(store_engine)
    assert sorted((cause, status) for cause, status, _ in opened) == [
        ("drift", "resolved"),
        ("drift/temp", "open"),
        ("drift/temp", "resolved"),
    ]
    assert [key for key, _ in alerts if not key.endswith("/resolved")] == [
        "incident/1/high+incident/2/high",
        "incident/3/high",
    ]


def test_a_failure_while_deciding_leaves_neither_decision_nor_alert(
    judge: Any, store_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: Any, **__: Any) -> None:
        raise RuntimeError("the worker was killed")

    monkeypatch.setattr("driftline.monitoring.telling.enqueue", break_off)
    with pytest.raises(RuntimeError):
        judge(WINDOW, LIVE, [LOUD])
    assert followed(store_engine) == ([], [])
    assert rows_of(store_engine, decisions.c.model) == []


@pytest.mark.parametrize("error", [RuntimeError("a fault in the code"), MemoryError()])
def test_a_check_that_breaks_stops_no_other_and_alerts(
    brief: Brief, store_engine: Engine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    make = checks_module._run

    def break_drift(monitor: Monitor, evidence: Any, check: Check) -> Any:
        if check is Check.DRIFT:
            raise error
        return make(monitor, evidence, check)

    monkeypatch.setattr(checks_module, "_run", break_drift)
    monitor = brief(checks={"quality": {"enabled": False}})
    run = run_window(monitor, WINDOW, LIVE)
    assert [check for check, _ in run.failures] == [Check.DRIFT]
    assert type(error).__name__ in run.failures[0][1]
    assert [summary.check for summary in run.summaries] == [Check.PERFORMANCE, Check.PREDICTIONS]
    [told] = [finding for finding in run.findings if finding.check is Check.DRIFT]
    assert (told.subject, told.test, told.severity) == ("rows", "drift_check", Severity.HIGH)
    assert told.description == "The drift check did not complete."
    assert run.decision.verdict is Verdict.ALERT
    assert "Drift: rows (high)" in run.decision.reason
    assert ("drift", "open", "high") in followed(store_engine)[0]

    monkeypatch.undo()
    mended = run_window(monitor, WINDOW, LIVE)
    assert mended.failures == ()
    assert "drift_check" not in {finding.test for finding in mended.findings}


def test_deciding_twice_about_a_check_that_did_not_complete_is_the_same(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    first = decide_window(monitor, WINDOW, LIVE)
    assert decide_window(monitor, WINDOW, LIVE) == first
    assert len(rows_of(store_engine, findings.c.test)) == len(enabled_checks(monitor)) == 4


def test_findings_of_a_check_that_was_switched_off_no_longer_count(brief: Brief) -> None:
    monitor = brief(checks={"drift": {"enabled": False}, "quality": {"enabled": False}})
    with store_transaction(monitor.store) as connection:
        replace_findings(connection, "fraud", WINDOW, Check.DRIFT, [LOUDER])
    run = run_window(monitor, WINDOW, LIVE)
    assert run.decision.verdict is Verdict.NOTHING
    with store_transaction(monitor.store) as connection:
        assert Check.DRIFT not in {finding.check for finding in window_findings(connection, "fraud", WINDOW)}


def test_a_model_without_checks_says_so(brief: Brief) -> None:
    off = {check.value: {"enabled": False} for check in Check if check is not Check.FAIRNESS}
    run = run_window(brief(checks=off), WINDOW, LIVE)
    assert (run.decision.verdict, run.decision.reason) == (Verdict.NOTHING, "No check is enabled")


def test_a_verdict_is_provisional_until_the_labels_had_their_time(brief: Brief, shop: ShopLog) -> None:
    shop.execute(
        "UPDATE {schema}.labels SET was_fraud = NOT was_fraud WHERE prediction_id IN "
        "(SELECT prediction_id FROM {schema}.predictions WHERE predicted_at >= %s)",
        WINDOW.start,
    )
    only = {"quality": {"enabled": False}, "drift": {"enabled": False}, "predictions": {"enabled": False}}
    monitor = brief(checks=only)
    early = run_window(monitor, WINDOW, Context(now=END + HOUR))
    final = run_window(monitor, WINDOW, Context(now=END + 7 * HOUR))
    assert is_provisional(early.findings) == {True}
    assert is_provisional(final.findings) == {False}


def is_provisional(of: Iterable[Finding]) -> set[Any]:
    return {finding.details.get("is_provisional", False) for finding in of if finding.status is Status.DETECTED}


def test_critical_drift_rolls_back_when_a_second_window_finds_it(brief: Brief) -> None:
    others = {check.value: {"enabled": False} for check in Check if check not in {Check.DRIFT, Check.FAIRNESS}}
    monitor = brief(checks=others, rollback={"enabled": True, "on": ["drift"]})

    def decided(hours: int, *findings_: Finding, acts: bool = True) -> Any:
        window, context = later(hours)
        with store_transaction(monitor.store) as connection:
            replace_findings(connection, monitor.model, window, Check.DRIFT, findings_)
        return decide_window(monitor, window, replace(context, acts=acts))

    first = decided(6, LOUDER)
    assert (first.verdict, first.summary["critical"]) == (Verdict.ALERT, [["drift", "v1"]])
    assert "2 of 3 windows" in first.reason
    assert decided(6, LOUDER).verdict is Verdict.ALERT
    assert decided(12, UNKNOWN).verdict is Verdict.NOTHING
    assert decided(18, CALM).verdict is Verdict.NOTHING
    second = decided(24, LOUDER)
    assert (second.verdict, second.summary["bad_version"]) == (Verdict.ROLL_BACK, "v1")
    # After a pause of weeks it begins anew.
    assert decided(24 * 30, LOUDER).verdict is Verdict.ALERT
