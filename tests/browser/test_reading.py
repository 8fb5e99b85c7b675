"""What people read: the data of the tables, links from messages and from Airflow's tabs, for everybody's eyes."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from driftline.web.addresses import finding_anchor, window_path
from tests.browser.conftest import Open
from tests.browser.site import Site


def pages(site: Site) -> dict[str, str]:
    """Every kind of page, by its address."""
    model, name = next(iter(site.fleet.experiments.items()))
    hostile = site.fleet.models[0]
    return {
        "overview": "",
        "model": f"models/{hostile.name}",
        "window": window_path(hostile.name, site.fleet.until),
        "incidents": "incidents?show=all",
        "incident": "incidents/1",
        "experiments": "experiments",
        "experiment": f"experiments/{name}",
        "serving": "serving",
        "serving of a model": f"serving/{model}",
        "a review": _review(site, model),
    }


def _review(site: Site, model: str) -> str:
    """Of a promotion of the control to all the traffic."""
    ((revision,),) = site.rows("SELECT revision FROM driftline.route_revisions WHERE model = %s", model)
    asked = {"version": site.fleet.model(model).versions[0], "percent": 100, "reason": "x", "revision": revision}
    return f"serving/{model}/promote?{urlencode(asked)}"


def test_the_overview_has_a_row_a_model_and_finds_them(site: Site, reader: Open) -> None:
    page = reader().open("")
    rows = page.get_by_role("region", name="Models").locator("tbody tr")
    expect(rows).to_have_count(len(site.fleet.models))
    names = rows.locator("th a").all_inner_texts()
    assert sorted(names) == sorted(model.name for model in site.fleet.models)
    page.get_by_role("searchbox").fill(names[-1])
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name=names[-1], exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(names[-1])


def test_a_windows_page_holds_what_the_window_found(site: Site, reader: Open) -> None:
    model = site.fleet.models[0]
    rows = site.rows(
        "SELECT DISTINCT subject FROM driftline.findings WHERE model = %s AND window_end = %s AND status = 'detected'",
        model.name,
        site.fleet.until,
    )
    page = reader().open(window_path(model.name, site.fleet.until))
    found = page.get_by_role("region", name="Found", exact=True)
    for (subject,) in rows:
        expect(found.locator("tbody th").filter(has_text=str(subject)).first).to_be_visible()


def test_the_address_of_a_finding_opens_the_page_at_it(site: Site, reader: Open) -> None:
    rows = site.rows(
        "SELECT version, comparison, segment, subject, test FROM driftline.findings "
        "WHERE model = %s AND window_end = %s AND status = 'ok' ORDER BY subject DESC LIMIT 1",
        site.fleet.models[0].name,
        site.fleet.until,
    )
    anchor = finding_anchor([str(part) for part in rows[0]])
    page = reader().open(f"{window_path(site.fleet.models[0].name, site.fleet.until)}#{anchor}")
    expect(page.locator(f"#{anchor}")).to_be_in_viewport()


def test_names_with_markup_are_text(site: Site, reader: Open) -> None:
    model = site.fleet.models[0]
    page = reader().open(window_path(model.name, site.fleet.until))
    assert page.get_by_text("<script>alert(1)</script>").count() > 0
    assert page.locator("main img, main script:not([type])").count() == 0


@pytest.mark.parametrize("ending", ["", "/runs/{run}"])
def test_airflows_tabs_lead_to_the_model_and_to_the_runs_window(site: Site, reader: Open, ending: str) -> None:
    model = site.fleet.models[0].name
    rows = site.rows("SELECT run_id FROM driftline.windows WHERE model = %s ORDER BY window_end DESC", model)
    page = reader().open(f"dags/monitor__{model}" + ending.format(run=str(rows[0][0])))
    assert (f"/windows/{model}/" if ending else f"/models/{model}") in page.url
    expect(page.get_by_role("heading", level=1)).to_contain_text(model)


def test_the_keyboard_skips_to_the_content_and_walks_the_sections(site: Site, reader: Open) -> None:
    page = reader().open("")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Incidents", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Incidents")
    expect(page.get_by_role("navigation", name="Sections").locator("[aria-current]")).to_have_text("Incidents")


def test_times_are_in_utc_and_in_the_viewers_zone(site: Site, reader: Open) -> None:
    ((opened,),) = site.rows("SELECT opened_at FROM driftline.incidents WHERE incident_id = 1")
    assert isinstance(opened, datetime)
    page = reader(timezone_id="Asia/Kolkata", locale="en-GB").open("incidents/1")
    since = page.locator("dl div").filter(has_text="Since")
    expect(since).to_contain_text(f"({opened.astimezone(UTC):%H:%M} UTC)")
    expect(since).to_contain_text(f"{opened.astimezone(ZoneInfo('Asia/Kolkata')):%-d %b, %H:%M}")


def test_who_is_not_logged_in_is_led_to_the_login(site: Site, reader: Open) -> None:
    page = reader(None).open("serving")
    assert page.url.endswith("/airflow/frame"), "what stands for Airflow's login here"


@pytest.mark.parametrize(("scheme", "rules"), [("light", None), ("dark", ["color-contrast"])])
def test_every_page_is_accessible(site: Site, reader: Open, scheme: str, rules: list[str] | None) -> None:
    """By axe-core's rules; what does not depend on colours is the same in both schemes."""
    page = reader(color_scheme=scheme).page
    wanted = (
        {"type": "rule", "values": rules} if rules else {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa"]}
    )
    grave: dict[str, list[str]] = {}
    for kind, path in pages(site).items():
        page.goto(path)
        found = Axe().run(page, options={"resultTypes": ["violations"], "runOnly": wanted}).response["violations"]
        grave[kind] = [
            f"{each['id']}: {node['html'][:150]}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"][:3]
        ]
    assert {kind: faults for kind, faults in grave.items() if faults} == {}
