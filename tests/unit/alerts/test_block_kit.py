"""The limits are those that Slack documents: https://docs.slack.dev/reference/block-kit/blocks (read 2026)."""

from __future__ import annotations

from typing import Any

import pytest

from driftline.alerts.block_kit import violations


def _plain(count: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": "x" * count}


def _mrkdwn(count: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": "x" * count}


def _button(text: int = 1, url: int = 20) -> dict[str, Any]:
    return {"type": "button", "text": _plain(text), "url": "https://x/" + "y" * (url - 10)}


AT_LIMIT: list[list[dict[str, Any]]] = [
    [{"type": "divider"}] * 50,
    [{"type": "header", "text": _plain(150)}],
    [{"type": "section", "text": _mrkdwn(3000)}],
    [{"type": "section", "fields": [_mrkdwn(2000)] * 10}],
    [{"type": "context", "elements": [_mrkdwn(1)] * 10}],
    [{"type": "actions", "elements": [_button(75, 3000)] * 25}],
]

BEYOND: list[tuple[Any, str]] = [
    ([{"type": "divider"}] * 51, "blocks: 51, at most 50"),
    ([{"type": "header", "text": _plain(151)}], "blocks[0].text: 151 characters, at most 150"),
    ([{"type": "header", "text": _mrkdwn(1)}], "blocks[0].text: is not a text object of type plain_text"),
    ([{"type": "section", "text": _mrkdwn(3001)}], "blocks[0].text: 3001 characters, at most 3000"),
    ([{"type": "section", "text": {"type": "mrkdwn", "text": " "}}], "blocks[0].text: is empty"),
    ([{"type": "section"}], "blocks[0]: has neither text nor fields"),
    ([{"type": "section", "fields": [_mrkdwn(1)] * 11}], "blocks[0].fields: 11, at most 10"),
    ([{"type": "section", "fields": [_mrkdwn(2001)]}], "blocks[0].fields[0]: 2001 characters, at most 2000"),
    ([{"type": "context", "elements": [_mrkdwn(1)] * 11}], "blocks[0].elements: 11, at most 10"),
    ([{"type": "context", "elements": []}], "blocks[0].elements: is not an array with elements"),
    ([{"type": "actions", "elements": [_button()] * 26}], "blocks[0].elements: 26, at most 25"),
    ([{"type": "actions", "elements": [_button(76)]}], "blocks[0].elements[0].text: 76 characters, at most 75"),
    ([{"type": "actions", "elements": [_button(1, 3001)]}], "blocks[0].elements[0].url: 3001 characters, at most 3000"),
    (
        [{"type": "actions", "elements": [{**_button(), "url": "http://[x"}]}],
        "blocks[0].elements[0].url: is not an http(s) address",
    ),
    ([{"type": "divider", "block_id": "x" * 256}], "blocks[0].block_id: is not a text of at most 255 characters"),
    (["text"], "blocks[0]: is not an object"),
    ("text", "blocks: is not an array"),
    (None, "blocks: is not an array"),
]


@pytest.mark.parametrize("blocks", AT_LIMIT)
def test_what_is_exactly_at_a_limit_is_fit(blocks: list[dict[str, Any]]) -> None:
    assert violations({"text": "fallback", "blocks": blocks}) == []


@pytest.mark.parametrize(("blocks", "violation"), BEYOND)
def test_what_is_beyond_a_limit_is_named_with_its_place(blocks: Any, violation: str) -> None:
    assert violations({"text": "fallback", "blocks": blocks}) == [violation]


def test_an_unknown_kind_of_block_is_named_with_the_known_ones() -> None:
    assert violations({"blocks": [{"type": "hedaer"}]}) == [
        "blocks[0].type: 'hedaer' is not one of header, section, context, actions, divider"
    ]


def test_a_payload_without_blocks_needs_a_text() -> None:
    assert violations({"text": "hello"}) == []
    assert violations({}) == ["text: is missing or empty"]
    assert violations({"text": "x" * 40_001}) == ["text: 40001 characters, at most 40000"]


def test_an_emoji_counts_as_two_characters() -> None:
    assert violations({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "😀" * 75}}]}) == []
    assert len(violations({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "😀" * 76}}]})) == 1


def test_a_payload_that_is_no_object_is_named_so() -> None:
    assert violations([1]) == ["payload: is list, not an object"]
