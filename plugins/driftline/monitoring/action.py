"""Acting on a decision: delivering alerts, rolling back."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from driftline.alerts import Delivery, Send
from driftline.errors import DriftlineError, StoreError
from driftline.findings import Check, Severity
from driftline.monitoring.decision import Context
from driftline.monitoring.guard_message import GuardNews, tell
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.rollback_engine import AutoRollbackEngine, RollbackStep, rollback_policy
from driftline.rollback import RollbackRequest, Trigger
from driftline.store.decisions import DecisionRecord, window_decision
from driftline.store.engine import store_transaction
from driftline.store.outbox import deliver_pending
from driftline.windows import Window

ACTOR = "monitor"


class AlertsNotDelivered(DriftlineError):
    """Alerts stay in the outbox, because the receiver did not take them."""


def deliver_alerts(monitor: Monitor, send: Send) -> Delivery:
    """Sends the model's alerts that wait in the outbox.

    Raises
    ------
    AlertsNotDelivered
        When some are not sent: they stay in the outbox, and the task is to be tried again.
    """
    return _require_delivered(deliver_pending(monitor.store, send, model=monitor.model), f" of {monitor.model}")


def deliver_all_alerts(store: Engine, send: Send) -> Delivery:
    """Sends every alert that waits in the outbox and is due, whatever model it is about.

    Raises
    ------
    AlertsNotDelivered
        When some are not sent: they stay in the outbox.
    """
    return _require_delivered(deliver_pending(store, send), "")


def _require_delivered(delivery: Delivery, whose: str) -> Delivery:
    if delivery.remaining:
        raise AlertsNotDelivered(
            f"{delivery.remaining} alerts{whose} are not sent yet and stay in the outbox; last error: "
            f"{delivery.last_error or 'of an earlier try'}. Check the connection "
            f"{' and '.join(map(repr, delivery.waiting_for))}; they are sent at a later try."
        )
    return delivery


def roll_back_window(monitor: Monitor, window: Window, context: Context) -> RollbackStep:
    """Takes the traffic off the version that ``window`` found bad, and says so in an alert, all in one transaction.

    Done once however often the window runs, and as the model's policy allows. A rollback that makes no sense is not
    done, and the alert says why. That the version serves nothing any more is no news: windows hold what it predicted
    for a day after its rollback.

    Raises
    ------
    StoreError
        When the window's decision is not to roll back, or is suppressed because the window is historical.
    """
    now = context.now or datetime.now(UTC)
    with store_transaction(monitor.store) as connection:
        request = _request(monitor, window, window_decision(connection, monitor.model, window), now)
        engine = AutoRollbackEngine(monitor.model, rollback_policy(monitor.config))
        step = engine.execute_rollback(connection, request, at=now)
        if step.is_news and step.rollback is not None:
            tell(connection, monitor.config, [GuardNews(None, None, step.rollback)], context.links, now, window=window)
    return step


def _request(monitor: Monitor, window: Window, decision: DecisionRecord | None, now: datetime) -> RollbackRequest:
    bad_version = None if decision is None else decision.summary.get("bad_version")
    if decision is None or bad_version is None:
        raise StoreError(f"The decision on the window {window} of {monitor.model} names no version to roll back.")
    if decision.is_suppressed:
        raise StoreError(f"The window {window} of {monitor.model} is historical: nothing is rolled back for it.")
    causes = [
        Check(cause["check"])
        for cause in decision.summary["causes"]
        if cause["severity"] == Severity.CRITICAL and cause["check"] in monitor.config.rollback.on
    ]
    return RollbackRequest(
        model=monitor.model,
        bad_version=bad_version,
        trigger=Trigger.of_check((causes or monitor.config.rollback.on)[0]),
        reason=decision.reason,
        cause_key=f"{monitor.model}/{window.start.isoformat()}/{window.end.isoformat()}",
        actor=ACTOR,
        first_seen_at=now,
        evidence={"window_start": window.start.isoformat(), "window_end": window.end.isoformat()},
    )
