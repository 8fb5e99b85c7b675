"""Samples of whole rows: drawn while slices are counted, from a real log into a real store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import Engine, func, select

from driftline.errors import StoreError
from driftline.monitoring.baseline import ensure_baseline
from driftline.monitoring.extract import extract_window
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.samples import baseline_sample, window_sample
from driftline.profiles.sample_hashing import hash_ids
from driftline.store.tables import baseline_samples, samples
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR, ShopLog

HOUR = timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)

Brief = Callable[..., Monitor]


def stored(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(
            select(func.count()).select_from(samples).where(samples.c.slice_start >= WINDOW.start)
        ).scalar_one()


def test_a_windows_sample_holds_the_rows_of_the_log(brief: Brief, shop: ShopLog) -> None:
    monitor = brief(segments=[{"column": "country", "values": ["DE"]}])
    extract_window(monitor, WINDOW)
    [sample] = window_sample(monitor, ensure_baseline(monitor), WINDOW).values()
    assert (len(sample), sample.population) == (6 * ROWS_PER_HOUR, 6 * ROWS_PER_HOUR)
    assert sorted(sample.subjects) == ["amount", "basket", "country", "is_member", "prediction", "score"]
    rows = shop.rows("SELECT prediction_id, amount FROM {schema}.predictions WHERE predicted_at >= %s", WINDOW.start)
    amounts = dict(zip(hash_ids(pa.array([number for number, _ in rows]))[0].tolist(), rows, strict=True))
    found = dict(zip(sample.hashes.tolist(), sample.to_pandas()["amount"], strict=True))
    assert found == {hashed: amount for hashed, (_, amount) in amounts.items()}
    [(germans,)] = shop.rows(
        "SELECT count(*) FROM {schema}.predictions WHERE predicted_at >= %s AND country = 'DE'", WINDOW.start
    )
    assert len(sample.of_segment("country", "DE")) == germans


def test_fewer_rows_than_the_window_has_are_those_with_the_smallest_hashes(brief: Brief, shop: ShopLog) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    sample = window_sample(monitor, ensure_baseline(monitor), WINDOW, capacity=100)["v1"]
    rows = shop.rows("SELECT prediction_id FROM {schema}.predictions WHERE predicted_at >= %s", WINDOW.start)
    hashes = np.sort(hash_ids(pa.array([number for (number,) in rows]))[0])
    assert sample.hashes.tolist() == hashes[:100].tolist()
    assert sample.population == 6 * ROWS_PER_HOUR


def test_ids_of_text_choose_the_same_rows_as_the_numbers_that_they_spell(brief: Brief, shop: ShopLog) -> None:
    monitor = brief(labels=None)
    extract_window(monitor, WINDOW)
    numbers = window_sample(monitor, ensure_baseline(monitor), WINDOW, capacity=50)["v1"]
    shop.execute("ALTER TABLE {schema}.predictions ALTER prediction_id TYPE text")
    as_text = brief(model="fraud-text", labels=None)
    extract_window(as_text, WINDOW)
    texts = window_sample(as_text, ensure_baseline(as_text), WINDOW, capacity=50)["v1"]
    assert texts.rows.equals(numbers.rows)


@pytest.mark.parametrize("id_type", ["uuid", "numeric", "double precision", "smallint"])
def test_ids_of_any_type_are_sampled(brief: Brief, shop: ShopLog, id_type: str) -> None:
    shop.execute("DELETE FROM {schema}.predictions WHERE prediction_id > 32000")
    using = "md5(prediction_id::text)::uuid" if id_type == "uuid" else f"prediction_id::{id_type}"
    shop.execute("ALTER TABLE {schema}.predictions ALTER prediction_id TYPE " + id_type + " USING " + using)
    monitor = brief(labels=None)
    extract_window(monitor, WINDOW)
    [sample] = window_sample(monitor, ensure_baseline(monitor), WINDOW).values()
    assert (len(sample), sample.population) == (6 * ROWS_PER_HOUR, 6 * ROWS_PER_HOUR)


def test_rows_that_the_log_repeats_and_rows_without_an_id(brief: Brief, shop: ShopLog) -> None:
    shop.execute("ALTER TABLE {schema}.predictions DROP CONSTRAINT predictions_pkey")
    shop.execute("ALTER TABLE {schema}.predictions ALTER prediction_id DROP NOT NULL")
    for _ in range(3):
        shop.predict(END - HOUR, prediction_id=77_000_000, amount=-1.0)
        shop.predict(END - HOUR, prediction_id=None, amount=-2.0)
    monitor = brief()
    assert extract_window(monitor, WINDOW).rows == 6 * ROWS_PER_HOUR + 4
    sample = window_sample(monitor, ensure_baseline(monitor), WINDOW)["v1"]
    amounts = sample.to_pandas()["amount"]
    assert (amounts.eq(-1).sum(), amounts.eq(-2).sum()) == (1, 0)
    assert sample.population == 6 * ROWS_PER_HOUR + 1


def test_every_version_has_its_sample(brief: Brief, shop: ShopLog) -> None:
    shop.predict(END - HOUR, model_version="v2")
    shop.predict(END - HOUR, model_version=None)
    monitor = brief()
    extract_window(monitor, WINDOW)
    found = window_sample(monitor, ensure_baseline(monitor), WINDOW)
    assert {version: len(sample) for version, sample in found.items()} == {"v1": 360, "v2": 1, "(none)": 1}


def test_a_slice_counted_again_replaces_its_sample(brief: Brief, shop: ShopLog, store_engine: Engine) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    before = stored(store_engine)
    shop.predict(END - HOUR, amount=-7.0)
    shop.execute("DELETE FROM {schema}.predictions WHERE predicted_at < %s AND predicted_at >= %s", END - 5 * HOUR,
                 END - 6 * HOUR)  # fmt: skip
    extract_window(monitor, WINDOW)
    sample = window_sample(monitor, ensure_baseline(monitor), WINDOW)["v1"]
    assert stored(store_engine) == before - 1 == 5
    assert sample.population == 5 * ROWS_PER_HOUR + 1
    assert sample.to_pandas()["amount"].min() == -7


def test_late_labels_leave_the_samples_alone(brief: Brief, shop: ShopLog, store_engine: Engine) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    shop.execute("DELETE FROM {schema}.labels WHERE known_at >= %s", END)
    assert extract_window(monitor, WINDOW).slices_counted > 0
    assert stored(store_engine) == 6


def test_a_slice_that_cannot_be_written_leaves_no_sample(
    brief: Brief, store_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = brief()
    ensure_baseline(monitor)

    def break_off(*_: Any) -> None:
        raise RuntimeError("the worker was killed")

    monkeypatch.setattr("driftline.store.slices._slice_rows", break_off)
    with pytest.raises(RuntimeError):
        extract_window(monitor, WINDOW)
    assert stored(store_engine) == 0


def test_a_baseline_keeps_a_sample_of_its_period(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    baseline = ensure_baseline(monitor)
    with store_engine.begin() as connection:
        connection.execute(samples.delete())
    sample = baseline_sample(monitor, baseline)
    assert (len(sample), sample.population) == (48 * ROWS_PER_HOUR, baseline.rows)
    times = sample.rows["driftline time"].to_pylist()
    assert baseline.period.start <= min(times) <= max(times) < baseline.period.end


def test_hours_of_the_baselines_period_have_samples_too(brief: Brief) -> None:
    monitor = brief()
    baseline = ensure_baseline(monitor)
    first_hours = Window(baseline.period.start, baseline.period.start + 3 * HOUR)
    assert len(window_sample(monitor, baseline, first_hours)["v1"]) == 3 * ROWS_PER_HOUR


def test_what_was_counted_before_there_were_samples_reads_as_none(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    with store_engine.begin() as connection:
        connection.execute(samples.delete())
        connection.execute(baseline_samples.delete())
    baseline = ensure_baseline(monitor)
    assert window_sample(monitor, baseline, WINDOW) == {}
    assert len(baseline_sample(monitor, baseline)) == 0


def test_a_damaged_sample_is_named(brief: Brief, store_engine: Engine) -> None:
    monitor = brief()
    extract_window(monitor, WINDOW)
    with store_engine.begin() as connection:
        connection.execute(samples.update().values(payload=b"nonsense"))
    with pytest.raises(StoreError, match="stored sample cannot be read"):
        window_sample(monitor, ensure_baseline(monitor), WINDOW)
