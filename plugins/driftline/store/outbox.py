"""The alert outbox: an alert is written with what it is about, in one transaction, and sent afterwards.

A receiver being down loses nothing: an alert stays pending until it was sent. One that is refused again and again by a
receiver that works has failed: it is kept, it is an incident, and a person sends it again (`store.failed_alerts`).

An alert is sent once: whoever sends it holds its row's lock from the claim to the commit that marks it sent, and other
drains skip locked rows. One gap is left, which no protocol without the receiver's help closes: a process (or its
database connection) that dies after the receiver took the alert and before the commit leaves it pending, and so does a
receiver that takes it and does not answer in time; the next drain sends it again. Pages and tickets carry a key by
which their receivers know them again.

Of the alerts about an incident, a destination gets the earlier first. Destinations do not wait for each other: each is
drained by itself, those that answered last time before those that did not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, case, func, literal, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from driftline.alerts.delivery import (
    REFUSALS,
    AlertKind,
    AlertRefused,
    Delivery,
    DeliveryStatus,
    Outgoing,
    Receipt,
    ReceiverBusy,
    RefusedForGood,
    Send,
    wait_after,
)
from driftline.alerts.scrubbing import without_secrets, without_tokens
from driftline.errors import InputError
from driftline.store.alert_threads import known_thread, remember_thread
from driftline.store.engine import store_transaction
from driftline.store.json_values import json_safe
from driftline.store.tables import alert_destinations, alert_outbox
from driftline.windows import as_utc

FAILURES_BEFORE_PAUSE = 3
"""After so many failures in a row a drain leaves a destination's rest for the next one: the receiver is down, and every
further attempt would only wait for another time-out. One alert that the receiver refuses does not stop the others."""


def enqueue(
    connection: Connection,
    *,
    incident_id: int | None,
    model: str,
    deduplication_key: str,
    destination: str,
    message: Mapping[str, Any],
    at: datetime | None = None,
    kind: AlertKind = AlertKind.MESSAGE,
    incident_ids: Sequence[int] = (),
    subjects: Collection[str] = (),
    is_silenced: bool = False,
) -> bool:
    """Puts an alert into the outbox, in the caller's transaction; False where its key is in it already, sent or not.

    What looks like a token or a password in its texts is starred out.

    Parameters
    ----------
    incident_id:
        The incident in whose thread it belongs; None where it is about none.
    destination:
        Name of the connection to send by. Never an address: a webhook's address is a secret.
    at:
        Defaults to the database's clock, which drains go by too.
    incident_ids:
        All incidents that it is about; by default the one.
    subjects:
        What it is told for; a silence of these keeps it silenced.
    is_silenced:
        It is kept, and not sent (`driftline.store.silences`).

    Raises
    ------
    InputError
        When ``destination`` is an address.
    """
    _refuse_address(destination)
    moment = func.now() if at is None else literal(as_utc(at, "at"))
    status = DeliveryStatus.SILENCED if is_silenced else DeliveryStatus.PENDING
    added = connection.execute(
        insert(alert_outbox)
        .values(
            incident_id=incident_id,
            model=model,
            deduplication_key=deduplication_key,
            destination=destination,
            message=json_safe(without_tokens(message)),
            status=status.value,
            attempts=0,
            next_attempt_at=moment,
            created_at=moment,
            last_error="",
            kind=kind.value,
            incident_ids=list(incident_ids or ([] if incident_id is None else [incident_id])),
            subjects=sorted(map(json_safe, subjects)),
        )
        .on_conflict_do_nothing(index_elements=["deduplication_key"])
        .returning(alert_outbox.c.alert_id)
    )
    return added.scalar_one_or_none() is not None


def deliver_pending(
    engine: Engine, send: Send, *, model: str | None = None, now: datetime | None = None, limit: int = 100
) -> Delivery:
    """Sends the alerts that are due, each in a transaction of its own, of each destination the longest waiting first.

    A failed send is reported, never raised; the alert waits (`driftline.alerts.delivery.wait_after`) and stays pending.
    Where the receiver asks for a pause, nothing is sent to that destination until it is over.

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
    for destination in drain.due_destinations():
        to_one = _ToOne(drain, destination)
        while drain.attempts < limit and not to_one.is_paused and to_one.deliver_next():
            pass
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

    @property
    def attempts(self) -> int:
        return self.sent + len(self.failures)

    def due_destinations(self) -> list[str]:
        """Those that answered last time first, then the longest waiting."""
        known = alert_destinations.c
        query = (
            select(alert_outbox.c.destination)
            .outerjoin(alert_destinations, known.destination == alert_outbox.c.destination)
            .where(
                self.is_pending(),
                alert_outbox.c.next_attempt_at <= self.due_by,
                or_(known.not_before.is_(None), known.not_before <= self.due_by),
            )
            .group_by(alert_outbox.c.destination, known.failing_since)
            .order_by(known.failing_since.nulls_first(), func.min(alert_outbox.c.next_attempt_at))
        )
        with store_transaction(self.engine) as connection:
            return list(connection.execute(query).scalars())

    def outcome(self) -> Delivery:
        with store_transaction(self.engine) as connection:
            remaining, next_attempt_at, destinations = connection.execute(
                select(
                    func.count(),
                    func.min(alert_outbox.c.next_attempt_at),
                    func.array_agg(alert_outbox.c.destination.distinct()),
                ).where(self.is_pending())
            ).one()
        return Delivery(
            sent=self.sent,
            failed=len(self.failures),
            remaining=remaining,
            last_error=self.failures[-1] if self.failures else "",
            next_attempt_at=next_attempt_at,
            waiting_for=tuple(destinations or ()),
        )

    def is_pending(self) -> ColumnElement[bool]:
        is_of_model = true() if self.model is None else alert_outbox.c.model == self.model
        return and_(alert_outbox.c.status == DeliveryStatus.PENDING.value, is_of_model)


