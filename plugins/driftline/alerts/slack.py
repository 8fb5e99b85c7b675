"""An alert in Slack's Block Kit.

Links are mrkdwn links, not buttons: a button sends an interaction back to the app, and an app with nothing but an
incoming webhook answers it with a warning sign beside the button.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from driftline.alerts.block_kit import MAX_HEADER, MAX_TEXT
from driftline.alerts.message import AlertEvent, AlertItem, AlertMessage, Link
from driftline.alerts.mrkdwn import code, escaped, length, link, one_line
from driftline.findings import Severity

SHOWN_ITEMS = 5
"""What a person takes in at a glance; the report behind the link has the rest."""
SHOWN_RECOMMENDATIONS = 3
SHOWN_LINKS = 10
SHOWN_INCIDENTS = 10
_ITEM_TEXT = 400
_NAME = 80

_SIGNS = {
    Severity.NONE: "⚪",
    Severity.LOW: "🔵",
    Severity.MEDIUM: "🟡",
    Severity.HIGH: "🟠",
    Severity.CRITICAL: "🔴",
}
_EVENT_SIGNS = {AlertEvent.ACKNOWLEDGED: "👀", AlertEvent.RESOLVED: "✅", AlertEvent.REMINDER: "🔁"}


def slack_payload(message: AlertMessage) -> dict[str, Any]:
    """The body of a webhook request: the text of a notification, and the blocks of the message itself.

    Whatever the message holds, its text is escaped and every limit of Block Kit is kept
    (`driftline.alerts.block_kit.violations` finds none).
    """
    return {"text": _fallback(message), "blocks": list(_blocks(message))}


def _blocks(message: AlertMessage) -> Iterator[dict[str, Any]]:
    yield _header(message)
    yield _context(message)
    if verdict := escaped(message.verdict, MAX_TEXT):
        yield _section(verdict)
    if message.items:
        yield _section("\n".join(_found(message.items)))
    if steps := _what_to_do(message):
        yield _section("\n".join(["*What to do*", *steps]))
    if message.links:
        yield _section(_links(message.links[:SHOWN_LINKS]))


def _header(message: AlertMessage) -> dict[str, Any]:
    sign = _EVENT_SIGNS.get(message.event, _SIGNS[message.severity])
    title = escaped(message.title, MAX_HEADER - length(sign) - 1) or escaped(message.model, _NAME)
    return {"type": "header", "text": {"type": "plain_text", "text": f"{sign} {title}".strip(), "emoji": True}}


def _context(message: AlertMessage) -> dict[str, Any]:
    elements = [
        f"*Model* {code(message.model, _NAME)}",
        f"*Severity* {message.severity}",
        *([] if message.window is None else [f"*Window* {message.window}"]),
        f"*Owner* {escaped(message.owner, _NAME) or 'nobody'}",
    ]
    if message.incidents:
        elements.append(f"*Incident* {_numbers(message.incidents)}")
    if channel := escaped(message.channel, _NAME):
        elements.append(f"*Channel* {channel}")
    return {"type": "context", "elements": [_mrkdwn(element) for element in elements]}


def _numbers(incidents: Sequence[int]) -> str:
    """What ties messages to their incident where nothing threads them."""
    more = len(incidents) - SHOWN_INCIDENTS
    shown = ", ".join(f"#{number}" for number in incidents[:SHOWN_INCIDENTS])
    return f"{shown} and {more} more" if more > 0 else shown


def _found(items: Sequence[AlertItem]) -> Iterator[str]:
    yield "*What was found*"
    for item in items[:SHOWN_ITEMS]:
        yield f"{_SIGNS[item.severity]} {code(item.subject, _NAME)} {escaped(item.description, _ITEM_TEXT)}".rstrip()
    if more := len(items) - SHOWN_ITEMS:
        yield from [f"and {more} more"] if more > 0 else []


def _what_to_do(message: AlertMessage) -> list[str]:
    advice = [message.recommendation, *(item.recommendation for item in message.items)]
    distinct = dict.fromkeys(step for text in advice if (step := one_line(text)))
    return [f"• {escaped(step, _ITEM_TEXT)}" for step in list(distinct)[:SHOWN_RECOMMENDATIONS]]


def _links(links: Sequence[Link]) -> str:
    """The links in one line; an address that would break the section's limit shows as its label alone."""
    separator = " · "
    labels_to_come = (75 + len(separator)) * len(links)
    room = MAX_TEXT - labels_to_come
    shown = []
    for each in links:
        shown.append(link(each.label, each.url, max(room, 0)))
        room -= length(shown[-1])
    return separator.join(shown)


def _fallback(message: AlertMessage) -> str:
    title = message.title if message.title.startswith(message.model) else f"{message.model}: {message.title}"
    told = message.severity.value if message.event.is_for_everybody else message.event.value
    when = "" if message.window is None else f" ({message.window})"
    return f"[{told}] {escaped(title, MAX_HEADER)}{when}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    """Verbatim: Slack links and mentions nothing that merely looks like an address or a name."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
