"""What many tests share: a real Postgres, migrated once, emptied for every test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import Urls, provision
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.migrate import migrate
from tests.chromium import chromium

__all__ = ["chromium"]

# How long an example takes tells of the machine, not of the code; and CI tries the same examples each time.
hypothesis.settings.register_profile(
    "driftline",
    deadline=None,
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("driftline")

# A table without a byte holds no row, and emptying all of them takes longer than most tests.
_FILLED = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = 'driftline'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
    AND pg_relation_size(oid) > 0
"""
_RESTART_IDENTITIES = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences
WHERE schemaname = 'driftline' AND last_value IS NOT NULL
"""


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A real server of this test session's own."""
    with tempfile.TemporaryDirectory(prefix="driftline-tests-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def urls(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Urls:
    """The databases and roles of an installation: store, prediction log, Airflow."""
    return provision(postgres.admin_url, tmp_path_factory.mktemp("secrets") / "secrets.json")


@pytest.fixture(scope="session")
def _migrated_engine(urls: Urls) -> Engine:
    engine = _kept_open(create_store_engine(urls.store))
    migrate(engine)
    return engine


@pytest.fixture
def store_engine(_migrated_engine: Engine) -> Engine:
    """The store, migrated and empty."""
    with store_transaction(_migrated_engine) as connection:
        filled = connection.execute(text(_FILLED)).scalars().all()
        if filled:
            connection.execute(text(f"TRUNCATE {', '.join(filled)} CASCADE"))
        connection.execute(text(_RESTART_IDENTITIES))
    return _migrated_engine


def _kept_open(engine: Engine) -> Engine:
    """The engine's connections, kept for the next transaction: a new one for each costs more than what most do."""

    def connect() -> DBAPIConnection:
        opened = engine.raw_connection()
        opened.detach()
        connection = opened.dbapi_connection
        assert connection is not None
        # As in the connections of one transaction each, no statement is asked often enough to be prepared.
        connection.prepare_threshold = None
        return connection

    return create_engine(engine.url, creator=connect, pool_pre_ping=True, max_overflow=-1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real Airflow comes last: it stays up until the session ends, and would take processor time from the others."""
    items.sort(key=lambda item: item.get_closest_marker("airflow") is not None)
