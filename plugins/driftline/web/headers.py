"""What browsers may do with our pages."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType

_ALWAYS = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

STATIC_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        # An address names the contents' digest: what it leads to never changes.
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
    }
)

API_HEADERS: Mapping[str, str] = MappingProxyType(
    {**_ALWAYS, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
)

# The empty sandbox: no scripts, no forms, no popups, and an origin of its own, so that whatever a stored report
# holds, it reads nothing of Airflow's and sends nothing anywhere.
STORED_PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        **_ALWAYS,
        "Content-Security-Policy": (
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'self'"
        ),
    }
)


def page_headers(style: str, *scripts: str) -> Mapping[str, str]:
    """For our own pages: they run ``scripts``, look like ``style``, and load what lies in our own `static` folder.

    Data for the charts stands in blocks of JSON, which no browser runs.
    """
    policy = (
        f"default-src 'none'; style-src 'self' {_source(style)}; script-src 'self' {' '.join(map(_source, scripts))}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )
    return MappingProxyType({**_ALWAYS, "Content-Security-Policy": policy})


def _source(inline: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"
