from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files
from urllib.parse import urljoin

import pytest
from fastapi.testclient import TestClient

from driftline.web.static_files import STATIC_TYPES
from tests.integration.web.conftest import Results

# uPlot 1.6.32 as `npm pack uplot@1.6.32` gives it: `sha256sum package/dist/FILE package/LICENSE`. The registry's own
# integrity of that package: sha512-
# KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==
UPLOT = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


@pytest.mark.parametrize("name", UPLOT)
def test_the_charting_library_is_that_of_its_npm_package(name: str) -> None:
    assert sha256(files("driftline.web").joinpath("static", name).read_bytes()).hexdigest() == UPLOT[name]


@pytest.mark.parametrize("name", STATIC_TYPES)
def test_a_file_is_sent_as_what_it_is_and_may_be_kept(browser: TestClient, name: str) -> None:
    answer = browser.get(f"static/{name}")
    assert answer.status_code == 200
    assert answer.content == files("driftline.web").joinpath("static", name).read_bytes()
    assert answer.headers["content-type"] == STATIC_TYPES[name]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"


@pytest.mark.parametrize("name", ["uPlot.LICENSE", "..%2Fapp.py", "%2e%2e/app.py", "no.js"])
def test_nothing_else_lies_there(browser: TestClient, name: str) -> None:
    assert browser.get(f"static/{name}").status_code == 404


def test_what_a_page_loads_is_there_under_any_prefix(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    page = browser.get("models/fraud")
    loaded = re.findall(r'(?:src|<link rel="stylesheet" href)="([^"]+)"', page.text)
    assert len(loaded) == 4
    assert not any(address.startswith(("/", "http")) for address in loaded)
    assert all(browser.get(urljoin(str(page.url), address)).status_code == 200 for address in loaded)
