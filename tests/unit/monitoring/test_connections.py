"""Where connections lead, as the environment says."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from driftline.errors import ConnectionNotConfigured
from driftline.monitoring.connections import environment_url

VARIABLE = "AIRFLOW_CONN_PREDICTION_LOG"


def test_a_url_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, " postgresql://reader:secret@db:5433/log ")
    assert environment_url("prediction_log") == "postgresql://reader:secret@db:5433/log"


def test_airflows_json_becomes_a_url_with_what_needs_it_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        VARIABLE,
        '{"conn_type": "postgres", "login": "a/b", "password": "p@ss:w?rd", "host": "db", "port": 5433, "schema": "l"}',
    )
    url = make_url(environment_url("prediction_log"))
    assert (url.username, url.password, url.host, url.port, url.database) == ("a/b", "p@ss:w?rd", "db", 5433, "l")


def test_json_without_a_port_means_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"login": "u", "password": "p", "host": "db", "schema": "l"}')
    assert make_url(environment_url("prediction_log")).port == 5432


@pytest.mark.parametrize("written", [None, "", "   "])
def test_a_connection_that_nothing_describes_names_the_variable_that_would(
    monkeypatch: pytest.MonkeyPatch, written: str | None
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if written is not None:
        monkeypatch.setenv(VARIABLE, written)
    with pytest.raises(ConnectionNotConfigured, match=f"Set {VARIABLE} to a URL"):
        environment_url("prediction_log")


def test_broken_json_is_refused_without_showing_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"password": "secret"')
    with pytest.raises(ConnectionNotConfigured, match="not valid JSON") as refused:
        environment_url("prediction_log")
    assert "secret" not in str(refused.value)
