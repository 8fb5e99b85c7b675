"""The pages in a real API server: behind Airflow's own login, and where an alert leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from tests.dags.conftest import Installation, wait_until

pytestmark = pytest.mark.airflow

MODEL = "flight_delay"
MONITOR = f"monitor__{MODEL}"
COOKIE = "_token"
"""Airflow's, see `COOKIE_NAME_JWT_TOKEN`."""


@pytest.fixture(scope="module")
def alert(installation: Installation) -> dict[str, str]:
    """The links of the alert that the scheduler's run of the last window caused."""
    airflow = installation.airflow
    dags = "/api/v2/dags?limit=100"
    wait_until(lambda: MONITOR in str(airflow.api("GET", dags)), 120, f"{MONITOR} to appear")
    airflow.api("PATCH", f"/api/v2/dags/{MONITOR}", {"is_paused": False})
    wait_until(lambda: bool(_messages(installation)), 240, "the alert to arrive")
    return {
        label: unescape(address)
        for address, label in re.findall(r"<(http[^|>]+)\|([^>]+)>", _messages(installation)[0])
    }


@pytest.fixture(scope="module")
def token(installation: Installation) -> str:
    login = installation.airflow.login
    body = {"username": login.user, "password": login.password}
    return str(httpx.post(f"{installation.airflow.base_url}/auth/token", json=body).json()["access_token"])


@pytest.fixture
def anonymous(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.airflow.base_url, headers={"accept": "text/html"}, timeout=60) as client:
        yield client


@pytest.fixture
def browser(anonymous: httpx.Client, token: str) -> httpx.Client:
    anonymous.cookies.set(COOKIE, token)
    return anonymous


def test_the_alert_leads_to_its_windows_page_with_the_findings(
    installation: Installation, alert: dict[str, str], browser: httpx.Client
) -> None:
    page = browser.get(alert["Report"])
    assert page.status_code == 200
    end = urlsplit(alert["Report"]).path.rsplit("/", 1)[1]
    reason, found = installation.rows(
        """
        SELECT reason, (SELECT count(*) FROM driftline.findings f WHERE (f.model, f.window_start, f.window_end) =
                        (d.model, d.window_start, d.window_end) AND status = 'detected')
        FROM driftline.decisions d WHERE model = %s AND window_end = %s
        """,
        MODEL,
        end,
    )[0]
    assert reason in unescape(page.text)
    assert f"Found ({found:,})" in page.text
    assert ">temperature</a>" in page.text


@pytest.mark.parametrize("kind", ["drift", "quality"])
def test_a_windows_page_leads_to_its_reports_shut_into_a_sandbox(
    alert: dict[str, str], browser: httpx.Client, kind: str
) -> None:
    page = browser.get(alert["Report"])
    (address,) = re.findall(rf'href="([^"]*/reports/{kind}[^"]*)"', page.text)
    report = browser.get(urljoin(str(page.url), unescape(address)))
    assert report.status_code == 200
    assert "temperature" in report.text
    assert report.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_the_alert_leads_to_the_very_finding_and_to_the_report(alert: dict[str, str], browser: httpx.Client) -> None:
    anchor = urlsplit(alert["Report"]).fragment
    assert re.search(rf'<tr id="{anchor}">', browser.get(alert["Report"]).text)
    report = browser.get(alert["Drift report"])
    assert (report.status_code, "temperature" in report.text) == (200, True)


@pytest.mark.parametrize(
    ("task", "buttons"),
    [
        ("check_drift", {"Window", "Drift report"}),
        ("check_quality", {"Window", "Quality report"}),
        ("decide", {"Window"}),
    ],
)
def test_a_tasks_buttons_lead_to_what_it_found(
    installation: Installation, alert: dict[str, str], browser: httpx.Client, task: str, buttons: set[str]
) -> None:
    run = urlsplit(alert["Run in Airflow"]).path.rsplit("/", 1)[1]
    links = installation.airflow.api("GET", f"/api/v2/dags/{MONITOR}/dagRuns/{run}/taskInstances/{task}/links")
    assert set(links["extra_links"]) == buttons
    for address in links["extra_links"].values():
        page = browser.get(address, follow_redirects=True)
        assert (page.status_code, "temperature" in page.text) == (200, True)


