"""What the prediction log's reader refuses, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from driftline.errors import SourceError
from driftline.local.provisioning import Urls
from driftline.sources import PredictionLog
from driftline.sources.catalog import misfits, missing_features
from driftline.windows import Window
from tests.integration.shop_log import START, ShopLog

WINDOW = Window(START, START + timedelta(days=1))

OpenLog = Callable[..., PredictionLog]


@pytest.fixture
def open_log(shop: ShopLog, urls: Urls) -> OpenLog:
    return lambda **changes: PredictionLog(shop.config(**changes), urls.log_reader)


def read_all(log: PredictionLog) -> int:
    return sum(batch.num_rows for batch in log.read_predictions(WINDOW, []))


def test_an_unreachable_server_is_refused_by_the_connections_name(shop: ShopLog, urls: Urls) -> None:
    url = make_url(urls.log_reader).set(port=1, password="s3cret")
    log = PredictionLog(shop.config(), url.render_as_string(hide_password=False))
    with pytest.raises(SourceError, match=r"connection 'prediction_log'.*Check that the server runs") as refused:
        log.bounds()
    assert "s3cret" not in str(refused.value)


def test_a_server_that_goes_while_the_log_is_read_is_refused_too(shop: ShopLog, urls: Urls) -> None:
    """The catalog was read; the stream, by another driver, then finds nobody."""
    log = PredictionLog(shop.config(), urls.log_reader)
    log.require_fit()
    gone = make_url(urls.log_reader).set(port=1, password="s3cret").render_as_string(hide_password=False)
    log._url = gone
    with pytest.raises(SourceError, match="cannot be read") as refused:
        read_all(log)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "mend"),
    [
        ({"password": "wr0ng-s3cret"}, "The password is wrong"),
        ({"database": "nowhere"}, "The database does not exist"),
        ({"username": "nobody"}, "password is wrong|refuses the role"),
    ],
)
def test_a_connection_that_the_server_refuses_says_which_part_to_correct(
    shop: ShopLog, urls: Urls, changed: dict[str, Any], mend: str
) -> None:
    url = make_url(urls.log_reader).set(**changed).render_as_string(hide_password=False)
    with pytest.raises(SourceError, match="connection 'prediction_log'") as refused:
        PredictionLog(shop.config(), url).bounds()
    assert "s3cret" not in str(refused.value)
    # libpq tells no SQLSTATE of a refused connection; the message of the server is passed on instead.
    assert re.search(rf"{mend}|authentication failed|does not exist", str(refused.value))


@pytest.mark.parametrize(
    "url", ["", "reader:s3cret@host/db", "postgresql//reader:s3cret@host/db", "mysql://reader:s3cret@host/db"]
)
def test_what_is_no_postgres_url_is_refused_and_not_shown(shop: ShopLog, url: str) -> None:
    with pytest.raises(SourceError, match=r"no Postgres URL.*postgresql://user:password@host") as refused:
        PredictionLog(shop.config(), url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("table", ["shop.nothing", "nowhere.predictions", "nothing", 'shop."; DROP TABLE predictions'])
def test_a_missing_table_is_refused(shop: ShopLog, open_log: OpenLog, table: str) -> None:
    with pytest.raises(SourceError, match="does not exist: correct `table` in the model's file"):
        open_log(predictions=shop.mapping(table=table)).require_fit()
    assert shop.rows("SELECT count(*) > 0 FROM {schema}.predictions") == [(True,)]


def test_a_missing_table_of_labels_is_refused(shop: ShopLog, open_log: OpenLog) -> None:
    labels = shop.config().labels
    assert labels is not None
    with pytest.raises(SourceError, match="does not exist"):
        open_log(labels={**labels.model_dump(exclude_none=True), "table": "shop.nothing"}).require_fit()


@pytest.mark.parametrize(
    "statement", ["REVOKE SELECT ON {schema}.predictions FROM", "REVOKE USAGE ON SCHEMA {schema} FROM"]
)
def test_a_missing_permission_says_what_to_grant(shop: ShopLog, open_log: OpenLog, statement: str) -> None:
    shop.execute(f"{statement} driftline_reader")
    with pytest.raises(SourceError, match=r"permission denied.*GRANT USAGE on its schema and SELECT on the table"):
        open_log().require_fit()


def test_a_permission_withdrawn_later_is_refused_while_streaming(shop: ShopLog, open_log: OpenLog) -> None:
    log = open_log()
    log.require_fit()
    shop.execute("REVOKE SELECT ON {schema}.predictions FROM driftline_reader")
    with pytest.raises(SourceError, match=r"permission denied.*GRANT USAGE"):
        read_all(log)


@pytest.mark.parametrize("key", ["id", "time", "version", "prediction", "score", "latency_ms", "error"])
def test_a_missing_mapped_column_is_refused_by_its_key(shop: ShopLog, open_log: OpenLog, key: str) -> None:
    log = open_log(predictions=shop.mapping(**{key: "no such; column"}))
    with pytest.raises(
        SourceError, match=f"predictions.{key}: found no column 'no such; column'; the log has amount, "
    ):
        log.require_fit()


@pytest.mark.parametrize("key", ["id", "label", "time"])
def test_a_missing_column_of_the_labels_is_refused_by_its_key(shop: ShopLog, open_log: OpenLog, key: str) -> None:
    labels = shop.config().labels
    assert labels is not None
    with pytest.raises(SourceError, match=rf"labels.{key}: found no column 'nothing'; the log has known_at, "):
        open_log(labels={**labels.model_dump(exclude_none=True), key: "nothing"}).require_fit()


def test_a_missing_feature_is_a_fault_of_the_file_and_does_not_stop_the_others(
    shop: ShopLog, open_log: OpenLog
) -> None:
    log = open_log(features=[{"name": "amount", "kind": "numeric"}, {"name": "gone", "kind": "numeric"}])
    log.require_fit()
    assert [feature.name for feature in missing_features(log._config, log.catalog)] == ["gone"]
    assert [fault.split(";")[0] for fault in misfits(log._config, log.catalog)] == [
        "features: gone: found no column 'gone'"
    ]


def test_every_misfit_is_told_at_once(shop: ShopLog, open_log: OpenLog) -> None:
    log = open_log(
        predictions=shop.mapping(score="country", latency_ms="gone"),
        features=[{"name": "country", "kind": "numeric"}],
        segments=[{"column": "nowhere", "values": ["x"]}],
    )
    faults = misfits(log._config, log.catalog)
    assert [fault.split(":")[0] for fault in faults] == [
        "predictions.latency_ms", "segments[0].column", "predictions.score", "features"
    ]  # fmt: skip
    assert "column 'country' is of type text; a number is expected." in faults[2]


@pytest.mark.parametrize("type_name", ["timestamp", "date"])
def test_times_without_a_zone_are_refused_with_the_mend(shop: ShopLog, open_log: OpenLog, type_name: str) -> None:
    shop.execute(f"ALTER TABLE {{schema}}.predictions ALTER predicted_at TYPE {type_name}")
    with pytest.raises(
        SourceError,
        match=rf"predictions.time: column 'predicted_at' is of type {type_name}; timestamptz is expected. "
        r"Say in which zone it is: use `query` with \(column AT TIME ZONE 'UTC'\)",
    ):
        open_log().require_fit()


def test_labels_without_a_zone_are_refused(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("ALTER TABLE {schema}.labels ALTER known_at TYPE timestamp")
    with pytest.raises(SourceError, match=r"labels.time: column 'known_at' is of type timestamp"):
        open_log().require_fit()


def test_a_time_that_is_none_is_refused(shop: ShopLog, open_log: OpenLog) -> None:
    with pytest.raises(
        SourceError, match=r"'amount' is of type float8; timestamptz is expected. Map a column with the time"
    ):
        open_log(predictions=shop.mapping(time="amount")).require_fit()


def test_ids_of_two_types_are_refused_with_the_mend(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("ALTER TABLE {schema}.labels ALTER prediction_id TYPE text")
    with pytest.raises(SourceError, match="ids of predictions and labels are not of one type: cast"):
        open_log().outcome_fingerprints(WINDOW)


def test_a_query_that_is_none_is_refused(shop: ShopLog, open_log: OpenLog) -> None:
    mapping = shop.mapping(query="SELECT FROM WHERE")
    del mapping["table"]
    with pytest.raises(SourceError, match="`query` in the model's file is not a valid SELECT"):
        open_log(predictions=mapping).require_fit()


@pytest.fixture
def writing_query(shop: ShopLog) -> str:
    """A SELECT that would write."""
    shop.execute(
        "CREATE FUNCTION {schema}.spoil() RETURNS integer LANGUAGE sql AS "
        "$$ INSERT INTO shop.labels VALUES (1, true, now()) RETURNING 1 $$"
    )
    return f"SELECT p.* FROM {shop.schema}.predictions p, {shop.schema}.spoil() AS spoiled"


def test_even_an_owners_session_refuses_to_write(shop: ShopLog, urls: Urls, writing_query: str) -> None:
    mapping = shop.mapping(query=writing_query)
    del mapping["table"]
    before = shop.rows("SELECT count(*) FROM {schema}.labels")
    log = PredictionLog(shop.config(predictions=mapping), urls.log_owner)
    with pytest.raises(SourceError, match="cannot execute INSERT in a read-only transaction"):
        log.prediction_fingerprints(WINDOW)
    with pytest.raises(SourceError, match="cannot execute INSERT in a read-only transaction"):
        read_all(log)
    assert shop.rows("SELECT count(*) FROM {schema}.labels") == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO shop.predictions (prediction_id, predicted_at) VALUES (-1, now())",
        "UPDATE shop.predictions SET score = 0",
        "DELETE FROM shop.labels",
        "TRUNCATE shop.labels",
        "DROP TABLE shop.labels",
        "CREATE TABLE shop.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE SCHEMA mine",
    ],
)
def test_the_monitoring_role_may_not_write(shop: ShopLog, urls: Urls, statement: str) -> None:
    with psycopg.connect(urls.log_reader, autocommit=True) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)
