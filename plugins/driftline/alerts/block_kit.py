"""The limits of Slack's Block Kit, as a checker: a payload without violations is one that Slack takes.

Covers the blocks that Driftline sends (header, section, context, actions, divider); any other kind is a violation.
Source of the limits: https://docs.slack.dev/reference/block-kit/blocks and …/composition-objects/text-object
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from driftline.alerts.mrkdwn import length

MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_TEXT = 3000
MAX_FIELDS = 10
MAX_FIELD = 2000
MAX_CONTEXT_ELEMENTS = 10
MAX_ACTION_ELEMENTS = 25
MAX_BUTTON_TEXT = 75
MAX_URL = 3000
MAX_BLOCK_ID = 255
MAX_FALLBACK = 40_000


def violations(payload: Any) -> list[str]:
    """Every limit that ``payload`` breaks, each with the place in it; empty when it is fit to send."""
    if not isinstance(payload, Mapping):
        return [f"payload: is {type(payload).__name__}, not an object"]
    return [*_fallback(payload), *_blocks(payload.get("blocks", []))]


def _fallback(payload: Mapping[str, Any]) -> Iterator[str]:
    text = payload.get("text")
    if text is None and "blocks" in payload:
        return
    if not isinstance(text, str) or not text.strip():
        yield "text: is missing or empty"
    elif length(text) > MAX_FALLBACK:
        yield f"text: {length(text)} characters, at most {MAX_FALLBACK}"


def _blocks(blocks: Any) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield "blocks: is not an array"
        return
    if len(blocks) > MAX_BLOCKS:
        yield f"blocks: {len(blocks)}, at most {MAX_BLOCKS}"
    for index, block in enumerate(blocks):
        yield from _block(block, f"blocks[{index}]")


def _block(block: Any, at: str) -> Iterator[str]:
    if not isinstance(block, Mapping):
        yield f"{at}: is not an object"
        return
    check = _CHECKS.get(str(block.get("type")))
    if check is None:
        yield f"{at}.type: {block.get('type')!r} is not one of {', '.join(_CHECKS)}"
        return
    block_id = block.get("block_id", "")
    if not isinstance(block_id, str) or length(block_id) > MAX_BLOCK_ID:
        yield f"{at}.block_id: is not a text of at most {MAX_BLOCK_ID} characters"
    yield from check(block, at)


def _header(block: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _text_object(block.get("text"), f"{at}.text", MAX_HEADER, kinds=("plain_text",))


def _section(block: Mapping[str, Any], at: str) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield f"{at}: has neither text nor fields"
    if "text" in block:
        yield from _text_object(block["text"], f"{at}.text", MAX_TEXT)
    if "fields" in block:
        yield from _counted(block["fields"], f"{at}.fields", MAX_FIELDS)
        for index, field in enumerate(_listed(block["fields"])):
            yield from _text_object(field, f"{at}.fields[{index}]", MAX_FIELD)


def _context(block: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _counted(block.get("elements"), f"{at}.elements", MAX_CONTEXT_ELEMENTS)
    for index, element in enumerate(_listed(block.get("elements"))):
        yield from _text_object(element, f"{at}.elements[{index}]", MAX_TEXT)


def _actions(block: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _counted(block.get("elements"), f"{at}.elements", MAX_ACTION_ELEMENTS)
    for index, element in enumerate(_listed(block.get("elements"))):
        yield from _button(element, f"{at}.elements[{index}]")


def _button(element: Any, at: str) -> Iterator[str]:
    if not isinstance(element, Mapping) or element.get("type") != "button":
        yield f"{at}: is not a button"
        return
    yield from _text_object(element.get("text"), f"{at}.text", MAX_BUTTON_TEXT, kinds=("plain_text",))
    if "url" in element:
        yield from _url(element["url"], f"{at}.url")


def _divider(_block: Mapping[str, Any], _at: str) -> Iterator[str]:
    return iter(())


def _url(url: Any, at: str) -> Iterator[str]:
    if not isinstance(url, str) or not _is_web_address(url):
        yield f"{at}: is not an http(s) address"
    elif length(url) > MAX_URL:
        yield f"{at}: {length(url)} characters, at most {MAX_URL}"


def _is_web_address(url: str) -> bool:
    try:
        return urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _text_object(text: Any, at: str, limit: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> Iterator[str]:
    if not isinstance(text, Mapping) or text.get("type") not in kinds:
        yield f"{at}: is not a text object of type {' or '.join(kinds)}"
        return
    content = text.get("text")
    if not isinstance(content, str) or not content.strip():
        yield f"{at}: is empty"
    elif length(content) > limit:
        yield f"{at}: {length(content)} characters, at most {limit}"


def _counted(elements: Any, at: str, limit: int) -> Iterator[str]:
    if not isinstance(elements, list) or not elements:
        yield f"{at}: is not an array with elements"
    elif len(elements) > limit:
        yield f"{at}: {len(elements)}, at most {limit}"


def _listed(elements: Any) -> list[Any]:
    return elements if isinstance(elements, list) else []


_CHECKS: Mapping[str, Callable[[Mapping[str, Any], str], Iterator[str]]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
}
