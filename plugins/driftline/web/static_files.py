"""The scripts and styles that pages load: our own, and those of the charting library, as its npm package has them."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from driftline.web.headers import STATIC_HEADERS

STATIC_TYPES = {
    "charts.js": "text/javascript; charset=utf-8",
    "heat_map.js": "text/javascript; charset=utf-8",
    "uPlot.iife.min.js": "text/javascript; charset=utf-8",
    "uPlot.min.css": "text/css; charset=utf-8",
}
"""What there is, and what it is."""

router = APIRouter(include_in_schema=False)


@router.get("/static/{name}")
def static_file(name: str) -> Response:
    """One of `STATIC_TYPES`; nothing else lies behind this address."""
    if name not in STATIC_TYPES:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no file {name}.")
    return Response(_content(name), headers=dict(STATIC_HEADERS), media_type=STATIC_TYPES[name])


def static_path(name: str) -> str:
    """Where a page finds the file; the address names its contents, so that browsers may keep it."""
    return f"static/{name}?v={sha256(_content(name)).hexdigest()[:12]}"


@cache
def _content(name: str) -> bytes:
    return files("driftline.web").joinpath("static", name).read_bytes()
