"""What many tests share: a real Postgres, migrated once, emptied for every test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine, text

from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import Urls, provision
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.migrate import migrate
from driftline.store.tables import metadata

# How long an example takes tells of the machine, not of the code; and CI tries the same examples each time.
hypothesis.settings.register_profile(
    "driftline",
    deadline=None,
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("driftline")


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
    engine = create_store_engine(urls.store)
    migrate(engine)
    return engine


@pytest.fixture
def store_engine(_migrated_engine: Engine) -> Engine:
    """The store, migrated and empty."""
    tables = ", ".join(str(table) for table in metadata.sorted_tables)
    with store_transaction(_migrated_engine) as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    return _migrated_engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real Airflow comes last: it stays up until the session ends, and would take processor time from the others."""
    items.sort(key=lambda item: item.get_closest_marker("airflow") is not None)