def test_the_tab_of_the_alerts_run_shows_the_same_window(alert: dict[str, str], browser: httpx.Client) -> None:
    run = urlsplit(alert["Run in Airflow"]).path
    tab = browser.get(f"/driftline{run}", follow_redirects=True)
    assert tab.status_code == 200
    assert tab.url.path == urlsplit(alert["Report"]).path
    assert 'href="../../../' + run.removeprefix("/") in tab.text, "and leads back to the run"


def test_the_overview_and_the_dags_tab_show_the_model(alert: dict[str, str], browser: httpx.Client) -> None:
    assert f">{MODEL}</a>" in browser.get("/driftline/").text
    tab = browser.get(f"/driftline/dags/{MONITOR}", follow_redirects=True)
    assert (tab.status_code, tab.url.path) == (200, f"/driftline/models/{MODEL}")


@pytest.mark.parametrize("path", ["/driftline/", f"/driftline/models/{MODEL}", "{report}", "{report}/reports/drift"])
def test_who_is_not_logged_in_sees_nothing(alert: dict[str, str], anonymous: httpx.Client, path: str) -> None:
    path = path.format(report=urlsplit(alert["Report"]).path)
    for token in (None, "not.a.token"):
        anonymous.cookies.clear()
        if token:
            anonymous.cookies.set(COOKIE, token)
        answer = anonymous.get(path)
        assert (answer.status_code, answer.text) == (303, "")
        login = urlsplit(answer.headers["location"])
        assert (login.path, parse_qs(login.query)) == ("/api/v2/auth/login", {"next": [path]})
        assert anonymous.get(path, follow_redirects=True).url.path == "/auth/login"
    anonymous.cookies.clear()
    for headers in ({"accept": "*/*"}, {"authorization": "Bearer not.a.token"}):
        refused = anonymous.get(path, headers=headers)
        assert refused.status_code == 401
        assert "temperature" not in refused.text


def test_a_program_reads_with_its_bearer_token(alert: dict[str, str], anonymous: httpx.Client, token: str) -> None:
    assert anonymous.get(alert["Report"], headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_prometheus_scrapes_with_a_token_of_its_own(
    installation: Installation, alert: dict[str, str], anonymous: httpx.Client, token: str
) -> None:
    scraped = installation.airflow.variables["DRIFTLINE_METRICS_TOKEN"]
    answer = anonymous.get("/driftline/metrics", headers={"authorization": f"Bearer {scraped}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "\ndriftline_up 1.0\n" in answer.text
    assert f'driftline_monitor_window_end_timestamp_seconds{{model="{MODEL}"}}' in answer.text
    for other in ({}, {"authorization": f"Bearer {token}"}, {"cookie": f"{COOKIE}={token}"}):
        assert anonymous.get("/driftline/metrics", headers=other).status_code == 401


def test_what_is_not_there_is_a_page_of_ours(browser: httpx.Client) -> None:
    for path, status in {
        f"/driftline/windows/{MODEL}/1999-01-01T00:00Z": 404,
        f"/driftline/windows/{MODEL}/yesterday": 400,
        "/driftline/dags/maintain_store": 404,
        "/driftline/openapi.json": 404,
    }.items():
        answer = browser.get(path)
        assert (answer.status_code, "See all models" in answer.text) == (status, True)


def test_the_plugin_is_registered_once_with_its_place_in_the_navigation(installation: Installation) -> None:
    plugins = installation.airflow.api("GET", "/api/v2/plugins")["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "driftline"]
    assert [app["url_prefix"] for app in ours["fastapi_apps"]] == ["/driftline"]
    assert [(view["name"], view["destination"]) for view in ours["external_views"]] == [
        ("Driftline", "nav"),
        ("Driftline", "dag"),
        ("Driftline", "dag_run"),
    ]
    assert installation.airflow.api("GET", "/api/v2/plugins/importErrors")["import_errors"] == []


def _messages(installation: Installation) -> list[str]:
    """The text of the alerts about windows of the model, the oldest first; the watcher's have no report."""
    bodies = [request.body for request in installation.receiver.requests if request.status == 200]
    told = ["\n".join(_texts(body)) for body in bodies if MODEL in str(body)]
    return [text for text in told if "|Report>" in text]


def _texts(body: object) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict):
        for value in body.values():
            yield from _texts(value)
    elif isinstance(body, list):
        for value in body:
            yield from _texts(value)
