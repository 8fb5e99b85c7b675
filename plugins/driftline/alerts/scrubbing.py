"""Takes secrets out of texts before they are stored or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MAX_ERROR = 500

_TOKENS = (
    (re.compile(r"/services/[^\s'\"<>)]+"), "/services/***"),
    (re.compile(r"\bT[A-Z0-9]{5,}/B[A-Z0-9]{5,}/\w+"), "***"),
    (re.compile(r"\bxox[a-z]-[\w-]+"), "***"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(r"\b(\w*(?:password|passwd|token|secret|api_?key|routing_key|integration_key|authorization))"
                   r"(['\"]?\s*[=:]\s*)(?!Bearer|Basic)(?:'[^']*'|\"[^\"]*\"|[^\s,;&)]+)", re.IGNORECASE),
        r"\1\2***",
    ),
)  # fmt: skip
_LOGIN = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/@'\"]+@", re.IGNORECASE)
_HIDDEN = (
    # A webhook's address is its secret: of any address only the scheme and the host stay.
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/@'\"]*@)?([^\s/?#'\"<>)]*)[^\s'\"<>)]*", re.IGNORECASE), r"\1\2/***"),
    # A key of PagerDuty looks like this; in a message it may as well be a version, which is named by such a hash.
    (re.compile(r"\b(?=\w*\d)[0-9a-fA-F]{32}\b"), "***"),
    *_TOKENS,
)  # fmt: skip


def without_known(text: str, secrets: Iterable[str | None]) -> str:
    """``text`` without these very values: for what is known to be secret, whatever it looks like."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def without_secrets(text: str) -> str:
    """An error's ``text``: addresses cut to their host, tokens and passwords starred out; at most 500 characters."""
    for pattern, replacement in _HIDDEN:
        text = pattern.sub(replacement, text)
    return text if len(text) <= MAX_ERROR else text[: MAX_ERROR - 1] + "…"


def without_tokens(value: Any) -> Any:
    """JSON values whose texts hold no tokens, passwords and logins; other addresses stay, since they are links."""
    if isinstance(value, str):
        text = _LOGIN.sub(r"\1***@", value)
        for pattern, replacement in _TOKENS:
            text = pattern.sub(replacement, text)
        return text
    if isinstance(value, Mapping):
        return {name: without_tokens(each) for name, each in value.items()}
    return [without_tokens(each) for each in value] if isinstance(value, list | tuple) else value
