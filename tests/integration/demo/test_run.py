"""The demo's commands where nothing, or something in the way, is there."""

from __future__ import annotations

import fcntl
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.demo.run import main
from include.demo.stack import Stack


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Not in pytest's own folder: pytest closes that to other users again, and root's server runs as another user."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        monkeypatch.setenv("DRIFTLINE_STATE", str(state))
        monkeypatch.setenv("COLUMNS", "200")
        yield state
        Stack.here().stop()


def test_stopping_what_never_ran_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop"]) == 0
    assert "Nothing was running." in capsys.readouterr().out


def test_status_before_the_first_start_says_how_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert "make demo" in capsys.readouterr().out


def test_cleaning_removes_the_state_and_stops_postgres(state: Path) -> None:
    stack = Stack.here()
    stack.start_postgres()
    server = stack.postgres
    assert stack.running() == {"postgres": True}

    assert main(["clean"]) == 0

    assert not state.exists()
    assert not server.is_running


def test_a_second_command_at_the_same_time_is_refused(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state.mkdir()
    with (state / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["stop"]) == 1
    assert "is at work" in capsys.readouterr().out


@pytest.mark.parametrize("port", ["eighty", "80", "70000", "-1"])
def test_an_impossible_port_is_refused(port: str, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DRIFTLINE_AIRFLOW_PORT", port)
    assert main(["up"]) == 1
    assert f"DRIFTLINE_AIRFLOW_PORT is '{port}'" in capsys.readouterr().out


def test_a_taken_port_is_refused_before_anything_slow(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("DRIFTLINE_AIRFLOW_PORT", str(port))
        assert main(["up"]) == 1
    said = capsys.readouterr().out
    assert f"Port {port} is taken by" in said
    assert "Models and their prediction log" not in said


def test_the_users_own_webhook_takes_the_receivers_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTLINE_SLACK_WEBHOOK", "https://hooks.slack.com/services/T/B/x")
    stack = Stack.here()
    assert stack.has_own_slack
    assert stack.webhook_url == "https://hooks.slack.com/services/T/B/x"
