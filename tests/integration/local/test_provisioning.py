"""Roles and databases on a real server."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from driftline.local.errors import LocalSetupError
from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import READERS, provision


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        yield server
        server.stop()


@pytest.fixture(autouse=True)
def _empty(server: EmbeddedPostgres) -> Iterator[None]:
    yield
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        for name in ("airflow", "driftline", "flights"):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        for name in ("airflow", "driftline", "flights", *READERS, "somebody"):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def test_every_role_gets_into_its_own_database(server: EmbeddedPostgres, tmp_path: Path) -> None:
    urls = provision(server.admin_url, tmp_path / "secrets.json")
    seen = []
    for url in (urls.airflow, urls.store, urls.log_owner, urls.log_reader, urls.router, urls.dashboards):
        with psycopg.connect(url) as connection:
            seen.append(connection.execute("SELECT current_user::text, current_database()::text").fetchone())
    assert seen == [
        ("airflow", "airflow"),
        ("driftline", "driftline"),
        ("flights", "flights"),
        ("driftline_reader", "flights"),
        ("driftline_router", "driftline"),
        ("driftline_dashboards", "driftline"),
    ]


def test_doing_it_again_changes_no_password_and_loses_no_row(server: EmbeddedPostgres, tmp_path: Path) -> None:
    first = provision(server.admin_url, tmp_path / "secrets.json")
    with psycopg.connect(first.store) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")

    second = provision(server.admin_url, tmp_path / "secrets.json")

    assert second == first
    with psycopg.connect(second.store) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_lost_passwords_are_replaced(server: EmbeddedPostgres, tmp_path: Path) -> None:
    before = provision(server.admin_url, tmp_path / "one.json")
    after = provision(server.admin_url, tmp_path / "two.json")
    assert after != before
    psycopg.connect(after.store).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(before.store)


def test_the_monitoring_role_gets_into_no_other_database_and_writes_nothing(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    urls = provision(server.admin_url, tmp_path / "secrets.json")
    for database in ("driftline", "airflow"):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(urls.log_reader.rsplit("/", 1)[0] + f"/{database}")
    with psycopg.connect(urls.log_reader) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (value int)")


def test_a_role_of_the_same_name_that_is_somebody_elses_keeps_its_password(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE airflow LOGIN PASSWORD 'theirs'")

    with pytest.raises(LocalSetupError, match="'airflow' is on this Postgres already"):
        provision(server.admin_url, tmp_path / "secrets.json")

    theirs = server.admin_url.split("@")[1].replace("/postgres", "")
    psycopg.connect(f"postgresql://airflow:theirs@{theirs}/postgres").close()


def test_a_database_of_the_same_name_that_is_somebody_elses_is_left_alone(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE flights")
    with pytest.raises(LocalSetupError, match="'flights' is on this Postgres already and belongs to 'postgres'"):
        provision(server.admin_url, tmp_path / "secrets.json")


def test_an_administrator_without_superuser_rights_is_enough(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE somebody LOGIN CREATEROLE CREATEDB PASSWORD 'word'")
    place = server.admin_url.split("@")[1]
    urls = provision(f"postgresql://somebody:word@{place}", tmp_path / "secrets.json")
    psycopg.connect(urls.log_owner).close()


def test_a_role_that_may_not_make_roles_is_told_what_is_needed(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE somebody LOGIN PASSWORD 'word'")
    place = server.admin_url.split("@")[1]
    with pytest.raises(LocalSetupError, match="may make roles and databases"):
        provision(f"postgresql://somebody:word@{place}", tmp_path / "secrets.json")


def test_an_unreachable_server_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(LocalSetupError, match="DRIFTLINE_POSTGRES_URL"):
        provision("postgresql://postgres:x@127.0.0.1:1/postgres", tmp_path / "secrets.json")


def test_passwords_are_kept_from_others_and_out_of_what_is_printed(server: EmbeddedPostgres, tmp_path: Path) -> None:
    urls = provision(server.admin_url, tmp_path / "secrets.json")
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert urls.store.split(":")[2].split("@")[0] not in repr(urls)


def test_a_spoilt_file_of_secrets_is_an_error_that_says_how_to_mend_it(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(LocalSetupError, match="make clean"):
        provision(server.admin_url, tmp_path / "secrets.json")
