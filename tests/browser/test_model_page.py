"""A model's page in a browser: the heat map by mouse and keyboard, the charts, the theme."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.site import Site


def _drifting(site: Site) -> str:
    ((model, _),) = site.rows(
        "SELECT model, count(*) FROM driftline.findings WHERE check_name = 'drift' AND status = 'detected' "
        "AND segment = '' AND subject NOT IN ('multivariate', 'rows') GROUP BY model ORDER BY 2 DESC LIMIT 1"
    )
    return str(model)


def test_a_click_on_a_cell_shows_its_distribution(site: Site, reader: Open) -> None:
    page = reader().open(f"models/{_drifting(site)}")
    row = page.locator("table.heat tbody tr").first
    feature = str(row.get_attribute("data-feature"))
    row.locator("td:not(.number)").last.click()
    expect(page.locator("#feature-name")).to_contain_text(feature)
    assert re.search(r"feature=.*window=", page.url)


def test_the_heat_map_is_one_stop_and_arrows_move_in_it(site: Site, reader: Open) -> None:
    page = reader().open(f"models/{_drifting(site)}")
    assert page.locator("table.heat td[tabindex='0']").count() == 1
    page.locator("table.heat td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    second = page.locator("table.heat tbody tr").nth(1)
    expect(second.locator("td").first).to_be_focused()
    feature = str(second.get_attribute("data-feature"))
    expect(page.locator("#cell")).to_contain_text(feature)
    page.keyboard.press("Enter")
    expect(page.locator("#feature, .panel").first).to_contain_text(feature)


def test_every_chart_is_drawn_and_says_the_newest_value(site: Site, reader: Open) -> None:
    page = reader().open(f"models/{_drifting(site)}")
    plots = page.locator(".plot")
    assert plots.count() >= 4
    for place in range(plots.count()):
        expect(plots.nth(place).locator("canvas")).to_have_count(1)
        expect(plots.nth(place).locator(".u-legend .u-series").first).not_to_contain_text("–")


def test_the_page_follows_airflows_choice_of_light_and_dark(site: Site, reader: Open) -> None:
    page = reader().open("")
    for theme, scheme in (("dark", "dark"), ("light", "light"), ("system", "light dark")):
        page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        page.reload()
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == scheme
