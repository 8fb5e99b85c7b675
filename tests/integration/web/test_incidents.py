"""The incident pages: what is open and what was, and what people do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from driftline.alerts.incidents import Incident, IncidentStatus
from driftline.alerts.silences import Silence
from driftline.findings import Check, Finding, Severity
from driftline.store.engine import store_transaction
from driftline.store.incidents import known_incidents, open_or_renew_incident, open_or_update_incident
from driftline.store.silences import all_silences
from driftline.web.incidents_pages import PAGE_LENGTH
from driftline.windows import Window
from tests.integration.web.conftest import DAY, Host, Results, finding
from tests.integration.web.page_forms import SAME_SITE, follow, forms, read, send

HOSTILE = "<script>alert('i')</script> \"x\" / 🚀"


@pytest.fixture
def drift(results: Results, store_engine: Engine) -> int:
    """An open incident of drift in two features."""
    found = [finding("amount"), finding("amount", segment="carrier=UA"), finding("country", severity=Severity.LOW)]
    results.window()
    results.findings(Check.DRIFT, *found)
    return opened(store_engine, "drift", found=found)


def opened(
    engine: Engine,
    cause: str,
    *,
    model: str = "fraud",
    title: str = "Drift: amount",
    found: Sequence[Finding] = (),
    window: Window = DAY,
    severity: Severity = Severity.HIGH,
) -> int:
    with store_transaction(engine) as connection:
        return open_or_update_incident(
            connection,
            model=model,
            cause=cause,
            severity=severity,
            title=title,
            findings=[list(each.key) for each in found],
            window=window,
            at=window.end,
        ).incident_id


def incident(engine: Engine, incident_id: int) -> Incident:
    with store_transaction(engine) as connection:
        return known_incidents(connection, [incident_id])[0]


def silences(engine: Engine) -> tuple[Silence, ...]:
    with store_transaction(engine) as connection:
        return all_silences(connection)


def told(engine: Engine) -> list[str]:
    with store_transaction(engine) as connection:
        rows = connection.execute(text("SELECT message->>'title' FROM driftline.alert_outbox ORDER BY alert_id"))
        return [str(title) for title in rows.scalars()]


def test_open_incidents_stand_by_severity_with_where_they_lead(
    browser: TestClient, store_engine: Engine, drift: int
) -> None:
    worse = opened(store_engine, "rollback", title="v3 is rolled back", severity=Severity.CRITICAL, model="churn")
    page = browser.get("incidents")
    said = read(page.text)
    assert said.index(f"critical #{worse} v3 is rolled back churn rollback") < said.index(
        f"high #{drift} Drift: amount fraud drift 2 Mar 06:00 UTC 2 Mar 06:00 UTC open"
    )
    assert f'href="./incidents/{drift}"' in page.text
    assert 'href="./models/fraud"' in page.text
    assert "Open 2 Past 0 All 2" in said


@pytest.mark.parametrize(
    ("asked", "seen", "unseen"),
    [
        ({"model": "churn"}, "Errors: v3", "Drift: amount"),
        ({"severity": "high"}, "Drift: amount", "Errors: v3"),
        ({"q": "AMOUNT"}, "Drift: amount", "Errors: v3"),
        ({"q": "%"}, "No incident is so.", "Drift: amount"),
        ({"show": "past"}, "No incident is so.", "Drift: amount"),
        ({"show": "all", "page": "2"}, "No incident is so.", "Drift: amount"),
    ],
)
def test_incidents_are_filtered(
    browser: TestClient, store_engine: Engine, drift: int, *, asked: dict[str, str], seen: str, unseen: str
) -> None:
    opened(store_engine, "error_rate", title="Errors: v3", severity=Severity.CRITICAL, model="churn")
    said = read(browser.get("incidents", params=asked).text)
    assert seen in said
    assert unseen not in said


@pytest.mark.parametrize("asked", [{"show": "some"}, {"severity": "awful"}, {"page": "two"}, {"page": "-1"}])
def test_a_malformed_filter_is_refused(browser: TestClient, drift: int, asked: dict[str, str]) -> None:
    assert browser.get("incidents", params=asked).status_code == 400


def test_many_incidents_come_in_pages(browser: TestClient, store_engine: Engine) -> None:
    for number in range(PAGE_LENGTH + 1):
        opened(store_engine, f"cause {number:03}", title=f"Number {number:03}", severity=Severity.LOW)
    first, second = (read(browser.get("incidents", params={"page": page}).text) for page in (1, 2))
    assert first.count("Number ") == PAGE_LENGTH
    assert second.count("Number ") == 1
    assert "Page 2 of 2, 101 incidents" in second


def test_an_incidents_findings_are_grouped_and_lead_to_their_window(browser: TestClient, drift: int) -> None:
    page = browser.get(f"incidents/{drift}")
    said = read(page.text)
    assert "amount high version v2 kolmogorov smirnov 0.21 0.08 Its median rose from 12 to 31." in said
    assert said.index("version v2, carrier=UA") < said.index("country low")
    assert 'href="../windows/fraud/2026-03-02T06:00Z#finding-' in page.text
    assert "Nobody was told yet." in said


def test_what_only_earlier_windows_found_is_named(browser: TestClient, store_engine: Engine, results: Results) -> None:
    results.window()
    known = opened(store_engine, "drift", found=[finding("basket")])
    said = read(browser.get(f"incidents/{known}").text)
    assert "Found by earlier windows, and not by the last: basket." in said
    assert "have been judged anew since" in said


def test_an_incident_that_no_window_finds_says_who_does(browser: TestClient, store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        change = open_or_renew_incident(
            connection, model="fraud", cause="error_rate", severity=Severity.HIGH, title="Errors", at=DAY.end
        )
    said = read(browser.get(f"incidents/{change.incident_id}").text)
    assert "No window finds this: the guard looks" in said
    assert "window that found it" not in said


def test_an_incident_is_acknowledged_with_who_and_when_and_told(
    browser: TestClient, store_engine: Engine, drift: int
) -> None:
    with store_transaction(store_engine) as connection:
        connection.execute(text("UPDATE driftline.incidents SET told_at = opened_at"))
    done = follow(browser, send(browser, browser.get(f"incidents/{drift}"), "/acknowledge"))
    now = incident(store_engine, drift)
    assert now.acknowledged_by == "ann"
    assert f"Acknowledged by ann, {now.acknowledged_at:%Y-%m-%d %H:%M} UTC" in read(done.text)
    assert not any(end.endswith("acknowledge") for end in forms(done))
    assert len(told(store_engine)) == 1


def test_an_incident_is_resolved_with_the_reason(browser: TestClient, store_engine: Engine, drift: int) -> None:
    done = follow(browser, send(browser, browser.get(f"incidents/{drift}"), "/resolve", reason="a known sale"))
    now = incident(store_engine, drift)
    assert (now.status, now.resolved_by) == (IncidentStatus.RESOLVED, "ann")
    assert ", by ann." in read(done.text)
    assert forms(done) == {}
    assert "resolved by ann" in read(browser.get("incidents", params={"show": "past"}).text)
    assert "Nothing is open. What was: 1 past" in read(browser.get("incidents").text)


@pytest.mark.parametrize(
    ("scope", "cause", "subject"),
    [("cause", "drift", ""), ("model", "", ""), ("subject:amount", "drift", "amount")],
)
def test_a_silence_keeps_its_scope_time_person_and_reason(
    browser: TestClient, store_engine: Engine, drift: int, *, scope: str, cause: str, subject: str
) -> None:
    page = browser.get(f"incidents/{drift}")
    done = follow(browser, send(browser, page, "/silence", scope=scope, span="1d", reason="a sale"))
    (silence,) = silences(store_engine)
    assert (silence.model, silence.cause, silence.subject) == ("fraud", cause, subject)
    assert (silence.created_by, silence.reason) == ("ann", "a sale")
    assert silence.until - silence.created_at == timedelta(days=1)
    assert ", by ann: a sale" in read(done.text)
    listed = browser.get("incidents")
    assert "open silenced" in read(listed.text)
    send(browser, listed, f"silences/{silence.silence_id}/end")
    assert silences(store_engine)[0].ended_by == "ann"
    again = send(browser, listed, f"silences/{silence.silence_id}/end")
    assert (again.status_code, "Nothing was changed" in read(again.text)) == (409, True)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"reason": " "}, "The reason is empty"),
        ({"span": "forever"}, "is not a duration"),
        ({"span": "31d"}, "at most 30 days"),
        ({"span": "0h"}, "more than nothing"),
        ({"scope": "subject:nothing"}, "Choose what to silence"),
        ({"scope": "all"}, "Choose what to silence"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(
    browser: TestClient, store_engine: Engine, drift: int, changed: dict[str, str], why: str
) -> None:
    values = {"reason": "a sale", **changed}
    answer = send(browser, browser.get(f"incidents/{drift}"), "/silence", **values)
    assert (answer.status_code, why in read(answer.text)) == (400, True)
    assert silences(store_engine) == ()


@pytest.mark.parametrize("action", ["acknowledge", "silence", "resolve"])
def test_a_stale_tab_is_refused_and_shown_the_incident_anew(
    browser: TestClient, store_engine: Engine, drift: int, action: str
) -> None:
    page = browser.get(f"incidents/{drift}")
    later = Window(DAY.start + timedelta(hours=6), DAY.end + timedelta(hours=6))
    opened(store_engine, "drift", window=later, severity=Severity.CRITICAL, title="Drift: everything")
    answer = send(browser, page, f"/{action}", **({} if action == "acknowledge" else {"reason": "a sale"}))
    assert answer.status_code == 409
    said = read(answer.text)
    assert "has changed since the page was shown" in said
    assert "Drift: everything" in said, "shown anew"
    now = incident(store_engine, drift)
    assert (now.acknowledged_by, now.status, silences(store_engine)) == ("", IncidentStatus.OPEN, ())


def test_a_newer_look_that_found_the_same_makes_no_tab_stale(
    browser: TestClient, store_engine: Engine, drift: int
) -> None:
    page = browser.get(f"incidents/{drift}")
    opened(store_engine, "drift", window=Window(DAY.start + timedelta(hours=6), DAY.end + timedelta(hours=6)))
    assert send(browser, page, "/acknowledge").status_code == 303


def test_who_may_only_look_sees_no_form_and_is_refused(
    browser: TestClient, store_engine: Engine, drift: int, host: Host
) -> None:
    page = browser.get(f"incidents/{drift}")
    follow(browser, send(browser, page, "/silence", reason="a sale"))
    (silence,) = silences(store_engine)
    listed = browser.get("incidents")
    host.unchangeable = {"fraud"}
    shown = browser.get(f"incidents/{drift}")
    assert forms(shown) == {}
    assert "the right to edit the DAG monitor__fraud" in read(shown.text)
    assert list(forms(browser.get("incidents"))) == ["incidents"], "the search"
    answers = [send(browser, page, f"/{action}", reason="x") for action in ("acknowledge", "resolve", "silence")]
    answers.append(send(browser, listed, f"silences/{silence.silence_id}/end"))
    assert [answer.status_code for answer in answers] == [403] * 4
    assert incident(store_engine, drift).acknowledged_by == ""


def test_who_may_not_see_a_model_sees_nothing_of_its_incidents(
    browser: TestClient, store_engine: Engine, drift: int, host: Host
) -> None:
    follow(browser, send(browser, browser.get(f"incidents/{drift}"), "/silence", reason="a sale"))
    host.hidden = {"fraud"}
    listed = browser.get("incidents")
    assert "There are incidents, but none of a model that you may see." in read(listed.text)
    assert "fraud" not in listed.text
    sent: list[Any] = [browser.get(f"incidents/{drift}")]
    for address in (f"incidents/{drift}/acknowledge", "silences/1/end"):
        sent.append(browser.post(address, data={"reason": "x"}, headers=SAME_SITE))
    assert [answer.status_code for answer in sent] == [403] * 3


def test_forms_need_their_seal_and_the_same_site(browser: TestClient, store_engine: Engine, drift: int) -> None:
    page = browser.get(f"incidents/{drift}")
    other = forms(page)[f"incidents/{drift}/silence"]["seal"]
    assert send(browser, page, "/acknowledge", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert send(browser, page, "/acknowledge", seal="").status_code == 403
    assert browser.post("silences/1/end", data={"seal": other}, headers=SAME_SITE).status_code == 404
    assert incident(store_engine, drift).acknowledged_by == ""


def test_names_and_texts_are_text(browser: TestClient, store_engine: Engine, results: Results) -> None:
    hostile = finding(HOSTILE, description=HOSTILE)
    results.window()
    results.findings(Check.DRIFT, hostile)
    known = opened(store_engine, "drift", title=HOSTILE, found=[hostile])
    page = browser.get(f"incidents/{known}")
    done = follow(browser, send(browser, page, "/silence", scope=f"subject:{HOSTILE}", reason=HOSTILE))
    for shown in (page, done, browser.get("incidents")):
        assert "alert('i')</script>" not in shown.text
        assert HOSTILE in read(shown.text)
    assert silences(store_engine)[0].subject == HOSTILE


def test_without_incidents_the_page_says_when_one_opens(browser: TestClient, store_engine: Engine) -> None:
    said = read(browser.get("incidents").text)
    assert "No incident has ever been opened." in said
    assert browser.get("incidents/1").status_code == 404
    assert browser.get("incidents/x").status_code == 400
