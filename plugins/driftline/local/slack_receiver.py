"""A receiver on this machine that speaks the protocol of Slack's incoming webhooks and shows what arrived.

For a demo without a Slack workspace, and for tests. Answers as Slack does: 200 "ok"; 400 "invalid_payload", "no_text"
or "invalid_blocks". It also answers Slack's method ``chat.postMessage``, with threads. Nothing leaves the machine.
Protocols: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from driftline.alerts.block_kit import violations
from driftline.local.slack_page import page

LOOPBACK = "127.0.0.1"
WEBHOOK_PATH = "/services/"
API_PATH = "/api/"
POST_MESSAGE = f"{API_PATH}chat.postMessage"
MAX_BODY_BYTES = 1_000_000
KEPT_IN_MEMORY = 200
"""Messages that the page shows; the log has all requests."""
_READ_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Failure:
    """How the receiver fails one request.

    Attributes
    ----------
    retry_after:
        Of a status of 429 or 503: value of the header ``Retry-After``.
    silence_seconds:
        So long nothing is answered, and what was sent is not taken.
    error:
        What a method of the API answers with the status 200.
    """

    status: int
    retry_after: str | None = None
    silence_seconds: float = 0.0
    error: str = "fatal_error"


@dataclass(frozen=True)
class ReceivedRequest:
    """One request to the webhook or the API and its answer; one line of the log.

    Attributes
    ----------
    body:
        The JSON value that was sent, or the text where it is not JSON.
    """

    received_at: str
    path: str
    status: int
    answer: str
    body: Any
    retry_after: str | None = None

    @property
    def is_message(self) -> bool:
        return self.status == HTTPStatus.OK and not self.answer.startswith('{"ok": false')


class SlackReceiver(ThreadingHTTPServer):
    """Listens and appends every request to the webhook to a JSON-lines file.

    Parameters
    ----------
    port:
        0 lets the system choose.
    log:
        A file that exists is gone on with: what it holds is shown again.
    fail_with:
        Failures (or their status codes) of the next requests, one each, before the receiver works; for tests of failing
        deliveries.
    host:
        Address to listen on: another than 127.0.0.1 only where nobody else can reach it, as in a container.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, port: int = 0, log: Path | None = None, fail_with: Iterable[int | Failure] = (), host: str = LOOPBACK
    ) -> None:
        super().__init__((host, port), _Handler)
        self._log = log
        self._failures = deque(fail_with)
        self._lock = threading.Lock()
        self._messages = 0
        self._requests = deque(_logged(log), maxlen=KEPT_IN_MEMORY)

    @property
    def url(self) -> str:
        """Address of the page that shows what arrived."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/"

    @property
    def webhook_url(self) -> str:
        """Address to send to; the last part is as free as it is in Slack."""
        return f"http://{LOOPBACK}:{self.server_address[1]}{WEBHOOK_PATH}driftline/local"

    @property
    def api_url(self) -> str:
        """The extra ``base_url`` of a Slack API connection that leads here."""
        return f"http://{LOOPBACK}:{self.server_address[1]}{API_PATH}"

    def fail(self, *failures: int | Failure) -> None:
        """The next requests fail so, one each."""
        with self._lock:
            self._failures.extend(failures)

    def mend(self) -> None:
        """No request fails any more."""
        with self._lock:
            self._failures.clear()

    def forget(self) -> None:
        """As if nothing had arrived; the log keeps it."""
        with self._lock:
            self._requests.clear()

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The last requests to the webhook, accepted or not, the oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def messages(self) -> list[Any]:
        """Bodies of the accepted requests, the oldest first."""
        return [request.body for request in self.requests if request.is_message]

    def receive(self, path: str, raw: bytes, authorization: str = "") -> ReceivedRequest:
        """Judges one request as Slack would, and keeps it."""
        body = _parsed(raw)
        with self._lock:
            forced = self._failures.popleft() if self._failures else None
        failure = Failure(forced) if isinstance(forced, int) else forced
        time.sleep(failure.silence_seconds if failure else 0)
        with self._lock:
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            if failure is not None:
                status, answer, retry_after = failure.status, _failure_text(failure, path), failure.retry_after
            else:
                status, answer = _judge_call(body, authorization, self._tick()) if _is_call(path) else _judge(body)
                retry_after = None
            request = ReceivedRequest(moment, path, status, answer, body, retry_after)
            self._requests.append(request)
            if self._log is not None:
                _append(self._log, request)
        return request

    def _tick(self) -> str:
        """A timestamp of a message: no two are alike."""
        self._messages += 1
        return f"{time.time():.0f}.{self._messages:06}"


@contextmanager
def start_receiver(
    port: int = 0, log: Path | None = None, fail_with: Iterable[int | Failure] = ()
) -> Iterator[SlackReceiver]:
    """A receiver that works in a thread of this process until the block ends."""
    receiver = SlackReceiver(port, log, fail_with)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a receiver until it is interrupted: ``python -m driftline.local.slack_receiver --port 8085 --log FILE``."""
    parser = argparse.ArgumentParser(prog="python -m driftline.local.slack_receiver", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="port (default: a free one)")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on; whoever reaches it can send and read")
    parser.add_argument("--log", type=Path, help="JSON-lines file to append every request to")
    options = parser.parse_args(arguments)
    try:
        receiver = SlackReceiver(options.port, options.log, host=options.host)
    except OSError as error:
        parser.exit(
            1, f"Port {options.port} on {options.host} cannot be listened on ({error.strerror}). Choose another.\n"
        )
    with receiver:
        print(f"Slack receiver: {receiver.url} shows what arrives at {receiver.webhook_url}", flush=True)  # noqa: T201
        try:
            receiver.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


