"""The demo's prediction log on a real server: filled, gone on with, and readable only as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from driftline.config.loader import load_models
from driftline.local.provisioning import Urls
from driftline.sources import PredictionLog
from driftline.sources.catalog import misfits
from include.demo.feed import Feed, open_feed
from include.demo.log import LABELS, PREDICTIONS

NOW = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def feed(urls: Urls, models_folder: Path) -> Iterator[Feed]:
    """A feed whose log begins ten days before NOW, so that tests are quick."""
    feed = open_feed(urls.log_owner, models_folder, NOW)
    _begin_at(urls, feed, NOW - timedelta(days=10))
    yield feed
    with psycopg.connect(urls.log_owner) as connection:
        connection.execute("DROP SCHEMA flights CASCADE")


def _begin_at(urls: Urls, feed: Feed, moment: datetime) -> None:
    """One old row in every table is all that a feed needs to go on from there."""
    feed.catch_up(feed.replay.log_start + timedelta(hours=12))
    with psycopg.connect(urls.log_owner) as connection:
        connection.execute("UPDATE flights.flight_delay_predictions SET predicted_at = %s", [moment])
        connection.execute("UPDATE flights.arrival_delay_predictions SET predicted_at = %s", [moment])
        connection.execute("UPDATE flights.flight_delay_labels SET label_at = %s", [moment])
        connection.execute("UPDATE flights.arrival_delay_labels SET label_at = %s", [moment])


def _content(url: str) -> list[list[tuple[object, ...]]]:
    tables = [(table, "predicted_at") for table in PREDICTIONS.values()] + [(t, "label_at") for t in LABELS.values()]
    with psycopg.connect(url) as connection:
        return [
            connection.execute(f"SELECT * FROM flights.{table} ORDER BY {moment}, prediction_id").fetchall()
            for table, moment in tables
        ]


def test_what_is_due_is_logged_once_however_often_it_is_asked_for(feed: Feed, urls: Urls) -> None:
    assert feed.catch_up(NOW) > 10_000
    content = _content(urls.log_owner)

    assert feed.catch_up(NOW) == 0

    assert _content(urls.log_owner) == content


def test_a_gap_is_filled_as_if_there_had_been_none(feed: Feed, urls: Urls) -> None:
    for hours in (72, 30, 29, 0):
        feed.catch_up(NOW - timedelta(hours=hours))
    with_pauses = _content(urls.log_owner)
    with psycopg.connect(urls.log_owner) as connection:
        for table in (*PREDICTIONS.values(), *LABELS.values()):
            connection.execute(f"TRUNCATE flights.{table}")
    _begin_at(urls, feed, NOW - timedelta(days=10))

    feed.catch_up(NOW)

    assert _content(urls.log_owner) == with_pauses


def test_nothing_lies_in_the_future_and_labels_come_later(feed: Feed, urls: Urls) -> None:
    feed.catch_up(NOW)
    with psycopg.connect(urls.log_reader) as connection:
        newest, unlabeled = connection.execute(
            """SELECT max(predicted_at), count(*) FILTER (WHERE l.prediction_id IS NULL AND predicted_at > %s)
               FROM flights.flight_delay_predictions LEFT JOIN flights.flight_delay_labels l USING (prediction_id)""",
            [NOW - timedelta(hours=3)],
        ).fetchone()
        early = connection.execute(
            """SELECT count(*) FROM flights.flight_delay_predictions JOIN flights.flight_delay_labels
               USING (prediction_id) WHERE label_at <= predicted_at AND predicted_at > %s""",
            [NOW - timedelta(days=9)],
        ).fetchone()
    assert NOW - timedelta(hours=1) < newest <= NOW
    assert unlabeled > 50
    assert early == (0,)


def test_a_later_feed_goes_on_with_the_same_year(feed: Feed, urls: Urls, models_folder: Path) -> None:
    months_later = NOW + timedelta(days=90)
    assert open_feed(urls.log_owner, models_folder, months_later).replay == feed.replay


def test_the_monitoring_role_reads_and_changes_nothing(feed: Feed, urls: Urls) -> None:
    feed.catch_up(NOW - timedelta(days=9))
    with psycopg.connect(urls.log_reader) as connection:
        for table in (*PREDICTIONS.values(), *LABELS.values()):
            assert connection.execute(f"SELECT count(*) FROM flights.{table}").fetchone()[0] > 0
    for change in ("DELETE FROM", "TRUNCATE", "DROP TABLE"):
        with psycopg.connect(urls.log_reader) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"{change} flights.flight_delay_labels")


def test_the_model_files_fit_the_log(feed: Feed, urls: Urls) -> None:
    models = load_models(ROOT / "include" / "models")
    assert set(models) == {"flight_delay", "arrival_delay"}
    for config in models.values():
        assert misfits(config, PredictionLog(config, urls.log_reader).catalog) == []
