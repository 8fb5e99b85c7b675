"""The experiment pages and their API: what is compared, what was found, and ruling oneself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from driftline.config.experiment_config import ABTestConfig
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.moments import UnitMoments
from driftline.monitoring.ab_tests import ABTestController
from driftline.store import registry
from driftline.store.engine import store_transaction
from driftline.store.experiment_verdicts import verdicts
from driftline.store.experiments import ExperimentStatus, experiment
from tests.integration.web.conftest import Host
from tests.integration.web.page_forms import SAME_SITE, follow, forms, read, send

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
NAME, MODEL = "fraud-v2", "fraud"
HOSTILE = "<script>alert('e')</script> \"x\" / 🚀"
TOKEN = {"authorization": "Bearer a.token.of.ann", "accept": "application/json"}


def described(**changes: Any) -> dict[str, Any]:
    return {
        "experiment": NAME,
        "model": MODEL,
        "control": "v1",
        "arms": {"v1": 50, "v2": 50},
        "metrics": [
            {"metric": "accuracy", "role": "primary", "minimum_effect": 0.05},
            {"metric": "error_rate", "role": "guardrail", "maximum_loss": 0.01},
        ],
        "source": "application",
        "samples": 4000,
        "looks": 4,
        "minimum_duration": "0s",
        **changes,
    }


class Lab:
    """An experiment whose application hands in its own figures."""

    def __init__(self, store: Engine) -> None:
        self.store = store
        self.controller = ABTestController(store, {}, lambda name: name)
        with store_transaction(store) as connection:
            for version in ("v1", "v2"):
                registry.register_version(connection, model=MODEL, version=version, artifact_uri="s3://x", at=BEGAN)
            registry.change_routes(
                connection, model=MODEL, shares={"v1": 1.0}, expected_revision=None, actor="bob", reason="first",
                cause_key="first", at=BEGAN,
            )  # fmt: skip

    def started(self, **changes: Any) -> str:
        config = ABTestConfig.model_validate(described(**changes))
        self.controller.create_ab_test(config, actor="bob", at=BEGAN)
        return self.controller.start_ab_test(config.experiment, actor="bob", at=BEGAN).experiment

    def look(self, number: int, better: float = 0.0, errors: float = 0.01, units: int = 500) -> None:
        """The ``number``-th batch of each arm, and a look half an hour after the one before."""
        at = BEGAN + timedelta(minutes=30 * number)
        batch = {version: _arm(units, 0.8 + gain, errors) for version, gain in (("v1", 0.0), ("v2", better))}
        self.controller.collect_ab_test_metrics(NAME, batch, batch_key=str(number), at=at)
        self.controller.analyze_ab_test_results(NAME, at=at)

    def shares(self) -> dict[str, float]:
        with store_transaction(self.store) as connection:
            return {name: float(each) for name, each in registry.current_routes(connection, MODEL).shares.items()}

    def status(self) -> ExperimentStatus:
        with store_transaction(self.store) as connection:
            return experiment(connection, NAME).status

    def last_verdict(self) -> tuple[str, str, bool]:
        with store_transaction(self.store) as connection:
            last = verdicts(connection, NAME)[-1]
        return last.verdict.value, last.actor, last.is_override


def _arm(units: int, accuracy: float, errors: float) -> ArmStatistics:
    moments = {
        "accuracy": UnitMoments.of_proportion(round(units * accuracy), units),
        "error_rate": UnitMoments.of_proportion(round(units * errors), units),
    }
    return ArmStatistics(units, units, moments)


@pytest.fixture
def lab(store_engine: Engine) -> Lab:
    return Lab(store_engine)


def test_experiments_are_listed_with_how_they_stand(browser: TestClient, lab: Lab) -> None:
    lab.started()
    lab.look(1)
    said = read(browser.get("experiments").text)
    assert "All 1 Created 0 Running 1" in said
    assert "fraud-v2 fraud running v1 50 %, v2 50 % 1 of 1 1,000 of 4,000 continue Nothing is proven yet" in said
    assert "No experiment is so." in read(browser.get("experiments", params={"status": "stopped"}).text)
    assert "No experiment is so." in read(browser.get("experiments", params={"q": "zzz"}).text)
    assert browser.get("experiments", params={"status": "dead"}).status_code == 400


def test_a_page_shows_arms_effects_guardrails_and_what_comes_next(browser: TestClient, lab: Lab) -> None:
    lab.started()
    for number in (1, 2):
        lab.look(number, better=0.02)
    said = read(browser.get(f"experiments/{NAME}").text)
    assert "v1 control 50 % 50.00 % 1,000 1,000 v2 treatment 50 % 50.00 % 1,000 1,000" in said
    assert "The logged split fits the one that was asked for" in said
    assert "accuracy primary v2 0.8 0.82 +0.02" in said
    assert "error rate guardrail v2 0.01 0.01" in said
    assert "A treatment that is proven better waits for a person to promote it" in said
    assert "Without a winner it ends after 4,000 samples." in said
    assert "predictions a day it can promote after" in said
    assert "continue run_experiments 1, 1 Nothing is proven yet" in said


def test_the_effect_is_drawn_over_time_with_its_interval_and_as_a_table(browser: TestClient, lab: Lab) -> None:
    lab.started()
    for number in range(1, 4):
        lab.look(number, better=0.02, units=200)
    html = browser.get(f"experiments/{NAME}").text
    drawn = html.split('<polyline class="effect-line" points="')[1].split('"')[0]
    assert len(drawn.split()) == 3, "a point a look"
    band = html.split('<polygon class="band" points="')[1].split('"')[0]
    assert len(band.split()) == 6
    assert "accuracy: v2 against v1 (primary; above 0 is better)" in read(html)
    assert read(html).count("+0.02") >= 4, "the last look, and three rows of the table"


def test_a_mismatch_of_the_split_is_said_to_spoil_all(browser: TestClient, lab: Lab) -> None:
    lab.started()
    uneven = {"v1": _arm(900, 0.8, 0.01), "v2": _arm(500, 0.8, 0.01)}
    lab.controller.collect_ab_test_metrics(NAME, uneven, batch_key="uneven", at=BEGAN + timedelta(hours=1))
    lab.controller.analyze_ab_test_results(NAME, at=BEGAN + timedelta(hours=1))
    said = read(browser.get(f"experiments/{NAME}").text)
    assert "is not the one that was asked for" in said
    assert "v1 control 50 % 64.29 %" in said
    assert "verdict: hold by run_experiments" in said


def test_a_verdict_is_tried_out_confirmed_and_recorded_as_an_override(browser: TestClient, lab: Lab) -> None:
    lab.started()
    lab.look(1)
    page = browser.get(f"experiments/{NAME}")
    review = send(browser, page, "/decide", verdict="promote", winner="v2", reason="it is faster")
    said = read(review.text)
    assert "Dry run: nothing has been changed yet." in said
    assert "Verdict continue, by run_experiments promote, by ann" in said
    assert "Experiment running concluded" in said
    assert "Routes of fraud v1 50 %, v2 50 % v2 100 %" in said
    assert (lab.status(), lab.shares()) == (ExperimentStatus.RUNNING, {"v1": 0.5, "v2": 0.5}), "only tried out"
    done = follow(browser, send(browser, review, "/decide"))
    assert (lab.status(), lab.shares()) == (ExperimentStatus.CONCLUDED, {"v2": 1})
    assert lab.last_verdict() == ("promote", "ann", True)
    assert "promote v2 ann overriding the analysis 1, 1 it is faster revision 3" in read(done.text)


def test_a_hold_is_let_go_by_a_person(browser: TestClient, lab: Lab) -> None:
    lab.started()
    lab.look(1)
    for verdict, standing in (("hold", "It is held (ann: look first)."), ("continue", "proven better waits")):
        page = browser.get(f"experiments/{NAME}")
        review = send(browser, page, "/decide", verdict=verdict, reason="look first")
        assert standing in read(follow(browser, send(browser, review, "/decide")).text)


def test_it_is_stopped_and_started_again(browser: TestClient, lab: Lab) -> None:
    lab.started()
    lab.look(1)
    review = send(browser, browser.get(f"experiments/{NAME}"), "/stop", reason="a wrong file")
    assert "Routes of fraud v1 50 %, v2 50 % v1 100 %" in read(review.text)
    done = follow(browser, send(browser, review, "/stop"))
    assert "stopped by ann: a wrong file" in read(done.text)
    assert (lab.status(), lab.shares()) == (ExperimentStatus.STOPPED, {"v1": 1})
    again = follow(browser, send(browser, send(browser, done, "/start"), "/start"))
    assert "Phase 2 since" in read(again.text)
    assert "No look has been made yet" in read(again.text)
    assert lab.status() is ExperimentStatus.RUNNING


@pytest.mark.parametrize("act", ["decide", "stop"])
@pytest.mark.parametrize("is_reviewed", [True, False])
def test_a_stale_tab_is_refused_and_shown_the_experiment_anew(
    browser: TestClient, lab: Lab, act: str, is_reviewed: bool
) -> None:
    lab.started()
    lab.look(1)
    page, values = browser.get(f"experiments/{NAME}"), {"reason": "stale"}
    if is_reviewed:
        page, values = send(browser, page, f"/{act}", **values), {}
    lab.look(2, errors=0.3)
    lab.look(3, better=0.1, errors=0.3)
    answer = send(browser, page, f"/{act}", **values)
    assert answer.status_code == 409
    assert "has changed since the page was shown: nothing was done" in read(answer.text)
    assert f"Samples {3000:,} of {4000:,}" in read(answer.text), "shown anew"
    assert lab.status() is ExperimentStatus.RUNNING


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"reason": ""}, "The reason is empty"),
        ({"verdict": "win"}, "The verdict is 'win'"),
        ({"verdict": "promote", "winner": "v9"}, "The winner is 'v9'"),
    ],
)
def test_a_verdict_that_cannot_be_is_refused(browser: TestClient, lab: Lab, changed: dict[str, str], why: str) -> None:
    lab.started()
    values = {"verdict": "hold", "reason": "because", **changed}
    answer = send(browser, browser.get(f"experiments/{NAME}"), "/decide", **values)
    assert (answer.status_code, why in read(answer.text)) == (400, True)


def test_who_may_only_look_sees_no_form_and_is_refused(browser: TestClient, lab: Lab, host: Host) -> None:
    lab.started()
    review = send(browser, browser.get(f"experiments/{NAME}"), "/stop", reason="x")
    host.unchangeable = {MODEL}
    page = browser.get(f"experiments/{NAME}")
    assert forms(page) == {}
    assert "the right to edit the DAG monitor__fraud" in read(page.text)
    answers = [
        send(browser, review, "/stop"),
        browser.get(f"experiments/{NAME}/stop", params={"reason": "x"}),
        browser.post(f"experiments/{NAME}/decide", data={"verdict": "promote"}, headers=SAME_SITE),
        browser.post("api/experiments", json=described(experiment="other"), headers=TOKEN),
        browser.post(f"api/experiments/{NAME}/stop", json={"reason": "x"}, headers=TOKEN),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert lab.status() is ExperimentStatus.RUNNING


def test_who_may_not_see_the_model_sees_nothing_of_it(browser: TestClient, lab: Lab, host: Host) -> None:
    lab.started()
    host.hidden = {MODEL}
    listed = browser.get("experiments")
    assert "There are experiments, but none of a model that you may see." in read(listed.text)
    assert "fraud" not in listed.text
    assert browser.get(f"experiments/{NAME}").status_code == 403
    assert browser.get("api/experiments").json() == []
    assert browser.get(f"api/experiments/{NAME}").status_code == 403
    assert NAME not in browser.get("experiments/nobody").text, "no list of what there is"


def test_a_form_of_another_site_is_refused(browser: TestClient, lab: Lab) -> None:
    lab.started()
    review = send(browser, browser.get(f"experiments/{NAME}"), "/stop", reason="x")
    assert send(browser, review, "/stop", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert send(browser, review, "/stop", seal="").status_code == 403
    assert lab.status() is ExperimentStatus.RUNNING


def test_texts_are_text(browser: TestClient, lab: Lab) -> None:
    lab.started(description=HOSTILE, owner="ann")
    review = send(browser, browser.get(f"experiments/{NAME}"), "/stop", reason=HOSTILE)
    for page in (review, follow(browser, send(browser, review, "/stop")), browser.get("experiments")):
        assert "alert('e')</script>" not in page.text
        assert HOSTILE in read(page.text)


def test_without_experiments_the_page_says_what_to_do(browser: TestClient, store_engine: Engine) -> None:
    assert "driftline experiments create FILE --start" in read(browser.get("experiments").text)
    assert browser.get("experiments/nobody").status_code == 404
    assert browser.get("experiments/nobody/pause").status_code == 404


def test_a_program_creates_reads_decides_and_ends_one(browser: TestClient, lab: Lab) -> None:
    made = browser.post("api/experiments?start=true", json=described(), headers=TOKEN)
    assert (made.status_code, made.json()["status"]) == (201, "running")
    lab.look(1)
    assert [each["experiment"] for each in browser.get("api/experiments?model=fraud", headers=TOKEN).json()] == [NAME]
    shown = browser.get(f"api/experiments/{NAME}", headers=TOKEN).json()
    assert (shown["analysis"]["samples"], [each["verdict"] for each in shown["verdicts"]]) == (1000, ["continue"])
    ruling = {"verdict": "promote", "winner": "v2", "reason": "faster", "standing": shown["standing"]}
    ruled = browser.post(f"api/experiments/{NAME}/verdict", json=ruling, headers=TOKEN)
    assert (ruled.status_code, ruled.json()["actor"], ruled.json()["is_override"]) == (201, "ann", True)
    assert "v2 has all the traffic" in ruled.json()["done"]
    late = browser.post(f"api/experiments/{NAME}/verdict", json=ruling, headers=TOKEN)
    assert (late.status_code, "stands otherwise by now" in late.json()["detail"]) == (409, True)
    assert lab.shares() == {"v2": 1}


def test_a_program_starts_and_stops_one(browser: TestClient, lab: Lab) -> None:
    browser.post("api/experiments", json=described(), headers=TOKEN)
    assert browser.post(f"api/experiments/{NAME}/start", headers=TOKEN).json()["phase"] == 1
    stopped = browser.post(f"api/experiments/{NAME}/stop", json={"reason": "wrong"}, headers=TOKEN).json()
    assert (stopped["status"], stopped["end_reason"]) == ("stopped", "stopped by ann: wrong")


def test_a_cookie_alone_changes_nothing_by_the_api(browser: TestClient, lab: Lab) -> None:
    headers = {"accept": "text/html", "cookie": "_token=whatever"}
    for address, body in {
        "api/experiments": described(),
        f"api/experiments/{lab.started()}/stop": {"reason": "x"},
    }.items():
        answer = browser.post(address, json=body, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert lab.status() is ExperimentStatus.RUNNING


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (described(arms={"v1": 50, "v2": 60}), "add up to 110"),
        (described(arms={"v1": 50, "v9": 50}), "version 'v9' of 'fraud' is not registered"),
        (described(colour="red"), "the body: colour: is not a known key"),
        ({}, "the body: experiment: is missing"),
        ([], "no JSON object"),
        ("{", "no JSON"),
    ],
)
def test_what_a_program_describes_wrongly_is_said(browser: TestClient, lab: Lab, body: Any, why: str) -> None:
    sent: dict[str, Any] = {"content": body} if isinstance(body, str) else {"json": body}
    answer: httpx.Response = browser.post("api/experiments", headers=TOKEN, **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert why in answer.json()["detail"]


def test_what_a_program_asks_wrongly_is_said_as_json(browser: TestClient, lab: Lab) -> None:
    name = lab.started()
    assert browser.get("api/experiments/nobody", headers=TOKEN).json() == {"detail": "There is no experiment 'nobody'."}
    for path, body, why in (
        ("verdict", {"verdict": "win", "reason": "x"}, "`verdict` is 'win'"),
        ("verdict", {"verdict": "hold"}, "`reason` is None"),
        ("stop", {"reason": 5}, "`reason` is 5"),
        ("start", {}, "is running and cannot be started"),
    ):
        answer = browser.post(f"api/experiments/{name}/{path}", json=body, headers=TOKEN)
        assert (answer.status_code, why in answer.json()["detail"]) == (400, True)
    large = browser.post("api/experiments", json={"experiment": "x" * 300_000}, headers=TOKEN)
    assert large.status_code == 413
