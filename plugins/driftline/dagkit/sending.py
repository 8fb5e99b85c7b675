"""Sending alerts by Airflow's connections; the kind of the alert and the type of the connection say which way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from driftline.alerts.delivery import AlertKind, NotDelivered, Outgoing, Receipt
from driftline.errors import ConnectionNotConfigured, DriftlineError

if TYPE_CHECKING:
    from airflow.sdk import Connection

TIMEOUT_SECONDS = 10
"""A receiver that does not answer within so long counts as not having taken the alert; the extra ``timeout`` wins."""


def send_alert(outgoing: Outgoing) -> Receipt:
    """Sends one alert (`driftline.alerts.Send`). No secret of the connection is in what it raises.

    Raises
    ------
    ConnectionNotConfigured
        When Airflow has no such connection, or one of a type that cannot carry such an alert.
    NotDelivered
        When the receiver did not take it.
    """
    connection = _connection(outgoing.destination)
    senders = _SENDERS[outgoing.kind]
    sender = senders.get(connection.conn_type) or senders.get(_ANY)
    if sender is None:
        raise ConnectionNotConfigured(
            f"The connection {outgoing.destination!r} is of type {connection.conn_type!r}, which carries no "
            f"{outgoing.kind}. Give it one of these types: {', '.join(senders)}."
        )
    try:
        return sender(outgoing, connection)
    except DriftlineError as error:
        error.args = (_scrubbed(str(error), connection),)
        raise
    except Exception as error:
        raise NotDelivered(_scrubbed(f"{type(error).__name__}: {error}", connection)) from None


def _connection(connection_id: str) -> Connection:
    try:
        return BaseHook.get_connection(connection_id)
    except (AirflowNotFoundException, AirflowRuntimeError) as error:
        raise ConnectionNotConfigured(
            f"Airflow has no connection {connection_id!r}. Add it (Admin, Connections), or set "
            f"AIRFLOW_CONN_{connection_id.upper()}."
        ) from error


def _scrubbed(text: str, connection: Connection) -> str:
    from driftline.alerts.scrubbing import without_known, without_secrets

    return without_secrets(without_known(text, [connection.password]))


def _by_slack_api(outgoing: Outgoing, connection: Connection) -> Receipt:
    from driftline.dagkit.sending_slack import send_by_api

    return send_by_api(outgoing, connection.extra_dejson.get("channel", ""), _timeout(connection))


def _by_slack_webhook(outgoing: Outgoing, connection: Connection) -> Receipt:
    from driftline.dagkit.sending_slack import send_by_webhook

    return send_by_webhook(outgoing, _timeout(connection))


def _by_pagerduty(outgoing: Outgoing, connection: Connection) -> Receipt:
    from driftline.dagkit.sending_pages import send_page

    return send_page(outgoing, _address(connection) if connection.host else None, _timeout(connection))


def _by_ticket_hook(outgoing: Outgoing, connection: Connection) -> Receipt:
    from driftline.alerts.tickets import Ticket, TicketConnection, ticket_hook

    hook = ticket_hook(outgoing.message["hook"])
    at = TicketConnection(
        url=_address(connection),
        login=connection.login or "",
        password=connection.password or "",
        extra={"timeout": TIMEOUT_SECONDS, **connection.extra_dejson},
    )
    return Receipt(str(hook.open_ticket(Ticket.from_json(outgoing.message["ticket"]), at, outgoing.key) or ""))


def _timeout(connection: Connection) -> int:
    return int(connection.extra_dejson.get("timeout", TIMEOUT_SECONDS))


def _address(connection: Connection) -> str:
    """The connection's address as Airflow's HTTP hook reads it: the schema is the protocol, https where none is given.

    A path (and a query) is part of the host, which then begins with the protocol, or of the extra ``endpoint``.
    """
    host = (connection.host or "").rstrip("/")
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}"
    if connection.port:
        protocol, _, rest = host.partition("://")
        name, slash, path = rest.partition("/")
        host = f"{protocol}://{name}:{connection.port}{slash}{path}"
    endpoint = str(connection.extra_dejson.get("endpoint", "")).lstrip("/")
    return f"{host}/{endpoint}" if endpoint else host


_ANY = "any that the ticket hook understands"
_SENDERS: dict[AlertKind, dict[str, Callable[[Outgoing, Any], Receipt]]] = {
    AlertKind.MESSAGE: {"slack": _by_slack_api, "slackwebhook": _by_slack_webhook},
    AlertKind.PAGE: {"pagerduty_events": _by_pagerduty},
    AlertKind.TICKET: {_ANY: _by_ticket_hook},
}
