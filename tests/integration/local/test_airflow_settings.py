"""What a local Airflow is started with; that it starts is shown by the tests of the DAGs."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import stat
from pathlib import Path

import pytest

from driftline.local.airflow import AirflowSettings, LocalAirflow
from driftline.local.errors import LocalSetupError
from driftline.local.ports import LOOPBACK, free_port


@pytest.fixture
def settings(tmp_path: Path) -> AirflowSettings:
    return AirflowSettings(
        home=tmp_path / "airflow",
        port=free_port(),
        metadata_url="postgresql://airflow:secret-of-airflow@127.0.0.1:1/airflow",
        store_url="postgresql://driftline:secret-of-store@127.0.0.1:1/driftline",
        log_url="postgresql://driftline_reader:secret-of-log@127.0.0.1:1/flights",
        slack_connection=None,
        dags_folder=tmp_path / "dags",
        plugins_folder=tmp_path / "plugins",
    )


def test_another_airflows_settings_do_not_leak_in(settings: AirflowSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", "redis://elsewhere")
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_ALERTS", "slackwebhook://elsewhere")
    variables = settings.variables()
    assert variables["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__CELERY__BROKER_URL" not in variables
    assert "AIRFLOW_CONN_SLACK_ALERTS" not in variables


def test_connections_lead_to_the_store_the_log_and_slack(settings: AirflowSettings) -> None:
    webhook = json.dumps({"conn_type": "slackwebhook", "password": "http://127.0.0.1:1/services/x"})
    variables = dataclasses.replace(settings, slack_connection=webhook).variables()
    assert variables["AIRFLOW_CONN_DRIFTLINE_STORE"] == settings.store_url
    assert variables["AIRFLOW_CONN_PREDICTION_LOG"] == settings.log_url
    assert variables["AIRFLOW_CONN_SLACK_ALERTS"] == webhook


def test_keys_and_login_are_made_once_for_a_home(settings: AirflowSettings, tmp_path: Path) -> None:
    keys = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
    first, again = settings.variables(), settings.variables()
    other = dataclasses.replace(settings, home=tmp_path / "other").variables()
    for key in keys:
        assert first[key] == again[key] != other[key]
    assert LocalAirflow(settings).login == LocalAirflow(settings).login
    assert stat.S_IMODE((settings.home / "secrets.json").stat().st_mode) == 0o600


def test_no_secret_is_in_what_is_printed(settings: AirflowSettings) -> None:
    airflow = LocalAirflow(settings)
    assert "secret-of" not in repr(settings)
    assert airflow.login.password not in repr(airflow.login)


def test_a_taken_port_is_refused_with_who_has_it_and_what_to_do(settings: AirflowSettings) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, settings.port))
        other.listen()
        with pytest.raises(LocalSetupError) as refused:
            LocalAirflow(settings).start()
    assert f"Port {settings.port} is taken by " in str(refused.value)
    assert f"(process {os.getpid()})" in str(refused.value)
    assert f"DRIFTLINE_AIRFLOW_PORT={settings.port + 1} make demo" in str(refused.value)


def test_a_command_that_fails_says_what_airflow_said(settings: AirflowSettings) -> None:
    with pytest.raises(LocalSetupError, match="invalid choice"):
        LocalAirflow(settings).cli("no-such-command")


def test_an_airflow_that_was_not_started_is_reported_dead_not_waited_for(settings: AirflowSettings) -> None:
    with pytest.raises(LocalSetupError, match="airflow-api-server has ended"):
        LocalAirflow(settings).wait_until_healthy(seconds=5)
