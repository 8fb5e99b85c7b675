"""Windows of bad data, whole: nothing crashes, nothing passes in silence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, make_url

from driftline.decisions import Verdict
from driftline.errors import SourceError, StoreError
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.local.provisioning import Urls
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor, open_monitor
from driftline.monitoring.run import WindowRun, run_window
from driftline.sources import PredictionLog
from driftline.store.engine import create_store_engine
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR, ShopLog

HOUR = timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)
ALIVE = Context(run_id="test", now=END + HOUR)
QUICK = {"quality": {"enabled": False}}
"""Without Great Expectations, where a test is not about it."""

LATE_LABELS = (Check.QUALITY, "labels")

Brief = Callable[..., Monitor]


def about(run: WindowRun, **wanted: Any) -> list[Finding]:
    """The findings with these attributes; there are some."""
    found = [
        finding for finding in run.findings if all(getattr(finding, name) == value for name, value in wanted.items())
    ]
    assert found, wanted
    return found


def only(run: WindowRun, **wanted: Any) -> Finding:
    [finding] = about(run, **wanted)
    return finding


def statuses(findings: Iterable[Finding]) -> set[Status]:
    return {finding.status for finding in findings}


def test_an_unreachable_log_is_refused_and_nothing_is_written(shop: ShopLog, urls: Urls, store_engine: Engine) -> None:
    url = make_url(urls.log_reader).set(port=1).render_as_string(hide_password=False)
    monitor = Monitor(config=shop.config(), store=store_engine, log=PredictionLog(shop.config(), url))
    with pytest.raises(SourceError, match=r"prediction log of fraud \(connection 'prediction_log'\) cannot be read"):
        run_window(monitor, WINDOW, ALIVE)


def test_an_unreachable_store_is_refused(shop: ShopLog, urls: Urls) -> None:
    engine = create_store_engine(make_url(urls.store).set(port=1).render_as_string(hide_password=False))
    monitor = Monitor(config=shop.config(), store=engine, log=PredictionLog(shop.config(), urls.log_reader))
    with pytest.raises(StoreError, match="cannot be reached"):
        run_window(monitor, WINDOW, ALIVE)


def test_connections_are_asked_for_by_the_names_in_the_file(shop: ShopLog, urls: Urls) -> None:
    known = {"driftline_store": urls.store, "prediction_log": urls.log_reader}
    monitor = open_monitor(shop.config(), known.__getitem__)
    assert monitor.log.bounds() is not None


def test_an_empty_window_is_critical_and_everything_else_is_not_evaluated(brief: Brief) -> None:
    silent = Window(END + HOUR, END + 7 * HOUR)
    run = run_window(brief(), silent, Context(now=END + 8 * HOUR))
    assert run.failures == ()
    volume = only(run, test="volume")
    assert (volume.status, volume.severity) == (Status.DETECTED, Severity.CRITICAL)
    assert volume.description == "0 predictions were logged; about 360 are usual in so long a window."
    for check in (Check.DRIFT, Check.PERFORMANCE, Check.PREDICTIONS):
        assert only(run, check=check).reason == "The window has no predictions."
        assert only(run, check=check).status is Status.NOT_EVALUATED
    # Labels of the predictions before still arrive in it, as they should.
    of_columns = [
        finding
        for finding in run.findings
        if not finding.test.endswith(("column_exists", "volume")) and (finding.check, finding.subject) != LATE_LABELS
    ]
    assert statuses(of_columns) == {Status.NOT_EVALUATED}
    assert all(finding.reason for finding in of_columns)
    assert run.decision.verdict is Verdict.ALERT
    assert run.decision.severity is Severity.CRITICAL
    assert run.decision.reason == "Quality: rows (critical)"


def test_too_few_rows_are_not_evaluated_and_the_decision_says_so(brief: Brief, shop: ShopLog) -> None:
    shop.execute("DELETE FROM {schema}.predictions WHERE predicted_at >= %s AND prediction_id %% 10 > 0", WINDOW.start)
    run = run_window(brief(checks=QUICK), WINDOW, ALIVE)
    assert run.failures == ()
    assert statuses(about(run, check=Check.DRIFT)) == {Status.NOT_EVALUATED}
    reasons = {finding.reason for finding in about(run, check=Check.DRIFT, comparison=Comparison.BASELINE)}
    assert reasons == {
        "The current window has 36 rows; at least 200 are needed.",
        "The baseline holds 8 windows of 6:00:00; at least 10 are needed.",
    }
    assert statuses(about(run, check=Check.PERFORMANCE, test="degradation")) == {Status.NOT_EVALUATED}
    assert run.decision.verdict is Verdict.NOTHING
    assert run.decision.reason.startswith("Nothing found; not evaluated: ")
    assert "36 " in run.decision.reason


STRANGE = {
    "nothing": "NULL",
    "always": "3",
    "infinite": "CASE WHEN is_member THEN 'Infinity' ELSE '-Infinity' END::float8",
    "huge": "CASE WHEN is_member THEN 1e308 ELSE -1e308 END",
    "decimal_huge": "CASE WHEN is_member THEN 1e400 ELSE prediction_id END",
    "mixed": "CASE WHEN is_member THEN 'many' ELSE prediction_id::text END",
    "null_now": "score",
}


@pytest.fixture
def strange(brief: Brief, shop: ShopLog) -> WindowRun:
    """A window of strange columns among which one is as always."""
    shop.execute(
        "ALTER TABLE {schema}.predictions ADD nothing float8, ADD always float8, ADD infinite float8, ADD huge float8, "
        "ADD decimal_huge numeric, ADD mixed text, ADD null_now float8, ADD fresh text DEFAULT 'a'"
    )
    shop.execute("UPDATE {schema}.predictions SET " + ", ".join(f"{name} = {sql}" for name, sql in STRANGE.items()))
    shop.execute(
        "UPDATE {schema}.predictions SET null_now = NULL, "
        "fresh = CASE WHEN is_member THEN '<b>new</b> 🆕' ELSE 'a' END WHERE predicted_at >= %s",
        WINDOW.start,
    )
    features = [{"name": name, "kind": "numeric"} for name in (*STRANGE, "amount", "gone")]
    return run_window(brief(features=[*features, {"name": "fresh", "kind": "categorical"}]), WINDOW, ALIVE)


def test_no_column_however_strange_stops_the_others(strange: WindowRun) -> None:
    assert strange.failures == ()
    assert Status.OK in statuses(about(strange, check=Check.DRIFT, subject="amount", segment=""))
    assert Status.NOT_EVALUATED not in statuses(about(strange, check=Check.DRIFT, subject="amount"))
    values = [value for finding in strange.findings for value in (finding.statistic, finding.effect, finding.p_value)]
    assert all(value is None or math.isfinite(value) for value in values)
    assert all(finding.reason for finding in strange.findings if finding.status is Status.NOT_EVALUATED)

    reasons = {
        "nothing": "The reference has no finite value",
        "always": "The feature is constant",
        "infinite": "The reference has no finite value",
        "null_now": "The current window has no finite value",
    }
    for subject, reason in reasons.items():
        test = only(strange, check=Check.DRIFT, subject=subject, test="kolmogorov_smirnov")
        assert test.status is Status.NOT_EVALUATED
        assert test.reason.startswith(reason)

    # All rows turned null: drift, though there is nothing left to compare.
    nulls = only(strange, check=Check.DRIFT, subject="null_now", test="null_share")
    assert (nulls.status, nulls.severity) == (Status.DETECTED, Severity.CRITICAL)
    # A text where numbers are declared.
    mixed = only(strange, check=Check.QUALITY, subject="mixed", test="value_type")
    assert (mixed.status, mixed.severity) == (Status.DETECTED, Severity.CRITICAL)
    # A category never seen, by its mass.
    new = only(strange, check=Check.DRIFT, subject="fresh", test="new_level_share")
    assert new.status is Status.DETECTED
    assert "<b>new</b> 🆕" in only(strange, check=Check.QUALITY, subject="fresh", test="known_levels").description
    # A column that is not there.
    gone = only(strange, check=Check.QUALITY, subject="gone", test="column_exists")
    assert (gone.status, gone.severity) == (Status.DETECTED, Severity.CRITICAL)
    assert only(strange, check=Check.DRIFT, subject="gone").reason == "The prediction log has no column 'gone'."


def test_a_discovered_feature_that_vanishes_is_told(brief: Brief, shop: ShopLog) -> None:
    monitor = brief()
    run_window(monitor, Window(WINDOW.start - 6 * HOUR, WINDOW.start), ALIVE)
    shop.execute("ALTER TABLE {schema}.predictions DROP basket, DROP country")
    run = run_window(brief(), WINDOW, ALIVE)
    assert run.failures == ()
    for column in ("basket", "country"):
        assert only(run, check=Check.QUALITY, subject=column, test="column_exists").severity is Severity.CRITICAL
        assert only(run, subject=column, test="drift_check").reason == f"The prediction log has no column '{column}'."
    assert Status.OK in statuses(about(run, check=Check.DRIFT, subject="amount"))


def test_a_segment_whose_column_is_missing_is_told(brief: Brief) -> None:
    run = run_window(brief(segments=[{"column": "region", "values": ["north"]}]), WINDOW, ALIVE)
    assert run.failures == ()
    missing = only(run, subject="segment region", test="column_exists")
    assert (missing.status, missing.description) == (Status.DETECTED, "The column 'region' is missing.")


def test_a_column_that_turns_to_text_is_told(brief: Brief, shop: ShopLog) -> None:
    monitor = brief(checks=QUICK)
    run_window(monitor, Window(WINDOW.start - 6 * HOUR, WINDOW.start), ALIVE)
    shop.execute("ALTER TABLE {schema}.predictions ALTER amount TYPE text USING 'a lot'")
    run = run_window(brief(checks=QUICK), WINDOW, ALIVE)
    assert run.failures == ()
    nulls = only(run, check=Check.DRIFT, subject="amount", test="null_share")
    assert (nulls.status, nulls.statistic) == (Status.DETECTED, 1.0)


def test_an_id_logged_twice_counts_once_and_is_told(brief: Brief, shop: ShopLog) -> None:
    shop.execute("ALTER TABLE {schema}.predictions DROP CONSTRAINT predictions_pkey")
    shop.execute(
        "INSERT INTO {schema}.predictions SELECT * FROM {schema}.predictions WHERE predicted_at >= %s AND is_member",
        WINDOW.start,
    )
    [(rows,)] = shop.rows("SELECT count(*) FROM {schema}.predictions WHERE predicted_at >= %s", WINDOW.start)
    run = run_window(brief(), WINDOW, ALIVE)
    assert rows > 6 * ROWS_PER_HOUR == run.record.rows == run.record.labeled_rows
    repeated = only(run, test="unique_ids")
    assert repeated.status is Status.DETECTED
    assert repeated.recommendation.endswith("the first counts.")


def test_labels_without_a_prediction_change_nothing(brief: Brief, shop: ShopLog) -> None:
    monitor = brief(checks=QUICK)
    before = run_window(monitor, WINDOW, ALIVE)
    shop.execute("INSERT INTO {schema}.labels SELECT n + 90000000, true, now() FROM generate_series(1, 500) AS n")
    after = run_window(monitor, WINDOW, ALIVE)
    assert after.record.slices_counted == 0
    assert after.findings == before.findings


def test_a_log_without_any_label_is_not_evaluated(brief: Brief, shop: ShopLog) -> None:
    shop.execute("TRUNCATE {schema}.labels")
    run = run_window(brief(checks=QUICK), WINDOW, ALIVE)
    assert run.failures == ()
    found = about(run, check=Check.PERFORMANCE)
    assert Status.OK not in statuses(found)
    assert all(finding.reason or finding.description for finding in found)


def test_versions_may_be_null_or_anything(brief: Brief, shop: ShopLog) -> None:
    versions = ["v'2\"; DROP TABLE windows; --", "<script>alert(1)</script>", "版本🚀", "", None]
    for n, version in enumerate(versions):
        shop.execute(
            "UPDATE {schema}.predictions SET model_version = %s WHERE predicted_at >= %s AND prediction_id %% 5 = %s",
            version,
            WINDOW.start,
            n,
        )
    monitor = brief(checks={"drift": {"minimum_rows": 20}})
    run = run_window(monitor, WINDOW, ALIVE)
    assert run.failures == ()
    compared = about(run, check=Check.DRIFT, comparison=Comparison.BASELINE)
    assert {finding.version for finding in compared} == {*versions[:3], "(none)"}
    assert run.record.rows == 6 * ROWS_PER_HOUR
    missing = only(run, test="version_not_null")
    assert (missing.status, missing.severity) == (Status.DETECTED, Severity.CRITICAL)


def test_names_and_segments_may_be_anything(brief: Brief, shop: ShopLog) -> None:
    level = "O'Brien\" <b>&; DROP TABLE x; -- 🍀"
    column = 'we"ird; DROP TABLE x'
    shop.rename("country", column)
    shop.execute(
        'UPDATE {schema}.predictions SET "we""ird; DROP TABLE x" = %s WHERE "we""ird; DROP TABLE x" = \'DE\'', level
    )
    monitor = brief(
        features=[{"name": "<i>amount</i> %s 🛒", "kind": "numeric", "column": "amount"}],
        segments=[{"column": column, "values": [level]}],
        checks={**QUICK, "drift": {"minimum_rows": 20}},
    )
    run = run_window(monitor, WINDOW, ALIVE)
    assert run.failures == ()
    found = about(run, check=Check.DRIFT, subject="<i>amount</i> %s 🛒", segment=f"{column}={level}")
    assert Status.OK in statuses(found)
    [(rows,)] = shop.rows(
        'SELECT count(*) FROM {schema}.predictions WHERE predicted_at >= %s AND "we""ird; DROP TABLE x" = %s',
        WINDOW.start,
        level,
    )
    assert found[0].current_size == rows > 0


def test_a_prediction_in_the_future_waits_for_its_window(brief: Brief, shop: ShopLog) -> None:
    shop.predict(datetime.now(UTC) + timedelta(days=300))
    run = run_window(brief(checks=QUICK), WINDOW, ALIVE)
    assert run.failures == ()
    assert run.record.rows == 6 * ROWS_PER_HOUR


def test_a_regression_of_infinite_and_missing_predictions_is_told(brief: Brief, shop: ShopLog) -> None:
    shop.execute(
        "ALTER TABLE {schema}.labels ALTER was_fraud TYPE float8 USING CASE WHEN was_fraud THEN 40 ELSE 20 END"
    )
    shop.execute(
        "UPDATE {schema}.predictions SET amount = CASE WHEN is_member THEN 'Infinity'::float8 END "
        "WHERE predicted_at >= %s",
        WINDOW.start,
    )
    mapping = shop.mapping(prediction="amount")
    del mapping["score"]
    run = run_window(
        brief(
            checks=QUICK,
            task="regression",
            positive_label=None,
            predictions=mapping,
            features=[{"name": "basket", "kind": "numeric"}],
        ),
        WINDOW,
        ALIVE,
    )
    assert run.failures == ()
    assert run.decision.verdict is Verdict.ALERT
    assert statuses(about(run, check=Check.PERFORMANCE, test="degradation")) == {Status.NOT_EVALUATED}
    assert Status.DETECTED in statuses(about(run, check=Check.PREDICTIONS))
