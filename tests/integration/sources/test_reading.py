"""What the prediction log's reader makes of real tables, the strange ones included."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import SQL, Identifier

from driftline.config import Feature, FeatureKind
from driftline.local.provisioning import LOG, LOG_READER, Urls
from driftline.sources import PredictionLog
from driftline.sources.catalog import resolve_features
from driftline.sources.queries import Conversion
from driftline.windows import Window
from tests.integration.shop_log import ROWS_PER_HOUR, START, ShopLog

HOUR = timedelta(hours=1)
FIRST_HOUR = Window(START, START + HOUR)
FIRST_DAY = Window(START, START + 24 * HOUR)

OpenLog = Callable[..., PredictionLog]


@pytest.fixture
def open_log(shop: ShopLog, urls: Urls) -> OpenLog:
    """The log as Driftline's own role reads it, with changes to the configuration."""
    return lambda **changes: PredictionLog(shop.config(**{"segments": [], **changes}), urls.log_reader)


def values(log: PredictionLog, window: Window, column: str, conversion: Conversion) -> list[Any]:
    batches = log.read_predictions(window, [log.selected(column, conversion)])
    return [value for batch in batches for value in batch.column(batch.num_columns - 1).to_pylist()]


def table_of(batches: Iterator[pa.RecordBatch]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for batch in batches for row in named(batch).to_pylist()]


