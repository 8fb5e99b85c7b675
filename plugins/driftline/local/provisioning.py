"""Roles and databases of the demo, on the embedded Postgres or on one of the user's own."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from driftline.local.errors import LocalSetupError
from driftline.local.secret_files import SecretFile

POSTGRES_URL_VARIABLE = "DRIFTLINE_POSTGRES_URL"
OLDEST_VERSION = 14

AIRFLOW = "airflow"
STORE = "driftline"
LOG = "flights"
LOG_READER = "driftline_reader"
OWNERS = (AIRFLOW, STORE, LOG)
"""Roles that own a database of their own name."""
ROUTER = "driftline_router"
DASHBOARDS = "driftline_dashboards"
READERS = {LOG_READER: LOG, ROUTER: STORE, DASHBOARDS: STORE}
"""Roles that can connect to a database and see what is granted to them there."""

_MARK = "Made by Driftline"
"""Comment on our roles: a role of the same name without it is somebody else's."""


@dataclass(frozen=True)
class Urls:
    """One URL, with its password, for each role."""

    airflow: str = field(repr=False)
    """Airflow's metadata."""
    store: str = field(repr=False)
    """Driftline's own tables."""
    log_owner: str = field(repr=False)
    """The prediction log, for the application that writes it."""
    log_reader: str = field(repr=False)
    """The prediction log, for Driftline: this role may only SELECT."""
    router: str = field(repr=False)
    """Driftline's routes, for serving applications (`driftline grants`)."""
    dashboards: str = field(repr=False)
    """Driftline's results, for Grafana (`driftline grants`)."""


def external_postgres_url() -> str | None:
    """The administrator's URL of the user's own Postgres, where `DRIFTLINE_POSTGRES_URL` names one."""
    return os.environ.get(POSTGRES_URL_VARIABLE) or None


def provision(admin_url: str, secrets_file: Path) -> Urls:
    """Make the roles and databases that are not there yet, and give every role its password.

    Databases `airflow`, `driftline` and `flights` each belong to the role of their name; `driftline_reader` can
    connect to `flights`, `driftline_router` and `driftline_dashboards` to `driftline`, and each sees what is granted to
    it there. Nobody else can connect to any of them. What exists already keeps its content, so that this may run again
    at any time.

    Raises
    ------
    LocalSetupError
        When the server cannot be reached, is too old, the administrator may not make roles and databases, or one of
        them is there already and is somebody else's.
    """
    secrets = SecretFile(secrets_file)
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
            _refuse_old(connection)
            for role in (*OWNERS, *READERS):
                _ensure_role(connection, role, secrets.get(f"postgres:{role}"))
            for owner in OWNERS:
                _ensure_database(connection, owner)
            for reader, database in READERS.items():
                _grant_connect(connection, database, reader)
            return _urls(connection, secrets)
    except psycopg.Error as error:
        raise LocalSetupError(
            f"Postgres cannot be set up: {str(error).strip()}. It needs a Postgres {OLDEST_VERSION} or newer and a URL "
            f"whose role may make roles and databases; {POSTGRES_URL_VARIABLE} names one, else the embedded one serves."
        ) from None


def _refuse_old(connection: psycopg.Connection) -> None:
    version = connection.info.server_version // 10_000
    if version < OLDEST_VERSION:
        raise LocalSetupError(f"This Postgres is version {version}; Driftline needs {OLDEST_VERSION} or newer.")


def _ensure_role(connection: psycopg.Connection, role: str, password: str) -> None:
    name = sql.Identifier(role)
    comment = connection.execute(
        "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", [role]
    ).fetchone()
    if comment is None:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
            connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(_MARK)))
    elif comment[0] != _MARK:
        raise LocalSetupError(
            f"The role {role!r} is on this Postgres already and is not Driftline's: its password stays as it is. "
            f"Give {POSTGRES_URL_VARIABLE} another server, or leave it out: the embedded one serves then."
        )
    # Hashed here, so that the password never stands in the server's log.
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(hashed)))


def _ensure_database(connection: psycopg.Connection, owner: str) -> None:
    name = sql.Identifier(owner)
    found = connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [owner]).fetchone()
    if found is None:
        # An administrator that is no superuser must be a member of the role that it gives a database to.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
    elif found[0] != owner:
        raise LocalSetupError(
            f"The database {owner!r} is on this Postgres already and belongs to {found[0]!r}: it is left alone. "
            f"Give {POSTGRES_URL_VARIABLE} another server, or leave it out: the embedded one serves then."
        )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))


def _grant_connect(connection: psycopg.Connection, database: str, role: str) -> None:
    grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
    connection.execute(grant.format(sql.Identifier(database), sql.Identifier(role)))


def _urls(connection: psycopg.Connection, secrets: SecretFile) -> Urls:
    mode = connection.info.get_parameters().get("sslmode")
    encryption = f"?sslmode={mode}" if mode else ""

    def url(role: str, database: str) -> str:
        password = secrets.get(f"postgres:{role}")
        host = connection.info.host
        # An IPv6 address stands in brackets.
        shown = f"[{host}]" if ":" in host else host
        return f"postgresql://{role}:{password}@{shown}:{connection.info.port}/{database}{encryption}"

    return Urls(
        airflow=url(AIRFLOW, AIRFLOW),
        store=url(STORE, STORE),
        log_owner=url(LOG, LOG),
        log_reader=url(LOG_READER, LOG),
        router=url(ROUTER, STORE),
        dashboards=url(DASHBOARDS, STORE),
    )
