"""Engines for the store's database, and its refusals in words a person can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from driftline.errors import StoreError

STORE_CONNECTION = "driftline_store"
"""The connection that leads to the store, by Airflow's name for it."""

_CONNECT_TIMEOUT_SECONDS = 10
_UNDEFINED = frozenset({"42P01", "42703", "3F000"})
"""A table, column or schema that is not there."""
_INSUFFICIENT_PRIVILEGE = "42501"


def create_store_engine(url: str, connect_timeout: int = _CONNECT_TIMEOUT_SECONDS) -> Engine:
    """An engine for ``url`` (``postgresql://…``); tasks are short-lived processes, so it keeps no pool.

    Parameters
    ----------
    connect_timeout:
        Seconds after which a server that does not answer is given up.

    Raises
    ------
    StoreError
        When ``url`` is no Postgres URL.
    """
    try:
        parsed = make_url(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", url))
    except ArgumentError:
        raise StoreError(
            "The store's connection is not a URL. Write it as postgresql://user:password@host:port/database."
        ) from None
    if parsed.get_backend_name() != "postgresql":
        raise StoreError(f"The store's connection is for {parsed.get_backend_name()}; Driftline's store is Postgres.")
    return create_engine(
        parsed,
        poolclass=NullPool,
        # Arms and analyses are long documents: Python's own decoder takes four times as long over them.
        json_deserializer=msgspec.json.decode,
        connect_args={
            "connect_timeout": connect_timeout,
            "options": "-c timezone=UTC -c search_path=pg_catalog",
        },
    )


@contextmanager
def store_connection(engine: Engine) -> Iterator[Connection]:
    """One connection for many a `store_transaction`, one after the other.

    Raises
    ------
    StoreError
        When the database is unreachable.
    """
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise _in_words(error, engine) from error
    with connection:
        yield connection


@contextmanager
def store_transaction(store: Engine | Connection) -> Iterator[Connection]:
    """One transaction on the store: all of it is written, or nothing.

    Parameters
    ----------
    store
        An engine, or a connection that is in no transaction.

    Raises
    ------
    StoreError
        When the database is unreachable, not migrated, or refuses the role.
    """
    try:
        if isinstance(store, Connection):
            with store.begin():
                yield store
        else:
            with store.begin() as connection:
                yield connection
    except DBAPIError as error:
        raise _in_words(error, store.engine) from error


def _in_words(error: DBAPIError, engine: Engine) -> Exception:
    state = getattr(error.orig, "sqlstate", None)
    where = f"{engine.url.host or 'localhost'}:{engine.url.port or 5432}/{engine.url.database}"
    if state in _UNDEFINED:
        return StoreError(f"Driftline's tables are missing or out of date in {where}. Run: driftline migrate")
    if state == _INSUFFICIENT_PRIVILEGE:
        return StoreError(f"The role {engine.url.username!r} may not do this in {where}: {error.orig}")
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return StoreError(f"The store's database {where} cannot be reached or broke off: {error.orig}")
    return error