class _Handler(BaseHTTPRequestHandler):
    server: SlackReceiver
    timeout = _READ_TIMEOUT_SECONDS

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdigit():
            self._answer(HTTPStatus.LENGTH_REQUIRED, "length_required")
        elif int(size) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "payload_too_large")
        elif not _is_call(self.path) and (not self.path.startswith(WEBHOOK_PATH) or self.path == WEBHOOK_PATH):
            self.rfile.read(int(size))
            self._answer(HTTPStatus.NOT_FOUND, "no_service")
        else:
            raw, authorization = self.rfile.read(int(size)), self.headers.get("Authorization", "")
            request = self.server.receive(self.path, raw, authorization)
            kind = "application/json" if _is_call(self.path) else "text/plain; charset=utf-8"
            with suppress(ConnectionError):
                self._answer(request.status, request.answer, kind, request.retry_after)

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(HTTPStatus.OK, page(self._accepted()), "text/html; charset=utf-8")
        elif self.path == "/messages":
            self._answer(HTTPStatus.OK, json.dumps(self._accepted()), "application/json")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "not_found")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing on the terminal: the log file and the page have it all."""

    def _accepted(self) -> list[dict[str, Any]]:
        """The messages with the time of their arrival, the newest first."""
        return [asdict(request) for request in reversed(self.server.requests) if request.is_message]

    def _answer(
        self,
        status: int,
        body: str,
        content_type: str = "text/plain; charset=utf-8",
        retry_after: str | None = None,
    ) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("X-Content-Type-Options", "nosniff")
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(content)


def _is_call(path: str) -> bool:
    return path == POST_MESSAGE


def _judge_call(body: Any, authorization: str, timestamp: str) -> tuple[int, str]:
    """As the method answers: refusals have the status 200, too."""
    error = _call_fault(body, authorization)
    if error:
        return HTTPStatus.OK, json.dumps({"ok": False, "error": error})
    return HTTPStatus.OK, json.dumps({"ok": True, "channel": f"C-{body['channel'].lstrip('#')}", "ts": timestamp})


def _call_fault(body: Any, authorization: str) -> str:
    if not authorization.startswith("Bearer xox"):
        return "not_authed"
    if not isinstance(body, dict) or not body.get("channel"):
        return "channel_not_found"
    if not body.get("text") and not body.get("blocks"):
        return "no_text"
    return "invalid_blocks" if violations(body) else ""


def _judge(body: Any) -> tuple[int, str]:
    if not isinstance(body, dict):
        return HTTPStatus.BAD_REQUEST, "invalid_payload"
    if not body.get("text") and not body.get("blocks"):
        return HTTPStatus.BAD_REQUEST, "no_text"
    if violations(body):
        return HTTPStatus.BAD_REQUEST, "invalid_blocks"
    return HTTPStatus.OK, "ok"


def _failure_text(failure: Failure, path: str) -> str:
    if failure.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limited"
    is_refusal = failure.status == HTTPStatus.OK and _is_call(path)
    return json.dumps({"ok": False, "error": failure.error}) if is_refusal else failure.error


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


def _append(log: Path, request: ReceivedRequest) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(request)) + "\n")


def _logged(log: Path | None) -> Iterator[ReceivedRequest]:
    """The requests of the log; a line that a crash cut short is passed over."""
    if log is None or not log.is_file():
        return
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                yield ReceivedRequest(**json.loads(line))
            except (ValueError, TypeError):
                continue


if __name__ == "__main__":
    raise SystemExit(main())