def named(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.rename_columns([str(n) for n in range(batch.num_columns)])


def test_a_window_holds_its_start_and_not_its_end(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("DELETE FROM {schema}.predictions")
    shop.predict(START, amount=1)
    shop.predict(START + HOUR - timedelta(microseconds=1), amount=2)
    shop.predict(START + HOUR, amount=3)
    assert sorted(values(open_log(), FIRST_HOUR, "amount", Conversion.NUMBER)) == [1.0, 2.0]


def test_fingerprints_tell_each_hour_with_rows(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("DELETE FROM {schema}.predictions WHERE predicted_at >= %s", START + 2 * HOUR)
    shop.predict(START + timedelta(minutes=90))
    log = open_log()
    assert log.prediction_fingerprints(FIRST_DAY) == {
        START: (ROWS_PER_HOUR, None, None),
        START + HOUR: (ROWS_PER_HOUR + 1, None, None),
    }
    assert {start: rows for start, (rows, _, _) in log.outcome_fingerprints(FIRST_DAY).items()} == {
        START: ROWS_PER_HOUR,
        START + HOUR: ROWS_PER_HOUR,
    }


@pytest.mark.parametrize(
    "zone_statement",
    [
        SQL("ALTER ROLE {} SET timezone = 'America/New_York'").format(Identifier(LOG_READER)),
        SQL("ALTER DATABASE {} SET timezone = 'America/New_York'").format(Identifier(LOG)),
    ],
    ids=["role", "database"],
)
@pytest.mark.parametrize(
    "change",
    [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)],
    ids=["spring forward", "fall back"],
)
def test_hours_are_of_utc_in_a_session_whose_clocks_change(
    shop: ShopLog, open_log: OpenLog, postgres: Any, zone_statement: Any, change: datetime
) -> None:
    shop.execute("DELETE FROM {schema}.predictions")
    day = Window(change - 6 * HOUR, change + 6 * HOUR)
    for start in day.slices:
        for minute in (0, 59):
            shop.predict(start + timedelta(minutes=minute))
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute(zone_statement)
        try:
            log = open_log()
            assert log.prediction_fingerprints(day) == dict.fromkeys(day.slices, (2, None, None))
            times = [row[0] for row in table_of(log.read_predictions(day, []))]
        finally:
            connection.execute(SQL("ALTER ROLE {} RESET timezone").format(Identifier(LOG_READER)))
            connection.execute(SQL("ALTER DATABASE {} RESET timezone").format(Identifier(LOG)))
    assert Counter(time.astimezone(UTC).replace(minute=0) for time in times) == dict.fromkeys(day.slices, 2)


def test_a_query_reads_naive_times_in_the_zone_that_it_says(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute(
        "ALTER TABLE {schema}.predictions ALTER predicted_at TYPE timestamp USING predicted_at AT TIME ZONE 'UTC'"
    )
    query = f"""
        SELECT prediction_id, predicted_at AT TIME ZONE 'UTC' AS predicted_at, model_version, is_fraud, amount
        FROM {shop.schema}.predictions -- the log's times are of UTC
    """
    mapping = shop.mapping(query=query, score=None, latency_ms=None, error=None)
    del mapping["table"]
    assert len(values(open_log(predictions=mapping), FIRST_HOUR, "amount", Conversion.NUMBER)) == ROWS_PER_HOUR


@pytest.mark.parametrize("ending", ["", ";", " ; \n", " -- all of them"])
def test_a_query_may_end_as_people_end_queries(shop: ShopLog, open_log: OpenLog, ending: str) -> None:
    mapping = shop.mapping(query=f"SELECT * FROM {shop.schema}.predictions{ending}")
    del mapping["table"]
    log = open_log(predictions=mapping)
    assert len(values(log, FIRST_HOUR, "amount", Conversion.NUMBER)) == ROWS_PER_HOUR


@pytest.mark.parametrize(
    "name",
    ['we"ird; DROP TABLE x', "Größe 🛒", "per % cent", "{braces}", "it's", "<b>markup</b>", "$1", "log", "select"],
)
def test_a_column_may_have_any_name(shop: ShopLog, open_log: OpenLog, name: str) -> None:
    shop.rename("amount", name)
    log = open_log(features=[{"name": "amount", "kind": "numeric", "column": name}])
    log.require_fit()
    assert len(values(log, FIRST_HOUR, name, Conversion.NUMBER)) == ROWS_PER_HOUR
    frame = log.read_rows(FIRST_HOUR, [log.selected(name, Conversion.NUMBER)], 100, ROWS_PER_HOUR)
    assert list(frame.columns) == [name]
    assert len(shop.rows("SELECT FROM {schema}.predictions")) > ROWS_PER_HOUR


def test_every_role_may_have_a_strange_name(shop: ShopLog, open_log: OpenLog) -> None:
    strange = {
        "id": 'i"d', "time": "ti me;--", "version": "🏷", "prediction": "%s", "score": "s{0}",
        "latency_ms": "Δ'", "error": "e\\",
    }  # fmt: skip
    mapping = shop.mapping()
    for key, name in strange.items():
        shop.rename(mapping[key], name)
    shop.execute("ALTER TABLE {schema}.predictions DROP CONSTRAINT predictions_pkey")
    log = open_log(predictions={**mapping, **strange})
    log.require_fit()
    assert log.bounds() is not None
    assert not log.catalog.ids_are_unique
    assert len(values(log, FIRST_HOUR, "amount", Conversion.NUMBER)) == ROWS_PER_HOUR
    assert len(table_of(log.read_outcomes(FIRST_HOUR))) == ROWS_PER_HOUR
    assert log.outcome_fingerprints(FIRST_HOUR)[START][0] == ROWS_PER_HOUR


def test_whether_ids_are_unique_is_asked_of_the_database(shop: ShopLog, open_log: OpenLog) -> None:
    assert open_log().catalog.ids_are_unique
    shop.execute("ALTER TABLE {schema}.predictions DROP CONSTRAINT predictions_pkey")
    assert not open_log().catalog.ids_are_unique
    shop.execute("CREATE UNIQUE INDEX ON {schema}.predictions (prediction_id) WHERE country = 'DE'")
    shop.execute("CREATE UNIQUE INDEX ON {schema}.predictions (prediction_id, predicted_at)")
    assert not open_log().catalog.ids_are_unique
    shop.execute("CREATE UNIQUE INDEX ON {schema}.predictions (prediction_id) INCLUDE (country)")
    assert open_log().catalog.ids_are_unique


@pytest.fixture
def repeated(shop: ShopLog) -> ShopLog:
    """A log without a key, whose first hour and the second have one id each that is logged again."""
    shop.execute("ALTER TABLE {schema}.predictions DROP CONSTRAINT predictions_pkey")
    shop.execute("ALTER TABLE {schema}.predictions ALTER prediction_id DROP NOT NULL")
    shop.execute("DELETE FROM {schema}.predictions")
    for minute, identifier, amount in ((5, 1, 10), (6, 1, 11), (7, 2, 20), (70, 1, 12), (71, 3, 30), (72, 3, 31)):
        shop.predict(START + timedelta(minutes=minute), prediction_id=identifier, amount=amount)
    return shop


def test_of_an_id_logged_twice_in_an_hour_the_first_counts(repeated: ShopLog, open_log: OpenLog) -> None:
    assert sorted(values(open_log(), FIRST_HOUR, "amount", Conversion.NUMBER)) == [10.0, 20.0]


def test_what_an_hour_holds_does_not_depend_on_the_hours_read_with_it(repeated: ShopLog, open_log: OpenLog) -> None:
    second_hour = Window(START + HOUR, START + 2 * HOUR)
    both = Window(START, START + 2 * HOUR)
    log = open_log()
    apart = [values(log, window, "amount", Conversion.NUMBER) for window in (FIRST_HOUR, second_hour)]
    assert sorted(values(log, both, "amount", Conversion.NUMBER)) == sorted(chain(*apart))
    outcomes_apart = [table_of(log.read_outcomes(window)) for window in (FIRST_HOUR, second_hour)]
    assert sorted(table_of(log.read_outcomes(both))) == sorted(chain(*outcomes_apart))


def test_predictions_without_an_id_count_each(repeated: ShopLog, open_log: OpenLog) -> None:
    for amount in (41, 42, 43):
        repeated.predict(START, prediction_id=None, amount=amount)
    assert sorted(values(open_log(), FIRST_HOUR, "amount", Conversion.NUMBER)) == [10.0, 20.0, 41.0, 42.0, 43.0]


def label(shop: ShopLog, identifier: int | None, was_fraud: bool | None, known_at: Any) -> None:
    shop.execute("INSERT INTO {schema}.labels VALUES (%s, %s, %s)", identifier, was_fraud, known_at)


def outcome_labels(log: PredictionLog) -> list[str]:
    return [row[2] for row in table_of(log.read_outcomes(FIRST_HOUR))]


def test_of_several_labels_the_one_that_arrived_last_counts(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("DELETE FROM {schema}.labels")
    label(shop, 7, True, START + HOUR)
    label(shop, 7, False, START + 3 * HOUR)
    label(shop, 7, True, START + 2 * HOUR)
    label(shop, 7, True, None)
    label(shop, 7, None, START + 4 * HOUR)
    assert outcome_labels(open_log()) == ["false"]
    assert open_log().outcome_fingerprints(FIRST_HOUR)[START][:2] == (4, START + 3 * HOUR)


def test_labels_without_a_prediction_or_a_value_are_passed_over(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("DELETE FROM {schema}.labels")
    label(shop, 99_999_999, True, START)
    label(shop, None, True, START)
    label(shop, 7, None, START)
    assert outcome_labels(open_log()) == []
    assert open_log().outcome_fingerprints(FIRST_HOUR) == {}


def test_a_label_that_arrived_at_infinity_fails_nothing(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("DELETE FROM {schema}.labels")
    label(shop, 7, True, "infinity")
    assert open_log().outcome_fingerprints(FIRST_HOUR)[START][:2] == (1, None)
    assert outcome_labels(open_log()) == ["true"]


def test_what_was_not_predicted_is_no_outcome(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("UPDATE {schema}.predictions SET is_fraud = NULL WHERE prediction_id < 10")
    assert len(outcome_labels(open_log())) == ROWS_PER_HOUR - 10


def test_decimals_beyond_floats_are_read_as_infinite_or_zero(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("DELETE FROM {schema}.predictions")
    for basket in ("1e400", "-1e400", "NaN", "Infinity", "1e-400", "-1e-400", "0.00", "12.50", None):
        shop.predict(START, basket=basket)
    read = values(open_log(), FIRST_HOUR, "basket", Conversion.NUMBER)
    assert len(read) == 9
    assert sum(1 for value in read if value is not None and not math.isfinite(value)) == 4
    assert sorted(value for value in read if value is not None and math.isfinite(value)) == [0.0, 0.0, 0.0, 12.5]


def test_decimals_as_levels_are_spelled_like_other_numbers(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("UPDATE {schema}.predictions SET basket = CASE WHEN is_member THEN 1.00 ELSE 0.50 END")
    assert set(values(open_log(), FIRST_HOUR, "basket", Conversion.TEXT)) == {"1", "0.5"}


def test_floats_at_their_limits_are_read_as_they_are(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("DELETE FROM {schema}.predictions")
    for amount in (1e308, -1e308, 5e-324, math.inf, -math.inf):
        shop.predict(START, amount=amount)
    assert sorted(values(open_log(), FIRST_HOUR, "amount", Conversion.NUMBER)) == [
        -math.inf,
        -1e308,
        5e-324,
        1e308,
        math.inf,
    ]


def test_what_can_be_counted_is_discovered(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("CREATE TYPE {schema}.tier AS ENUM ('gold', 'silver')")
    shop.execute("CREATE DOMAIN {schema}.share AS real CHECK (value BETWEEN 0 AND 1)")
    shop.execute(
        "ALTER TABLE {schema}.predictions ADD tier {schema}.tier DEFAULT 'gold', ADD share {schema}.share DEFAULT 0.5, "
        "ADD price money DEFAULT 2.5, ADD ref uuid DEFAULT gen_random_uuid(), ADD code character(5) DEFAULT 'ab', "
        "ADD born date, ADD tags text[], ADD document jsonb"
    )
    log = open_log(excluded_columns=["is_member"])
    kinds = {feature.name: feature.kind for feature in resolve_features(shop.config(), log.catalog)}
    assert kinds == {
        "amount": FeatureKind.NUMERIC,
        "basket": FeatureKind.NUMERIC,
        "country": FeatureKind.CATEGORICAL,
        "is_member": FeatureKind.BOOLEAN,
        "tier": FeatureKind.CATEGORICAL,
        "share": FeatureKind.NUMERIC,
        "price": FeatureKind.NUMERIC,
        "ref": FeatureKind.CATEGORICAL,
        "code": FeatureKind.CATEGORICAL,
    }
    selected = [log.selected_feature(Feature(name=name, kind=kind)) for name, kind in kinds.items()]
    row = table_of(log.read_predictions(FIRST_HOUR, selected))[0][2:]
    assert row[4:7] == ("gold", 0.5, 2.5)
    assert row[8] == "ab"


def test_a_column_that_counting_cannot_carry_is_read_as_text(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute(
        "ALTER TABLE {schema}.predictions ADD document jsonb DEFAULT '[1]', ADD born date DEFAULT '2000-01-01'"
    )
    log = open_log()
    assert set(values(log, FIRST_HOUR, "document", Conversion.TEXT)) == {"[1]"}
    assert set(values(log, FIRST_HOUR, "document", Conversion.NUMBER)) == {"[1]"}
    assert len(values(log, FIRST_HOUR, "born", Conversion.TEXT)) == ROWS_PER_HOUR


def test_an_error_is_a_truth_or_a_text_that_says_something(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("DELETE FROM {schema}.predictions")
    for failure in (None, "", "timeout", "false", "0", "💥"):
        shop.predict(START, failure=failure)
    assert sorted(values(open_log(), FIRST_HOUR, "failure", Conversion.TRUTH)) == ["false"] * 4 + ["true"] * 2


def test_a_sample_of_rows_is_the_same_at_every_read_wherever_the_rows_lie(shop: ShopLog, open_log: OpenLog) -> None:
    log = open_log()
    columns = [log.selected("prediction_id", Conversion.TEXT)]
    rows = 24 * ROWS_PER_HOUR
    sample = log.read_rows(FIRST_DAY, columns, 200, rows)
    assert 120 <= len(sample) <= 200
    shop.execute("UPDATE {schema}.predictions SET country = 'NL' WHERE is_member")
    assert list(log.read_rows(FIRST_DAY, columns, 200, rows)["prediction_id"]) == list(sample["prediction_id"])
    assert len(log.read_rows(FIRST_DAY, columns, rows, rows)) == rows


def test_times_that_are_no_times_bound_nothing(shop: ShopLog, open_log: OpenLog) -> None:
    for at in ("infinity", "-infinity", "4000-01-01 BC", datetime.now(UTC) + timedelta(days=900)):
        shop.predict(at)  # type: ignore[arg-type]
    assert open_log().bounds() == (START, FIRST_DAY.end - timedelta(minutes=1))


def test_an_empty_log_has_no_bounds(shop: ShopLog, open_log: OpenLog) -> None:
    shop.execute("TRUNCATE {schema}.predictions")
    assert open_log().bounds() is None


def test_a_window_without_rows_reads_as_no_rows(open_log: OpenLog) -> None:
    log = open_log()
    empty = Window(FIRST_DAY.end, FIRST_DAY.end + HOUR)
    assert values(log, empty, "amount", Conversion.NUMBER) == []
    assert table_of(log.read_outcomes(empty)) == []
    frame = log.read_rows(empty, [log.selected("amount", Conversion.NUMBER)], 100, 1)
    assert list(frame.columns) == ["amount"]
    assert len(frame) == 0


def test_a_url_in_sqlalchemys_spelling_serves_too(shop: ShopLog, urls: Urls) -> None:
    url = urls.log_reader.replace("postgresql://", "postgresql+psycopg://")
    assert len(values(PredictionLog(shop.config(), url), FIRST_HOUR, "amount", Conversion.NUMBER)) == ROWS_PER_HOUR
