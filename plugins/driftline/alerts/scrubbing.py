"""Takes secrets out of error texts before they are stored or shown."""

from __future__ import annotations

import re

MAX_ERROR = 500

_HIDDEN = (
    # A webhook's address is its secret: of any address only the scheme and the host stay.
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/@'\"]*@)?([^\s/?#'\"<>)]*)[^\s'\"<>)]*", re.IGNORECASE), r"\1\2/***"),
    (re.compile(r"/services/[^\s'\"<>)]+"), "/services/***"),
    (re.compile(r"\bT[A-Z0-9]{5,}/B[A-Z0-9]{5,}/\w+"), "***"),
    (re.compile(r"\bxox[a-z]-[\w-]+"), "***"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(r"\b(\w*(?:password|passwd|token|secret|api_?key|authorization))(['\"]?\s*[=:]\s*)(?!Bearer|Basic)"
                   r"(?:'[^']*'|\"[^\"]*\"|[^\s,;&)]+)", re.IGNORECASE),
        r"\1\2***",
    ),
)  # fmt: skip


def without_secrets(text: str) -> str:
    """``text`` with addresses cut to their host, tokens and passwords starred out; at most 500 characters."""
    for pattern, replacement in _HIDDEN:
        text = pattern.sub(replacement, text)
    return text if len(text) <= MAX_ERROR else text[: MAX_ERROR - 1] + "…"
