"""A prediction log in a real Postgres: two weeks of a shop's fraud model, made by the server from a fixed seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Placeholder

from driftline.config import ModelConfig

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14
ROWS_PER_HOUR = 60
END = START + timedelta(days=DAYS)

_MAKE = """
CREATE TABLE {schema}.predictions (
    prediction_id bigint,
    predicted_at timestamptz NOT NULL,
    model_version text,
    is_fraud boolean,
    score double precision,
    latency double precision,
    failure text,
    amount double precision,
    basket numeric,
    country text,
    is_member boolean
);
CREATE TABLE {schema}.labels (
    prediction_id bigint, was_fraud boolean, known_at timestamptz
)
"""

# After the rows: so it takes half the time.
_INDEX = """
ALTER TABLE {schema}.predictions ADD PRIMARY KEY (prediction_id);
CREATE INDEX ON {schema}.predictions (predicted_at);
CREATE INDEX ON {schema}.labels (prediction_id);
ANALYZE {schema}.predictions
"""

_FILL = """
WITH seed AS MATERIALIZED (SELECT setseed(0.25)),
drawn AS (
    SELECT n, random() AS u, random() AS v, random() AS w, random() AS x, random() AS y
    FROM seed, generate_series(0, {rows} - 1) AS n
)
INSERT INTO {schema}.predictions
SELECT n, {start}::timestamptz + n * interval '1 hour' / {per_hour}, 'v1', u > 0.8, u, 5 + 20 * v, NULL,
       exp(3 + v), round((w * 10)::numeric, 2), (ARRAY['DE', 'FR', 'NL', 'US'])[1 + floor(x * x * 4)::int], y > 0.3
FROM drawn ORDER BY n
"""

_LABEL = """
INSERT INTO {schema}.labels
SELECT prediction_id, (score + (hashint8(prediction_id) & 1023) / 5000.0 - 0.1) > 0.8, predicted_at + interval '2 hours'
FROM {schema}.predictions
"""

_TABLES = ("predictions", "labels")
_DRAWN: dict[int, dict[str, bytes]] = {}
"""The tables' rows by the number of days, as COPY writes them."""


class ShopLog:
    """The log, open for a test to spoil."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str) -> None:
        self._connection = connection
        self.schema = schema
        self._next_id = 10_000_000

    def execute(self, statement: str, *values: Any) -> None:
        """Runs SQL in which ``{schema}`` stands for the log's schema."""
        self._connection.execute(SQL(statement).format(schema=Identifier(self.schema)), values or None)

    def rename(self, column: str, name: str) -> None:
        """Gives a column of the predictions another name, whatever characters it has."""
        rename = SQL("ALTER TABLE {}.predictions RENAME {} TO {}")
        self._connection.execute(rename.format(Identifier(self.schema), Identifier(column), Identifier(name)))

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a SELECT returns."""
        return self._connection.execute(
            SQL(statement).format(schema=Identifier(self.schema)), values or None
        ).fetchall()

    def predict(self, at: datetime, **values: Any) -> None:
        """Logs one more prediction, which has nothing unusual but ``values``."""
        row: dict[str, Any] = {
            "prediction_id": self._next_id,
            "predicted_at": at,
            "model_version": "v1",
            "is_fraud": False,
            "score": 0.1,
            "latency": 10.0,
            "failure": None,
            "amount": 30.0,
            "basket": 5,
            "country": "DE",
            "is_member": True,
        }
        self._next_id += 1
        row |= values
        statement = SQL("INSERT INTO {}.predictions ({}) VALUES ({})").format(
            Identifier(self.schema),
            SQL(", ").join(Identifier(column) for column in row),
            SQL(", ").join(Placeholder() for _ in row),
        )
        self._connection.execute(statement, list(row.values()))

    def mapping(self, **changes: Any) -> dict[str, Any]:
        """The configuration's `predictions`, with ``changes``."""
        described = self.config().predictions.model_dump(exclude_none=True)
        return {**described, **changes}

    def config(self, **changes: Any) -> ModelConfig:
        """The model's configuration, with ``changes`` to its top keys."""
        return ModelConfig.model_validate(self.description(**changes))

    def description(self, **changes: Any) -> dict[str, Any]:
        """What the model's YAML file holds."""
        described: dict[str, Any] = {
            "model": "fraud",
            "task": "binary_classification",
            "positive_label": True,
            "connection": "prediction_log",
            "predictions": {
                "table": f"{self.schema}.predictions",
                "id": "prediction_id",
                "time": "predicted_at",
                "version": "model_version",
                "prediction": "is_fraud",
                "score": "score",
                "latency_ms": "latency",
                "error": "failure",
            },
            "labels": {
                "table": f"{self.schema}.labels",
                "id": "prediction_id",
                "label": "was_fraud",
                "time": "known_at",
                "expected_delay": "6h",
            },
            "features": "discover",
            "segments": [{"column": "country", "values": ["DE", "FR"]}],
            "baseline": {"first": "7d"},
        }
        return {**described, **changes}


@contextmanager
def shop_log(owner_url: str, reader: str, schema: str = "shop", days: int = DAYS) -> Iterator[ShopLog]:
    """Makes the log's first ``days`` for a test and takes it away afterwards."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        log = ShopLog(connection, schema)
        log.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
        log.execute("CREATE SCHEMA {schema}")
        _execute_all(log, _MAKE)
        _fill(connection, schema, days)
        _execute_all(log, _INDEX)
        connection.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(schema), Identifier(reader)))
        connection.execute(
            SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(Identifier(schema), Identifier(reader))
        )
        try:
            yield log
        finally:
            log.execute("DROP SCHEMA {schema} CASCADE")


def _execute_all(log: ShopLog, statements: str) -> None:
    for statement in statements.strip().split(";\n"):
        log.execute(statement)


def _fill(connection: psycopg.Connection[Any], schema: str, days: int) -> None:
    """Draws the rows the first time; later tests get the same ones back, which is quicker."""
    if days not in _DRAWN:
        rows = days * 24 * ROWS_PER_HOUR
        values = {"rows": rows, "start": START.isoformat(), "per_hour": ROWS_PER_HOUR}
        connection.execute(SQL(_FILL).format(schema=Identifier(schema), **values))
        connection.execute(SQL(_LABEL).format(schema=Identifier(schema)))
        _DRAWN[days] = {table: _copied_out(connection, Identifier(schema, table)) for table in _TABLES}
        return
    for table, drawn in _DRAWN[days].items():
        with connection.cursor().copy(
            SQL("COPY {} FROM STDIN (FORMAT binary)").format(Identifier(schema, table))
        ) as into:
            into.write(drawn)


def _copied_out(connection: psycopg.Connection[Any], table: Identifier) -> bytes:
    with connection.cursor().copy(SQL("COPY {} TO STDOUT (FORMAT binary)").format(table)) as out:
        return b"".join(out)
