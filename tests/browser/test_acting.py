"""What people do from a browser: by mouse, by keyboard, within Airflow's frame, without the right."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.site import Site


def routed(site: Site, model: str) -> dict[str, float]:
    rows = site.rows("SELECT version, share::float8 FROM driftline.routes WHERE model = %s", model)
    return {str(version): float(str(share)) for version, share in rows}


def calm_model(site: Site, place: int = -1) -> str:
    """A model without an experiment, or the ``place``-th of the others."""
    return site.fleet.models[place].name


def test_the_serving_page_shows_the_routes_and_history_of_the_tables(site: Site, reader: Open) -> None:
    page = reader().open("serving")
    model = calm_model(site)
    page.get_by_role("link", name=model, exact=True).click()
    changes = site.rows("SELECT revision, actor FROM driftline.route_history WHERE model = %s", model)
    expect(page.get_by_role("region", name="History").locator("tbody tr")).to_have_count(len(changes))
    versions = site.rows("SELECT version, status FROM driftline.model_versions WHERE model = %s", model)
    for version, status in versions:
        row = page.get_by_role("region", name="Versions").locator("tbody tr").filter(has_text=str(version))
        expect(row.first).to_contain_text(str(status))


def test_a_promotion_within_airflows_frame_is_tried_out_confirmed_and_done(site: Site, reader: Open) -> None:
    model = calm_model(site)
    page = reader().page
    page.goto(site.address.replace("/driftline/", "/frame"))
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name=model, exact=True).click()
    before = routed(site, model)
    other = site.fleet.models[-1].versions[0]
    frame.get_by_label("Version", exact=True).select_option(other)
    frame.get_by_label("Share, percent").fill("10")
    frame.locator("#promote-reason").fill("a look from the frame")
    frame.get_by_role("button", name="Try out the promotion").click()
    expect(frame.get_by_text("Dry run: nothing has been changed yet.")).to_be_visible()
    assert routed(site, model) == before
    frame.get_by_role("button", name=f"Promote {other}").click()
    expect(frame.get_by_role("status")).to_contain_text("by ann")
    assert routed(site, model)[other] == 0.1


def test_a_rollback_by_keyboard(site: Site, reader: Open) -> None:
    model = calm_model(site, 1)
    page = reader().open(f"serving/{model}")
    page.locator("#rollback-reason").focus()
    page.keyboard.type("errors")
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name=re.compile("^Roll back "))
    expect(button).to_be_visible()
    target = page.locator("tbody tr").first.locator("td").last.inner_text()
    for _ in range(40):
        if button.evaluate("each => each === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Done.")
    (version,) = routed(site, model)
    assert version in target


def test_a_stale_tab_is_refused_and_shown_the_routes_anew(site: Site, reader: Open) -> None:
    model = site.fleet.models[-1].name
    versions = site.fleet.models[-1].versions
    first = reader(expected=(409,))
    page = first.open(f"serving/{model}")
    other = reader().open(f"serving/{model}")
    _promote(other, versions[0], "20")
    page.get_by_label("Version", exact=True).select_option(versions[0])
    page.locator("#promote-reason").fill("stale")
    page.get_by_role("button", name="Try out the promotion").click()
    expect(page.get_by_role("alert")).to_contain_text("Read the routes again and decide anew")
    assert routed(site, model)[versions[0]] == 0.2


def _promote(page: Page, version: str, percent: str) -> None:
    page.get_by_label("Version", exact=True).select_option(version)
    page.get_by_label("Share, percent").fill(percent)
    page.locator("#promote-reason").fill("by another tab")
    page.get_by_role("button", name="Try out the promotion").click()
    page.get_by_role("button", name=f"Promote {version}").click()
    expect(page.get_by_role("status")).to_contain_text("Done.")


def test_incidents_are_those_of_the_tables_filtered_acknowledged_and_silenced(site: Site, reader: Open) -> None:
    opened = site.rows("SELECT incident_id, title FROM driftline.incidents WHERE status <> 'resolved' ORDER BY 1")
    page = reader().open("incidents")
    listed = page.get_by_role("region", name="Incidents").locator("tbody tr")
    expect(listed).to_have_count(len(opened))
    page.get_by_role("link", name=re.compile("^Past")).click()
    past = site.rows("SELECT 1 FROM driftline.incidents WHERE status = 'resolved'")
    expect(listed).to_have_count(len(past))
    page.get_by_role("link", name=re.compile("^Open")).click()
    number = opened[0][0]
    page.get_by_role("link", name=re.compile(f"^#{number} ")).click()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_label("Standing")).to_contain_text("Acknowledged by ann")
    page.locator("#silence-reason").fill("known")
    page.get_by_role("button", name="Silence").click()
    expect(page.get_by_role("heading", name="Silenced")).to_be_visible()
    rows = site.rows(
        "SELECT acknowledged_by, (SELECT created_by FROM driftline.silences s WHERE s.model = i.model) "
        "FROM driftline.incidents i WHERE incident_id = %s",
        number,
    )
    assert rows == [("ann", "ann")]


def test_an_incident_leads_to_its_window(site: Site, reader: Open) -> None:
    rows = site.rows("SELECT incident_id FROM driftline.incidents WHERE cause = 'drift' ORDER BY 1 DESC LIMIT 1")
    page = reader().open(f"incidents/{rows[0][0]}")
    page.locator("dd a[href*='windows/']").last.click()
    expect(page.locator("h1")).to_contain_text(" to ")
    assert "/windows/" in page.url


def test_an_experiment_shows_the_arms_effect_and_verdict_of_the_tables(site: Site, reader: Open) -> None:
    _model, name = next(iter(site.fleet.experiments.items()))
    page = reader().open("experiments")
    expect(page.get_by_role("region", name="Experiments").locator("tbody tr")).to_have_count(
        len(site.fleet.experiments)
    )
    page.get_by_role("link", name=name, exact=True).click()
    ((units, samples),) = site.rows(
        "SELECT analysis->'units', (analysis->>'samples')::int FROM driftline.experiments WHERE experiment = %s", name
    )
    assert isinstance(units, dict)
    for version, number in units.items():
        row = page.get_by_role("region", name="Arms").locator("tbody tr").filter(has_text=version)
        expect(row.first).to_contain_text(f"{number:,}")
    expect(page.get_by_text(f"{samples:,} of ")).to_be_visible()
    charts = page.locator("figure.chart")
    assert charts.count() >= 2
    points = charts.first.locator("polyline").get_attribute("points") or ""
    kept = site.rows("SELECT count(*) FROM driftline.experiment_course WHERE experiment = %s", name)
    assert len(points.split()) == kept[0][0]
    charts.first.get_by_text("The same as a table").click()
    expect(charts.first.locator("tbody tr")).to_have_count(int(str(kept[0][0])))


def test_a_persons_verdict_is_recorded(site: Site, reader: Open) -> None:
    name = list(site.fleet.experiments.values())[-1]
    page = reader().open(f"experiments/{name}")
    page.get_by_label("Verdict", exact=True).select_option("hold")
    page.locator("#decide-reason").fill("look at it tomorrow")
    page.get_by_role("button", name="Try out the verdict").click()
    page.get_by_role("button", name=f"Rule on {name}").click()
    expect(page.get_by_role("region", name="Verdicts")).to_contain_text("look at it tomorrow")
    last = site.rows(
        "SELECT verdict, actor, is_override FROM driftline.experiment_verdicts WHERE experiment = %s "
        "ORDER BY number DESC LIMIT 1",
        name,
    )
    assert last == [("hold", "ann", True)]


def test_who_may_only_look_finds_nothing_to_press(site: Site, reader: Open) -> None:
    viewer = reader("viewer")
    model, name = next(iter(site.fleet.experiments.items()))
    for path in (f"serving/{model}", f"experiments/{name}", "incidents/1"):
        page = viewer.open(path)
        expect(page.get_by_text("the right to edit the DAG").first).to_be_visible()
        assert page.locator("form").count() == 0


def test_who_may_not_see_a_model_is_told_which_right_is_missing(site: Site, reader: Open) -> None:
    outsider = reader("outsider", expected=(403,))
    model, name = next(iter(site.fleet.experiments.items()))
    for path in (f"models/{model}", f"serving/{model}", f"experiments/{name}", "incidents/1"):
        page = outsider.open(path)
        expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
        expect(page.get_by_text("Ask for the right to read the DAG")).to_be_visible()
    for path in ("", "serving", "experiments", "incidents"):
        page = outsider.open(path)
        expect(
            page.get_by_text("none that you may see").or_(page.get_by_text("none of a model that you may see"))
        ).to_be_visible()
