"""Roles that read see what they need of the store, and nothing else."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Engine

from driftline.errors import InputError
from driftline.local.provisioning import DASHBOARDS, ROUTER, STORE, Urls
from driftline.serving.router import Router
from driftline.store.engine import store_transaction
from driftline.store.grants import Reader, grant_reading, grant_statements
from driftline.store.registry import change_routes, register_version
from driftline.store.tables import metadata

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def granted(engine: Engine, role: str, reader: Reader) -> None:
    with store_transaction(engine) as connection:
        grant_reading(connection, role, reader)


def readable(url: str) -> set[str]:
    """The tables that the role can read some column of."""
    found = set()
    with psycopg.connect(url, autocommit=True) as connection:
        for table in metadata.tables.values():
            has_any = connection.execute("SELECT has_any_column_privilege(%s, 'SELECT')", [table.fullname]).fetchone()
            assert has_any is not None
            if has_any[0]:
                found.add(table.name)
    return found


def test_a_serving_application_reads_the_routes_alone(store_engine: Engine, urls: Urls) -> None:
    granted(store_engine, ROUTER, Reader.ROUTING)
    assert readable(urls.router) == {"route_revisions"}
    with store_transaction(store_engine) as connection:
        register_version(connection, model="fraud", version="v1", artifact_uri="s3://v1", at=NOW)
    with Router(urls.router, poll_seconds=0.5) as router:
        with store_transaction(store_engine) as connection:
            change_routes(
                connection, model="fraud", shares={"v1": 1}, expected_revision=None, actor="test", reason="release",
                cause_key="first", at=NOW,
            )  # fmt: skip
        deadline = time.monotonic() + 15
        while not router.status.revisions.get("fraud") and time.monotonic() < deadline:
            time.sleep(0.02)
        assert router.route("fraud", "alice") == "v1"


def test_the_dashboards_read_no_rows_of_the_log_no_profile_and_no_message(store_engine: Engine, urls: Urls) -> None:
    granted(store_engine, DASHBOARDS, Reader.DASHBOARDS)
    assert not readable(urls.dashboards) & {
        "samples", "baseline_samples", "profiles", "binnings", "reports", "experiment_units", "experiment_batches",
        "incident_threads", "label_watermarks",
    }  # fmt: skip
    with psycopg.connect(urls.dashboards, autocommit=True) as connection:
        for column, table in (
            ("message", "alert_outbox"),
            ("payload", "baseline_profiles"),
            ("calibration", "baselines"),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT {column} FROM driftline.{table}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM driftline.findings")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE driftline.mine (value int)")


def test_granting_again_takes_away_what_the_role_no_longer_needs(store_engine: Engine, urls: Urls) -> None:
    granted(store_engine, ROUTER, Reader.DASHBOARDS)
    granted(store_engine, ROUTER, Reader.ROUTING)
    assert readable(urls.router) == {"route_revisions"}


def test_a_role_that_is_not_there_or_owns_the_tables_is_refused(store_engine: Engine) -> None:
    with pytest.raises(InputError, match=r"There is no role 'no\"body'. An administrator makes it"):
        granted(store_engine, 'no"body', Reader.ROUTING)
    with pytest.raises(InputError, match="may do everything with Driftline's tables already"):
        granted(store_engine, STORE, Reader.ROUTING)


def test_the_role_s_name_is_quoted(store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        statements = grant_statements(connection, 'x"; DROP SCHEMA driftline; --', Reader.ROUTING)
    assert all('"x""; DROP SCHEMA driftline; --"' in statement for statement in statements)
