from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from driftline.alerts import AlertItem, AlertMessage, Link, slack_payload, violations
from driftline.findings import Severity
from driftline.local.slack_receiver import MAX_BODY_BYTES, SlackReceiver, start_receiver
from driftline.windows import Window

PAYLOAD = slack_payload(
    AlertMessage(
        model="flight_delay",
        owner="ops",
        channel="#ops",
        title="Drift in <dep_delay> & more",
        severity=Severity.HIGH,
        window=Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        verdict="Alert: <script>alert('x')</script> & co.",
        items=(AlertItem(Severity.HIGH, "dep_delay", "KS 0.21"),),
        links=(Link("Run", "http://localhost:8080/dags?a=1&b=2"),),
    )
)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[SlackReceiver]:
    with start_receiver(log=tmp_path / "slack" / "requests.jsonl") as running:
        yield running


def test_an_alert_is_answered_with_ok_kept_in_the_log_and_shown(receiver: SlackReceiver, tmp_path: Path) -> None:
    assert _post(receiver.webhook_url, PAYLOAD) == (200, "ok")
    assert receiver.messages == [PAYLOAD]
    (line,) = (tmp_path / "slack" / "requests.jsonl").read_text().splitlines()
    assert json.loads(line)["body"] == PAYLOAD
    status, shown = _get(receiver.url + "messages")
    assert (status, json.loads(shown)[0]["body"]) == (200, PAYLOAD)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"not json", "invalid_payload"),
        (b"", "invalid_payload"),
        (b"[1]", "invalid_payload"),
        (b"\xff\xfe", "invalid_payload"),
        (b"[" * 100_000, "invalid_payload"),
        (b"{}", "no_text"),
        (b'{"text": ""}', "no_text"),
        (b'{"text": "x", "blocks": [{"type": "section"}]}', "invalid_blocks"),
        (json.dumps({"text": "x", "blocks": [{"type": "divider"}] * 51}).encode(), "invalid_blocks"),
    ],
)
def test_a_bad_request_is_answered_as_slack_answers_it_and_logged(
    receiver: SlackReceiver, body: bytes, answer: str
) -> None:
    assert _post(receiver.webhook_url, body) == (400, answer)
    assert receiver.messages == []
    assert [(request.status, request.answer) for request in receiver.requests] == [(400, answer)]


def test_only_the_webhooks_path_takes_messages(receiver: SlackReceiver) -> None:
    assert _post(receiver.url + "elsewhere", PAYLOAD) == (404, "no_service")
    assert _post(receiver.url + "services/", PAYLOAD) == (404, "no_service")
    assert _get(receiver.url + "elsewhere")[0] == 404


def test_a_body_that_is_too_large_is_refused_unread(receiver: SlackReceiver) -> None:
    request = urllib.request.Request(receiver.webhook_url, b"x", {"Content-Length": str(MAX_BODY_BYTES + 1)})
    assert _answer(request) == (413, "payload_too_large")


def test_the_page_shows_the_newest_first_with_links_and_without_running_what_was_sent(receiver: SlackReceiver) -> None:
    _post(receiver.webhook_url, PAYLOAD)
    _post(receiver.webhook_url, {"text": "the newest <b>one</b> *bold* <javascript:alert(1)|link>"})
    status, html = _get(receiver.url)
    assert status == 200
    assert html.index("the newest") < html.index("Drift in")
    assert "<script>" not in html
    assert "<b>" not in html
    assert 'href="javascript' not in html
    assert "<strong>bold</strong>" in html
    assert "Drift in &lt;dep_delay&gt; &amp; more" in html
    assert '<a href="http://localhost:8080/dags?a=1&amp;b=2" rel="noreferrer">Run</a>' in html
    assert '<meta http-equiv="refresh"' in html


def test_an_empty_page_says_that_nothing_came(receiver: SlackReceiver) -> None:
    assert "None yet." in _get(receiver.url)[1]


def test_failures_that_were_asked_for_come_first_and_are_logged(tmp_path: Path) -> None:
    with start_receiver(fail_with=[500, 429]) as receiver:
        answers = [_post(receiver.webhook_url, PAYLOAD) for _ in range(3)]
        assert answers == [(500, "fatal_error"), (429, "rate_limited"), (200, "ok")]
        assert [request.status for request in receiver.requests] == [500, 429, 200]
        assert len(receiver.messages) == 1


def test_a_restarted_receiver_shows_what_came_before_and_passes_over_a_torn_line(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    with start_receiver(log=log) as first:
        _post(first.webhook_url, PAYLOAD)
    with log.open("a") as lines:
        lines.write('{"received_at": "2026')
    with start_receiver(log=log) as second:
        assert second.messages == [PAYLOAD]


def test_it_runs_as_a_program_and_names_its_addresses(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "driftline.local.slack_receiver", "--log", str(tmp_path / "requests.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) as program:
        try:
            assert program.stdout is not None
            said = program.stdout.readline()
            assert said.startswith("Slack receiver: http://127.0.0.1:")
            assert _post(said.split()[-1], PAYLOAD) == (200, "ok")
        finally:
            program.terminate()
            program.wait()


def test_a_taken_port_gets_a_clear_message() -> None:
    with start_receiver() as holder:
        port = holder.server_address[1]
        command = [sys.executable, "-m", "driftline.local.slack_receiver", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=30)
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be listened on" in done.stderr


_SEND = """
import json, sys
from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook
payload = json.loads(sys.stdin.read())
SlackWebhookHook(slack_webhook_conn_id="slack_alerts", timeout=10).send(text=payload["text"], blocks=payload["blocks"])
"""


def test_the_slack_provider_of_airflow_delivers_to_the_receiver(receiver: SlackReceiver, tmp_path: Path) -> None:
    assert violations(PAYLOAD) == []
    done = _send_with_the_provider(receiver.webhook_url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert receiver.messages == [PAYLOAD]


def test_the_slack_provider_raises_when_the_receiver_fails(tmp_path: Path) -> None:
    with start_receiver(fail_with=[500]) as failing:
        done = _send_with_the_provider(failing.webhook_url, tmp_path)
    assert done.returncode != 0
    assert "Status Code: 500" in done.stderr
    assert failing.messages == []


def _send_with_the_provider(webhook_url: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: importing Airflow leaves a configuration behind wherever its home is."""
    environment = _environment() | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_SLACK_ALERTS": json.dumps({"conn_type": "slackwebhook", "password": webhook_url}),
    }
    return subprocess.run(
        [sys.executable, "-c", _SEND],
        input=json.dumps(PAYLOAD),
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )


def _environment() -> dict[str, str]:
    plugins = Path(__file__).parents[2] / "plugins"
    return os.environ | {"PYTHONPATH": str(plugins), "NO_PROXY": "127.0.0.1,localhost"}


def _post(url: str, body: Any) -> tuple[int, str]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return _answer(urllib.request.Request(url, content, {"Content-Type": "application/json"}))


def _get(url: str) -> tuple[int, str]:
    return _answer(urllib.request.Request(url))


def _answer(request: urllib.request.Request) -> tuple[int, str]:
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with without_proxy.open(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
