"""What is kept for how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, func, select, text

from driftline.errors import InputError
from driftline.live import Feed, MinuteSpan, OutcomeCounts, PredictionCounts
from driftline.monitoring.decision import Context
from driftline.monitoring.extract import extract_window
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import run_window
from driftline.store.engine import store_transaction
from driftline.store.live import replace_minutes
from driftline.store.retention import Retention, drop_expired
from driftline.store.slices import ensure_profile_partitions
from driftline.store.tables import (
    baselines,
    decisions,
    findings,
    live_predictions,
    profiles,
    reports,
    samples,
    slices,
    windows,
)
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOW = Window(END - 6 * HOUR, END)
LONG = Retention(profiles=200 * DAY, findings=800 * DAY)
TABLES = (profiles, samples, slices, reports, windows, findings, decisions)

Brief = Callable[..., Monitor]


def filled(engine: Engine) -> dict[str, bool]:
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() > 0 for table in TABLES
        }


def partitions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        names = connection.execute(
            text("SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
                 "WHERE inhparent = 'driftline.profiles'::regclass ORDER BY 1")
        )  # fmt: skip
        return list(names.scalars())


@pytest.fixture
def checked(brief: Brief) -> Monitor:
    """A monitor with one window that has been checked and decided."""
    monitor = brief(checks={"quality": {"enabled": False}, "performance": {"enabled": False}})
    run_window(monitor, WINDOW, Context(now=END + HOUR))
    return monitor


def test_what_is_young_enough_is_kept(checked: Monitor, store_engine: Engine) -> None:
    before = partitions(store_engine)
    dropped = drop_expired(store_engine, LONG, END + 100 * DAY)
    assert {dropped[name] for name in ("slices", "reports", "findings", "decisions", "windows")} == {0}
    assert set(filled(store_engine).values()) == {True}
    # Other tests' months may be there; none that still holds this one's is dropped.
    assert "profiles_2026_03" in set(before) & set(partitions(store_engine))


def test_profiles_go_by_whole_months_with_their_slices_and_pages(checked: Monitor, store_engine: Engine) -> None:
    last_of_march = datetime(2026, 4, 1, tzinfo=UTC) + LONG.profiles
    drop_expired(store_engine, LONG, last_of_march - timedelta(seconds=1))
    assert filled(store_engine)["profiles"]
    assert "profiles_2026_03" in partitions(store_engine)
    dropped = drop_expired(store_engine, LONG, last_of_march)
    assert dropped["profile_partitions"] >= 1
    assert dropped["sample_partitions"] >= 1
    assert filled(store_engine) == {
        "profiles": False, "samples": False, "slices": False, "reports": False,
        "windows": True, "findings": True, "decisions": True,
    }  # fmt: skip


def test_findings_go_with_their_windows_and_decisions(checked: Monitor, store_engine: Engine) -> None:
    dropped = drop_expired(store_engine, LONG, END + LONG.findings)
    assert {dropped[name] for name in ("findings", "decisions", "windows")} == {0}
    dropped = drop_expired(store_engine, LONG, END + LONG.findings + timedelta(seconds=1))
    assert (dropped["decisions"], dropped["windows"]) == (1, 1)
    assert dropped["findings"] > 1
    assert set(filled(store_engine).values()) == {False}
    with store_engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(baselines)).scalar_one() == 1


def test_what_was_dropped_is_counted_again_when_it_is_asked_for(checked: Monitor, store_engine: Engine) -> None:
    drop_expired(store_engine, LONG, END + 400 * DAY)
    record = extract_window(checked, WINDOW)
    assert (record.slices_counted, record.rows) == (12, 6 * ROWS_PER_HOUR)


def test_dropping_twice_drops_nothing_more(checked: Monitor, store_engine: Engine) -> None:
    drop_expired(store_engine, LONG, END + 2_000 * DAY)
    assert set(drop_expired(store_engine, LONG, END + 2_000 * DAY).values()) == {0}


def test_months_are_months_of_utc(checked: Monitor, store_engine: Engine) -> None:
    """Midnight of 1 April in Tokyo is still March in UTC."""
    midnight_in_tokyo = datetime(2026, 4, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    drop_expired(store_engine, Retention(profiles=timedelta(0), findings=LONG.findings), midnight_in_tokyo)
    assert "profiles_2026_03" in partitions(store_engine)


def test_a_naive_moment_is_refused(store_engine: Engine) -> None:
    with pytest.raises(InputError, match="no time zone"):
        drop_expired(store_engine, LONG, datetime(2026, 4, 1))  # noqa: DTZ001 - the fault


def test_partitions_hold_their_month_over_the_turn_of_the_year(store_engine: Engine) -> None:
    moments = [datetime(2019, 12, 31, 23, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]
    for _ in range(2):
        with store_transaction(store_engine) as connection:
            ensure_profile_partitions(connection, moments)
    assert {"profiles_2019_12", "profiles_2020_01"} <= set(partitions(store_engine))
    with store_transaction(store_engine) as connection:
        for moment in moments:
            connection.execute(profiles.insert().values(_profile(moment)))
        held: Any = connection.execute(select(text("tableoid::regclass::text")).select_from(profiles)).scalars()
        assert {name.split(".")[-1] for name in held} == {"profiles_2019_12", "profiles_2020_01"}


def _profile(moment: datetime) -> dict[str, Any]:
    return {
        "model": "fraud", "baseline_id": 1, "part": "predictions", "slice_start": moment, "version": "v1",
        "segment": "", "subject": "amount", "kind": "numeric", "rows": 0, "payload": b"",
    }  # fmt: skip


def test_live_minutes_are_kept_for_their_own_time(store_engine: Engine) -> None:
    """Half open: what is exactly as old as is kept stays."""
    counts = PredictionCounts(1, 0, {3: 1})
    minutes = [END - 14 * DAY - timedelta(minutes=1), END - 14 * DAY, END]
    with store_transaction(store_engine) as connection:
        span = MinuteSpan(minutes[0], END + HOUR)
        replace_minutes(connection, "fraud", Feed.PREDICTIONS, span, {(minute, "v1"): counts for minute in minutes})
        replace_minutes(connection, "fraud", Feed.LABELS, span, {(minutes[0], "v1"): OutcomeCounts(labeled=1)})
    assert drop_expired(store_engine, LONG, END)["live_minutes"] == 2
    with store_engine.connect() as connection:
        kept = connection.execute(select(live_predictions.c.minute).order_by(live_predictions.c.minute)).scalars().all()
    assert kept == minutes[1:]
