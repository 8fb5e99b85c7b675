from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest
from fastapi.testclient import TestClient

from driftline.decisions import Verdict
from driftline.findings import Check, Finding, Severity, Status
from driftline.web.addresses import finding_anchor
from driftline.windows import Window
from tests.integration.web.conftest import DAY, Host, Results, finding

ADDRESS = "windows/fraud/2026-03-02T06:00Z"
EARLIER = Window(DAY.start - timedelta(hours=6), DAY.end - timedelta(hours=6))


def _text(html: str) -> str:
    """What a person reads: no tags, no style, no script."""
    body = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def _links(html: str) -> dict[str, str]:
    return {_text(label): unescape(href) for href, label in re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', html)}


def test_a_windows_page_says_what_was_decided_and_why(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    results.findings(Check.DRIFT, finding())
    answer = browser.get(ADDRESS)
    assert answer.status_code == 200
    said = _text(answer.text)
    assert "fraud, 2026-03-01 06:00 to 2026-03-02 06:00 UTC" in said
    assert "Alert high Drift: amount (high)" in said
    row = "high amount drift version v2 Its median rose from 12 to 31. Look at the source of amount."
    assert f"{row} kolmogorov smirnov 0.21 limit 0.08" in said
    assert "250 of 1,000 predictions (25.0%)" in said


def test_findings_stand_in_the_order_of_their_severity(browser: TestClient, results: Results) -> None:
    results.window()
    results.findings(
        Check.DRIFT,
        finding("a_low", severity=Severity.LOW),
        finding("z_critical", severity=Severity.CRITICAL),
        finding("m_medium", severity=Severity.MEDIUM),
    )
    said = _text(browser.get(ADDRESS).text)
    assert said.index("z_critical") < said.index("m_medium") < said.index("a_low")


def test_what_was_not_evaluated_stands_with_its_reason(browser: TestClient, results: Results) -> None:
    results.window()
    skipped = {"status": Status.NOT_EVALUATED, "severity": Severity.NONE, "statistic": None}
    results.findings(
        Check.DRIFT,
        finding("amount", reason="30 rows, at least 200 are needed", **skipped),
        finding("country", reason="30 rows, at least 200 are needed", segment="carrier=UA", **skipped),
        finding("basket", status=Status.OK, severity=Severity.NONE),
    )
    said = _text(browser.get(ADDRESS).text)
    assert "30 rows, at least 200 are needed drift amount (kolmogorov smirnov; version v2) ;" in said
    assert "version v2, carrier=UA" in said
    assert "Nothing was found: 1 tests are within their thresholds." in said
    assert "Within thresholds (1)" in said


@pytest.mark.parametrize(("is_provisional", "says_so"), [(True, True), (False, False)])
def test_label_coverage_says_whether_it_is_provisional(
    browser: TestClient, results: Results, is_provisional: bool, says_so: bool
) -> None:
    results.window()
    results.findings(
        Check.PERFORMANCE,
        finding("labels", check=Check.PERFORMANCE, test="label_coverage", details={"is_provisional": is_provisional}),
    )
    said = _text(browser.get(ADDRESS).text)
    assert "250 of 1,000 predictions (25.0%)" in said
    assert ("Provisional" in said) is says_so


def judged(statistic: float | None, *, is_provisional: bool, **changes: Any) -> Finding:
    return finding(
        "accuracy",
        check=Check.PERFORMANCE,
        test="degradation",
        statistic=statistic,
        details={"is_provisional": is_provisional},
        **changes,
    )


def test_a_verdict_that_labels_changed_stands_beside_the_first_with_their_times(
    browser: TestClient, results: Results
) -> None:
    results.window()
    skipped = {"status": Status.NOT_EVALUATED, "severity": Severity.NONE, "reason": "no labels"}
    results.verdict(
        DAY.end,
        judged(None, is_provisional=True, **skipped),
        verdict=Verdict.NOTHING,
        severity=Severity.NONE,
        reason="Nothing found",
    )
    results.verdict(
        DAY.end + timedelta(days=3),
        judged(0.76, is_provisional=False, interval_low=0.74, interval_high=0.78),
        verdict=Verdict.ALERT,
        severity=Severity.CRITICAL,
        reason="Performance: accuracy (critical)",
    )
    said = _text(browser.get(ADDRESS).text)
    assert (
        "First verdict 2026-03-02 06:00 UTC provisional Nothing to do none Nothing found "
        "accuracy –, not evaluated (version v2)"
    ) in said
    assert (
        "Revision 1 2026-03-05 06:00 UTC final Alert critical Performance: accuracy (critical) "
        "accuracy 0.76 (0.74 to 0.78), detected (version v2)"
    ) in said
    assert "Labels that arrived later have changed the verdict. Every version is kept." in said


@pytest.mark.parametrize(
    ("is_provisional", "standing"), [(True, "it is revised when labels arrive"), (False, "given.")]
)
def test_a_first_verdict_says_whether_it_may_change(
    browser: TestClient, results: Results, is_provisional: bool, standing: str
) -> None:
    results.window()
    results.verdict(DAY.end, judged(0.9, is_provisional=is_provisional))
    said = _text(browser.get(ADDRESS).text)
    assert "The verdict stands as it was first given" in said
    assert standing in said
    assert "Revision" not in said


def test_a_window_without_a_kept_verdict_shows_none(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    assert "Verdicts" not in _text(browser.get(ADDRESS).text)


def test_of_very_many_verdicts_the_first_and_the_newest_are_shown(browser: TestClient, results: Results) -> None:
    results.window()
    for revision in range(25):
        results.verdict(DAY.end + timedelta(hours=revision), verdict=Verdict.ALERT if revision % 2 else Verdict.NOTHING)
    said = _text(browser.get(ADDRESS).text)
    assert "5 versions between are not shown here." in said
    assert all(name in said for name in ("First verdict", "Revision 6 ", "Revision 24"))
    assert "Revision 5 " not in said


def test_names_and_texts_from_data_are_text(browser: TestClient, results: Results) -> None:
    hostile = "<script>alert(1)</script>"
    results.window()
    results.decision(reason=f"Drift: {hostile}")
    results.verdict(DAY.end, judged(0.5, is_provisional=True, version=hostile), reason=hostile)
    results.findings(
        Check.DRIFT,
        finding(hostile, version=hostile, segment=hostile, description=hostile, recommendation=hostile),
        finding('"><img src=x>', status=Status.NOT_EVALUATED, severity=Severity.NONE, reason=hostile),
    )
    html = browser.get(ADDRESS).text
    assert hostile not in html
    assert "<img" not in html
    assert html.count("<script>") == 2, "our own"
    assert _text(html).count(hostile) >= 8


def test_a_windows_links_lead_to_its_reports_under_any_prefix(browser: TestClient, results: Results) -> None:
    results.window()
    results.report("drift", "<p>the drift report</p>")
    results.report("quality", "<p>the data docs</p>")
    page = browser.get(ADDRESS)
    links = _links(page.text)
    assert not any(address.startswith(("/", "http")) for address in links.values())
    for label, body in {"Drift report": "the drift report", "Quality report": "the data docs"}.items():
        answer = browser.get(urljoin(str(page.url), links[label]))
        assert (answer.status_code, body in answer.text) == (200, True)


def test_a_stored_report_is_shut_into_a_sandbox(browser: TestClient, results: Results) -> None:
    results.window()
    results.report("drift", "<script>fetch('/api/v2/variables')</script>")
    answer = browser.get(f"{ADDRESS}/reports/drift")
    policy = answer.headers["content-security-policy"].split("; ")
    assert "sandbox" in policy, "the empty sandbox: no scripts, an origin of its own"
    assert "default-src 'none'" in policy
    assert not any("script" in directive for directive in policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_our_pages_run_no_script_but_their_own(browser: TestClient, results: Results) -> None:
    results.window()
    policy = browser.get(ADDRESS).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'self'( 'sha256-[A-Za-z0-9+/]{43}='){2}(;|$)", policy)
    assert "unsafe" not in policy


def test_nothing_is_kept_in_caches(browser: TestClient, results: Results) -> None:
    results.window()
    results.report("drift", "report")
    for address in ("", ADDRESS, f"{ADDRESS}/reports/drift"):
        assert browser.get(address).headers["cache-control"] == "private, no-store"


def test_times_are_in_utc_and_can_be_told_in_the_viewers_zone(browser: TestClient, results: Results) -> None:
    results.window()
    assert '<time datetime="2026-03-02T06:00:00Z">2026-03-02 06:00 UTC</time>' in browser.get(ADDRESS).text


@pytest.mark.parametrize("written", ["2026-03-02T06:00+00:00", "2026-03-02T07:00+01:00", "2026-03-02T06:00:00.000Z"])
def test_a_windows_end_may_be_written_in_any_zone(browser: TestClient, results: Results, written: str) -> None:
    results.window()
    assert browser.get(f"windows/fraud/{written}").status_code == 200


@pytest.mark.parametrize("written", ["yesterday", "2026-03-02T06:00", "2026-03-02", "2026-03-02T25:00Z", "%00"])
def test_a_malformed_or_naive_end_is_refused_with_an_example(
    browser: TestClient, results: Results, written: str
) -> None:
    results.window()
    answer = browser.get(f"windows/fraud/{written}")
    if written == "%00":
        assert answer.status_code == 404
        return
    assert answer.status_code == 400
    assert "has no time zone" in _text(answer.text) or "in ISO 8601 with a zone" in _text(answer.text)
    assert browser.get(f"{ADDRESS}?window_start={written}").status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        "windows/unknown/2026-03-02T06:00Z",
        "windows/fraud/2026-03-02T07:00Z",
        "windows/fraud%27%3B%20DROP%20TABLE%20driftline.windows%3B--/2026-03-02T06:00Z",
        "windows/fr%00aud/2026-03-02T06:00Z",
        "models/unknown",
        "nowhere/at/all",
        f"{ADDRESS}/reports/drift",
        f"{ADDRESS}/reports/dr%00ift",
        f"{ADDRESS}?window_start=2026-02-01T00:00Z",
        "dags/build_baseline",
        "dags/monitor__fraud/runs/unknown",
    ],
)
def test_what_is_not_there_is_a_page_that_leads_on(browser: TestClient, results: Results, address: str) -> None:
    results.window()
    answer = browser.get(address)
    assert answer.status_code == 404
    assert "Not found" in _text(answer.text)
    home = urljoin(str(answer.url), _links(answer.text)["See all models"])
    assert browser.get(home).status_code == 200


def test_of_windows_with_one_end_the_newest_is_shown_and_the_other_linked(
    browser: TestClient, results: Results
) -> None:
    short = Window(DAY.end - timedelta(hours=6), DAY.end)
    results.window(rows=1000)
    results.window(window=short, rows=77)
    page = browser.get(ADDRESS)
    assert "fraud, 2026-03-02 00:00 to 2026-03-02 06:00 UTC" in _text(page.text)
    other = _links(page.text)["The window from 2026-03-01 06:00 UTC to the same end"]
    assert "fraud, 2026-03-01 06:00 to 2026-03-02 06:00 UTC" in _text(browser.get(urljoin(str(page.url), other)).text)


def test_a_window_that_is_not_decided_yet_says_so(browser: TestClient, results: Results) -> None:
    results.window()
    said = _text(browser.get(ADDRESS).text)
    assert "Not decided yet" in said
    assert "No check has written its findings yet." in said


def test_a_historical_window_says_that_nothing_followed(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision(is_suppressed=True)
    assert "nothing followed from them" in _text(browser.get(ADDRESS).text)


def test_a_window_without_predictions_has_no_coverage(browser: TestClient, results: Results) -> None:
    results.window(rows=0, labeled_rows=0)
    assert "No predictions, no labels." in _text(browser.get(ADDRESS).text)


def test_thousands_of_findings_are_cut_and_counted(browser: TestClient, results: Results) -> None:
    results.window()
    results.findings(Check.DRIFT, *(finding(f"feature_{n}") for n in range(2000)))
    said = _text(browser.get(ADDRESS).text)
    assert "Found (2,000)" in said
    assert "1,750 more subjects are not shown here." in said


def test_the_tests_of_a_subject_stand_in_one_row_the_worst_on_top(browser: TestClient, results: Results) -> None:
    results.window()
    results.findings(
        Check.DRIFT,
        finding("amount", test="hellinger", severity=Severity.LOW, description="The milder."),
        finding("amount", severity=Severity.CRITICAL, description="The worst."),
        finding("basket", severity=Severity.MEDIUM),
    )
    html = browser.get(ADDRESS).text
    said = _text(html)
    assert said.index("The worst.") < said.index("1 more of amount") < said.index("The milder.") < said.index("basket")
    assert html.count("<details><summary>1 more of amount") == 1


def test_every_finding_can_be_led_to(browser: TestClient, results: Results) -> None:
    results.window()
    found = [finding("<b>", test=test, segment=segment) for test in ("a", "b") for segment in ("", 'x="y"')]
    results.findings(Check.DRIFT, *found)
    html = browser.get(ADDRESS).text
    anchors = [finding_anchor(one.key) for one in found]
    assert len(set(anchors)) == 4
    assert all(html.count(f'id="{anchor}"') == 1 for anchor in anchors)


def test_a_drifted_feature_leads_to_its_distribution(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    results.findings(Check.DRIFT, finding("amount & more"))
    page = browser.get(ADDRESS)
    target = browser.get(urljoin(str(page.url), _links(page.text)["amount & more"]))
    assert "amount & more high in the window that ends 2 Mar 06:00 UTC" in _text(target.text)


def test_airflows_tabs_lead_from_a_run_to_its_window_and_from_a_dag_to_its_model(
    browser: TestClient, results: Results
) -> None:
    results.window(run_id="manual__2026-03-02T06:00:00+00:00")
    answer = browser.get("dags/monitor__fraud/runs/manual__2026-03-02T06%3A00%3A00%2B00%3A00")
    target = urljoin(str(answer.url), answer.headers["location"])
    assert (answer.status_code, _text(browser.get(target).text).count("fraud, 2026-03-01 06:00")) == (303, 2)
    answer = browser.get("dags/monitor__fraud")
    assert browser.get(urljoin(str(answer.url), answer.headers["location"])).status_code == 200


def test_a_task_leads_to_the_report_that_it_left(browser: TestClient, results: Results) -> None:
    results.window()
    results.report("drift", "<p>the drift report</p>")
    answer = browser.get("dags/monitor__fraud/runs/scheduled__1/reports/drift", follow_redirects=True)
    assert (answer.status_code, "the drift report" in answer.text) == (200, True)
    assert "sandbox" in answer.headers["content-security-policy"]
    missing = browser.get("dags/monitor__fraud/runs/scheduled__1/reports/no%2Fsuch", follow_redirects=True)
    assert missing.status_code == 404
    assert browser.get("dags/monitor__fraud/runs/unknown/reports/drift").status_code == 404


@pytest.mark.parametrize(("run_id", "is_linked"), [("scheduled__1", True), ("command line", False), ("", False)])
def test_only_a_run_of_airflows_is_linked(browser: TestClient, results: Results, run_id: str, is_linked: bool) -> None:
    results.window(run_id=run_id)
    page = browser.get(ADDRESS)
    links = _links(page.text)
    assert ("Run in Airflow" in links) is is_linked
    if is_linked:
        address = urljoin(str(page.url), links["Run in Airflow"])
        assert address == "http://localhost/airflow/dags/monitor__fraud/runs/scheduled__1"


def test_a_model_whose_dag_one_may_not_read_is_not_shown(browser: TestClient, results: Results, host: Host) -> None:
    results.window()
    results.decision()
    results.report("drift", "secret")
    host.hidden = {"fraud"}
    assert "fraud" not in browser.get("").text
    assert "none that you may see" in _text(browser.get("").text)
    for address in ("models/fraud", ADDRESS, f"{ADDRESS}/reports/drift", "dags/monitor__fraud/runs/scheduled__1"):
        answer = browser.get(address)
        assert answer.status_code == 403
        assert "Ask for the right to read the DAG monitor__fraud." in _text(answer.text)
