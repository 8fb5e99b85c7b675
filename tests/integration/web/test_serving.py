"""The serving pages: who serves a model, and changing that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient
from itsdangerous import TimestampSigner
from sqlalchemy import Engine

from driftline.monitoring.rollback_engine import AutoRollbackEngine
from driftline.rollback import RollbackMode, RollbackPolicy, RollbackRequest, RollbackStatus, Trigger
from driftline.serving import VersionHealth, VersionStatus
from driftline.store import registry
from driftline.store.engine import store_transaction
from driftline.store.promotion import promote
from driftline.store.rollback_log import rollback_by_id
from tests.integration.web.conftest import Host
from tests.integration.web.page_forms import SAME_SITE, follow, forms, read, send

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = "fraud"
HOSTILE = "<script>alert('v')</script> \"3\" / 🚀"


@pytest.fixture(autouse=True)
def serving(store_engine: Engine) -> None:
    """v1 served, v2 serves, v3 could."""
    with store_transaction(store_engine) as connection:
        for version in ("v1", "v2", "v3"):
            registry.register_version(
                connection, model=MODEL, version=version, artifact_uri=f"s3://models/{version}", at=NOON
            )
    give(store_engine, "v1", reason="first release")
    give(store_engine, "v2", reason="better")


def give(engine: Engine, version: str, share: str = "1", reason: str = "because", model: str = MODEL) -> int:
    with store_transaction(engine) as connection:
        return promote(
            connection,
            model=model,
            version=version,
            share=Decimal(share),
            expected_revision=None,
            actor="bob",
            reason=reason,
            cause_key=f"test/{model}/{version}/{share}/{reason}",
            at=NOON + timedelta(hours=1),
        ).revision


def shares(engine: Engine) -> dict[str, float]:
    with store_transaction(engine) as connection:
        return {name: float(share) for name, share in registry.current_routes(connection, MODEL).shares.items()}


def statuses(engine: Engine) -> dict[str, VersionStatus]:
    with store_transaction(engine) as connection:
        return {name: version.status for name, version in registry.versions(connection, MODEL).items()}


def asked_about(engine: Engine) -> int:
    """A rollback of v2 that waits for a person."""
    request = RollbackRequest(
        model=MODEL,
        bad_version="v2",
        trigger=Trigger.ERROR_RATE,
        reason="error rate 4 %",
        cause_key="guard/fraud/v2/errors",
        actor="guard_serving",
        first_seen_at=NOON,
        evidence={"rate": 0.04, "what": HOSTILE},
    )
    engine_of_model = AutoRollbackEngine(MODEL, RollbackPolicy(mode=RollbackMode.APPROVAL))
    with store_transaction(engine) as connection:
        step = engine_of_model.execute_rollback(connection, request, at=NOON + timedelta(hours=2))
    assert step.rollback is not None
    assert step.rollback.status is RollbackStatus.AWAITING_APPROVAL
    return step.rollback.rollback_id


def test_all_models_stand_with_who_serves_them_and_how_that_came_about(
    browser: TestClient, store_engine: Engine
) -> None:
    asked_about(store_engine)
    said = read(browser.get("serving").text)
    assert "fraud 1 rollback waiting for a person v2 100 % 2 1 Mar 13:00 UTC bob better" in said


def test_a_models_page_shows_routes_versions_and_history(browser: TestClient, store_engine: Engine) -> None:
    give(store_engine, "v3", "0.125", reason="canary")
    said = read(browser.get("serving/fraud").text)
    assert "v2 87.5 %, v3 12.5 % · revision 3 · hash based · by bob, 2026-03-01 13:00 UTC · canary" in said
    assert "v3 12.5 % canary unknown" in said
    assert "v1 – retired unknown" in said
    assert "2 1 Mar 13:00 UTC bob v1 100 % v2 100 % better" in said


def test_a_promotion_is_tried_out_confirmed_and_kept_with_its_actor(browser: TestClient, store_engine: Engine) -> None:
    page = browser.get("serving/fraud")
    review = send(browser, page, "/promote", version="v3", percent="5", reason="canary for a day")
    said = read(review.text)
    assert "Dry run: nothing has been changed yet." in said
    assert "Routes v2 100 % v2 95 %, v3 5 %" in said
    assert "Status of v3 registered canary" in said
    assert shares(store_engine) == {"v2": 1}, "only tried out"
    done = follow(browser, send(browser, review, "/promote"))
    assert "Done. Revision 3: v2 100 % → v2 95 %, v3 5 %, by ann" in read(done.text)
    assert shares(store_engine) == {"v2": 0.95, "v3": 0.05}
    assert statuses(store_engine)["v3"] is VersionStatus.CANARY
    with store_transaction(store_engine) as connection:
        newest = registry.route_changes(connection, MODEL)[0]
    assert (newest.actor, newest.reason) == ("ann", "canary for a day")


def test_a_rollback_is_tried_out_confirmed_and_quarantines(browser: TestClient, store_engine: Engine) -> None:
    review = send(browser, browser.get("serving/fraud"), "/rollback", reason="errors")
    said = read(review.text)
    assert "Roll back v2 of fraud?" in said
    assert "Routes v2 100 % v1 100 %" in said
    assert "Status of v2 production quarantined" in said
    assert statuses(store_engine)["v2"] is VersionStatus.PRODUCTION
    done = follow(browser, send(browser, review, "/rollback"))
    assert "Done. Revision 3: v2 100 % → v1 100 %, by ann" in read(done.text)
    assert (shares(store_engine), statuses(store_engine)["v2"]) == ({"v1": 1}, VersionStatus.QUARANTINED)


def test_a_form_that_is_sent_twice_does_it_once(browser: TestClient, store_engine: Engine) -> None:
    review = send(browser, browser.get("serving/fraud"), "/promote", version="v3", percent="5", reason="canary")
    first, again = send(browser, review, "/promote"), send(browser, review, "/promote")
    assert [first.status_code, again.status_code] == [303, 303]
    assert first.headers["location"] == again.headers["location"]
    with store_transaction(store_engine) as connection:
        assert len(registry.route_changes(connection, MODEL)) == 3


@pytest.mark.parametrize("kind", ["promote", "rollback"])
@pytest.mark.parametrize("is_reviewed", [True, False])
def test_a_stale_tab_is_refused_and_shown_the_routes_anew(
    browser: TestClient, store_engine: Engine, kind: str, is_reviewed: bool
) -> None:
    page = browser.get("serving/fraud")
    values = {"reason": "stale", **({"version": "v3"} if kind == "promote" else {})}
    if is_reviewed:
        page, values = send(browser, page, f"/{kind}", **values), {}
    give(store_engine, "v3", "0.5", reason="somebody else")
    answer = send(browser, page, f"/{kind}", **values)
    assert answer.status_code == 409
    said = read(answer.text)
    assert "The routes of 'fraud' are at revision 3, and the change was decided on revision 2" in said
    assert "v2 50 %, v3 50 % · revision 3" in said, "shown anew"
    assert forms(answer)["serving/fraud/promote"]["revision"] == "3"
    assert shares(store_engine) == {"v2": 0.5, "v3": 0.5}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"percent": "0"}, "The share is '0'"),
        ({"percent": "101"}, "The share is '101'"),
        ({"percent": "NaN"}, "The share is 'NaN'"),
        ({"percent": "half"}, "The share is 'half'"),
        ({"reason": "  "}, "The reason is empty"),
        ({"version": "v9"}, "Version 'v9' of 'fraud' is not registered"),
        ({"version": ""}, "Choose a version"),
        ({"version": "v1\x00"}, "Choose a version"),
        ({"revision": "two"}, "no whole number"),
        ({"reason": "x" * 5000}, "longer than"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason_and_the_form_kept(
    browser: TestClient, store_engine: Engine, changed: dict[str, str], why: str
) -> None:
    values = {"version": "v3", "percent": "5", "reason": "canary", **changed}
    answer = send(browser, browser.get("serving/fraud"), "/promote", **values)
    assert answer.status_code == 400
    assert why in read(answer.text)
    assert shares(store_engine) == {"v2": 1}


def test_quarantined_and_unhealthy_versions_are_not_offered(browser: TestClient, store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        registry.set_health(connection, model=MODEL, version="v3", health=VersionHealth.UNHEALTHY, at=NOON)
    page = browser.get("serving/fraud")
    assert '<option value="v3"' not in page.text
    answer = send(browser, page, "/promote", version="v3", reason="all the same")
    assert (answer.status_code, "unhealthy" in read(answer.text)) == (400, True)


def test_a_rollback_that_makes_no_sense_says_why(browser: TestClient, store_engine: Engine) -> None:
    answer = send(browser, browser.get("serving/fraud"), "/rollback", target="v2", reason="errors")
    assert answer.status_code == 400
    assert "v2 of fraud is both the bad version and the one to roll back to" in read(answer.text)


def test_who_may_only_look_sees_no_form_and_is_refused(browser: TestClient, store_engine: Engine, host: Host) -> None:
    review = send(browser, browser.get("serving/fraud"), "/promote", version="v3", reason="canary")
    waiting = asked_about(store_engine)
    asked = browser.get(f"rollbacks/{waiting}")
    host.unchangeable = {MODEL}
    page = browser.get("serving/fraud")
    assert "the right to edit the DAG monitor__fraud" in read(page.text)
    assert forms(page) == {}
    assert forms(browser.get(f"rollbacks/{waiting}")) == {}
    refused = [
        send(browser, review, "/promote"),
        browser.get("serving/fraud/promote", params={"version": "v3", "percent": "5", "reason": "x", "revision": 2}),
        browser.post("serving/fraud/rollback", data={"version": "v2"}, headers=SAME_SITE),
        send(browser, asked, "/approve"),
        send(browser, asked, "/decline"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert shares(store_engine) == {"v2": 1}


def test_who_may_not_see_the_model_sees_nothing_of_it(browser: TestClient, store_engine: Engine, host: Host) -> None:
    waiting = asked_about(store_engine)
    host.hidden = {MODEL}
    listed = browser.get("serving")
    assert "There are models, but none that you may see." in read(listed.text)
    assert "fraud" not in listed.text
    answers = [
        browser.get(path) for path in ("serving/fraud", "serving/fraud/promote?version=v3", f"rollbacks/{waiting}")
    ]
    answers += [browser.post("serving/fraud/promote", data={"version": "v3"}, headers=SAME_SITE)]
    assert [answer.status_code for answer in answers] == [403] * 4


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_form_from_another_site_is_refused(
    browser: TestClient, store_engine: Engine, headers: dict[str, str]
) -> None:
    review = send(browser, browser.get("serving/fraud"), "/promote", version="v3", reason="canary")
    answer = send(browser, review, "/promote", headers=headers)
    assert answer.status_code == 403
    assert "does not come from the page that it belongs to" in read(answer.text)
    assert shares(store_engine) == {"v2": 1}


def test_a_form_without_or_with_anothers_seal_is_refused(browser: TestClient, store_engine: Engine, host: Host) -> None:
    page = browser.get("serving/fraud")
    review = send(browser, page, "/promote", version="v3", reason="canary")
    seal = forms(review)["serving/fraud/promote"]["seal"]
    other = forms(send(browser, page, "/rollback", reason="errors"))["serving/fraud/rollback"]["seal"]
    for wrong in ("", "x", seal[:-2] + "AA", other):
        assert send(browser, review, "/promote", seal=wrong).status_code == 403
    host.user = "eve"
    assert send(browser, review, "/promote").status_code == 403, "sealed for ann"
    assert shares(store_engine) == {"v2": 1}


def test_an_old_form_is_refused_and_the_page_shown_anew(
    browser: TestClient, store_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = send(browser, browser.get("serving/fraud"), "/promote", version="v3", reason="canary")
    later = TimestampSigner("x").get_timestamp() + 13 * 3600
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: later)
    answer = send(browser, review, "/promote")
    assert (answer.status_code, "older than 12 hours" in read(answer.text)) == (400, True)
    assert shares(store_engine) == {"v2": 1}


def test_behind_a_proxy_the_site_that_browsers_see_is_ours(browser: TestClient, host: Host) -> None:
    host.site = "https://airflow.example.com/prefix"
    page = browser.get("serving/fraud")
    review = send(browser, page, "/promote", version="v3", reason="canary")
    assert send(browser, review, "/promote", headers={"origin": "https://airflow.example.com"}).status_code == 303


def test_a_form_that_is_too_large_is_not_read(browser: TestClient) -> None:
    answer = browser.post("serving/fraud/promote", data={"reason": "x" * 100_000}, headers=SAME_SITE)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("word", "status", "routed"),
    [("approve", RollbackStatus.DONE, {"v1": 1}), ("decline", RollbackStatus.DECLINED, {"v2": 1})],
)
def test_a_waiting_rollback_is_answered(
    browser: TestClient, store_engine: Engine, word: str, status: RollbackStatus, routed: dict[str, float]
) -> None:
    waiting = asked_about(store_engine)
    page = browser.get(f"rollbacks/{waiting}")
    assert "error rate 4 %" in read(page.text)
    assert HOSTILE in read(page.text)
    done = follow(browser, send(browser, page, f"/{word}"))
    with store_transaction(store_engine) as connection:
        found = rollback_by_id(connection, waiting)
    assert found is not None
    assert found.status is status
    assert "ann" in found.explanation
    assert f"Rollback #{waiting}: {status}. {found.explanation}" in read(done.text)
    assert shares(store_engine) == routed


def test_an_answer_that_comes_too_late_is_refused(browser: TestClient, store_engine: Engine) -> None:
    waiting = asked_about(store_engine)
    page = browser.get(f"rollbacks/{waiting}")
    send(browser, page, "/decline")
    late = send(browser, page, "/approve")
    assert (late.status_code, "does not wait for a person's word any more" in read(late.text)) == (409, True)
    assert shares(store_engine) == {"v2": 1}


def test_an_answer_about_routes_that_have_changed_is_refused(browser: TestClient, store_engine: Engine) -> None:
    waiting = asked_about(store_engine)
    page = browser.get(f"rollbacks/{waiting}")
    give(store_engine, "v3", "0.5")
    stale = send(browser, page, "/approve")
    assert (stale.status_code, "at revision 3" in read(stale.text)) == (409, True)
    assert shares(store_engine) == {"v2": 0.5, "v3": 0.5}


def test_names_and_reasons_are_text(browser: TestClient, store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        registry.register_version(connection, model=MODEL, version=HOSTILE, artifact_uri=HOSTILE, at=NOON)
    review = send(browser, browser.get("serving/fraud"), "/promote", version=HOSTILE, percent="5", reason=HOSTILE)
    done = follow(browser, send(browser, review, "/promote"))
    for page in (review, done, browser.get("serving")):
        assert HOSTILE not in page.text
        assert "alert('v')</script>" not in page.text
        assert HOSTILE in read(page.text)
    assert shares(store_engine)[HOSTILE] == 0.05


def test_nothing_registered_says_what_to_do(browser: TestClient, store_engine: Engine) -> None:
    missing = browser.get("serving/nobody")
    assert missing.status_code == 404
    assert "driftline register nobody VERSION" in read(missing.text)
    assert browser.get("rollbacks/999").status_code == 404
    assert browser.get("rollbacks/x").status_code == 400
    assert browser.get("serving/fraud/delete").status_code == 404


def test_searching_finds_models_by_part_of_their_name(browser: TestClient, store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        registry.register_version(connection, model="churn", version="v1", artifact_uri="s3://x", at=NOON)
    assert "churn" not in read(browser.get("serving", params={"q": "FRA"}).text)
    assert "No model is called so. Show all 2" in read(browser.get("serving", params={"q": "zzz"}).text)
