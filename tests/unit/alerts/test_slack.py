from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.alerts import AlertItem, AlertMessage, Link, slack_payload, violations
from driftline.findings import Severity
from driftline.windows import Window

WINDOW = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
MESSAGE = AlertMessage(
    model="flight_delay",
    owner="ops@example.com",
    channel="#ml-ops",
    title="Drift in dep_delay",
    severity=Severity.HIGH,
    window=WINDOW,
    verdict="Alert: 1 of 12 features drifted.",
    items=(AlertItem(Severity.HIGH, "dep_delay", "KS 0.21 (limit 0.08)", "Look at the feed."),),
    links=(Link("Run", "http://localhost:8080/dags/monitor__flight_delay?a=1&b=2"),),
)

# Long runs of the characters that grow when they are escaped, and of those that count double, find a limit's edge.
nasty = st.one_of(
    st.text(max_size=60),
    st.builds(lambda char, count: char * count, st.sampled_from("&<>a` \n\x00|*😀\ud800"), st.integers(0, 5000)),
)
urls = st.one_of(nasty, st.builds("https://example.com/{}".format, nasty), st.just("javascript:alert(1)"))
messages = st.builds(
    AlertMessage,
    model=nasty,
    owner=nasty,
    channel=nasty,
    title=nasty,
    severity=st.sampled_from(Severity),
    window=st.just(WINDOW),
    verdict=nasty,
    items=st.lists(st.builds(AlertItem, st.sampled_from(Severity), nasty, nasty, nasty), max_size=60).map(tuple),
    recommendation=nasty,
    links=st.lists(st.builds(Link, nasty, urls), max_size=30).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(messages)
def test_any_message_keeps_the_limits_of_block_kit(message: AlertMessage) -> None:
    payload = slack_payload(message)
    assert violations(payload) == []
    json.dumps(payload).encode("ascii")


@settings(max_examples=60, deadline=None)
@given(messages)
def test_no_text_of_a_message_becomes_slack_markup(message: AlertMessage) -> None:
    for text in _texts(slack_payload(replace(message, links=()))):
        assert "<" not in text
        assert ">" not in text
        assert all(text[at:].startswith(("&amp;", "&lt;", "&gt;")) for at, char in enumerate(text) if char == "&")


def test_the_payload_says_what_was_found_what_to_do_and_where_to_look() -> None:
    header, context, verdict, found, advice, links = slack_payload(MESSAGE)["blocks"]
    assert header == {"type": "header", "text": {"type": "plain_text", "text": "🟠 Drift in dep_delay", "emoji": True}}
    assert [element["text"] for element in context["elements"]] == [
        "*Model* `flight_delay`",
        "*Severity* high",
        "*Window* 2026-03-01 00:00 to 2026-03-02 00:00 UTC",
        "*Owner* ops@example.com",
        "*Channel* #ml-ops",
    ]
    assert verdict["text"]["text"] == "Alert: 1 of 12 features drifted."
    assert found["text"]["text"] == "*What was found*\n🟠 `dep_delay` KS 0.21 (limit 0.08)"
    assert advice["text"]["text"] == "*What to do*\n• Look at the feed."
    assert links["text"]["text"] == "<http://localhost:8080/dags/monitor__flight_delay?a=1&amp;b=2|Run>"


def test_the_fallback_text_stands_alone_as_a_notification() -> None:
    assert slack_payload(MESSAGE)["text"] == (
        "[high] flight_delay: Drift in dep_delay (2026-03-01 00:00 to 2026-03-02 00:00 UTC)"
    )


def test_the_fallback_text_names_the_model_once() -> None:
    named = slack_payload(replace(MESSAGE, title="flight_delay: Drift in dep_delay"))
    assert named["text"] == slack_payload(MESSAGE)["text"]


def test_twelve_items_show_five_and_count_the_rest() -> None:
    items = tuple(AlertItem(Severity.LOW, f"feature_{number}", "moved") for number in range(12))
    payload = slack_payload(replace(MESSAGE, items=items))
    found = payload["blocks"][3]["text"]["text"]
    assert found.count("feature_") == 5
    assert found.endswith("\nand 7 more")


def test_six_items_hide_one_and_five_hide_none() -> None:
    items = tuple(AlertItem(Severity.LOW, f"feature_{number}", "moved") for number in range(6))
    assert slack_payload(replace(MESSAGE, items=items))["blocks"][3]["text"]["text"].endswith("\nand 1 more")
    assert "more" not in slack_payload(replace(MESSAGE, items=items[:5]))["blocks"][3]["text"]["text"]


def test_user_text_is_escaped_and_mentions_nobody() -> None:
    payload = slack_payload(replace(MESSAGE, title="<!channel> a & b", verdict="<@U123> <http://evil|good>"))
    assert payload["blocks"][0]["text"]["text"] == "🟠 &lt;!channel&gt; a &amp; b"
    assert payload["blocks"][2]["text"]["text"] == "&lt;@U123&gt; &lt;http://evil|good&gt;"


def test_advice_that_several_items_share_is_said_once() -> None:
    items = tuple(AlertItem(Severity.HIGH, name, "moved", "Look at the feed.") for name in "abc")
    message = replace(MESSAGE, items=items, recommendation="Call ops.")
    assert slack_payload(message)["blocks"][4]["text"]["text"] == "*What to do*\n• Call ops.\n• Look at the feed."


def test_a_link_that_is_no_web_address_shows_as_its_label_only() -> None:
    links = (Link("bad", "javascript:alert(1)"), Link("long", "http://x/" + "y" * 4000), Link("torn", "http://[x"))
    assert slack_payload(replace(MESSAGE, links=links))["blocks"][5]["text"]["text"] == "bad · long · torn"


def test_a_message_with_nothing_but_a_verdict_has_no_empty_blocks() -> None:
    payload = slack_payload(replace(MESSAGE, items=(), links=()))
    assert [block["type"] for block in payload["blocks"]] == ["header", "context", "section"]
    assert violations(payload) == []


def _texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in _texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in _texts(value)]
    return [node] if isinstance(node, str) else []