@dataclass
class _ToOne:
    """The drain of one destination."""

    drain: _Drain
    destination: str
    failures_in_a_row: int = 0
    is_asked_to_wait: bool = False

    @property
    def is_paused(self) -> bool:
        return self.is_asked_to_wait or self.failures_in_a_row >= FAILURES_BEFORE_PAUSE

    def deliver_next(self) -> bool:
        """Sends one alert, or records why that failed; False when none is due."""
        with store_transaction(self.drain.engine) as connection:
            alert = self._claim(connection)
            if alert is None:
                return False
            tried = self._try(connection, alert)
            row = update(alert_outbox).where(alert_outbox.c.alert_id == alert.alert_id)
            connection.execute(row.values(_outcome(alert, tried, self.drain.moment)))
        self._count(tried)
        return True

    def _claim(self, connection: Connection) -> Row[Any] | None:
        """Locks the next alert that nobody else is sending, and that no earlier one of its incidents must precede."""
        query = (
            select(alert_outbox)
            .where(
                self.drain.is_pending(),
                alert_outbox.c.destination == self.destination,
                alert_outbox.c.next_attempt_at <= self.drain.due_by,
                ~_earlier_of_the_same_incident(),
            )
            .order_by(alert_outbox.c.next_attempt_at, alert_outbox.c.alert_id)
            .limit(1)
            .with_for_update(skip_locked=True, of=alert_outbox)
        )
        return connection.execute(query).one_or_none()

    def _try(self, connection: Connection, alert: Row[Any]) -> Receipt | Exception:
        """Whatever a sender raises must not stop the other alerts."""
        thread = known_thread(connection, alert.destination, alert.incident_ids)
        try:
            receipt = self.drain.send(
                Outgoing(
                    kind=AlertKind(alert.kind),
                    destination=alert.destination,
                    message=alert.message,
                    key=alert.deduplication_key,
                    thread=thread,
                )
            )
        except Exception as error:
            return error
        taken = receipt or Receipt()
        if taken.thread is not None:
            remember_thread(connection, alert.destination, alert.incident_ids, taken.thread, lost=thread)
        elif thread is not None:
            remember_thread(connection, alert.destination, alert.incident_ids, thread, lost=None)
        return taken

    def _count(self, tried: Receipt | Exception) -> None:
        """Afterwards, in a transaction of its own: two drains must not wait for each other's destinations."""
        if isinstance(tried, Receipt):
            self.drain.sent += 1
            self.failures_in_a_row = 0
            self._note_answer()
            return
        self.drain.failures.append(_error(tried))
        self.failures_in_a_row += 1
        if isinstance(tried, ReceiverBusy):
            self.is_asked_to_wait = True
        if not isinstance(tried, AlertRefused):
            self._note_failure(tried.wait if isinstance(tried, ReceiverBusy) else None)

    def _note_answer(self) -> None:
        is_known = and_(
            alert_destinations.c.destination == self.destination, alert_destinations.c.failing_since.is_not(None)
        )
        with store_transaction(self.drain.engine) as connection:
            connection.execute(update(alert_destinations).where(is_known).values(failing_since=None, not_before=None))

    def _note_failure(self, wait: Any) -> None:
        not_before = None if wait is None else self.drain.moment + wait
        noted = insert(alert_destinations).values(
            destination=self.destination, failing_since=self.drain.moment, not_before=not_before
        )
        failing_since = func.coalesce(alert_destinations.c.failing_since, noted.excluded.failing_since)
        changed = {"failing_since": failing_since, "not_before": noted.excluded.not_before}
        with store_transaction(self.drain.engine) as connection:
            connection.execute(noted.on_conflict_do_update(index_elements=["destination"], set_=changed))


