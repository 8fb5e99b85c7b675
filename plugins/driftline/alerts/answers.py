"""What a receiver's answer over HTTP means for an alert: taken, refused, or to be tried again, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from driftline.alerts.delivery import AlertRefused, DestinationRefused, NotDelivered, ReceiverBusy

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
"""A receiver that asks for more is asked again after this."""
DEFAULT_PAUSE = timedelta(seconds=30)
"""Where it says that it is busy, and not for how long."""

_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_ABOUT_THE_ALERT = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


def require_taken(receiver: str, status: int, body: str, headers: Mapping[str, str], now: datetime) -> None:
    """Returns for a status of 200 to 299.

    Parameters
    ----------
    receiver:
        How it is called in the error.

    Raises
    ------
    ReceiverBusy
        429, or 503 with a ``Retry-After``: with the wait that the header asks for, a second to an hour.
    AlertRefused
        400, 409, 413, 422: the alert itself is at fault.
    DestinationRefused
        Any other of 400 to 499, but 408 and 425: so it will answer until the connection is mended.
    NotDelivered
        Any other: a fault of the receiver, or of the connection to it.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    said = f"{receiver} answered {status}: {' '.join(body.split())[:200] or 'nothing'}"
    asked = {name.lower(): value for name, value in headers.items()}.get("retry-after")
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status in _BUSY and asked is not None):
        raise ReceiverBusy(said, pause(asked, now))
    if status in _ABOUT_THE_ALERT:
        raise AlertRefused(said)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PASSING:
        raise DestinationRefused(said)
    raise NotDelivered(said)


def pause(retry_after: str | None, now: datetime) -> timedelta:
    """The wait that a ``Retry-After`` header asks for (seconds or a date, RFC 9110, section 10.2.3)."""
    asked = None if retry_after is None else _span(retry_after.strip(), now)
    return DEFAULT_PAUSE if asked is None else min(max(asked, SHORTEST_PAUSE), LONGEST_PAUSE)


def _span(written: str, now: datetime) -> timedelta | None:
    if written.isascii() and written.isdigit():
        return timedelta(seconds=min(int(written), 10**9))
    try:
        moment = parsedate_to_datetime(written)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
