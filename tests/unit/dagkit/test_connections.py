"""Airflow's connections as URLs, in a process of their own: importing Airflow writes into its home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_ASK = """
import sys
from driftline.dagkit.connections import connection_url
from driftline.errors import ConnectionNotConfigured
try:
    print(connection_url(sys.argv[1]))
except ConnectionNotConfigured as error:
    print("not configured:", error)
"""
_SOMEWHERE = '{"conn_type": "postgres", "host": "h", "port": 5433, "login": "me", "password": "a/b@c:d", "schema": "d"}'
_ENCRYPTED = (
    '{"conn_type": "postgres", "host": "h", "login": "me", "schema": "d", '
    '"extra": {"sslmode": "verify-full", "cursor": "dictcursor"}}'
)


def test_a_connection_that_airflow_does_not_have_is_named_with_how_to_add_it(tmp_path: Path) -> None:
    said = _connection_url("nowhere_at_all", tmp_path)
    assert said.startswith("not configured: Airflow has no connection 'nowhere_at_all'.")
    assert "AIRFLOW_CONN_NOWHERE_AT_ALL" in said


def test_a_connections_password_is_quoted_into_its_url(tmp_path: Path) -> None:
    assert _connection_url("somewhere", tmp_path) == "postgresql://me:a%2Fb%40c%3Ad@h:5433/d"


def test_a_connections_encryption_goes_with_it_and_other_extras_do_not(tmp_path: Path) -> None:
    assert _connection_url("encrypted", tmp_path) == "postgresql://me:@h:5432/d?sslmode=verify-full"


def _connection_url(connection_id: str, home: Path) -> str:
    variables = {
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(ROOT / "plugins"),
        "PATH": os.environ["PATH"],
        "AIRFLOW_CONN_SOMEWHERE": _SOMEWHERE,
        "AIRFLOW_CONN_ENCRYPTED": _ENCRYPTED,
    }
    asked = subprocess.run(
        [sys.executable, "-c", _ASK, connection_id], env=variables, capture_output=True, text=True, check=True
    )
    return asked.stdout.strip().splitlines()[-1]
