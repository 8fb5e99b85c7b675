"""The prediction log, read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Composable, Composed

from driftline.config import Feature, FeatureKind, Labels, ModelConfig, Task
from driftline.errors import SourceError
from driftline.sources import label_queries, queries
from driftline.sources.catalog import NUMBERS, LogCatalog, LogColumn, missing_attributes, require_fit
from driftline.sources.kept_sessions import CONNECT_TIMEOUT_SECONDS, KeptSessions, open_session
from driftline.sources.queries import Conversion, Selected
from driftline.sources.read_ahead import read_ahead
from driftline.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SliceState = tuple[int, datetime | None, int | None]
"""Rows of a slice, the newest arrival among its labels, and a digest of them."""

_BATCH_BYTES = 8 * 1024 * 1024
_SESSION = "-c default_transaction_read_only=on -c timezone=UTC -c application_name=driftline"


class _SharedDatabase:
    """What a connection closes with itself, and must not: the next read needs it. It goes with its `PredictionLog`."""

    def close(self) -> None:
        pass


class PredictionLog:
    """A model's predictions and labels behind ``url`` (``postgresql://…``).

    Reads only: its sessions refuse writes whatever the role may do.

    Raises
    ------
    SourceError
        From every method, when the database, a table, a column or a permission is missing.
    """

    def __init__(self, config: ModelConfig, url: str) -> None:
        self._config = config
        self._url = _readable_url(config, url)
        self._catalog: LogCatalog | None = None
        self._database: Any = None

    @property
    def catalog(self) -> LogCatalog:
        """The log's columns, looked up once."""
        if self._catalog is None:
            self._catalog = self._look_up()
        return self._catalog

    def require_fit(self) -> None:
        """Refuses (`SourceError`) a log that does not have what the configuration maps."""
        require_fit(self._config, self.catalog)

    def bounds(self) -> tuple[datetime, datetime] | None:
        """Earliest and latest prediction time; ``None`` for an empty log."""
        with self._session() as connection:
            row = connection.execute(queries.bounds_query(self._config.predictions)).fetchone()
        return None if row is None or row[0] is None else (row[0], row[1])

    def prediction_fingerprints(self, window: Window) -> dict[datetime, SliceState]:
        """Rows per slice of the window (slices without rows are absent)."""
        return self._fingerprints(queries.prediction_fingerprints_query(self._config.predictions, window))

    def outcome_fingerprints(self, window: Window) -> dict[datetime, SliceState]:
        """Labels, newest arrival and digest per slice of the window (slices without labels are absent)."""
        if self._config.labels is None:
            return {}
        query = queries.outcome_fingerprints_query(self._config.predictions, self._config.labels, window)
        return self._fingerprints(query)

    def newest_arrival(self, until: datetime | None = None) -> tuple[datetime | None, datetime]:
        """When the newest label arrived (``None`` without any), and what the log's server has for the time.

        Of those that arrived by ``until``, where it is given.
        """
        with self._session() as connection:
            row = connection.execute(label_queries.newest_arrival_query(self._mapped_labels, until)).fetchone()
        assert row is not None
        return row[0], row[1]

    def slices_of_arrivals(self, since: datetime, earliest: datetime) -> list[datetime]:
        """Starts of the slices, from ``earliest`` on, whose predictions got a label at ``since`` or later."""
        query = label_queries.arrival_slices_query(self._config.predictions, self._mapped_labels, since, earliest)
        with self._session() as connection:
            return sorted(row[0].astimezone(UTC) for row in connection.execute(query))

    def label_delays(self, window: Window, edges: Sequence[float]) -> dict[int, int]:
        """Of the window's predictions, those with a label by the cell of its delay in seconds (0: before the first
        of ``edges``)."""
        query = label_queries.delays_query(self._config.predictions, self._mapped_labels, window, edges)
        with self._session() as connection:
            return {int(cell): int(count) for cell, count in connection.execute(query)}

    def longest_silence(self, window: Window) -> timedelta | None:
        """The longest time without a label among those that arrived within ``window``, to the hour."""
        with self._session() as connection:
            row = connection.execute(label_queries.longest_silence_query(self._mapped_labels, window)).fetchone()
        return None if row is None else row[0]

    def read_predictions(self, window: Window, columns: Sequence[Selected]) -> Iterator[pa.RecordBatch]:
        """Batches of: time, version, the segment columns, then ``columns``."""
        query = queries.predictions_query(
            self._config.predictions,
            window,
            [*self._leading_columns(), *columns],
            ids_are_unique=self.catalog.ids_are_unique,
            join=self._join_for(columns),
        )
        yield from self._stream(query)

    def read_outcomes(self, window: Window, attributes: Sequence[Selected] = ()) -> Iterator[pa.RecordBatch]:
        """Batches of: time, version, the segment columns, label, prediction, the mapped scores, ``attributes``."""
        labels = self._config.labels
        assert labels is not None
        assert self.catalog.labels is not None
        conversion = Conversion.NUMBER if self._config.task is Task.REGRESSION else Conversion.TEXT
        mapping = self._config.predictions
        values = [
            self.selected(mapping.prediction, conversion),
            *(self.selected(score, Conversion.NUMBER) for score in mapping.score_columns),
        ]
        query = queries.outcomes_query(
            mapping,
            labels,
            window,
            self._leading_columns(),
            label=Selected(self.catalog.labels[labels.label], _possible(conversion, self.catalog.labels[labels.label])),
            values=[*values, *attributes],
            join=self._join_for(attributes),
        )
        yield from self._stream(query)

    def read_rows(self, window: Window, columns: Sequence[Selected], maximum_rows: int, rows: int) -> pd.DataFrame:
        """Whole rows of a window of ``rows`` rows; a stable sample of them where there are more than asked for."""
        query = queries.rows_query(self._config.predictions, window, columns, maximum_rows, rows)
        return _as_frame(list(self._stream(query)), [selected.column.name for selected in columns])

    def selected(self, column: str, conversion: Conversion) -> Selected:
        """A column of the predictions; text that should be numbers comes as text and is read while counting."""
        found = self.catalog.predictions[column]
        return Selected(found, _possible(conversion, found))

    def selected_feature(self, feature: Feature) -> Selected:
        is_numeric = feature.kind is FeatureKind.NUMERIC
        return self.selected(feature.source_column, Conversion.NUMBER if is_numeric else Conversion.TEXT)

    def present_segment_columns(self) -> list[str]:
        """The configured segment columns that the log has."""
        return [column for column in self._config.segment_columns if column in self.catalog.predictions]

    @property
    def _mapped_labels(self) -> Labels:
        labels = self._config.labels
        assert labels is not None, "asked for the labels of a model whose file maps none"
        return labels

    def attributes(self) -> list[Selected]:
        """The configured protected attributes that can be read, as text."""
        fairness = self._config.fairness
        if fairness is None:
            return []
        missing = {column for column, _ in missing_attributes(self._config, self.catalog)}
        of_join = self.catalog.attributes or {}
        joined = [] if fairness.join is None else [attribute.column for attribute in fairness.join.attributes]
        return [
            *(self.selected(one.column, Conversion.TEXT) for one in fairness.attributes if one.column not in missing),
            *(Selected(of_join[name], Conversion.TEXT, is_joined=True) for name in joined if name not in missing),
        ]

    def _join_for(self, columns: Sequence[Selected]) -> Composable:
        fairness = self._config.fairness
        if fairness is None or fairness.join is None or not any(selected.is_joined for selected in columns):
            return SQL("")
        return queries.attribute_join(
            fairness.join, self._config.predictions, columns, keys_are_unique=self.catalog.attribute_keys_are_unique
        )

    def _leading_columns(self) -> list[Selected]:
        mapping = self._config.predictions
        names = [mapping.time, mapping.version, *self.present_segment_columns()]
        return [self.selected(name, Conversion.TEXT) for name in names]

    def _look_up(self) -> LogCatalog:
        with self._session() as connection:
            return self.catalog_of(connection)

    def catalog_seen_by(self, connection: psycopg.Connection[Any]) -> LogCatalog:
        """`catalog`, looked up by a session that is open where it is not known yet."""
        if self._catalog is None:
            self._catalog = self.catalog_of(connection)
        return self._catalog

    def catalog_of(self, connection: psycopg.Connection[Any]) -> LogCatalog:
        """The log's columns, as a session that is open sees them."""
        mapping, labels = self._config.predictions, self._config.labels
        return LogCatalog(
            predictions=_columns(connection, queries.describe(mapping.table, mapping.query)),
            labels=None if labels is None else _columns(connection, queries.describe(labels.table, labels.query)),
            ids_are_unique=mapping.table is not None and _is_unique(connection, mapping.table, mapping.id),
            **self._look_up_attributes(connection),
        )

    def _look_up_attributes(self, connection: psycopg.Connection[Any]) -> dict[str, Any]:
        """What of the catalog is about joined attributes: that they cannot be read stops nothing else."""
        join = None if self._config.fairness is None else self._config.fairness.join
        if join is None:
            return {}
        try:
            is_unique = join.table is not None and _is_unique(connection, join.table, join.key)
            found = _columns(connection, queries.describe(join.table, join.query))
            probed = queries.attribute_join(join, self._config.predictions, (), keys_are_unique=True)
            connection.execute(queries.probe_join(self._config.predictions, probed))
        except psycopg.Error as error:
            what = str(error).strip().partition("\n")[0]
            mend = "Name a table that the role may SELECT from, with a key of the type that it is matched with."
            return {"attribute_fault": f"the attributes cannot be joined: {what}. {mend}"}
        return {"attributes": found, "attribute_keys_are_unique": is_unique}

    def _fingerprints(self, query: Composed) -> dict[datetime, SliceState]:
        with self._session() as connection:
            rows = connection.execute(query).fetchall()
        return {start.astimezone(UTC): (count, newest, digest) for start, count, newest, digest in rows}

    @property
    def config(self) -> ModelConfig:
        return self._config

    def session(
        self, statement_timeout: timedelta, kept: KeptSessions | None = None
    ) -> AbstractContextManager[psycopg.Connection[Any]]:
        """A read-only session whose statements are given up after ``statement_timeout``; one of ``kept``, if given."""
        milliseconds = int(statement_timeout.total_seconds() * 1000)
        return self._session(f" -c statement_timeout={milliseconds}", kept)

    @contextmanager
    def _session(self, options: str = "", kept: KeptSessions | None = None) -> Iterator[psycopg.Connection[Any]]:
        options = _SESSION + options
        try:
            opened = open_session(self._url, options) if kept is None else kept.session(self._url, options)
            with opened as connection:
                yield connection
        except psycopg.Error as error:
            raise self._in_words(error, error.sqlstate) from error

    def _stream(self, query: Composed) -> Iterator[pa.RecordBatch]:
        import adbc_driver_manager
        import pyarrow as pa

        try:
            with self._arrow_connection() as connection, connection.cursor() as cursor:
                cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
                cursor.execute(query.as_string())
                yield from read_ahead(iter(cursor.fetch_record_batch()))
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            # An error of the server comes as one of Arrow once batches flow.
            raise self._in_words(error, getattr(error, "sqlstate", None)) from error

    def _arrow_connection(self) -> Any:
        """A connection for one read, on the database object that all reads share: to make one reads every type that
        the server knows, which takes longer than many a read."""
        import adbc_driver_manager
        import adbc_driver_manager.dbapi
        import adbc_driver_postgresql

        if self._database is None:
            self._database = adbc_driver_postgresql.connect(_with_session_options(self._url))
        opened = adbc_driver_manager.AdbcConnection(self._database)
        return adbc_driver_manager.dbapi.Connection(_SharedDatabase(), opened, autocommit=True)

    def _in_words(self, error: Exception, sqlstate: str | None) -> SourceError:
        config = self._config
        where = f"connection {config.connection!r}"
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        mends = {
            "42883": "The ids of predictions and labels are not of one type: cast one of them with `query`.",
            "57014": "It took too long: an index on the time column keeps it short; or the table is locked.",
            "42P01": "The table does not exist: correct `table` in the model's file, or create it.",
            "3F000": "The schema does not exist: correct `table` in the model's file.",
            "42703": "A column does not exist: correct the column names in the model's file.",
            "42501": "The role may not read it: GRANT USAGE on its schema and SELECT on the table to the role.",
            "42601": "`query` in the model's file is not a valid SELECT.",
            "28P01": "The password is wrong: correct the connection.",
            "28000": "The server refuses the role: correct the connection or the server's pg_hba.conf.",
            "3D000": "The database does not exist: correct the connection.",
        }
        mend = mends.get(
            sqlstate or "", "Check that the server runs and that the connection leads to it; then try again."
        )
        return SourceError(f"The prediction log of {config.model} ({where}) cannot be read: {what}. {mend}")


