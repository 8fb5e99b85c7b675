"""Debian's chromium, driven by Playwright, which brings no browser of its own here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.debian_programs import required

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
"""Root needs the first (tests run in containers); the others keep it from talking to anybody but us."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One for the whole session: Playwright cannot be started twice in a thread."""
    from playwright.sync_api import sync_playwright

    program = required("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        yield browser
        browser.close()
