from __future__ import annotations

import pytest

from driftline.alerts.scrubbing import without_secrets

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
