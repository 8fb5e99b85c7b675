"""Tickets by webhook: one POST of JSON, which most trackers and automation tools can take."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx

from driftline.alerts.answers import require_taken
from driftline.alerts.tickets import Ticket, TicketConnection

KEY_HEADER = "Idempotency-Key"
TIMEOUT_SECONDS = 10.0
_MAX_REFERENCE = 200


class TicketWebhook:
    """POSTs `Ticket.to_json` to the connection's address, with the key of the ticket in the header ``Idempotency-Key``.

    Login and password are sent as basic authentication, a password alone as a bearer token. Of a JSON answer the value
    of ``key``, ``id``, ``number`` or ``url`` is kept as the ticket's name.
    """

    def open_ticket(self, ticket: Ticket, connection: TicketConnection, key: str) -> str:
        """See `driftline.alerts.tickets.TicketHook`."""
        headers = {KEY_HEADER: key}
        basic = httpx.BasicAuth(connection.login, connection.password) if connection.login else None
        if connection.password and basic is None:
            headers["Authorization"] = f"Bearer {connection.password}"
        with _address_not_logged():
            answer = httpx.post(
                connection.url,
                json=ticket.to_json(),
                headers=headers,
                auth=basic,
                timeout=float(connection.extra.get("timeout", TIMEOUT_SECONDS)),
                follow_redirects=False,
            )
        require_taken("The ticket webhook", answer.status_code, answer.text, answer.headers, datetime.now(UTC))
        return _reference(answer.text)


@contextmanager
def _address_not_logged() -> Iterator[None]:
    """The client logs whole addresses, and that of a webhook may be its secret."""
    log = logging.getLogger("httpx")
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


def _reference(body: str) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    named = (answer.get(name) for name in ("key", "id", "number", "url"))
    return next((str(value)[:_MAX_REFERENCE] for value in named if isinstance(value, str | int)), "")
