"""Bringing the tables up to date: forward only."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from driftline.store.engine import store_transaction
from driftline.store.tables import SCHEMA

_LOCK = 0x6472_6966_746C_696E  # "driftlin": one migration at a time


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Runs the missing migrations; returns the revision before (``None``: empty) and after.

    Safe to run from many places at once: a lock lets one migrate and the others find nothing to do.

    Raises
    ------
    StoreError
        When the database is unreachable or the role may not create the schema.
    """
    with store_transaction(engine) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        before = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA}).get_current_revision()
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, newest_revision()


def newest_revision() -> str:
    """The revision that this release of Driftline works with."""
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    assert head is not None
    return head


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
