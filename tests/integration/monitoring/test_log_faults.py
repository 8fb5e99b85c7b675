"""What is wrong between predictions and labels is told, with how much of it there is, and stops nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from driftline.findings import Check, Finding, Severity, Status
from driftline.monitoring.baseline import ensure_baseline
from driftline.monitoring.checks import CheckSummary, run_check
from driftline.monitoring.extract import extract_window
from driftline.monitoring.monitor import Monitor
from driftline.store.engine import store_transaction
from driftline.store.windows import window_findings
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR, ShopLog

HOUR = timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)
LABELS = 6 * ROWS_PER_HOUR
"""Of predictions of two hours before: labels of the shop take two hours."""

Brief = Callable[..., Monitor]


def quality_of(monitor: Monitor, now: datetime = END + HOUR) -> tuple[CheckSummary, dict[tuple[str, str], Finding]]:
    extract_window(monitor, WINDOW)
    summary = run_check(monitor, WINDOW, Check.QUALITY, now)
    with store_transaction(monitor.store) as connection:
        found = window_findings(connection, monitor.model, WINDOW)
    return summary, {(finding.subject, finding.test): finding for finding in found}


def told(found: dict[tuple[str, str], Finding], test: str, subject: str = "labels") -> tuple[Status, Severity, object]:
    finding = found[subject, test]
    return finding.status, finding.severity, finding.details.get("count")


def arrive(shop: ShopLog, statement: str) -> None:
    """Inserts labels that arrive in the window, of the ids that ``statement`` selects."""
    shop.execute(f"INSERT INTO {{schema}}.labels {statement}", WINDOW.start + HOUR)


def test_a_log_in_order_says_so(brief: Brief) -> None:
    _, found = quality_of(brief())
    for test in ("unknown_prediction", "label_before_prediction", "changed_twice", "future_time"):
        assert told(found, test) == (Status.OK, Severity.NONE, 0)
    assert told(found, "future_time", "rows") == (Status.OK, Severity.NONE, 0)
    assert found["labels", "unknown_prediction"].current_size == LABELS


def test_labels_of_unknown_predictions_are_told_by_their_share(brief: Brief, shop: ShopLog) -> None:
    arrive(shop, "SELECT CASE WHEN n > 1 THEN n + 90000000 END, true, %s::timestamptz FROM generate_series(1, 90) AS n")
    _, found = quality_of(brief())
    unknown = found["labels", "unknown_prediction"]
    assert told(found, "unknown_prediction") == (Status.DETECTED, Severity.HIGH, 90)
    assert unknown.statistic == pytest.approx(90 / (LABELS + 90))
    assert unknown.description == (
        "90 of 450 labels that arrived in the window (20.00%; 1.00% tolerated) are of no prediction in the log; they "
        "count nowhere."
    )
    assert "labels.query" in unknown.recommendation
    assert told(found, "changed_twice")[0] is Status.OK


def test_what_was_usual_on_the_baseline_is_no_fault(brief: Brief, shop: ShopLog) -> None:
    """One table for the labels of several models, say."""
    shop.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id + 90000000, was_fraud, known_at FROM {schema}.labels"
    )
    _, found = quality_of(brief())
    unknown = found["labels", "unknown_prediction"]
    assert (unknown.status, unknown.statistic) == (Status.OK, 0.5)
    assert unknown.threshold == pytest.approx(0.51)
    assert "50.00% on the baseline" in unknown.description


def test_a_label_changed_twice_is_told_and_one_changed_once_is_counted(brief: Brief, shop: ShopLog) -> None:
    again = (
        "SELECT prediction_id, NOT was_fraud, known_at + n * interval '1 hour' FROM {schema}.labels "
        "WHERE known_at >= %s AND known_at < %s AND prediction_id %% 10 = %s"
    )
    start, until = WINDOW.start, WINDOW.start + 2 * HOUR
    shop.execute(f"INSERT INTO {{schema}}.labels {again.replace('n *', '1 *')}", start, until, 1)
    shop.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id, was_fraud <> (n = 1), known_at + n * interval '1 hour' "
        "FROM {schema}.labels, generate_series(1, 2) AS n WHERE known_at >= %s AND known_at < %s "
        "AND prediction_id %% 10 = 2",
        start,
        until,
    )
    _, found = quality_of(brief())
    changed = found["labels", "changed_twice"]
    assert told(found, "changed_twice") == (Status.DETECTED, Severity.MEDIUM, 12)
    assert (changed.details["changed_once"], changed.current_size) == (12, LABELS)
    assert changed.description.endswith("have been changed twice or more often; the one that arrived last counts.")


def test_a_label_said_again_as_it_was_has_not_changed(brief: Brief, shop: ShopLog) -> None:
    shop.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id, was_fraud, known_at + n * interval '1 minute' "
        "FROM {schema}.labels, generate_series(1, 3) AS n WHERE known_at >= %s",
        WINDOW.start,
    )
    _, found = quality_of(brief())
    assert told(found, "changed_twice") == (Status.OK, Severity.NONE, 0)


def test_labels_before_their_prediction_are_told_with_the_longest_lead(brief: Brief, shop: ShopLog) -> None:
    shop.execute(
        "UPDATE {schema}.labels SET known_at = known_at - interval '3 hours' "
        "WHERE known_at >= %s AND prediction_id %% 40 = 0",
        WINDOW.start + 3 * HOUR,
    )
    _, found = quality_of(brief())
    early = found["labels", "label_before_prediction"]
    assert (early.status, early.severity) == (Status.DETECTED, Severity.LOW if early.effect < 0.01 else Severity.MEDIUM)
    assert early.details["longest_lead_seconds"] == 3600
    assert early.details["count"] == pytest.approx(6 * ROWS_PER_HOUR / 40, abs=4)
    assert "The longest lead is 1:00:00." in early.description


@pytest.mark.parametrize(("subject", "table"), [("rows", "predictions"), ("labels", "labels")])
def test_times_in_the_future_are_told(brief: Brief, shop: ShopLog, subject: str, table: str) -> None:
    ahead = datetime.now(UTC) + timedelta(days=300)
    if table == "predictions":
        for _ in range(8):
            shop.predict(ahead)
    else:
        shop.execute("INSERT INTO {schema}.labels SELECT n, true, %s::timestamptz FROM generate_series(1, 8) n", ahead)
    _, found = quality_of(brief())
    assert told(found, "future_time", subject) == (Status.DETECTED, Severity.MEDIUM, 8)
    other = "labels" if subject == "rows" else "rows"
    assert told(found, "future_time", other) == (Status.OK, Severity.NONE, 0)
    assert f"8 {table} have a time in the future" in found[subject, "future_time"].description


def test_a_historical_window_says_nothing_of_todays_clock(brief: Brief, shop: ShopLog) -> None:
    shop.predict(datetime.now(UTC) + timedelta(days=300))
    _, found = quality_of(brief(), now=datetime.now(UTC))
    assert not [key for key in found if key[1] == "future_time"]


def test_infinite_times_are_counted_and_break_nothing(brief: Brief, shop: ShopLog) -> None:
    arrive(shop, "SELECT 5, true, %s::timestamptz")
    shop.execute("UPDATE {schema}.predictions SET predicted_at = '-infinity' WHERE prediction_id = 5")
    shop.execute("UPDATE {schema}.predictions SET predicted_at = 'infinity' WHERE prediction_id = 6")
    shop.execute("UPDATE {schema}.labels SET known_at = 'infinity' WHERE prediction_id = 7")
    _, found = quality_of(brief())
    assert told(found, "future_time", "rows")[2] == told(found, "future_time")[2] == 1
    assert told(found, "label_before_prediction")[2] == 0


def test_a_window_without_labels_is_not_evaluated(brief: Brief, shop: ShopLog) -> None:
    shop.execute("TRUNCATE {schema}.labels")
    summary, found = quality_of(brief())
    unknown = found["labels", "unknown_prediction"]
    assert (unknown.status, unknown.reason) == (Status.NOT_EVALUATED, "No label arrived in the window.")
    assert summary.detected == 0


def test_a_model_without_labels_has_no_findings_of_them(brief: Brief) -> None:
    _, found = quality_of(brief(labels=None))
    assert not [key for key in found if key[0] == "labels"]
    assert told(found, "future_time", "rows")[0] is Status.OK


def test_a_log_that_cannot_say_stops_no_other_finding(brief: Brief, shop: ShopLog) -> None:
    """Labels that the role may no longer read once the window is extracted."""
    monitor = brief()
    ensure_baseline(monitor)
    extract_window(monitor, WINDOW)
    shop.execute("REVOKE SELECT ON {schema}.labels FROM driftline_reader")
    run_check(monitor, WINDOW, Check.QUALITY, END + HOUR)
    with store_transaction(monitor.store) as connection:
        found = {(one.subject, one.test): one for one in window_findings(connection, monitor.model, WINDOW)}
    for test in ("unknown_prediction", "label_before_prediction", "changed_twice", "future_time"):
        assert found["labels", test].status is Status.NOT_EVALUATED
        assert "GRANT USAGE" in found["labels", test].reason
    assert found["amount", "value_range"].status is Status.OK