def _earlier_of_the_same_incident() -> ColumnElement[bool]:
    """Whether one waits that this one must not overtake; one that the receiver takes exception to holds up nothing."""
    earlier = alert_outbox.alias("earlier")
    return (
        select(earlier.c.alert_id)
        .where(
            earlier.c.status == DeliveryStatus.PENDING.value,
            earlier.c.destination == alert_outbox.c.destination,
            earlier.c.alert_id < alert_outbox.c.alert_id,
            earlier.c.incident_ids.overlap(alert_outbox.c.incident_ids),
            ~earlier.c.is_refused,
        )
        .correlate(alert_outbox)
        .exists()
    )


def _now(engine: Engine) -> datetime:
    """The database's clock, which all who write to the outbox share."""
    with store_transaction(engine) as connection:
        moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def _outcome(alert: Row[Any], tried: Receipt | Exception, moment: ColumnElement[Any]) -> dict[str, Any]:
    attempts = alert.attempts + 1
    if isinstance(tried, Receipt):
        sent = {"status": DeliveryStatus.SENT.value, "sent_at": moment, "receipt": json_safe(tried.reference)}
        return {**sent, "attempts": attempts, "last_error": "", "is_refused": False}
    wait = wait_after(attempts)
    refused = _refused(alert, tried, moment) if isinstance(tried, RefusedForGood) else {}
    return {
        "attempts": attempts,
        "next_attempt_at": moment + (max(wait, tried.wait) if isinstance(tried, ReceiverBusy) else wait),
        "last_error": _error(tried),
        "is_refused": isinstance(tried, AlertRefused),
        **refused,
    }


def _refused(alert: Row[Any], refusal: RefusedForGood, moment: ColumnElement[Any]) -> dict[str, Any]:
    """One refusal more; after enough of them, over long enough, the alert has failed."""
    counted = {"refusals": alert.refusals + 1, "refused_since": func.coalesce(alert_outbox.c.refused_since, moment)}
    if alert.refused_since is None or alert.refusals + 1 < REFUSALS:
        return counted
    is_given_up = moment - literal(alert.refused_since) >= literal(refusal.given_up_after)
    status = case((is_given_up, DeliveryStatus.FAILED.value), else_=DeliveryStatus.PENDING.value)
    return {**counted, "status": status}


def _error(error: Exception) -> str:
    return json_safe(without_secrets(f"{type(error).__name__}: {error}"))  # type: ignore[no-any-return]


def _refuse_address(destination: str) -> None:
    if "://" in destination or not destination.strip():
        raise InputError(
            "The destination of an alert is empty or an address. Give the name of a connection, for example "
            "slack_alerts: an address is a secret and is never stored."
        )
