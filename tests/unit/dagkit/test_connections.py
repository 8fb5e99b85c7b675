"""Airflow's connections as URLs, in a process of their own: importing Airflow writes into its home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_ASK = """
import sys
from driftline.dagkit.connections import connection_url
from driftline.errors import ConnectionNotConfigured
for connection_id in sys.argv[1:]:
    try:
        print(f"{connection_id} is {connection_url(connection_id)}")
    except ConnectionNotConfigured as error:
        print(f"{connection_id} is not configured: {error}")
"""
_SOMEWHERE = '{"conn_type": "postgres", "host": "h", "port": 5433, "login": "me", "password": "a/b@c:d", "schema": "d"}'
_ENCRYPTED = (
    '{"conn_type": "postgres", "host": "h", "login": "me", "schema": "d", '
    '"extra": {"sslmode": "verify-full", "cursor": "dictcursor"}}'
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each connection."""
    variables = {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "PYTHONPATH": str(ROOT / "plugins"),
        "PATH": os.environ["PATH"],
        "AIRFLOW_CONN_SOMEWHERE": _SOMEWHERE,
        "AIRFLOW_CONN_ENCRYPTED": _ENCRYPTED,
    }
    command = [sys.executable, "-c", _ASK, "nowhere_at_all", "somewhere", "encrypted"]
    asked = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    answers = (line.partition(" is ") for line in asked.stdout.splitlines())
    return {connection_id: answer for connection_id, _, answer in answers}


def test_a_connection_that_airflow_does_not_have_is_named_with_how_to_add_it(said: dict[str, str]) -> None:
    assert said["nowhere_at_all"].startswith("not configured: Airflow has no connection 'nowhere_at_all'.")
    assert "AIRFLOW_CONN_NOWHERE_AT_ALL" in said["nowhere_at_all"]


def test_a_connections_password_is_quoted_into_its_url(said: dict[str, str]) -> None:
    assert said["somewhere"] == "postgresql://me:a%2Fb%40c%3Ad@h:5433/d"


def test_a_connections_encryption_goes_with_it_and_other_extras_do_not(said: dict[str, str]) -> None:
    assert said["encrypted"] == "postgresql://me:@h:5432/d?sslmode=verify-full"
