"""The prediction log of the demo: its tables in the database `flights`, and how rows get into them."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from include.demo.flights import FEATURES
from include.demo.replay import Replay

SCHEMA = "flights"
READER = "driftline_reader"

PREDICTIONS = {"flight_delay": "flight_delay_predictions", "arrival_delay": "arrival_delay_predictions"}
LABELS = {"flight_delay": "flight_delay_labels", "arrival_delay": "arrival_delay_labels"}

_COMMON = """
    prediction_id  text PRIMARY KEY,
    predicted_at   timestamptz NOT NULL,
    flight         text NOT NULL,
    model_version  text NOT NULL,
"""
_FEATURES = """
    latency_ms     double precision,
    error          text,
    departure_hour smallint NOT NULL,
    weekday        smallint NOT NULL,
    carrier        text NOT NULL,
    origin         text NOT NULL,
    destination    text NOT NULL,
    distance       integer NOT NULL,
    temperature    double precision,
    dew_point      double precision,
    humidity       double precision,
    wind_speed     double precision,
    precipitation  double precision,
    visibility     double precision,
    pressure       double precision
"""
_LABEL = "prediction_id text PRIMARY KEY, label_at timestamptz NOT NULL,"

DEFINITION = f"""
CREATE SCHEMA IF NOT EXISTS flights;
CREATE TABLE IF NOT EXISTS flights.replay (shift interval NOT NULL);
CREATE TABLE IF NOT EXISTS flights.flight_delay_predictions (
    {_COMMON} predicted_late boolean, score double precision, {_FEATURES});
CREATE TABLE IF NOT EXISTS flights.arrival_delay_predictions (
    {_COMMON} predicted_minutes double precision, {_FEATURES});
CREATE TABLE IF NOT EXISTS flights.flight_delay_labels ({_LABEL} was_late boolean NOT NULL);
CREATE TABLE IF NOT EXISTS flights.arrival_delay_labels ({_LABEL} delay_minutes double precision NOT NULL);
CREATE INDEX IF NOT EXISTS flight_delay_by_time ON flights.flight_delay_predictions (predicted_at);
CREATE INDEX IF NOT EXISTS arrival_delay_by_time ON flights.arrival_delay_predictions (predicted_at);
CREATE INDEX IF NOT EXISTS flight_delay_labels_by_time ON flights.flight_delay_labels (label_at);
CREATE INDEX IF NOT EXISTS arrival_delay_labels_by_time ON flights.arrival_delay_labels (label_at);
"""


def create_tables(connection: psycopg.Connection) -> None:
    """Make what is not there yet, and let the monitoring role read it: SELECT, and nothing else."""
    connection.execute(DEFINITION)
    for grant in (
        "GRANT USAGE ON SCHEMA flights TO {}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA flights TO {}",
    ):
        connection.execute(sql.SQL(grant).format(sql.Identifier(READER)))


def replay_of_log(connection: psycopg.Connection, now: datetime) -> Replay:
    """The replay that this log was begun with; a new log begins one that ends soon after ``now``."""
    row = connection.execute("SELECT shift FROM flights.replay").fetchone()
    if row is not None:
        kept: timedelta = row[0]
        return Replay(shift=kept)
    replay = Replay.ending_after(now)
    connection.execute("INSERT INTO flights.replay (shift) VALUES (%s)", [replay.shift])
    return replay


def newest(connection: psycopg.Connection, table: str, column: str) -> datetime | None:
    """The latest moment in ``column``; None where the table is empty.

    Rows are added in the order of that column, all that are due in one transaction: what is later is not there yet.
    """
    statement = sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(column), sql.Identifier(SCHEMA, table))
    row = connection.execute(statement).fetchone()
    return None if row is None else row[0]


def add_rows(connection: psycopg.Connection, table: str, rows: pd.DataFrame) -> int:
    """Add the rows whose id is not there yet, in one transaction; the number that were added."""
    if rows.empty:
        return 0
    target, columns = sql.Identifier(SCHEMA, table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMP TABLE incoming (LIKE {}) ON COMMIT DROP").format(target))
        with cursor.copy(sql.SQL("COPY incoming ({}) FROM STDIN (FORMAT csv)").format(columns)) as copy:
            copy.write(_as_csv(rows))
        add = "INSERT INTO {} ({}) SELECT {} FROM incoming ON CONFLICT DO NOTHING"
        cursor.execute(sql.SQL(add).format(target, columns, columns))
        return cursor.rowcount


def _as_csv(rows: pd.DataFrame) -> memoryview:
    buffer = BytesIO()
    pa.csv.write_csv(
        pa.Table.from_pandas(rows, preserve_index=False), buffer, pa.csv.WriteOptions(include_header=False)
    )
    return buffer.getbuffer()


def with_features(answers: pd.DataFrame, flights: pd.DataFrame) -> pd.DataFrame:
    """The logged answers with the inputs that they were given for."""
    return pd.concat([answers, flights[FEATURES]], axis=1)
