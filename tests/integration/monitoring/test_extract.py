"""Extraction: each slice is read once, and again only when the log has changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from driftline.errors import StoreError
from driftline.findings import Check
from driftline.monitoring.baseline import build_baseline, ensure_baseline
from driftline.monitoring.checks import run_check
from driftline.monitoring.extract import extract_chunk, extract_window, plan_extraction, record_extraction
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.slices import read_slices
from driftline.profiles import CategoricalProfile, NumericProfile, merge
from driftline.profiles.profile import Profile
from driftline.store.engine import store_transaction
from driftline.store.slices import Part, hourly_profiles, window_profiles
from driftline.store.tables import profiles, slices
from driftline.store.windows import window_record
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR, ShopLog
from tests.unit.profiles.profile_equality import assert_same_profile

HOUR = timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)
DAY = Window(END - 24 * HOUR, END)

Brief = Callable[..., Monitor]
Subjects = dict[tuple[str, str], dict[str, Profile]]


def stored_profiles(engine: Engine, window: Window) -> list[tuple[Any, ...]]:
    columns = [column for column in profiles.c if column.name != "baseline_id"]
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(profiles.c.slice_start >= window.start).order_by(*columns[:6]))
        return [tuple(row) for row in rows]


def counted_at(engine: Engine, part: Part) -> dict[datetime, datetime]:
    with engine.connect() as connection:
        rows = connection.execute(
            select(slices.c.slice_start, slices.c.counted_at).where(
                slices.c.part == part, slices.c.slice_start >= DAY.start
            )
        )
        return {row.slice_start: row.counted_at for row in rows}


def sums(monitor: Monitor, window: Window) -> Subjects:
    with store_transaction(monitor.store) as connection:
        return window_profiles(connection, ensure_baseline(monitor), window)


def assert_same(left: Subjects, right: Subjects) -> None:
    assert left.keys() == right.keys()
    for key, subjects in left.items():
        assert subjects.keys() == right[key].keys()
        for subject, profile in subjects.items():
            assert_same_profile(profile, right[key][subject])


def test_the_same_window_again_reads_nothing_and_holds_the_same(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    first = extract_window(monitor, WINDOW, "first")
    before = stored_profiles(store_engine, WINDOW), counted_at(store_engine, Part.PREDICTIONS)
    second = extract_window(monitor, WINDOW, "second")
    assert first.slices_counted == 12
    assert second.slices_counted == 0
    assert (first.rows, first.labeled_rows) == (second.rows, second.labeled_rows) == (360, 360)
    assert (stored_profiles(store_engine, WINDOW), counted_at(store_engine, Part.PREDICTIONS)) == before


def test_sums_do_not_depend_on_where_the_profiles_lie(brief: Brief, store_engine: Engine) -> None:
    """Sums of floats in another order differ in their last digit, and so would statistics of the same window."""
    monitor = brief()
    extract_window(monitor, WINDOW)
    before = sums(monitor, WINDOW)
    with store_engine.begin() as connection:
        moved = connection.execute(
            profiles.delete().where(profiles.c.slice_start < WINDOW.end - 3 * HOUR).returning(*profiles.c)
        )
        connection.execute(profiles.insert(), [dict(row._mapping) for row in moved][::-1])
    after = sums(monitor, WINDOW)
    for subject, profile in before["v1", ""].items():
        assert_same_profile(after["v1", ""][subject], profile, rounding=0)


def test_a_later_window_reads_only_the_hours_that_are_new(brief: Brief) -> None:
    monitor = brief()
    extract_window(monitor, Window(END - 7 * HOUR, END - HOUR))
    assert extract_window(monitor, WINDOW).slices_counted == 2


def test_late_rows_make_their_slice_stale_and_no_other(brief: Brief, shop: ShopLog, store_engine: Engine) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    before = counted_at(store_engine, Part.PREDICTIONS)
    late = END - 3 * HOUR
    shop.predict(late + timedelta(minutes=59), amount=-7)
    record = extract_window(monitor, WINDOW)
    after = counted_at(store_engine, Part.PREDICTIONS)
    assert record.slices_counted == 1
    assert record.rows == 6 * ROWS_PER_HOUR + 1
    assert {start for start in after if after[start] != before[start]} == {late}
    amount = sums(monitor, WINDOW)["v1", ""]["amount"]
    assert isinstance(amount, NumericProfile)
    assert amount.minimum == -7


def test_deleted_rows_make_their_slice_stale_too(brief: Brief, shop: ShopLog) -> None:
    monitor = brief(labels=None)
    extract_window(monitor, WINDOW)
    shop.execute("DELETE FROM {schema}.predictions WHERE predicted_at >= %s", END - HOUR)
    record = extract_window(monitor, WINDOW)
    assert (record.slices_counted, record.rows) == (1, 5 * ROWS_PER_HOUR)


def test_late_labels_make_only_the_outcomes_stale(brief: Brief, shop: ShopLog, store_engine: Engine) -> None:
    monitor = brief()
    shop.execute("CREATE TABLE {schema}.held_back AS SELECT * FROM {schema}.labels WHERE known_at >= %s", END)
    shop.execute("DELETE FROM {schema}.labels WHERE known_at >= %s", END)
    assert extract_window(monitor, WINDOW).labeled_rows == 4 * ROWS_PER_HOUR
    predictions = counted_at(store_engine, Part.PREDICTIONS)
    shop.execute("INSERT INTO {schema}.labels SELECT * FROM {schema}.held_back")
    record = extract_window(monitor, WINDOW)
    assert (record.slices_counted, record.labeled_rows) == (2, 6 * ROWS_PER_HOUR)
    assert counted_at(store_engine, Part.PREDICTIONS) == predictions


def test_a_corrected_label_makes_its_outcomes_stale_and_counts_instead(brief: Brief, shop: ShopLog) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    [(wrong, was_fraud)] = shop.rows(
        "SELECT prediction_id, was_fraud FROM {schema}.labels WHERE known_at >= %s ORDER BY 1 LIMIT 1", END
    )
    before: Any = sums(monitor, WINDOW)["v1", ""]["outcome"]
    shop.execute("INSERT INTO {schema}.labels VALUES (%s, %s, %s)", wrong, not was_fraud, END + 9 * HOUR)
    record = extract_window(monitor, WINDOW)
    after: Any = sums(monitor, WINDOW)["v1", ""]["outcome"]
    assert (record.slices_counted, record.labeled_rows) == (1, 6 * ROWS_PER_HOUR)
    gained = -1 if was_fraud else 1
    assert after.true_positives + after.false_negatives == before.true_positives + before.false_negatives + gained


def test_an_hour_without_rows_is_remembered_as_empty(brief: Brief, shop: ShopLog) -> None:
    monitor = brief()
    silent = Window(END + 24 * HOUR, END + 30 * HOUR)
    assert extract_window(monitor, silent).slices_counted == 12
    assert extract_window(monitor, silent).slices_counted == 0
    shop.predict(silent.start)
    record = extract_window(monitor, silent)
    assert (record.slices_counted, record.rows) == (1, 1)


def test_the_sum_of_hourly_profiles_is_the_profile_of_the_day(monitor: Monitor) -> None:
    extract_window(monitor, DAY)
    baseline = ensure_baseline(monitor)
    summed = sums(monitor, DAY)
    at_once: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for part in Part:
        for key, subjects in read_slices(monitor, baseline.binnings, part, DAY).profiles.items():
            for subject, profile in subjects.items():
                at_once.setdefault((key.version, key.segment), {}).setdefault(subject, []).append(profile)
    assert set(summed) == {("v1", ""), ("v1", "country=DE"), ("v1", "country=FR")}
    merged = {key: {name: merge(parts) for name, parts in subjects.items()} for key, subjects in at_once.items()}
    assert_same(summed, merged)
    with store_transaction(monitor.store) as connection:
        hours = hourly_profiles(connection, baseline, DAY)
    assert sorted(hours) == list(DAY.slices)
    for subject in baseline.binnings:
        every_hour: list[Any] = [subjects[subject] for subjects in hours.values()]
        assert_same_profile(merge(every_hour), summed["v1", ""][subject])


def test_counts_are_those_that_postgres_counts(brief: Brief, shop: ShopLog) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    counted = sums(monitor, WINDOW)["v1", ""]
    country = counted["country"]
    assert isinstance(country, CategoricalProfile)
    expected = shop.rows(
        "SELECT country, count(*) FROM {schema}.predictions WHERE predicted_at >= %s GROUP BY 1", WINDOW.start
    )
    assert dict(zip(country.binning.levels, country.counts.tolist(), strict=True)) == dict(expected)
    amount = counted["amount"]
    assert isinstance(amount, NumericProfile)
    [(mean, low, high)] = shop.rows(
        "SELECT avg(amount), min(amount), max(amount) FROM {schema}.predictions WHERE predicted_at >= %s", WINDOW.start
    )
    assert amount.moments.mean == pytest.approx(mean, rel=1e-12)
    assert (amount.minimum, amount.maximum) == (low, high)


def test_two_at_once_count_overlapping_windows_right(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    ensure_baseline(monitor)
    windows = [Window(END - 16 * HOUR, END - 4 * HOUR), Window(END - 12 * HOUR, END)] * 2
    with ThreadPoolExecutor(4) as pool:
        records = list(pool.map(lambda window: extract_window(monitor, window), windows))
    assert [record.rows for record in records] == [12 * ROWS_PER_HOUR] * 4
    assert [record.labeled_rows for record in records] == [12 * ROWS_PER_HOUR] * 4
    whole = Window(END - 16 * HOUR, END)
    assert extract_window(monitor, whole).slices_counted == 0
    at_once = stored_profiles(store_engine, whole)
    build_baseline(monitor)
    extract_window(monitor, whole)
    assert len(stored_profiles(store_engine, whole)) == 2 * len(at_once)
    assert sums(monitor, whole)["v1", ""]["prediction"].rows == 16 * ROWS_PER_HOUR


@pytest.mark.parametrize(("workers", "tasks"), [(1, 1), (4, 3), (64, 5)])
def test_mapped_tasks_count_what_one_task_would(brief: Brief, workers: int, tasks: int) -> None:
    monitor = brief()
    extract_window(monitor, Window(END - 4 * HOUR, END - 3 * HOUR))
    chunks = plan_extraction(monitor, WINDOW, workers)
    assert len(chunks) == tasks
    counted = [extract_chunk(monitor, chunk) for chunk in chunks]
    record = record_extraction(monitor, WINDOW, sum(counted), "mapped")
    assert (record.slices_counted, record.rows, record.labeled_rows) == (10, 360, 360)
    assert plan_extraction(monitor, WINDOW, workers) == []


def test_a_baseline_built_while_the_slices_were_counted_leaves_no_window_empty(brief: Brief) -> None:
    monitor = brief()
    counted = [extract_chunk(monitor, chunk) for chunk in plan_extraction(monitor, WINDOW, 2)]
    build_baseline(monitor)
    record = record_extraction(monitor, WINDOW, sum(counted), "mapped")
    assert record.rows == 6 * ROWS_PER_HOUR
    assert record.baseline_id == ensure_baseline(monitor).baseline_id


def test_a_window_is_checked_against_the_baseline_that_it_was_counted_by(brief: Brief) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    build_baseline(monitor)
    summary = run_check(monitor, WINDOW, Check.PREDICTIONS)
    assert summary.ok > 0


def test_a_window_that_was_not_extracted_is_not_checked(brief: Brief) -> None:
    with pytest.raises(
        StoreError, match=r"has not been extracted.*driftline check fraud --window-end 2026-03-16T00:00"
    ):
        run_check(brief(), WINDOW, Check.DRIFT)


def test_profiles_that_were_dropped_are_not_taken_for_silence(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    with store_engine.begin() as connection:
        connection.execute(profiles.delete())
    with pytest.raises(StoreError, match="profiles have been dropped since"):
        run_check(monitor, WINDOW, Check.DRIFT)


def test_what_a_window_holds_is_written_down(brief: Brief) -> None:
    monitor = brief()
    record = extract_window(monitor, WINDOW, "scheduled__2026")
    with store_transaction(monitor.store) as connection:
        assert window_record(connection, "fraud", WINDOW) == record
    assert record.run_id == "scheduled__2026"
