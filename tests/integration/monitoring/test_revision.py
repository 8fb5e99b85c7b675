"""Labels that come late: windows are judged anew, once, and both verdicts are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, func, select, update

from driftline.decisions import Verdict, VerdictVersion
from driftline.findings import Check, Finding, Severity, Status
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.revision import Revision, revise_model
from driftline.monitoring.run import WindowRun, run_window
from driftline.store.engine import store_transaction
from driftline.store.label_watermarks import LabelWatermark, label_watermark, write_label_watermark
from driftline.store.model_versions import register_version
from driftline.store.routing import change_routes, current_routes
from driftline.store.tables import alert_outbox, incidents, label_watermarks, route_history, slices
from driftline.store.verdicts import verdict_versions
from driftline.store.windows import window_findings, window_record
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR, ShopLog

Brief = Callable[..., Monitor]

HOUR = timedelta(hours=1)
LABEL_DELAY = 30 * HOUR
WINDOW = Window(END - 6 * HOUR, END)
LATER = Window(END - 3 * HOUR, END + 3 * HOUR)
ONLY_PERFORMANCE = {check: {"enabled": False} for check in ("drift", "predictions", "quality")}
LATE = END + 32 * HOUR
"""When the labels of the last window are there, and no longer expected; its end is behind the alert horizon."""


@pytest.fixture
def monitor(brief: Brief, shop: ShopLog) -> Monitor:
    labels = {**shop.description()["labels"], "expected_delay": "31h"}
    return brief(checks=ONLY_PERFORMANCE, labels=labels)


@pytest.fixture
def withheld(shop: ShopLog) -> ShopLog:
    """The log without the labels of the window, which are kept apart to come later."""
    shop.execute(
        "CREATE TABLE {schema}.late AS SELECT * FROM {schema}.labels JOIN (SELECT prediction_id, predicted_at"
        " FROM {schema}.predictions WHERE predicted_at >= %s) p USING (prediction_id)",
        WINDOW.start,
    )
    shop.execute("DELETE FROM {schema}.labels WHERE prediction_id IN (SELECT prediction_id FROM {schema}.late)")
    return shop


def label(shop: ShopLog, *, is_wrong: bool = False, since: datetime = WINDOW.start) -> None:
    """The labels of predictions from ``since`` on arrive, true ones or such that show a degraded model."""
    shop.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id, CASE WHEN %s AND prediction_id %% 3 = 0 THEN NOT was_fraud "
        "ELSE was_fraud END, predicted_at + interval '30 hours' FROM {schema}.late WHERE predicted_at >= %s",
        is_wrong,
        since,
    )


def run(monitor: Monitor, window: Window = WINDOW, *, now: datetime | None = None) -> WindowRun:
    return run_window(monitor, window, Context(run_id="live", now=now or window.end + HOUR))


def revise(monitor: Monitor, now: datetime = LATE, *, compare_all: bool = False) -> Revision:
    return revise_model(monitor, now=now, compare_all=compare_all, run_id="revision")


def versions(monitor: Monitor, window: Window = WINDOW) -> list[VerdictVersion]:
    with store_transaction(monitor.store) as connection:
        return verdict_versions(connection, monitor.model, window)


def accuracy(monitor: Monitor, window: Window = WINDOW) -> Finding:
    with store_transaction(monitor.store) as connection:
        found = window_findings(connection, monitor.model, window)
    return next(one for one in found if (one.subject, one.test, one.segment) == ("accuracy", "degradation", ""))


def alerts(monitor: Monitor) -> int:
    with store_transaction(monitor.store) as connection:
        return len(connection.execute(select(alert_outbox.c.alert_id)).all())


def labeled(monitor: Monitor, window: Window = WINDOW) -> int:
    with store_transaction(monitor.store) as connection:
        record = window_record(connection, monitor.model, window)
    assert record is not None
    return record.labeled_rows


def test_late_labels_turn_a_provisional_verdict_into_a_final_one_and_both_are_kept(
    monitor: Monitor, withheld: ShopLog
) -> None:
    run(monitor)
    assert accuracy(monitor).status is Status.NOT_EVALUATED
    revise(monitor, END + 2 * HOUR)
    label(withheld)
    revision = revise(monitor)
    assert revision.slices_counted == 6
    assert [one.window for one in revision.windows] == [WINDOW]
    assert accuracy(monitor).status is Status.OK
    first, last = versions(monitor)
    assert (first.is_provisional, last.is_provisional) == (True, False)
    assert (first.decided_at, last.decided_at) == (END + HOUR, LATE)
    assert {entry["status"] for entry in first.performance if entry["subject"] == "accuracy"} == {"not_evaluated"}
    assert {entry["status"] for entry in last.performance if entry["subject"] == "accuracy"} == {"ok"}
    assert (last.verdict, alerts(monitor)) == (Verdict.NOTHING, 0)


def test_labels_that_show_a_bad_model_after_the_alert_horizon_alert_once(
    monitor: Monitor, withheld: ShopLog, store_engine: Engine
) -> None:
    run(monitor)
    label(withheld, is_wrong=True)
    revision = revise(monitor)
    [revised] = revision.windows
    assert (revised.after.verdict, revised.is_suppressed) == (Verdict.ALERT, False)
    assert alerts(monitor) == 1
    for later in (LATE, LATE + HOUR, LATE + timedelta(days=2)):
        assert revise(monitor, later, compare_all=True).windows == ()
    assert alerts(monitor) == 1
    with store_transaction(store_engine) as connection:
        assert connection.execute(select(incidents.c.cause, incidents.c.status)).all() == [("performance", "open")]


def test_an_overlapping_window_is_judged_anew_too_and_tells_nobody_twice(monitor: Monitor, withheld: ShopLog) -> None:
    earlier = Window(WINDOW.start - 3 * HOUR, WINDOW.end - 3 * HOUR)
    run(monitor, earlier)
    run(monitor)
    label(withheld, is_wrong=True)
    revision = revise(monitor)
    assert [one.window for one in revision.windows] == [earlier, WINDOW]
    assert {one.after.verdict for one in revision.windows} == {Verdict.ALERT}
    assert alerts(monitor) == 1


def test_a_window_of_a_backfill_stays_history(monitor: Monitor, withheld: ShopLog) -> None:
    run(monitor, now=END + timedelta(days=3))
    label(withheld, is_wrong=True)
    [revised] = revise(monitor, END + timedelta(days=4)).windows
    assert (revised.after.verdict, revised.is_suppressed) == (Verdict.ALERT, True)
    assert alerts(monitor) == 0


def test_a_correction_long_after_the_final_verdict_is_written_and_tells_nobody(
    monitor: Monitor, withheld: ShopLog
) -> None:
    run(monitor)
    label(withheld)
    revise(monitor)
    withheld.execute("UPDATE {schema}.labels SET was_fraud = NOT was_fraud, known_at = %s", LATE + 20 * HOUR)
    [revised] = revise(monitor, LATE + timedelta(days=20)).windows
    assert (revised.after.verdict, revised.is_suppressed) == (Verdict.ALERT, True)
    assert len(versions(monitor)) == 3
    assert alerts(monitor) == 0


def test_a_look_at_a_terminal_swallows_no_alert(monitor: Monitor, withheld: ShopLog) -> None:
    run(monitor)
    label(withheld, is_wrong=True)
    run_window(monitor, WINDOW, Context(run_id="command line", acts=False, now=LATE))
    assert alerts(monitor) == 0
    revise(monitor, LATE + HOUR)
    assert alerts(monitor) == 1


def test_no_labels_by_the_time_they_are_due_is_a_finding_without_a_new_run(monitor: Monitor, withheld: ShopLog) -> None:
    run(monitor)
    assert revise(monitor, END + 5 * HOUR).windows == ()
    [revised] = revise(monitor, LATE).windows
    coverage = next(one for one in revised.after.performance if one["test"] == "label_coverage")
    assert (coverage["status"], coverage["severity"], coverage["statistic"]) == ("detected", "high", 0.0)
    assert alerts(monitor) == 1
    label(withheld)
    assert len(revise(monitor, LATE + HOUR).windows) == 1
    assert accuracy(monitor).status is Status.OK


def test_an_incident_of_late_labels_is_not_resolved_by_a_window_without_labels(
    monitor: Monitor, withheld: ShopLog, store_engine: Engine
) -> None:
    run(monitor)
    label(withheld, is_wrong=True)
    revise(monitor)
    next_window = Window(END - 2 * HOUR, END)  # a newer look at rows that only estimates judge yet
    withheld.execute(
        "DELETE FROM {schema}.labels WHERE prediction_id IN "
        "(SELECT prediction_id FROM {schema}.late WHERE predicted_at >= %s)",
        next_window.start,
    )
    withheld.predict(END + HOUR)
    run(monitor, Window(END - 2 * HOUR, END + 2 * HOUR))
    with store_transaction(store_engine) as connection:
        assert connection.execute(select(incidents.c.cause, incidents.c.status)).all() == [("performance", "open")]


@pytest.mark.parametrize("spoil", ["behind", "ahead", "lost"])
def test_a_watermark_that_is_wrong_loses_no_label_and_counts_none_twice(
    monitor: Monitor, withheld: ShopLog, store_engine: Engine, spoil: str
) -> None:
    run(monitor)
    revise(monitor, END + 2 * HOUR)
    label(withheld)
    with store_transaction(store_engine) as connection:
        if spoil == "lost":
            connection.execute(delete(label_watermarks))
        else:
            moment = datetime(2001, 1, 1, tzinfo=UTC) if spoil == "behind" else datetime.now(UTC) + timedelta(days=9)
            connection.execute(update(label_watermarks).values(arrived_until=moment))
    revision = revise(monitor, END + 40 * HOUR)
    assert (revision.slices_counted, revision.is_comparison) == (6, spoil != "behind" or revision.is_comparison)
    assert labeled(monitor) == 6 * ROWS_PER_HOUR
    assert revise(monitor, END + 41 * HOUR).slices_counted == 0
    assert labeled(monitor) == 6 * ROWS_PER_HOUR


def test_only_slices_whose_labels_arrived_since_are_looked_at(
    monitor: Monitor, withheld: ShopLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monitor)
    revise(monitor, END + 2 * HOUR)
    withheld.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id, was_fraud, predicted_at + interval '30 hours' "
        "FROM {schema}.late WHERE predicted_at >= %s",
        END - HOUR,
    )
    asked: list[Window] = []
    look = monitor.log.outcome_fingerprints
    monkeypatch.setattr(monitor.log, "outcome_fingerprints", lambda window: asked.append(window) or look(window))
    revision = revise(monitor, END + 10 * HOUR)
    assert not revision.is_comparison
    assert asked[0] == Window(END - HOUR, END)
    assert revision.slices_counted == 1


def test_a_label_corrected_in_place_or_deleted_is_seen_by_the_comparison(monitor: Monitor, shop: ShopLog) -> None:
    first_hour = (WINDOW.start, WINDOW.start + HOUR)
    run(monitor)
    revise(monitor, END + 2 * HOUR)
    shop.execute(
        "UPDATE {schema}.labels SET was_fraud = NOT was_fraud WHERE prediction_id IN "
        "(SELECT prediction_id FROM {schema}.predictions WHERE predicted_at >= %s AND predicted_at < %s)",
        *first_hour,
    )
    assert revise(monitor, END + 3 * HOUR).slices_counted == 0, "it has no newer arrival"
    assert revise(monitor, END + 27 * HOUR).slices_counted == 1, "the daily comparison"
    shop.execute(
        "DELETE FROM {schema}.labels WHERE prediction_id IN "
        "(SELECT prediction_id FROM {schema}.predictions WHERE predicted_at >= %s AND predicted_at < %s)",
        *first_hour,
    )
    assert revise(monitor, END + 28 * HOUR, compare_all=True).slices_counted == 1
    assert labeled(monitor) == 5 * ROWS_PER_HOUR


def test_a_label_changed_twice_counts_once_as_it_was_last(monitor: Monitor, shop: ShopLog) -> None:
    run(monitor)
    before = accuracy(monitor).statistic
    for hours in (40, 41):
        shop.execute(
            "INSERT INTO {schema}.labels SELECT l.prediction_id, NOT l.was_fraud, %s FROM {schema}.predictions p, "
            "LATERAL (SELECT * FROM {schema}.labels l WHERE l.prediction_id = p.prediction_id "
            "ORDER BY known_at DESC LIMIT 1) l WHERE predicted_at >= %s",
            END + hours * HOUR,
            WINDOW.start,
        )
        revise(monitor, END + (hours + 1) * HOUR)
        assert labeled(monitor) == 6 * ROWS_PER_HOUR
    assert accuracy(monitor).statistic == before


def test_labels_of_unknown_predictions_are_passed_over(monitor: Monitor, shop: ShopLog) -> None:
    run(monitor)
    revise(monitor, END + 2 * HOUR)
    shop.execute("INSERT INTO {schema}.labels SELECT n, true, %s FROM generate_series(-900, -1) n", END + 3 * HOUR)
    revision = revise(monitor, END + 4 * HOUR, compare_all=True)
    assert (revision.slices_counted, labeled(monitor)) == (0, 6 * ROWS_PER_HOUR)


def test_labels_before_their_prediction_and_of_the_future_count_and_do_not_move_the_watermark_ahead(
    monitor: Monitor, withheld: ShopLog, store_engine: Engine
) -> None:
    run(monitor)
    revise(monitor, END + 2 * HOUR)
    withheld.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id, was_fraud, CASE WHEN prediction_id % 2 = 0 "
        "THEN now() + interval '1 year' ELSE predicted_at - interval '5 minutes' END FROM {schema}.late"
    )
    withheld.predict(datetime.now(UTC) + timedelta(days=30))
    assert revise(monitor, END + 3 * HOUR).slices_counted == 6
    assert labeled(monitor) == 6 * ROWS_PER_HOUR
    with store_transaction(store_engine) as connection:
        watermark = label_watermark(connection, monitor.model)
    assert watermark is not None
    assert watermark.arrived_until is not None
    assert watermark.arrived_until < datetime.now(UTC)
    assert revise(monitor, END + 4 * HOUR).slices_counted == 0


def test_a_revision_that_breaks_off_goes_on_where_it_was(
    monitor: Monitor, withheld: ShopLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monitor)
    label(withheld, is_wrong=True)

    def break_off(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("driftline.monitoring.revision.run_check", break_off)
        assert revise(monitor).failures
    assert alerts(monitor) == 0
    [revised] = revise(monitor, LATE + HOUR).windows
    assert revised.after.verdict is Verdict.ALERT
    assert alerts(monitor) == 1


def test_the_monitor_that_counts_late_labels_first_does_not_hide_them_from_earlier_windows(
    monitor: Monitor, withheld: ShopLog
) -> None:
    run(monitor)
    revise(monitor, END + 2 * HOUR)
    label(withheld)
    run(monitor, LATER, now=LATER.end + HOUR)  # counts three hours that it shares with the first window
    assert WINDOW in [one.window for one in revise(monitor).windows]
    assert labeled(monitor) == 6 * ROWS_PER_HOUR


def test_the_delays_are_learned_with_the_baseline_and_lately(
    monitor: Monitor, withheld: ShopLog, store_engine: Engine
) -> None:
    found = run(monitor).findings
    coverage = next(one for one in found if (one.test, one.segment) == ("label_coverage", ""))
    assert coverage.details["final_coverage"] == 1.0
    assert coverage.details["usual_coverage"] == pytest.approx(5 / 6, abs=0.1), "all but the last hour's"
    assert "are usual by now, 100.0% in the end" in coverage.description
    assert coverage.details["matures_at"] == (END + 31 * HOUR).isoformat()
    revise(monitor, LATE)
    with store_transaction(store_engine) as connection:
        watermark = label_watermark(connection, monitor.model)
    assert watermark is not None
    assert watermark.delays["predictions"] > 0
    assert sum(watermark.delays["arrivals"].values()) > 0


def test_labels_slower_than_configured_keep_the_verdict_provisional(
    brief: Brief, shop: ShopLog, store_engine: Engine
) -> None:
    shop.execute("UPDATE {schema}.labels SET known_at = known_at + interval '20 hours'")
    slow = brief(checks=ONLY_PERFORMANCE, labels={**shop.description()["labels"], "expected_delay": "1h"})
    found = run_window(slow, WINDOW, Context(now=END + 2 * HOUR)).findings
    coverage = next(one for one in found if (one.test, one.segment) == ("label_coverage", ""))
    assert coverage.details["is_provisional"]
    assert coverage.details["matures_at"] == (END + 23 * HOUR).isoformat()


def test_labels_that_have_stopped_coming_are_told_with_since_when(monitor: Monitor, shop: ShopLog) -> None:
    shop.execute("DELETE FROM {schema}.labels WHERE known_at > %s", END - 30 * HOUR)
    found = next(one for one in run(monitor).findings if one.test == "label_silence")
    assert found.status is Status.DETECTED
    assert "The last label arrived 2026-03-14 18:00 UTC, 31.0 hours ago" in found.description
    assert found.statistic == pytest.approx(31)


def test_labels_of_the_positive_predictions_only_are_told(monitor: Monitor, shop: ShopLog) -> None:
    shop.execute(
        "DELETE FROM {schema}.labels l USING {schema}.predictions p WHERE l.prediction_id = p.prediction_id "
        "AND NOT is_fraud AND predicted_at >= %s",
        WINDOW.start,
    )
    found = {one.test: one for one in run(monitor, now=LATE).findings if one.segment == ""}
    for test in ("coverage_by_prediction", "coverage_by_score"):
        assert (found[test].status, found[test].severity) == (Status.DETECTED, Severity.MEDIUM)
    assert found["coverage_by_prediction"].details["coverage"] == {"positive": 1.0, "negative": 0.0}


def test_late_labels_roll_back_the_version_that_they_show_to_be_bad(
    brief: Brief, withheld: ShopLog, store_engine: Engine
) -> None:
    with store_transaction(store_engine) as connection:
        for n, version in enumerate(("v0", "v1")):
            register_version(connection, model="fraud", version=version, artifact_uri=f"s3://{version}", at=END)
            change_routes(
                connection, model="fraud", shares={version: 1}, expected_revision=None, actor="test", reason="",
                cause_key=f"test/{n}", at=END,
            )  # fmt: skip
    labels = {**withheld.description()["labels"], "expected_delay": "31h"}
    monitor = brief(checks=ONLY_PERFORMANCE, labels=labels, rollback={"enabled": True})
    earlier = Window(WINDOW.start - 3 * HOUR, WINDOW.end - 3 * HOUR)
    run(monitor, earlier)
    run(monitor)
    label(withheld, is_wrong=True)
    assert revise(monitor).windows[-1].after.verdict is Verdict.ROLL_BACK
    with store_transaction(store_engine) as connection:
        assert set(current_routes(connection, "fraud").shares) == {"v0"}
        assert connection.execute(select(func.count()).select_from(route_history)).scalar_one() == 3
    assert alerts(monitor) == 2, "the incident and the rollback, each once"


def test_a_model_without_labels_has_nothing_to_revise(brief: Brief) -> None:
    monitor = brief(labels=None)
    assert revise(monitor) == Revision(0, (), (), is_comparison=False)


def test_the_watermark_comes_back_as_it_was_written(store_engine: Engine) -> None:
    watermark = LabelWatermark(END, END, None, {"predictions": 1})
    with store_transaction(store_engine) as connection:
        write_label_watermark(connection, "fraud", watermark)
        assert label_watermark(connection, "fraud") == watermark
        assert label_watermark(connection, "other") is None


def test_outcome_slices_keep_a_digest_of_their_labels(monitor: Monitor, store_engine: Engine) -> None:
    run(monitor)
    with store_transaction(store_engine) as connection:
        kept = connection.execute(select(slices.c.log_digest).where(slices.c.part == "outcomes")).scalars().all()
    assert all(digest is not None for digest in kept)


def test_only_the_performance_check_acts_in_a_revision(brief: Brief, withheld: ShopLog, store_engine: Engine) -> None:
    """Drift of a window behind the alert horizon is history, though its labels are news."""
    withheld.execute("UPDATE {schema}.predictions SET amount = NULL WHERE predicted_at >= %s", WINDOW.start)
    others = {check: {"enabled": False} for check in ("predictions", "quality")}
    monitor = brief(checks=others, labels={**withheld.description()["labels"], "expected_delay": "31h"})
    run(monitor)
    with store_transaction(store_engine) as connection:
        connection.execute(delete(alert_outbox))
        connection.execute(delete(incidents))
    label(withheld, is_wrong=True)
    revise(monitor)
    with store_transaction(store_engine) as connection:
        assert connection.execute(select(incidents.c.cause)).scalars().all() == [Check.PERFORMANCE.value]
