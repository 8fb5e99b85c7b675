from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from driftline.decisions import Verdict
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.store.engine import store_transaction
from driftline.store.incidents import open_or_update_incident
from driftline.store.model_versions import register_version
from driftline.store.routing import change_routes
from driftline.web.addresses import finding_anchor
from driftline.windows import Window
from tests.integration.web.conftest import DAY, Host, Results, finding
from tests.integration.web.test_pages import EARLIER, _links, _text

CALM = {"verdict": Verdict.NOTHING, "severity": Severity.NONE, "reason": "Nothing found"}


def _row(html: str, model: str) -> str:
    rows = re.findall(r"<tr class.*?</tr>", html, flags=re.DOTALL)
    return next(_text(row) for row in rows if f">{model}</a>" in row)


def _measured(subject: str, test: str, statistic: float, check: Check = Check.PREDICTIONS, **changes: Any) -> Finding:
    values = {"status": Status.OK, "severity": Severity.NONE, "threshold": None, "description": "", **changes}
    return finding(subject, check=check, test=test, statistic=statistic, **values)


def test_a_models_row_says_how_it_stands(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    results.findings(
        Check.DRIFT,
        finding("amount"),
        finding("basket", status=Status.OK, severity=Severity.NONE),
        finding("amount", segment="country=DE", severity=Severity.LOW),
    )
    results.findings(
        Check.PERFORMANCE,
        _measured(
            "roc_auc", "degradation", 0.91234, Check.PERFORMANCE,
            interval_low=0.901, interval_high=0.923, details={"reference_value": 0.93},
        ),
        _measured("labels", "label_coverage", 0.25, Check.PERFORMANCE, details={"is_provisional": True}),
    )  # fmt: skip
    results.findings(
        Check.PREDICTIONS,
        _measured("latency", "latency_p95", 182.4),
        _measured("error", "error_rate", 0.0123, current_size=1000),
    )
    row = _row(browser.get("").text, "fraud")
    assert "high since 2 Mar 06:00 UTC amount : Its median rose from 12 to 31." in row
    assert "1 of 2 high ROC-AUC 91.2% 90.1% to 92.3%; baseline 93.0%" in row
    assert "25.0% provisional 1,000 1.2% 182 ms 2 Mar 06:00 UTC" in row


def test_a_row_leads_to_the_worst_finding_and_to_the_model(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    found = finding("amount")
    results.findings(Check.DRIFT, found)
    page = browser.get("")
    links = _links(page.text)
    assert browser.get(urljoin(str(page.url), links["fraud"])).status_code == 200
    (worst,) = [address for label, address in links.items() if label.startswith("amount")]
    address, anchor = urljoin(str(page.url), worst).split("#")
    assert anchor == finding_anchor(found.key)
    assert f'id="{anchor}"' in browser.get(address).text


def test_the_most_harmed_come_first_and_nobody_knows_comes_before_all_right(
    browser: TestClient, results: Results, store_engine: Engine
) -> None:
    for model, changes in {
        "a_calm": CALM,
        "b_noted": {**CALM, "severity": Severity.LOW},
        "c_blind": {**CALM, "summary": {"checks": {"drift": {"ok": 0, "detected": 0, "not_evaluated": 3}}}},
        "d_high": {},
        "e_critical": {"severity": Severity.CRITICAL},
        "f_incident": CALM,
    }.items():
        results.window(model)
        results.decision(model, **changes)
    with store_transaction(store_engine) as connection:
        open_or_update_incident(
            connection, model="f_incident", cause="errors", severity=Severity.MEDIUM, title="Errors", findings=[],
            window=DAY, at=DAY.end,
        )  # fmt: skip
    html = browser.get("").text
    order = re.findall(r'<th scope="row" class="name"><a href="[^"]*">([^<]+)</a>', html)
    assert order == ["e_critical", "d_high", "f_incident", "c_blind", "b_noted", "a_calm"]
    assert "not checked" in _row(html, "c_blind")
    assert "medium 1 incident since 2 Mar 06:00 UTC Errors" in _row(html, "f_incident")


def test_since_when_it_has_been_so(browser: TestClient, results: Results) -> None:
    for hours, verdict in ((24, Verdict.ALERT), (18, Verdict.NOTHING), (12, Verdict.ALERT), (6, Verdict.ALERT)):
        window = Window(DAY.start - timedelta(hours=hours), DAY.end - timedelta(hours=hours))
        results.window(window=window)
        results.decision(window=window, verdict=verdict)
    assert "high since 1 Mar 18:00 UTC" in _row(browser.get("").text, "fraud")


def test_only_the_newest_window_counts(browser: TestClient, results: Results) -> None:
    for window, reason in ((EARLIER, "the older"), (DAY, "the newer")):
        results.window(window=window)
        results.decision(window=window, reason=reason, **{key: value for key, value in CALM.items() if key != "reason"})
    said = _text(browser.get("").text)
    assert "the newer" in said
    assert "the older" not in said


def test_what_serves_stands_with_its_shares(browser: TestClient, results: Results, store_engine: Engine) -> None:
    results.window()
    results.decision()
    with store_transaction(store_engine) as connection:
        for version in ("v1", "v2"):
            register_version(connection, model="fraud", version=version, artifact_uri=f"s3://{version}", at=DAY.end)
        change_routes(
            connection, model="fraud", shares={"v1": Decimal("0.9"), "v2": Decimal("0.1")}, expected_revision=None,
            actor="test", reason="canary", cause_key="1", at=DAY.end,
        )  # fmt: skip
    assert "fraud v1 90.0% · v2 10.0%" in _row(browser.get("").text, "fraud")


def test_models_are_found_by_name_and_state_page_by_page(browser: TestClient, results: Results) -> None:
    for number in range(60):
        results.window(f"model_{number:02d}")
        results.decision(f"model_{number:02d}", **(CALM if number % 2 else {}))
    first, second = browser.get("").text, browser.get("", params={"page": 2}).text
    assert (first.count('<th scope="row"'), second.count('<th scope="row"')) == (50, 10)
    assert "Page 1 of 2, 60 models" in _text(first)
    assert [label for label in _links(first) if label == "Next"] == ["Next"]
    calm = browser.get("", params={"q": "MODEL_0", "state": "calm"}).text
    assert re.findall(r">(model_\d+)</a>", calm) == ["model_01", "model_03", "model_05", "model_07", "model_09"]
    assert "In trouble 5" in _text(calm), "the counts of what the name finds"
    assert 'value="MODEL_0"' in calm
    assert "No model is called so" in _text(browser.get("", params={"q": "no such"}).text)


@pytest.mark.parametrize("query", ["page=x", "page=-1", "page=1e3", "state=fine"])
def test_a_malformed_query_is_refused_with_an_example(browser: TestClient, query: str) -> None:
    answer = browser.get(f"?{query}")
    assert answer.status_code == 400
    assert re.search(r"Write a whole number|Choose one of: trouble", answer.text)


def test_as_many_questions_for_fifty_models_as_for_one(
    browser: TestClient, results: Results, store_engine: Engine
) -> None:
    asked = []
    for count in (1, 40):
        for number in range(count):
            results.window(f"model_{number}")
            results.decision(f"model_{number}")
        with _counting(store_engine) as statements:
            browser.get("")
        asked.append(len(statements))
    assert asked[0] == asked[1] <= 10


def test_a_model_with_a_baseline_and_no_window_says_what_to_do(browser: TestClient, results: Results) -> None:
    results.window()
    row = _row(browser.get("").text, "fraud")
    assert "not checked No baseline yet: run driftline baseline build fraud" in row


def test_names_are_text(browser: TestClient, results: Results) -> None:
    hostile = '"><img src=x onerror=alert(1)> 🚀'
    results.window()
    results.decision(reason=hostile)
    results.findings(Check.DRIFT, finding(hostile, segment=hostile, description=hostile))
    html = browser.get("", params={"q": ""}).text
    assert "<img" not in html
    assert "<img" not in browser.get("", params={"q": hostile}).text
    assert hostile in _text(html)


def test_an_empty_overview_says_what_to_do_next(browser: TestClient) -> None:
    said = _text(browser.get("").text)
    assert "No window has been decided yet." in said
    assert "driftline models validate" in said


def test_information_is_no_worst_finding(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision(**CALM)
    results.findings(
        Check.PERFORMANCE,
        finding("trend", check=Check.PERFORMANCE, comparison=Comparison.BASELINE, details={"is_information": True}),
    )
    assert "trend" not in _row(browser.get("").text, "fraud")


def test_models_that_one_may_not_see_are_neither_shown_nor_counted(
    browser: TestClient, results: Results, host: Host
) -> None:
    for model in ("seen", "secret"):
        results.window(model)
        results.decision(model)
    host.hidden = {"secret"}
    said = _text(browser.get("").text)
    assert "secret" not in said
    assert "All 1 In trouble 1" in said


@contextmanager
def _counting(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
