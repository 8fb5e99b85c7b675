"""Building a baseline: whole or not at all, once however many ask for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Table, func, select, text

from driftline.errors import NoBaseline, SourceError
from driftline.monitoring import baseline as baseline_module
from driftline.monitoring.baseline import build_baseline, ensure_baseline, resolve_period
from driftline.monitoring.monitor import Monitor
from driftline.profiles import CategoricalBinning, NumericBinning
from driftline.profiles.roles import Role
from driftline.store.baselines import active_baseline, reference_profiles
from driftline.store.engine import store_transaction
from driftline.store.slices import ensure_profile_partitions
from driftline.store.tables import baseline_binnings, baseline_profiles, baselines, binnings, profiles, slices
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR, START, ShopLog

Brief = Callable[..., Monitor]
TWO_DAYS = Window(START, START + timedelta(days=2))


def rows_in(engine: Engine, *tables: Table) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        }


def test_a_baseline_holds_its_period_and_the_cells_of_every_column(brief: Brief) -> None:
    monitor = brief()
    built = ensure_baseline(monitor)
    assert built.period == TWO_DAYS
    assert built.rows == 48 * ROWS_PER_HOUR
    assert built.roles == {
        "amount": Role.FEATURE, "basket": Role.FEATURE, "country": Role.FEATURE, "is_member": Role.FEATURE,
        "prediction": Role.PREDICTION, "score": Role.SCORE, "latency": Role.LATENCY, "error": Role.ERROR,
        "outcome": Role.OUTCOME,
    }  # fmt: skip
    assert isinstance(built.binnings["amount"], NumericBinning)
    country = built.binnings["country"]
    assert isinstance(country, CategoricalBinning)
    assert set(country.levels) == {"DE", "FR", "NL", "US"}
    with store_transaction(monitor.store) as connection:
        reference = reference_profiles(connection, built)
    assert {subject: profile.rows for subject, profile in reference[""].items()} == dict.fromkeys(
        built.roles, 48 * ROWS_PER_HOUR
    )


def test_a_baseline_is_built_once(brief: Brief) -> None:
    monitor = brief()
    assert ensure_baseline(monitor).baseline_id == ensure_baseline(monitor).baseline_id


def test_many_that_need_it_at_once_build_one(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: ensure_baseline(monitor).baseline_id, range(4)))
    assert len(found) == 1
    assert rows_in(store_engine, baselines) == {"baselines": 1}


def test_many_models_are_built_at_once_over_a_month_that_has_no_partition_yet(
    brief: Brief, shop: ShopLog, store_engine: Engine
) -> None:
    """From 29 August 2020: August's partition is there, September's is not."""
    shop.execute("UPDATE {schema}.predictions SET predicted_at = predicted_at - interval '2011 days'")
    with store_engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS driftline.profiles_2020_09"))
        ensure_profile_partitions(connection, [START - timedelta(days=2011)])
    monitors = [brief(model=f"fraud-{n}", baseline={"first": "6d"}, labels=None) for n in range(3)]
    with ThreadPoolExecutor(3) as pool:
        built = list(pool.map(build_baseline, monitors))
    assert {baseline.rows for baseline in built} == {6 * 24 * ROWS_PER_HOUR}


def test_a_build_that_breaks_off_leaves_nothing_behind(
    brief: Brief, store_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = brief()
    monkeypatch.setattr(baseline_module, "activate_baseline", _break_off)
    with pytest.raises(RuntimeError, match="the worker was killed"):
        ensure_baseline(monitor)
    tables = (baselines, baseline_binnings, baseline_profiles, binnings, slices, profiles)
    assert set(rows_in(store_engine, *tables).values()) == {0}
    monkeypatch.undo()
    assert ensure_baseline(monitor).rows == 48 * ROWS_PER_HOUR


def test_a_build_that_breaks_off_leaves_the_earlier_baseline_in_force(
    brief: Brief, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = brief()
    earlier = build_baseline(monitor)
    monkeypatch.setattr(baseline_module, "activate_baseline", _break_off)
    with pytest.raises(RuntimeError):
        build_baseline(monitor)
    with store_transaction(monitor.store) as connection:
        still = active_baseline(connection, "fraud")
    assert still is not None
    assert still.baseline_id == earlier.baseline_id


def _break_off(*_: Any) -> None:
    raise RuntimeError("the worker was killed")


def test_a_newer_baseline_takes_over_and_the_earlier_one_stays(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    earlier, later = build_baseline(monitor), build_baseline(monitor)
    assert later.baseline_id != earlier.baseline_id
    assert ensure_baseline(monitor).baseline_id == later.baseline_id
    assert rows_in(store_engine, baselines) == {"baselines": 2}
    # The cells are the same, so they are kept once.
    assert rows_in(store_engine, binnings)["binnings"] < 2 * len(later.binnings)


def test_an_empty_log_has_no_baseline(brief: Brief, shop: ShopLog) -> None:
    shop.execute("TRUNCATE {schema}.predictions")
    with pytest.raises(NoBaseline, match="fraud: the prediction log is empty"):
        ensure_baseline(brief())


def test_a_period_that_the_log_does_not_reach_says_how_far_it_does(brief: Brief) -> None:
    with pytest.raises(NoBaseline, match=r"reaches only from 2026-03-02 00:00 to 2026-03-15 23:59 UTC. Wait until"):
        ensure_baseline(brief(baseline={"first": "30d"}))


def test_a_period_with_few_rows_is_refused(brief: Brief) -> None:
    with pytest.raises(NoBaseline, match=r"holds 60 predictions; at least 100 are needed. Choose a longer `baseline`"):
        ensure_baseline(brief(baseline={"first": "1h"}))


def test_a_period_may_be_given_by_its_bounds_in_any_zone(brief: Brief) -> None:
    period = {"start": "2026-03-04T00:00:00+02:00", "end": "2026-03-05T00:00:00+02:00"}
    expected = Window(datetime(2026, 3, 3, 22, tzinfo=UTC), datetime(2026, 3, 4, 22, tzinfo=UTC))
    assert resolve_period(brief(baseline=period)) == expected


def test_predictions_in_the_future_do_not_stretch_the_log(brief: Brief, shop: ShopLog) -> None:
    shop.predict(datetime.now(UTC) + timedelta(days=400))
    shop.execute(
        "DELETE FROM {schema}.predictions WHERE predicted_at >= %s AND predicted_at < now()", END - timedelta(days=13)
    )
    with pytest.raises(NoBaseline, match="reaches only from 2026-03-02 00:00 to 2026-03-02 23:59"):
        ensure_baseline(brief())


def test_a_log_that_does_not_fit_is_refused_before_anything_is_written(brief: Brief, shop: ShopLog) -> None:
    monitor = brief(predictions=shop.mapping(score="gone"))
    with pytest.raises(SourceError, match=r"predictions.score: found no column 'gone'"):
        ensure_baseline(monitor)
    assert rows_in(monitor.store, baselines, slices) == {"baselines": 0, "slices": 0}


def test_columns_of_nothing_but_nulls_have_a_baseline_too(brief: Brief, shop: ShopLog) -> None:
    shop.execute("UPDATE {schema}.predictions SET amount = NULL, country = NULL, basket = 'NaN', is_member = NULL")
    built = ensure_baseline(brief())
    amount, country = built.binnings["amount"], built.binnings["country"]
    assert isinstance(amount, NumericBinning)
    assert isinstance(country, CategoricalBinning)
    assert (amount.cells, country.levels) == (1, ())


def test_a_column_of_identifiers_keeps_the_commonest_levels_only(
    brief: Brief, shop: ShopLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftline.monitoring.binnings.KEPT_LEVELS", 100)
    shop.execute("ALTER TABLE {schema}.predictions ADD session text")
    shop.execute(
        "UPDATE {schema}.predictions SET session = CASE WHEN is_member THEN 'app' ELSE prediction_id::text END"
    )
    session = ensure_baseline(brief()).binnings["session"]
    assert isinstance(session, CategoricalBinning)
    assert session.levels[0] == "app"
    assert len(session.levels) + len(session.pooled_levels) <= 100
