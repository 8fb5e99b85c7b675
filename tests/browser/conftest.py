"""Debian's chromium, driven by Playwright, on the pages over a fleet; a page that complains fails its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from driftline.local.postgres import EmbeddedPostgres
from driftline.local.provisioning import Urls
from tests.browser.site import USER, Site, fleet_site

_OF_THE_FRAME = (
    "An iframe which has both allow-scripts and allow-same-origin for its sandbox attribute can escape its sandboxing."
)
"""Of Airflow's own frame: nothing that a page could help."""


@pytest.fixture(scope="session")
def site(postgres: EmbeddedPostgres, urls: Urls) -> Iterator[Site]:
    with fleet_site(postgres.admin_url, urls) as site:
        yield site


@dataclass
class Reader:
    """Somebody at a browser. What the page's console says, and answers that no page should get, are kept."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)
    """Statuses that are no complaint in this test."""

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self._say(said.text) if said.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self._say(str(error)))
        self.page.on("response", self._look)

    def open(self, path: str = "") -> Page:
        self.page.goto(path)
        return self.page

    def _say(self, text: str) -> None:
        if text != _OF_THE_FRAME and not any(f"status of {status}" in text for status in self.expected):
            self.complaints.append(text)

    def _look(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.complaints.append(f"{response.status} {response.url}")


Open = Callable[..., Reader]


@pytest.fixture
def reader(chromium: Browser, site: Site) -> Iterator[Open]:
    """Opens a browser for somebody: who may act, unless told otherwise."""
    opened: list[tuple[BrowserContext, Reader]] = []

    def open_for(user: str | None = "ann", *, expected: tuple[int, ...] = (), **options: object) -> Reader:
        context = chromium.new_context(base_url=site.address, **{"timezone_id": "UTC", **options})  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        if user is not None:
            context.add_cookies([{"name": USER, "value": user, "url": site.address}])
        opened.append((context, Reader(context.new_page(), expected=set(expected))))
        return opened[-1][1]

    yield open_for
    for context, _ in opened:
        context.close()
    complaints = [complaint for _, each in opened for complaint in each.complaints]
    assert complaints == []
