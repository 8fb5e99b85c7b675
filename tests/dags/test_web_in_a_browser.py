"""The pages within Airflow's own: its login, its navigation and tabs, its frame, its rights."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from driftline.local.airflow import USER
from driftline.store import registry
from driftline.store.engine import store_transaction
from driftline.store.promotion import promote
from tests.dags.conftest import VIEWER, Installation, wait_until

pytestmark = pytest.mark.airflow

MODEL = "arrival_delay"
OTHER = "9.9"
"""A version that nobody asks for predictions: giving it traffic does no harm to other tests."""


@pytest.fixture(scope="module")
def revision(installation: Installation) -> int:
    """Of the routes: the model's own versions are not registered here, so that nobody else changes them."""
    now = datetime.now(UTC)
    with store_transaction(installation.store) as connection:
        for version in ("9.8", OTHER):
            registry.register_version(connection, model=MODEL, version=version, artifact_uri="s3://x", at=now)
        return promote(
            connection, model=MODEL, version="9.8", share=Decimal(1), expected_revision=None, actor="test",
            reason="first", cause_key="browser", at=now,
        ).revision  # fmt: skip


@pytest.fixture
def page(chromium: Browser, installation: Installation) -> Iterator[Page]:
    context = chromium.new_context(base_url=installation.airflow.base_url)
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    yield context.new_page()
    context.close()


def log_in(page: Page, installation: Installation, user: str, path: str) -> None:
    """By Airflow's own form, which leads to the page that was asked for."""
    page.goto(path)
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(installation.password(user))
    page.get_by_role("button", name="Sign in").click()


def driftline(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def test_the_navigation_leads_to_pages_on_which_one_can_act(
    installation: Installation, page: Page, revision: int
) -> None:
    log_in(page, installation, USER, "/")
    page.get_by_role("link", name="Driftline").first.click()
    frame = driftline(page)
    frame.get_by_role("link", name="Serving", exact=True).click()
    # The page before it lists the model too.
    expect(frame.get_by_role("heading", level=1)).to_have_text("Serving")
    frame.get_by_role("link", name=MODEL, exact=True).click()
    frame.get_by_label("Version", exact=True).select_option(OTHER)
    frame.get_by_label("Share, percent").fill("5")
    frame.locator("#promote-reason").fill("from the frame")
    frame.get_by_role("button", name="Try out the promotion").click()
    frame.get_by_role("button", name=f"Promote {OTHER}").click()
    expect(frame.get_by_role("status")).to_contain_text(f"Done. Revision {revision + 1}")
    change = installation.rows(
        "SELECT actor, reason, shares_after FROM driftline.route_history WHERE model = %s AND revision = %s",
        MODEL,
        revision + 1,
    )
    assert change == [(USER, "from the frame", {"9.8": "0.95", OTHER: "0.05"})]


def test_a_monitors_tab_shows_its_model(installation: Installation, page: Page, revision: int) -> None:
    wait_until(
        lambda: f"monitor__{MODEL}" in str(installation.airflow.api("GET", "/api/v2/dags?limit=100")), 120, MODEL
    )
    log_in(page, installation, USER, f"/dags/monitor__{MODEL}")
    page.get_by_role("link", name="Driftline").last.click()
    expect(driftline(page).get_by_role("heading", level=1)).to_contain_text(MODEL)


def test_who_may_only_read_the_dag_may_look_and_not_act(installation: Installation, page: Page, revision: int) -> None:
    log_in(page, installation, VIEWER, f"/driftline/serving/{MODEL}")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Serving {MODEL}")
    expect(page.get_by_text(f"the right to edit the DAG monitor__{MODEL}")).to_be_visible()
    assert page.locator("form").count() == 0
    refused = page.request.post(f"/driftline/serving/{MODEL}/promote", form={"version": OTHER, "reason": "x"})
    assert refused.status == 403
