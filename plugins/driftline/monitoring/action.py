"""Acting on a decision: delivering alerts, rolling back."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from driftline.alerts import AlertItem, AlertMessage, Delivery, Send
from driftline.errors import DriftlineError, StoreError
from driftline.findings import Severity
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor
from driftline.serving import RollbackOutcome, RollbackRefusal
from driftline.store.decisions import window_decision
from driftline.store.engine import store_transaction
from driftline.store.outbox import deliver_pending, enqueue
from driftline.store.rollbacks import roll_back
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


def roll_back_window(monitor: Monitor, window: Window, context: Context) -> RollbackOutcome:
    """Takes the traffic off the version that ``window`` found bad, and says so in an alert, all in one transaction.

    Done once however often the window runs. A rollback that makes no sense is not done, and the alert says why. That
    the version serves nothing any more is no news: windows hold what it predicted for a day after its rollback.

    Raises
    ------
    StoreError
        When the window's decision is not to roll back, or is suppressed because the window is historical.
    """
    now = context.now or datetime.now(UTC)
    cause_key = f"{monitor.model}/{window.start.isoformat()}/{window.end.isoformat()}"
    with store_transaction(monitor.store) as connection:
        decision = window_decision(connection, monitor.model, window)
        bad_version = None if decision is None else decision.summary.get("bad_version")
        if decision is None or bad_version is None:
            raise StoreError(f"The decision on the window {window} of {monitor.model} names no version to roll back.")
        if decision.is_suppressed:
            raise StoreError(f"The window {window} of {monitor.model} is historical: nothing is rolled back for it.")
        outcome = roll_back(
            connection,
            model=monitor.model,
            bad_version=bad_version,
            reason=decision.reason,
            actor=ACTOR,
            cause_key=cause_key,
            at=now,
        )
        if outcome.refusal is not RollbackRefusal.NOT_SERVING:
            enqueue(
                connection,
                incident_id=None,
                model=monitor.model,
                deduplication_key=f"rollback/{cause_key}",
                destination=monitor.config.alerts.slack_connection,
                message=_rollback_message(monitor, window, outcome, context).to_json(),
                at=now,
            )
    return outcome


def _rollback_message(monitor: Monitor, window: Window, outcome: RollbackOutcome, context: Context) -> AlertMessage:
    config = monitor.config
    done = outcome.is_done
    return AlertMessage(
        model=config.model,
        owner=config.owner,
        channel=config.slack_channel,
        title=f"{config.model}: {'rolled back' if done else 'rollback not done'}",
        severity=Severity.CRITICAL,
        window=window,
        verdict=outcome.explanation,
        items=(AlertItem(Severity.CRITICAL, outcome.bad_version, outcome.explanation, ""),),
        links=context.links,
    )
