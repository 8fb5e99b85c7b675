"""Acting: rolling back once, saying why not, sending what waits in the outbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select

from driftline.alerts import AlertMessage, Outgoing
from driftline.decisions import Verdict
from driftline.errors import StoreError
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.monitoring.action import AlertsNotDelivered, deliver_alerts, roll_back_window
from driftline.monitoring.decision import Context, decide_window
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import run_window
from driftline.rollback import RollbackStatus
from driftline.serving import VersionStatus
from driftline.store.engine import store_transaction
from driftline.store.registry import change_routes, current_routes, register_version, route_changes, versions
from driftline.store.tables import alert_outbox
from driftline.store.windows import replace_findings
from driftline.windows import Window
from tests.integration.shop_log import END, START, ShopLog

HOUR = timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)
LIVE = Context(run_id="live", now=END + 7 * HOUR)

ONLY_PERFORMANCE = {"quality": {"enabled": False}, "drift": {"enabled": False}, "predictions": {"enabled": False}}
FINAL_DROP = Finding(
    check=Check.PERFORMANCE,
    version="v2",
    subject="accuracy",
    test="degradation",
    comparison=Comparison.BASELINE,
    status=Status.DETECTED,
    severity=Severity.CRITICAL,
    description="Accuracy fell.",
    details={"is_provisional": False},
)


@pytest.fixture
def rolling(brief: Callable[..., Monitor]) -> Monitor:
    """A monitor that may roll back."""
    return brief(rollback={"enabled": True}, checks=ONLY_PERFORMANCE)


@pytest.fixture
def registered(rolling: Monitor) -> Monitor:
    """v1 had all the traffic, then v2 got it."""
    with store_transaction(rolling.store) as connection:
        for version in ("v1", "v2"):
            register_version(connection, model="fraud", version=version, artifact_uri=f"s3://{version}", at=START)
            change_routes(
                connection,
                model="fraud",
                shares={version: 1},
                expected_revision=None,
                actor="deploy",
                reason="release",
                cause_key=f"fraud/release/{version}",
                at=START,
            )
    return rolling


def judge(monitor: Monitor, finding: Finding = FINAL_DROP, context: Context = LIVE) -> Any:
    with store_transaction(monitor.store) as connection:
        replace_findings(connection, "fraud", WINDOW, Check.PERFORMANCE, [finding])
    return decide_window(monitor, WINDOW, context)


def shares(monitor: Monitor) -> dict[str, Decimal]:
    with store_transaction(monitor.store) as connection:
        return dict(current_routes(connection, "fraud").shares)


def messages(engine: Engine) -> list[AlertMessage]:
    with engine.connect() as connection:
        rows = connection.execute(select(alert_outbox.c.message).order_by(alert_outbox.c.alert_id)).scalars()
        return [AlertMessage.from_json(message) for message in rows]


def test_a_bad_version_in_the_log_is_rolled_back_from_end_to_end(registered: Monitor, shop: ShopLog) -> None:
    """v2 answers the opposite of the truth: its labels prove it, once they had their time."""
    shop.execute(
        "UPDATE {schema}.predictions SET model_version = 'v2', is_fraud = NOT is_fraud, score = 1 - score "
        "WHERE predicted_at >= %s",
        WINDOW.start,
    )
    provisional = run_window(registered, WINDOW, Context(now=END + HOUR))
    assert provisional.decision.verdict is Verdict.ALERT
    final = run_window(registered, WINDOW, LIVE)
    assert final.decision.verdict is Verdict.ROLL_BACK
    assert final.decision.summary["bad_version"] == "v2"
    step = roll_back_window(registered, WINDOW, LIVE)
    assert step.rollback is not None
    assert step.rollback.explanation == "Rolled back fraud from v2 to v1, all traffic."
    assert shares(registered) == {"v1": Decimal(1)}


def test_later_windows_that_still_hold_the_bad_version_say_nothing_of_it(
    registered: Monitor, store_engine: Engine
) -> None:
    judge(registered)
    roll_back_window(registered, WINDOW, LIVE)
    later = Window(WINDOW.start + HOUR, WINDOW.end + HOUR)
    with store_transaction(registered.store) as connection:
        replace_findings(connection, "fraud", later, Check.PERFORMANCE, [FINAL_DROP])
    context = replace(LIVE, now=END + 8 * HOUR)
    assert decide_window(registered, later, context).verdict is Verdict.ROLL_BACK
    told = len(messages(store_engine))
    assert roll_back_window(registered, later, context).rollback is None
    assert len(messages(store_engine)) == told


def test_a_rollback_is_done_once_however_often_the_window_runs(registered: Monitor, store_engine: Engine) -> None:
    for n in range(3):
        assert judge(registered).verdict is Verdict.ROLL_BACK
        step = roll_back_window(registered, WINDOW, replace(LIVE, now=END + (7 + n) * HOUR))
        assert step.rollback is not None
        assert step.rollback.status is RollbackStatus.DONE
    with store_transaction(store_engine) as connection:
        changes = route_changes(connection, "fraud")
        known = versions(connection, "fraud")
    assert len(changes) == 3
    assert changes[0].actor == "monitor"
    assert changes[0].reason == "Performance: accuracy (critical)"
    assert changes[0].changed_at == LIVE.now
    assert (known["v2"].status, known["v1"].status) == (VersionStatus.QUARANTINED, VersionStatus.PRODUCTION)
    alert, told = messages(store_engine)
    assert alert.verdict == "Rolling back version v2: Performance: accuracy (critical)."
    assert told.title == "fraud: rolled back"
    assert told.verdict == "Rolled back fraud from v2 to v1, all traffic."


def test_a_rollback_that_makes_no_sense_is_not_done_and_told(rolling: Monitor, store_engine: Engine) -> None:
    judge(rolling)
    for _ in range(2):
        step = roll_back_window(rolling, WINDOW, LIVE)
        assert step.rollback is not None
        assert step.rollback.status is RollbackStatus.REFUSED
    assert shares(rolling) == {}
    told = messages(store_engine)[1:]
    assert [message.title for message in told] == ["fraud: rollback not done"]
    assert told[0].verdict.startswith("Not rolled back: fraud has no registered version.")


@pytest.mark.parametrize(
    "finding",
    [
        replace(FINAL_DROP, details={"is_provisional": True}),
        replace(FINAL_DROP, severity=Severity.HIGH),
        replace(FINAL_DROP, version=""),
        replace(FINAL_DROP, segment="country=DE"),
    ],
    ids=["provisional", "not critical", "no version", "a segment"],
)
def test_a_window_whose_decision_is_another_rolls_nothing_back(registered: Monitor, finding: Finding) -> None:
    assert judge(registered, finding).verdict is Verdict.ALERT
    with pytest.raises(StoreError, match="names no version to roll back"):
        roll_back_window(registered, WINDOW, LIVE)
    assert shares(registered) == {"v2": Decimal(1)}


def test_a_window_without_a_decision_rolls_nothing_back(registered: Monitor) -> None:
    with pytest.raises(StoreError, match="names no version to roll back"):
        roll_back_window(registered, WINDOW, LIVE)


def test_a_historical_window_rolls_nothing_back(registered: Monitor, store_engine: Engine) -> None:
    long_after = replace(LIVE, now=END + timedelta(days=3))
    assert judge(registered, context=long_after).is_suppressed
    with pytest.raises(StoreError, match="is historical: nothing is rolled back"):
        roll_back_window(registered, WINDOW, long_after)
    assert shares(registered) == {"v2": Decimal(1)}
    assert messages(store_engine) == []
    judge(registered, context=replace(long_after, acts_on_history=True))
    step = roll_back_window(registered, WINDOW, long_after)
    assert step.rollback is not None
    assert step.rollback.status is RollbackStatus.DONE


def test_what_waits_in_the_outbox_is_sent_once(registered: Monitor) -> None:
    judge(registered)
    sent: list[Outgoing] = []
    for _ in range(2):
        deliver_alerts(registered, sent.append)
    assert [outgoing.destination for outgoing in sent] == ["slack_alerts"]
    assert AlertMessage.from_json(sent[0].message).model == "fraud"


def test_alerts_that_nobody_takes_stay_and_the_task_fails(registered: Monitor, store_engine: Engine) -> None:
    judge(registered)

    def refuse(outgoing: Outgoing) -> None:
        raise ConnectionError("https://hooks.slack.com/services/T000/B000/s3cret refused")

    with pytest.raises(AlertsNotDelivered, match=r"1 alerts of fraud.*'slack_alerts'") as failed:
        deliver_alerts(registered, refuse)
    assert "s3cret" not in str(failed.value)
    with store_engine.connect() as connection:
        assert connection.execute(select(alert_outbox.c.status)).scalars().all() == ["pending"]
