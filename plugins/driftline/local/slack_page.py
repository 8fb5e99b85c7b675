"""The page of the local Slack receiver: the messages as a person would see them, the newest first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1d1c1d; }
h1 { font-size: 1.2rem; } h2 { font-size: 1.05rem; margin: 0 0 .3rem; } p { margin: .4rem 0; }
article { border: 1px solid #ddd; border-left: 4px solid #4a154b; border-radius: 4px; padding: .8rem; margin: 1rem 0; }
.context, time { color: #616061; font-size: .85rem; } .context span { margin-right: 1rem; }
code { color: #c01343; background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; padding: 0 .2rem; }
"""

_MARKUP = (
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])"), r"<strong>\1</strong>"),
)


def page(requests: Sequence[Mapping[str, Any]]) -> str:
    """HTML of the accepted requests (``received_at`` and ``body``), in the order given. Loads itself again."""
    articles = "".join(_article(request) for request in requests)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        f"<title>Slack receiver ({len(requests)})</title><style>{_STYLE}</style></head><body>"
        f"<h1>Messages that a Slack channel would have got ({len(requests)})</h1>"
        f"{articles or '<p>None yet.</p>'}</body></html>"
    )


def _article(request: Mapping[str, Any]) -> str:
    moment = escape(str(request["received_at"]))
    return f'<article><time datetime="{moment}">{moment}</time>{_message(request["body"])}</article>'


def _message(body: Mapping[str, Any]) -> str:
    blocks = body.get("blocks") or [{"type": "section", "text": {"type": "mrkdwn", "text": body.get("text", "")}}]
    return "".join(part for block in blocks for part in _block(block))


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield f"<h2>{_text(block['text'])}</h2>"
        case "divider":
            yield "<hr>"
        case "context":
            elements = "".join(f"<span>{_text(element)}</span>" for element in block["elements"])
            yield f'<p class="context">{elements}</p>'
        case "actions":
            yield f"<p>{' '.join(_button(element) for element in block['elements'])}</p>"
        case _:
            texts = [block["text"]] if "text" in block else []
            yield from (f"<p>{_text(text)}</p>" for text in [*texts, *block.get("fields", [])])


def _button(element: Mapping[str, Any]) -> str:
    label = _text(element["text"])
    if "url" not in element:
        return label
    return f'<a href="{escape(element["url"])}" rel="noreferrer">{label}</a>'


def _text(text: Mapping[str, Any]) -> str:
    """A text object as HTML."""
    content = str(text["text"])
    return _safe(content) if text["type"] == "plain_text" else _marked_up(content)


def _marked_up(content: str) -> str:
    """Only the angle brackets that Slack reads as markup become markup: an escaped one stays text."""
    parts = re.split(r"(<https?://[^<>]+>)", content)
    shown = "".join(_link(part) if index % 2 else _inline(part) for index, part in enumerate(parts))
    return shown.replace("\n", "<br>")


def _link(markup: str) -> str:
    url, _, label = markup[1:-1].partition("|")
    return f'<a href="{_safe(url)}" rel="noreferrer">{_safe(label or url)}</a>'


def _inline(content: str) -> str:
    shown = _safe(content)
    for pattern, replacement in _MARKUP:
        shown = pattern.sub(replacement, shown)
    return shown


def _safe(content: str) -> str:
    """For HTML, whether or not the sender escaped it; what Slack shows as `<` shows as `<` here."""
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        content = content.replace(entity, char)
    return escape(content)