def _columns(connection: psycopg.Connection[Any], query: Composed) -> dict[str, LogColumn]:
    description = connection.execute(query).description or []
    names = {
        row[0]: row[1]
        for row in connection.execute(
            # The values of an enum are texts.
            "SELECT oid, CASE typtype WHEN 'e' THEN 'text' ELSE typname END FROM pg_type WHERE oid = ANY(%s)",
            ([column.type_code for column in description],),
        )
    }
    return {column.name: LogColumn(column.name, names[column.type_code]) for column in description}


def _possible(conversion: Conversion, column: LogColumn) -> Conversion:
    is_text = conversion is Conversion.NUMBER and column.family not in NUMBERS
    return Conversion.TEXT if is_text else conversion


def _is_unique(connection: psycopg.Connection[Any], table: str, column: str) -> bool:
    row = connection.execute(
        """
        SELECT EXISTS (
            SELECT FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
            WHERE indrelid = %s::regclass AND indisunique AND indisvalid AND indnkeyatts = 1
                AND indpred IS NULL AND attname = %s
        )
        """,
        (queries.relation(table, None).as_string(connection), column),
    ).fetchone()
    return bool(row and row[0])


def _readable_url(config: ModelConfig, url: str) -> str:
    """``url`` as libpq reads it (SQLAlchemy's spelling with a driver too); never shown, for it holds a password."""
    plain = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)
    try:
        conninfo_to_dict(plain)
    except psycopg.Error:
        plain = ""
    if not plain.startswith("postgresql://"):
        raise SourceError(
            f"The connection {config.connection!r} of {config.model} is no Postgres URL. Write it as "
            "postgresql://user:password@host:port/database, with special characters in the password as %XX."
        )
    return plain


def _with_session_options(url: str) -> str:
    from urllib.parse import quote

    separator = "&" if "?" in url else "?"
    return f"{url}{separator}options={quote(_SESSION)}&connect_timeout={CONNECT_TIMEOUT_SECONDS}"


def _as_frame(batches: list[pa.RecordBatch], names: list[str]) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    if not batches:
        return pd.DataFrame({name: [] for name in names})
    frame: pd.DataFrame = pa.Table.from_batches(batches).rename_columns(names).to_pandas()
    return frame
