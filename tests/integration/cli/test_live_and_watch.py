"""``driftline live`` and ``driftline watch``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from driftline.config import ModelConfig
from driftline.local.provisioning import Urls
from driftline.monitoring.live import count_live
from driftline.store.engine import store_transaction
from tests.integration.cli.conftest import Command
from tests.integration.shop_log import ShopLog


@pytest.fixture
def counted(shop: ShopLog, store_engine: Engine, urls: Urls) -> ModelConfig:
    """Two predictions of a minute ago, one of which failed, and one in the future."""
    now = datetime.now(UTC)
    shop.predict(now - timedelta(minutes=1), latency=100.0, failure="boom")
    shop.predict(now - timedelta(minutes=1), latency=100.0, prediction_id=5_000_000, is_fraud=True)
    shop.predict(now + timedelta(days=30))
    shop.execute("INSERT INTO {schema}.labels VALUES (5000000, true, now())")
    config = shop.config()
    count_live(store_engine, [config], lambda _: urls.log_reader)
    return config


def test_live_shows_each_version_with_the_age_of_the_newest_row(driftline: Command, counted: ModelConfig) -> None:
    ran = driftline("live", "fraud")
    assert ran.code == 0
    for shown in ("v1", "50.00%", "100.00%", "predictions: the newest is", "1 are in the future"):
        assert shown in ran.out


def test_live_as_json(driftline: Command, counted: ModelConfig) -> None:
    said: dict[str, Any] = json.loads(driftline("live", "fraud", "--json", "--minutes", "5").out)
    (version,) = said["versions"]
    assert (version["predictions"], version["errors"], version["labeled"], version["accuracy"]) == (2, 1, 1, 1.0)
    assert version["latency_p95_ms"] == pytest.approx(100, rel=0.02)
    assert 0 < said["feeds"]["labels"]["newest_row_age_seconds"] < 60
    assert said["feeds"]["predictions"]["rows_in_the_future"] == 1


def test_live_of_a_model_that_was_never_counted_says_who_counts(driftline: Command) -> None:
    assert "guard_serving does it" in driftline("live", "fraud").out


def test_live_of_an_unknown_model_is_refused(driftline: Command) -> None:
    ran = driftline("live", "nothing")
    assert ran.code == 2
    assert "no valid file describes the model 'nothing'" in ran.err


def test_watch_exits_with_1_where_something_is_amiss_and_writes_nothing(
    driftline: Command, store_engine: Engine
) -> None:
    ran = driftline("watch")
    assert ran.code == 1
    assert "driftline: guard_silent: guard_serving has never run" in ran.out
    assert "fraud: monitor_late:" in ran.out
    assert "monitor_paused could not be told: Airflow was not asked" in ran.out
    assert _count(store_engine, "incidents") == _count(store_engine, "alert_outbox") == 0


def test_watch_alerts_where_it_is_asked_to(driftline: Command, store_engine: Engine) -> None:
    for _ in range(2):
        assert driftline("watch", "--alert").code == 1
    opened = _count(store_engine, "incidents")
    assert opened >= 3
    assert 3 <= _count(store_engine, "alert_outbox") <= opened


def test_watch_exits_with_0_where_all_is_well(
    driftline: Command, models: Path, counted: ModelConfig, store_engine: Engine
) -> None:
    (models / "whole.yaml").unlink()
    with store_transaction(store_engine) as connection:
        connection.execute(
            text(
                "INSERT INTO driftline.decisions SELECT 'fraud', now() - interval '1 day', date_trunc('hour', now()), "
                "'nothing', 'none', '', false, '{}', '', now()"
            )
        )
    ran = driftline("watch", "--json")
    assert ran.code == 0, ran.out
    said = json.loads(ran.out)
    assert [each["model"] for each in said["watched"]] == ["driftline", "fraud"]


def test_a_bad_model_file_is_amiss(driftline: Command, models: Path) -> None:
    (models / "bad.yaml").write_text("model: bad\nthreshold: 3\n")
    ran = driftline("watch")
    assert ran.code == 1
    assert "threshold: is not a known key" in ran.out


def _count(engine: Engine, table: str) -> int:
    with store_transaction(engine) as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM driftline.{table}")).scalar_one())
