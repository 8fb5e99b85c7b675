"""A receiver on this machine for pages and tickets: PagerDuty's Events API v2, and a tracker that takes webhooks.

For tests of real HTTP, and to see what would be sent. Answers as PagerDuty does: 202 with the key, or 400 with what is
wrong. A ticket is answered with 201 and its number; the same ``Idempotency-Key`` gets the same number. Nothing leaves
the machine. Protocol: https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from driftline.local.slack_receiver import LOOPBACK, MAX_BODY_BYTES, Failure

EVENTS_PATH = "/v2/enqueue"
TICKETS_PATH = "/tickets"
KEY_LENGTH = 32
ACTIONS = frozenset({"trigger", "acknowledge", "resolve"})


class PageReceiver(ThreadingHTTPServer):
    """Listens on 127.0.0.1, on a free port, with TLS: PagerDuty's client talks to nothing else.

    Parameters
    ----------
    certificate:
        PEM file of a certificate for 127.0.0.1 and its key.
    """

    daemon_threads = True

    def __init__(self, certificate: Path) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self._failures: deque[Failure] = deque()
        self._lock = threading.Lock()
        self.events: list[dict[str, Any]] = []
        """What PagerDuty would have taken, in order."""
        self.tickets: dict[str, dict[str, Any]] = {}
        """By idempotency key."""
        self.authorizations: list[str] = []
        self.requests = 0
        """Also those that were failed or refused."""

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.server_address[1]}"

    def fail(self, *failures: Failure) -> None:
        """The next requests fail so, one each."""
        with self._lock:
            self._failures.extend(failures)

    def mend(self) -> None:
        """No request fails any more."""
        with self._lock:
            self._failures.clear()

    def forget(self) -> None:
        """As if nothing had arrived."""
        with self._lock:
            self.events.clear()
            self.tickets.clear()
            self.authorizations.clear()
            self.requests = 0

    def receive(self, path: str, body: Any, key: str, authorization: str) -> tuple[int, dict[str, Any], str | None]:
        """Judges one request; the status, the answer, and the header ``Retry-After``."""
        with self._lock:
            self.requests += 1
            failure = self._failures.popleft() if self._failures else None
        if failure is not None:
            time.sleep(failure.silence_seconds)
            return failure.status, {"status": "failed"}, failure.retry_after
        with self._lock:
            if path == EVENTS_PATH:
                return (*self._take_event(body), None)
            self.authorizations.append(authorization)
            return (*self._take_ticket(body, key), None)

    def _take_event(self, body: Any) -> tuple[int, dict[str, Any]]:
        if faults := list(_faults(body)):
            return HTTPStatus.BAD_REQUEST, {"status": "invalid event", "errors": faults}
        self.events.append(body)
        return HTTPStatus.ACCEPTED, {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}

    def _take_ticket(self, body: Any, key: str) -> tuple[int, dict[str, Any]]:
        if not key or not isinstance(body, dict):
            return HTTPStatus.BAD_REQUEST, {"error": "no Idempotency-Key, or no ticket"}
        self.tickets.setdefault(key, body)
        return HTTPStatus.CREATED, {"key": f"OPS-{list(self.tickets).index(key) + 1}"}


@contextmanager
def start_page_receiver(certificate: Path) -> Iterator[PageReceiver]:
    """A receiver that works in a thread of this process until the block ends."""
    receiver = PageReceiver(certificate)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: PageReceiver
    timeout = 30

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if self.path not in {EVENTS_PATH, TICKETS_PATH} or not size.isdigit() or int(size) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(HTTPStatus.NOT_FOUND, {}, None)
            return
        try:
            body = json.loads(self.rfile.read(int(size)))
        except ValueError:
            body = None
        headers = self.headers
        key, authorization = headers.get("Idempotency-Key", ""), headers.get("Authorization", "")
        status, answer, retry_after = self.server.receive(self.path, body, key, authorization)
        with suppress(ConnectionError):
            self._answer(status, answer, retry_after)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing on the terminal."""

    def _answer(self, status: int, answer: dict[str, Any], retry_after: str | None) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(content)


def _faults(event: Any) -> Iterator[str]:
    if not isinstance(event, dict):
        yield "is not an object"
        return
    if len(str(event.get("routing_key", ""))) != KEY_LENGTH:
        yield f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)"
    if event.get("event_action") not in ACTIONS:
        yield "'event_action' is invalid"
    if not event.get("dedup_key") or len(event["dedup_key"]) > 255:
        yield "'dedup_key' is missing or too long"
    payload = event.get("payload", {})
    if event.get("event_action") == "trigger" and not (payload.get("summary") and payload.get("source")):
        yield "'payload.summary' or 'payload.source' is missing"
    if payload.get("severity") not in {"critical", "error", "warning", "info"}:
        yield "'payload.severity' is invalid"
