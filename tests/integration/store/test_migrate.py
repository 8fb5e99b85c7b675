"""Migrations: from nothing, twice, at once, and no different from what the code believes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from driftline.errors import StoreError
from driftline.local.provisioning import Urls
from driftline.store.baselines import active_baseline
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.migrate import _alembic_config, migrate, newest_revision
from driftline.store.registry import current_routes
from driftline.store.samples import reference_sample, window_samples
from driftline.store.tables import SCHEMA, metadata

PARTITIONS = ("profiles_", "samples_")


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


def test_migrating_from_the_first_tables_keeps_their_rows_and_adds_empty_samples(empty_engine: Engine) -> None:
    with store_transaction(empty_engine) as connection:
        connection.execute(text("CREATE SCHEMA driftline"))
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO driftline.baselines VALUES (7, 'fraud', '2026-03-02', '2026-03-09', 10, now(), true, '{}')"
            )
        )
    assert migrate(empty_engine) == ("0001", newest_revision())
    with store_transaction(empty_engine) as connection:
        baseline = active_baseline(connection, "fraud")
        assert baseline is not None
        assert baseline.baseline_id == 7
        assert len(reference_sample(connection, baseline)) == 0
        assert window_samples(connection, baseline, baseline.period) == {}


def test_routes_of_an_earlier_release_keep_their_shares_in_the_allocation(empty_engine: Engine) -> None:
    with store_transaction(empty_engine) as connection:
        connection.execute(text("CREATE SCHEMA driftline"))
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(text("INSERT INTO driftline.route_revisions VALUES ('fraud', 4), ('idle', 0)"))
        connection.execute(
            text("INSERT INTO driftline.routes VALUES ('fraud', 'v1', 0.333333), ('fraud', 'v2', 0.666667)")
        )
    migrate(empty_engine)
    with store_transaction(empty_engine) as connection:
        assert current_routes(connection, "fraud").allocation.positions == {"v1": 333_333, "v2": 666_667}
        assert current_routes(connection, "fraud").salt == "fraud"
        assert current_routes(connection, "idle").allocation.positions == {}


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
                "include_object": lambda item, name, kind, reflected, other: not str(name).startswith(PARTITIONS),
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
