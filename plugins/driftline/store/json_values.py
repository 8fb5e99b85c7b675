"""Values as JSONB takes them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def json_safe(value: Any) -> Any:
    """``value`` as JSONB takes it: NaN and infinities as text, NUL and lone surrogates replaced."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    return value


def json_text(value: Any) -> str:
    """`json_safe` of ``value``, written out: for statements that cast it to jsonb."""
    try:
        written = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(json_safe(value))
    # Most values are safe as they are, and to look at every one of them takes ten times as long.
    is_safe = "\\u0000" not in written and "\\ud" not in written
    return written if is_safe else json.dumps(json_safe(value))


def _text(text: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_refused(char) else char for char in text)


def _is_refused(char: str) -> bool:
    return char == "\x00" or "\ud800" <= char <= "\udfff"
