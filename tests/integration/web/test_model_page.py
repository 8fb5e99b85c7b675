from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from driftline.decisions import Verdict
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.store.engine import store_transaction
from driftline.store.incidents import open_or_update_incident
from driftline.windows import Window
from tests.integration.web.conftest import DAY, Host, Results, finding
from tests.integration.web.test_pages import EARLIER, _links, _text

ADDRESS = "models/fraud"
OK = {"status": Status.OK, "severity": Severity.NONE}


def _cells(html: str, feature: str) -> list[str]:
    """The words of a feature's cells, the oldest window first."""
    rows = re.findall(r'<tr data-feature="([^"]*)">(.*?)</tr>', html, flags=re.DOTALL)
    (row,) = [row for name, row in rows if unescape(name) == feature]
    return re.findall(r'<td[^>]* aria-label="([^"]*)"', row) or re.findall(r'aria-label="([^"]*)"', row)


def _drawn(html: str) -> dict[str, Any]:
    (block,) = re.findall(r'<script type="application/json" id="drawn">(.*?)</script>', html, flags=re.DOTALL)
    drawn: dict[str, Any] = json.loads(block)
    return drawn


def _chart(html: str, name: str) -> dict[str, Any]:
    return next(chart for chart in _drawn(html)["charts"] if chart["name"] == name)


def _line(chart: dict[str, Any], label: str) -> dict[str, Any]:
    return next(line for line in chart["lines"] if line["label"] == label)


def _two_windows(results: Results) -> None:
    for window in (EARLIER, DAY):
        results.window(window=window)
        results.decision(window=window)


def test_the_heat_map_has_the_worst_of_each_feature_and_window(browser: TestClient, results: Results) -> None:
    _two_windows(results)
    results.findings(Check.DRIFT, finding("amount", **OK), finding("basket", **OK), window=EARLIER)
    skipped = {"status": Status.NOT_EVALUATED, "severity": Severity.NONE, "reason": "30 rows"}
    results.findings(
        Check.DRIFT,
        finding("amount", severity=Severity.LOW),
        finding("amount", version="v3", severity=Severity.CRITICAL),
        finding("amount", test="hellinger", **OK),
        finding("amount", comparison=Comparison.PREVIOUS_WINDOW, severity=Severity.CRITICAL, version="v2"),
        finding("country", segment="country=DE"),
        finding("unknown", severity=Severity.HIGH),
        finding("basket", severity=Severity.LOW),
        finding("skipped", **skipped),
    )
    html = browser.get(ADDRESS).text
    assert _cells(html, "amount") == ["ok", "critical"]
    assert _cells(html, "basket") == ["ok", "low"]
    assert _cells(html, "unknown") == ["no data", "high"]
    order = re.findall(r'data-feature="([^"]*)"', html)
    assert order == ["amount", "unknown", "basket"], "the worst first; what only a segment has is not of the whole"
    assert _cells(browser.get(ADDRESS, params={"version": "v2"}).text, "amount") == ["ok", "low"]


