"""Migrations: from nothing, twice, at once, and no different from what the code believes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from driftline.errors import StoreError
from driftline.local.provisioning import Urls
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.migrate import migrate, newest_revision
from driftline.store.tables import SCHEMA, metadata


@pytest.fixture
def empty_engine(urls: Urls) -> Engine:
    """A database without Driftline's schema."""
    engine = create_store_engine(urls.store)
    with store_transaction(engine) as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS driftline CASCADE"))
    return engine


def test_migrating_an_empty_database_reaches_the_newest_revision(empty_engine: Engine) -> None:
    assert migrate(empty_engine) == (None, newest_revision())


def test_migrating_twice_changes_nothing(empty_engine: Engine) -> None:
    migrate(empty_engine)
    assert migrate(empty_engine) == (newest_revision(), newest_revision())


def test_many_may_migrate_at_once(empty_engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: migrate(empty_engine), range(4)))
    assert sorted(before is None for before, _ in results) == [False, False, False, True]


def test_the_migrated_tables_are_those_the_code_uses(empty_engine: Engine) -> None:
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "version_table_schema": SCHEMA,
                "include_name": lambda name, kind, parents: kind != "schema" or name == SCHEMA,
                "include_object": lambda item, name, kind, reflected, other: not str(name).startswith("profiles_"),
            },
        )
        assert compare_metadata(context, metadata) == []


def test_an_unmigrated_store_says_which_command_mends_it(empty_engine: Engine) -> None:
    with pytest.raises(StoreError, match="driftline migrate"), store_transaction(empty_engine) as connection:
        connection.execute(metadata.tables["driftline.findings"].select())
    migrate(empty_engine)


def test_an_unreachable_store_is_named() -> None:
    engine = create_store_engine("postgresql://driftline:secret@127.0.0.1:1/driftline")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/driftline") as refused, store_transaction(engine):
        pass
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["not a url", "mysql://user@localhost/x"])
def test_what_is_no_postgres_url_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"Postgres|postgresql"):
        create_store_engine(url)
