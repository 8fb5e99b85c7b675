from __future__ import annotations

import pytest

from driftline.alerts.scrubbing import without_known, without_secrets, without_tokens

TOKEN = "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"  # the placeholder of Slack's own documentation


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"POST https://hooks.slack.com/services/{TOKEN} failed", "POST https://hooks.slack.com/*** failed"),
        (f"Max retries exceeded with url: /services/{TOKEN} (Caused", "url: /services/*** (Caused"),
        (f"no such token {TOKEN}.", "no such token ***"),
        ("postgresql://ops:hunter2@db:5432/x refused", "postgresql://db:5432/*** refused"),
        ("http://127.0.0.1:8085/services/local: refused", "http://127.0.0.1:8085/***"),
        ("Authorization: Bearer abc.def-1", "Bearer ***"),
        ("using xoxb-12-34-abcDEF now", "using *** now"),
        ("{'password': 'hun ter2', 'a': 1}", "{'password': ***, 'a': 1}"),
        ("api_key=abc123&x=1", "api_key=***&x=1"),
    ],
)
def test_secrets_are_taken_out_and_the_rest_stays(text: str, shown: str) -> None:
    scrubbed = without_secrets(text)
    assert shown in scrubbed
    for secret in ("XXXX", "hunter2", "ter2", "abc.def", "xoxb", "abc123", "local"):
        assert secret not in scrubbed


def test_a_plain_error_stays_as_it_is() -> None:
    text = "ConnectionRefusedError: [Errno 111] Connection refused; Response body: 'invalid_blocks', Status Code: 400."
    assert without_secrets(text) == text


def test_a_long_error_is_cut_at_500_characters() -> None:
    assert len(without_secrets("x" * 10_000)) == 500


def test_a_key_of_pagerduty_is_starred_out_of_an_error() -> None:
    assert without_secrets("routing_key=R0UT1NG refused") == "routing_key=*** refused"
    assert without_secrets("key 0123456789abcdef0123456789abcdef is unknown") == "key *** is unknown"


def test_what_is_known_to_be_secret_goes_whatever_it_looks_like() -> None:
    assert without_known("sesame, open sesame!", ["sesame!", "sesame", "", None]) == "***, open ***"


def test_a_message_keeps_its_links_and_loses_its_tokens() -> None:
    message = {
        "links": [{"url": "http://localhost:8080/dags/x?a=1"}],
        "verdict": "postgresql://ada:hunter2@db/x refused; password=hunter2; xoxb-1-2",
        "rows": 3,
    }
    assert without_tokens(message) == {
        "links": [{"url": "http://localhost:8080/dags/x?a=1"}],
        "verdict": "postgresql://***@db/x refused; password=***; ***",
        "rows": 3,
    }
