"""The alert outbox: an alert is written with what it is about, in one transaction, and sent afterwards.

Slack being down loses nothing: an alert stays pending until it was sent. It is sent once: whoever sends it holds its
row's lock from the claim to the commit that marks it sent, and other drains skip locked rows. One gap is left, which no
protocol without the receiver's help closes: a process (or its database connection) that dies after the receiver took
the alert and before the commit leaves it pending, and the next drain sends it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, func, literal, select, true, update
from sqlalchemy.dialects.postgresql import insert

from driftline.alerts.delivery import Delivery, DeliveryStatus, wait_after
from driftline.alerts.scrubbing import without_secrets
from driftline.errors import InputError
from driftline.store.engine import store_transaction
from driftline.store.json_values import json_safe
from driftline.store.tables import alert_outbox
from driftline.windows import as_utc

Send = Callable[[str, dict[str, Any]], None]
"""Takes the destination and the message (`AlertMessage.to_json`); raises where the receiver did not take it."""

FAILURES_BEFORE_PAUSE = 3
"""After so many failures in a row a drain leaves the rest for the next one: the receiver is down, and every further
attempt would only wait for another time-out. One message that the receiver refuses does not stop the others."""


def enqueue(
    connection: Connection,
    *,
    incident_id: int | None,
    model: str,
    deduplication_key: str,
    destination: str,
    message: Mapping[str, Any],
    at: datetime | None = None,
) -> bool:
    """Puts an alert into the outbox, in the caller's transaction; False where its key is in it already, sent or not.

    Parameters
    ----------
    destination:
        Name of the connection to send by. Never an address: a webhook's address is a secret.
    at:
        Defaults to the database's clock, which drains go by too.

    Raises
    ------
    InputError
        When ``destination`` is an address.
    """
    _refuse_address(destination)
    moment = func.now() if at is None else literal(as_utc(at, "at"))
    added = connection.execute(
        insert(alert_outbox)
        .values(
            incident_id=incident_id,
            model=model,
            deduplication_key=deduplication_key,
            destination=destination,
            message=json_safe(message),
            status=DeliveryStatus.PENDING.value,
            attempts=0,
            next_attempt_at=moment,
            created_at=moment,
            last_error="",
        )
        .on_conflict_do_nothing(index_elements=["deduplication_key"])
        .returning(alert_outbox.c.alert_id)
    )
    return added.scalar_one_or_none() is not None


def deliver_pending(
    engine: Engine, send: Send, *, model: str | None = None, now: datetime | None = None, limit: int = 100
) -> Delivery:
    """Sends the alerts that are due, the one that waits longest first, each in a transaction of its own.

    A failed send is reported, never raised; the alert waits (`driftline.alerts.delivery.wait_after`) and stays pending.

    Parameters
    ----------
    model:
        Drains only this model's alerts.
    now:
        Alerts due by this moment are sent; defaults to the database's clock.
    limit:
        The most alerts to try.

    Raises
    ------
    StoreError
        When the database is unreachable or not migrated.
    """
    if now is None:
        drain = _Drain(engine, send, model, due_by=_now(engine), moment=func.clock_timestamp())
    else:
        drain = _Drain(engine, send, model, due_by=as_utc(now, "now"), moment=literal(as_utc(now, "now")))
    for _ in range(limit):
        if drain.is_paused or not drain.deliver_next():
            break
    return drain.outcome()


@dataclass
class _Drain:
    engine: Engine
    send: Send
    model: str | None
    due_by: datetime
    """Fixed when the drain starts, so that it tries each alert once, however long it lasts."""
    moment: ColumnElement[Any]
    """Of an attempt's end."""
    sent: int = 0
    failures: list[str] = field(default_factory=list)
    failures_in_a_row: int = 0

    @property
    def is_paused(self) -> bool:
        return self.failures_in_a_row >= FAILURES_BEFORE_PAUSE

    def deliver_next(self) -> bool:
        """Sends one alert, or records why that failed; False when none is due."""
        with store_transaction(self.engine) as connection:
            alert = self._claim(connection)
            if alert is None:
                return False
            error = self._try(alert)
            outcome = _sent(self.moment) if error is None else _failed(alert, self.moment, error)
            connection.execute(update(alert_outbox).where(alert_outbox.c.alert_id == alert.alert_id).values(outcome))
        self._count(error)
        return True

    def outcome(self) -> Delivery:
        with store_transaction(self.engine) as connection:
            remaining, next_attempt_at = connection.execute(
                select(func.count(), func.min(alert_outbox.c.next_attempt_at)).where(self._is_pending())
            ).one()
        return Delivery(
            sent=self.sent,
            failed=len(self.failures),
            remaining=remaining,
            last_error=self.failures[-1] if self.failures else "",
            next_attempt_at=next_attempt_at,
        )

    def _claim(self, connection: Connection) -> Row[Any] | None:
        """Locks the next alert that nobody else is sending."""
        query = (
            select(alert_outbox)
            .where(self._is_pending(), alert_outbox.c.next_attempt_at <= self.due_by)
            .order_by(alert_outbox.c.next_attempt_at, alert_outbox.c.alert_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        return connection.execute(query).one_or_none()

    def _try(self, alert: Row[Any]) -> str | None:
        """None when it was sent, else why not. Whatever a sender raises must not stop the other alerts."""
        try:
            self.send(alert.destination, alert.message)
        except Exception as error:
            return json_safe(without_secrets(f"{type(error).__name__}: {error}"))  # type: ignore[no-any-return]
        return None

    def _count(self, error: str | None) -> None:
        if error is None:
            self.sent += 1
            self.failures_in_a_row = 0
        else:
            self.failures.append(error)
            self.failures_in_a_row += 1

    def _is_pending(self) -> ColumnElement[bool]:
        is_of_model = true() if self.model is None else alert_outbox.c.model == self.model
        return and_(alert_outbox.c.status == DeliveryStatus.PENDING.value, is_of_model)


def _now(engine: Engine) -> datetime:
    """The database's clock, which all who write to the outbox share."""
    with store_transaction(engine) as connection:
        moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def _sent(moment: ColumnElement[Any]) -> dict[str, Any]:
    return {
        "status": DeliveryStatus.SENT.value,
        "attempts": alert_outbox.c.attempts + 1,
        "sent_at": moment,
        "last_error": "",
    }


def _failed(alert: Row[Any], moment: ColumnElement[Any], error: str) -> dict[str, Any]:
    attempts = alert.attempts + 1
    return {"attempts": attempts, "next_attempt_at": moment + wait_after(attempts), "last_error": error}


def _refuse_address(destination: str) -> None:
    if "://" in destination or not destination.strip():
        raise InputError(
            "The destination of an alert is empty or an address. Give the name of a connection, for example "
            "slack_alerts: an address is a secret and is never stored."
        )