def test_a_segment_has_a_heat_map_of_its_own(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    results.findings(Check.DRIFT, finding("amount", **OK), finding("amount", segment="country=DE"))
    assert _cells(browser.get(ADDRESS, params={"segment": "country=DE"}).text, "amount") == ["high"]


def test_what_could_not_be_evaluated_is_a_cell_of_its_own(browser: TestClient, results: Results) -> None:
    results.counted(np.arange(1000.0), np.arange(1000.0))
    results.decision()
    results.findings(
        Check.DRIFT, finding("amount", status=Status.NOT_EVALUATED, severity=Severity.NONE, reason="30 rows")
    )
    assert _cells(browser.get(ADDRESS).text, "amount") == ["not evaluated"]


def test_a_feature_shows_both_sides_since_when_and_in_which_segments(browser: TestClient, results: Results) -> None:
    results.counted(np.linspace(0, 100, 2001), np.linspace(50, 150, 1001))
    results.decision()
    located = {"localization": {
        "since": "2026-03-01T22:00:00+00:00", "segments": [{"segment": "country=DE", "share": 0.75}],
        "together_with": ["basket"],
    }}  # fmt: skip
    results.findings(
        Check.DRIFT,
        finding("amount", details=located),
        finding("amount", test="hellinger", severity=Severity.LOW),
        finding("amount", segment="country=DE", severity=Severity.CRITICAL, description="Only there."),
    )
    said = _text(browser.get(ADDRESS, params={"feature": "amount"}).text)
    assert "amount high in the window that ends 2 Mar 06:00 UTC" in said
    assert "Drifted since 1 Mar 22:00 UTC . Moved together with basket." in said
    assert re.search(r"50% quantile (49\.9|50)\S* (99\.9|100)\S* (49\.9|50)", said)
    assert "baseline, 2,001 rows this window, 1,001 rows" in said
    assert "without a value 0% 0% 0%" in said
    assert "country=DE critical 75.0% Only there." in said
    assert "All 2 tests" in said


def test_a_feature_whose_profiles_are_gone_says_so(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    results.findings(Check.DRIFT, finding("amount"))
    said = _text(browser.get(ADDRESS, params={"feature": "amount"}).text)
    assert "No distribution: The baseline that the window was compared with does not have it." in said
    assert "Nothing is known of nonsense" in _text(browser.get(ADDRESS, params={"feature": "nonsense"}).text)


def test_a_cell_of_an_older_window_opens_that_one(browser: TestClient, results: Results) -> None:
    _two_windows(results)
    results.findings(Check.DRIFT, finding("amount", description="The older."), window=EARLIER)
    results.findings(Check.DRIFT, finding("amount", description="The newer."))
    html = browser.get(ADDRESS, params={"feature": "amount", "window": "2026-03-02T00:00Z"}).text
    assert "The older." in _text(html)
    assert "The newer." not in _text(html)
    assert html.count('aria-selected="true"') == 1
    day = browser.get(ADDRESS, params={"feature": "amount", "window": "2026-03-02"}).text
    assert "The newer." in _text(day), "of a day the gravest, and of several the newest"


def _metric(statistic: float | None, low: float, high: float, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "check": Check.PERFORMANCE, "test": "degradation", "statistic": statistic, "threshold": 0.9, **OK,
        "interval_low": low, "interval_high": high, "details": {"reference_value": 0.95, "is_provisional": False},
    }  # fmt: skip
    return finding("accuracy", **{**values, **changes})


def test_performance_is_drawn_realised_and_estimated_with_intervals_and_the_baseline(
    browser: TestClient, results: Results
) -> None:
    _two_windows(results)
    trust = {"is_trusted": False, "is_provisional": True}
    results.findings(Check.PERFORMANCE, _metric(0.94, 0.93, 0.95), window=EARLIER)
    results.findings(
        Check.PERFORMANCE,
        _metric(0.92, 0.9, 0.94, details={"reference_value": 0.95, "is_provisional": True}),
        _metric(0.91, 0.88, 0.93, test="estimate", details=trust),
        _metric(0.5, 0.4, 0.6, comparison=Comparison.VERSION, version="v1"),
    )
    html = browser.get(ADDRESS).text
    chart = _chart(html, "performance")
    assert chart["moments"] == [int(EARLIER.end.timestamp()), int(DAY.end.timestamp())]
    realised, estimated = _line(chart, "realised v2"), _line(chart, "estimated v2")
    assert (realised["values"], realised["low"], realised["high"]) == ([0.94, 0.92], [0.93, 0.9], [0.95, 0.94])
    assert (realised["soft"], estimated["soft"]) == ([False, True], [False, True])
    assert estimated["values"] == [None, 0.91]
    assert _line(chart, "baseline")["values"] == [0.95, 0.95]
    assert _line(chart, "limit")["values"] == [0.9, 0.9]
    assert not [line for line in chart["lines"] if "v1" in line["label"]]
    assert "2026-03-02 06:00 UTC 92.0% (90.0% to 94.0%) provisional" in _text(html), "and the table says the same"


def test_two_versions_at_once_have_lines_of_their_own(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    results.findings(
        Check.PREDICTIONS,
        *(
            finding("latency", check=Check.PREDICTIONS, version=version, test="latency_p95", statistic=value, **OK)
            for version, value in (("v1", 100.0), ("v2", 300.0))
        ),
    )
    chart = _chart(browser.get(ADDRESS).text, "latency")
    assert {line["label"]: line["values"] for line in chart["lines"]} == {"v1": [100.0], "v2": [300.0]}
    assert len({line["hue"] for line in chart["lines"]}) == 2


def test_the_metric_is_chosen_by_the_address(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    results.findings(Check.PERFORMANCE, _metric(0.94, 0.93, 0.95), finding("recall", **_as_metric(0.5)))
    page = browser.get(ADDRESS)
    assert _chart(page.text, "performance")["title"] == "Accuracy"
    (address,) = [target for label, target in _links(page.text).items() if label.startswith("Recall")]
    assert _chart(browser.get(urljoin(str(page.url), address)).text, "performance")["title"] == "Recall"


def _as_metric(statistic: float) -> dict[str, Any]:
    return {"check": Check.PERFORMANCE, "test": "degradation", "statistic": statistic, **OK}


def test_incidents_and_baselines_are_marked_on_the_time_axis(
    browser: TestClient, results: Results, store_engine: Engine
) -> None:
    results.counted(np.arange(100.0), np.arange(100.0))
    results.decision()
    with store_transaction(store_engine) as connection:
        open_or_update_incident(
            connection, model="fraud", cause="drift", severity=Severity.HIGH, title="Drift: <b>amount</b>",
            findings=[], window=DAY, at=DAY.end - timedelta(minutes=5),
        )  # fmt: skip
    html = browser.get(ADDRESS).text
    assert {"at": int(DAY.end.timestamp()) - 300, "kind": "incident", "said": "Drift: <b>amount</b>"} in _drawn(html)[
        "marks"
    ]
    assert "incident opened high Drift: <b>amount</b>" in _text(html)
    assert "<b>amount" not in html


def test_the_span_is_in_the_address(browser: TestClient, results: Results) -> None:
    _two_windows(results)
    results.findings(Check.DRIFT, finding("amount", severity=Severity.LOW), window=EARLIER)
    results.findings(Check.DRIFT, finding("amount"))
    assert _cells(browser.get(ADDRESS, params={"to": "2026-03-02T00:00Z"}).text, "amount") == ["low"]
    assert _cells(browser.get(ADDRESS, params={"from": "2026-03-02T03:00"}).text, "amount") == ["high"]
    html = browser.get(ADDRESS, params={"days": 7, "feature": "amount", "segment": ""}).text
    for address in re.findall(r'href="(\?[^"]*)"', html):
        asked = parse_qs(urlsplit(unescape(address)).query)
        assert asked.get("days") in (["1"], ["7"], ["30"], ["90"]), "every link keeps the span"
    empty = _text(browser.get(ADDRESS, params={"to": "2020-01-01T00:00Z"}).text)
    assert "No window ends in this span." in empty


@pytest.mark.parametrize(
    "query",
    ["days=0", "days=x", "from=yesterday", "to=2026-13-01T00:00", "page=-1",
     "from=2026-03-03T00:00&to=2026-03-01T00:00", "window=whenever", "window=2026-02-31", "feature=%00"],
)  # fmt: skip
def test_a_malformed_address_is_refused_and_says_why(browser: TestClient, results: Results, query: str) -> None:
    results.window()
    results.decision()
    answer = browser.get(f"{ADDRESS}?{query}")
    assert answer.status_code == 400
    assert "This address is not right" in answer.text


def test_two_thousand_features_come_page_by_page_the_worst_first(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    results.findings(
        Check.DRIFT,
        *(finding(f"feature_{number:04d}", severity=Severity.LOW) for number in range(1999)),
        finding("zzz", severity=Severity.CRITICAL),
    )
    page = browser.get(ADDRESS)
    shown = re.findall(r'data-feature="([^"]*)"', page.text)
    assert (shown[0], len(shown)) == ("zzz", 30)
    assert "2,000 of 2,000 features drifted" in _text(page.text)
    assert "Page 1 of 67, 2,000 features" in _text(page.text)
    following = browser.get(urljoin(str(page.url), _links(page.text)["Next"]).split("#")[0]).text
    assert re.findall(r'data-feature="([^"]*)"', following)[0] == "feature_0029"
    found = browser.get(ADDRESS, params={"q": "FEATURE_1234"}).text
    assert re.findall(r'data-feature="([^"]*)"', found) == ["feature_1234"]
    assert len(page.content) < 300_000


def test_many_windows_are_days(browser: TestClient, results: Results) -> None:
    for step in range(130):
        window = Window(DAY.start - timedelta(hours=6 * step), DAY.end - timedelta(hours=6 * step))
        results.window(window=window)
        if step in {0, 1, 5}:
            results.findings(Check.DRIFT, finding("amount", **({} if step == 1 else OK)), window=window)
    results.decision()
    html = browser.get(ADDRESS, params={"days": 90}).text
    words = _cells(html, "amount")
    assert len(words) == 34
    assert words[-3:] == ["ok", "high", "ok"], "a window that ends at midnight belongs to the day before"


def test_groups_stand_with_their_gaps(browser: TestClient, results: Results) -> None:
    results.window()
    results.decision()
    common = {"check": Check.FAIRNESS, "details": {"attribute": "sex", "rate": 0.3, "gap_before": 0.01}}
    results.findings(
        Check.FAIRNESS,
        finding("sex=F", test="positive_rate", statistic=-0.2, interval_low=-0.25, interval_high=-0.15, **common),
        finding("sex", test="demographic_parity_difference", statistic=0.2, comparison=Comparison.EXPECTATION,
                **{**common, **OK}),
    )  # fmt: skip
    said = _text(browser.get(ADDRESS).text)
    assert "sex, version v2 high" in said
    assert "sex=F positive rate 0.3 – -0.2 (-0.25 to -0.15) 0.01 high" in said
    assert "demographic parity difference 0.2" in said


def test_names_from_data_are_text_everywhere(browser: TestClient, results: Results) -> None:
    hostile = "</script><img src=x onerror=alert(1)>'\"/🚀"
    results.counted(np.arange(100.0), np.arange(100.0), feature=hostile)
    results.decision(reason=hostile)
    results.findings(Check.DRIFT, finding(hostile, version=hostile, description=hostile))
    results.findings(
        Check.PREDICTIONS,
        finding("latency", check=Check.PREDICTIONS, version=hostile, test="latency_p95", statistic=3.0, **OK),
    )
    html = browser.get(ADDRESS, params={"feature": hostile, "q": hostile, "version": hostile}).text
    assert "<img" not in html
    assert _cells(html, hostile) == ["high"]
    assert _chart(html, "latency")["lines"][0]["label"] == hostile
    assert f"{hostile} high in the window" in _text(html)


def test_a_model_without_labels_says_so(browser: TestClient, results: Results) -> None:
    results.window(labeled_rows=0)
    results.decision()
    assert "No performance is known in this span" in _text(browser.get(ADDRESS).text)


def test_a_model_that_was_never_checked_says_what_to_do(browser: TestClient, results: Results) -> None:
    results.window()
    said = _text(browser.get(ADDRESS).text)
    assert "Learn what is normal: driftline baseline build fraud" in said
    assert "No window of this model has been decided yet." in said


def test_a_model_that_nobody_knows_is_not_found(browser: TestClient) -> None:
    answer = browser.get("models/deleted")
    assert answer.status_code == 404
    assert "driftline baseline build MODEL" in answer.text


def test_windows_are_listed_the_newest_first(browser: TestClient, results: Results) -> None:
    _two_windows(results)
    results.window(window=Window(DAY.start + timedelta(hours=6), DAY.end + timedelta(hours=6)))
    page = browser.get(ADDRESS)
    ends = re.findall(r'<th scope="row"><a href="([^"]+/windows/[^"]+)"', page.text)
    assert [address.rsplit("/", 1)[1] for address in ends] == [
        "2026-03-02T06:00Z?window_start=2026-03-01T06:00Z",
        "2026-03-02T00:00Z?window_start=2026-03-01T00:00Z",
    ]
    assert all(browser.get(urljoin(str(page.url), address)).status_code == 200 for address in ends)


def test_who_may_not_see_the_model_sees_nothing(browser: TestClient, results: Results, host: Host) -> None:
    results.window()
    results.decision(verdict=Verdict.ALERT)
    host.hidden = {"fraud"}
    assert browser.get(ADDRESS, params={"feature": "amount"}).status_code == 403
