"""Text as Slack wants it: control characters escaped, limits kept, no half entity at a cut.

Escaping: https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"
ELLIPSIS = "…"


def length(text: str) -> int:
    """Length in UTF-16 units, the strictest way of counting: an emoji counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def one_line(text: str) -> str:
    """``text`` without control characters and lone surrogates, each run of white space made one space."""
    spaced = "".join(" " if char.isspace() else char for char in text)
    return re.sub(" +", " ", "".join(char for char in spaced if _is_printable(char))).strip()


def escaped(text: str, limit: int) -> str:
    """``text`` on one line, escaped, in at most ``limit`` characters; a cut shows as an ellipsis."""
    pieces = [_ENTITIES.get(char, char) for char in one_line(text)]
    if sum(map(length, pieces)) <= limit:
        return "".join(pieces)
    kept, room = [], limit - length(ELLIPSIS)
    for piece in pieces:
        room -= length(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + ELLIPSIS


def code(text: str, limit: int) -> str:
    """``text`` between backticks, so that nothing in it is taken for markup; a backtick in it becomes an apostrophe."""
    return f"`{escaped(text.replace('`', chr(39)), limit - 2) or '?'}`"


def link(label: str, url: str, limit: int) -> str:
    """A link that shows ``label``; only the label where the address is not http(s) or does not fit."""
    shown = escaped(label.replace("|", "/"), 75) or "link"
    if not _is_web_address(url):
        return shown
    target = quote(one_line(url), safe=_URL_CHARACTERS).replace("&", "&amp;")
    linked = f"<{target}|{shown}>"
    return linked if length(linked) <= limit else shown


def _is_printable(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cs"}


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(one_line(url))
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
