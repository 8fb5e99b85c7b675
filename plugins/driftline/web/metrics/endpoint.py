"""`/driftline/metrics`, behind a token of its own: Prometheus has no Airflow login."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from http import HTTPStatus

from fastapi import Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import SecretStr
from sqlalchemy import Engine

from driftline.store.scraping import Scrape, read_scrape
from driftline.web.metrics.collector import StoreCollector

METRICS_CONNECTION = "driftline_metrics"
"""The connection whose password is the token, by Airflow's name for it."""

TOKEN_VARIABLE = "DRIFTLINE_METRICS_TOKEN"  # noqa: S105 - a variable's name
SHORTEST_TOKEN = 16

LONGEST_SCRAPE_SECONDS = 8.0
"""Prometheus waits 10 s unless it is configured otherwise."""
_SHARE_OF_TIMEOUT = 0.8
_SCRAPES_AT_ONCE = 2
"""Of a pair of Prometheus servers; more would only keep threads from Airflow's own pages."""

ReadToken = Callable[[], SecretStr | None]
"""The token that is asked for; None where none is configured."""


def metrics_endpoint(open_store: Callable[[], Engine], read_token: ReadToken) -> Callable[[Request], Response]:
    """Answers a scrape: for a route without any other authentication.

    Refuses with 503 where no token is configured or two scrapes are under way, with 401 where the request does not
    carry the token. A store that cannot be read is told by `driftline_up 0`, with 200.
    """
    gate = threading.BoundedSemaphore(_SCRAPES_AT_ONCE)

    def answer(request: Request) -> Response:
        refusal = _refusal(request, read_token())
        if refusal is not None:
            return refusal
        if not gate.acquire(blocking=False):
            return _told(HTTPStatus.SERVICE_UNAVAILABLE, "Other scrapes are under way. Scrape less often.")
        try:
            return _exposition(request, lambda: read_scrape(open_store(), _seconds(request)))
        finally:
            gate.release()

    return answer


def _refusal(request: Request, token: SecretStr | None) -> Response | None:
    if token is None:
        return _told(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"No token is configured, so nobody may scrape. Set {TOKEN_VARIABLE} for Airflow's API server, or add the "
            f"connection {METRICS_CONNECTION} with the token as its password, and give it to Prometheus.",
        )
    expected = token.get_secret_value()
    if len(expected) < SHORTEST_TOKEN:
        return _told(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"The token that is configured is shorter than {SHORTEST_TOKEN} characters, so nobody may scrape. Make "
            "one: openssl rand -hex 32",
        )
    if not _carries(request, expected):
        return _told(
            HTTPStatus.UNAUTHORIZED,
            "Send the token that is configured for scraping: Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )
    return None


def _carries(request: Request, expected: str) -> bool:
    """In a time that tells nothing of the token, not even its length."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    digests = [hashlib.sha256(each).digest() for each in (given.strip().encode("latin-1"), expected.encode())]
    return hmac.compare_digest(*digests) and scheme.lower() == "bearer"


def _seconds(request: Request) -> float:
    """How long reading may take: less than the scraper waits, which it says."""
    try:
        waits = float(request.headers.get("x-prometheus-scrape-timeout-seconds", ""))
    except ValueError:
        return LONGEST_SCRAPE_SECONDS
    return min(max(waits * _SHARE_OF_TIMEOUT, 0.1), LONGEST_SCRAPE_SECONDS)


def _exposition(request: Request, read: Callable[[], Scrape]) -> Response:
    """In the format that the scraper asks for: Prometheus' own text, or OpenMetrics."""
    registry = CollectorRegistry()
    registry.register(StoreCollector(read))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={**_HEADERS, "Content-Type": content_type})


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _told(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{message}\n", status, {**_HEADERS, **(headers or {})}, "text/plain; charset=utf-8")
