"""The embedded server, for real: first start, crash, a taken port, an interrupted set-up."""

from __future__ import annotations

import os
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from driftline.local.errors import LocalSetupError
from driftline.local.ports import LOOPBACK
from driftline.local.postgres import DURABLE, SCRATCH, EmbeddedPostgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: pytest closes that to other users again, and root's server runs as another user."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    # A path beyond 107 bytes, the most that a socket file may have.
    server = EmbeddedPostgres(folder / ("long" * 30), SCRATCH)
    yield server
    server.stop()


def _postmaster(server: EmbeddedPostgres) -> psutil.Process:
    return psutil.Process(int((server._data / "postmaster.pid").read_text().splitlines()[0]))


def test_it_starts_remembers_its_rows_and_keeps_its_port_over_a_restart(server: EmbeddedPostgres) -> None:
    server.start()
    port = server.port
    with psycopg.connect(server.admin_url) as connection:
        connection.execute("CREATE TABLE kept (value int); INSERT INTO kept VALUES (7)")
    server.stop()
    assert not server.is_running

    server.start()

    assert server.is_running
    assert server.port == port
    with psycopg.connect(server.admin_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_a_second_start_leaves_the_running_server_alone(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.admin_url) as connection:
        server.start()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_another_process_finds_the_same_server_by_its_folder(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    again = EmbeddedPostgres(folder / ("long" * 30), SCRATCH)
    assert again.is_running
    assert again.admin_url == server.admin_url


def test_it_comes_back_after_a_crash(folder: Path, request: pytest.FixtureRequest) -> None:
    server = EmbeddedPostgres(folder / "postgres", DURABLE)
    request.addfinalizer(server.stop)
    server.start()
    with psycopg.connect(server.admin_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    crashed = _postmaster(server)
    family = [crashed, *crashed.children(recursive=True)]
    os.kill(crashed.pid, signal.SIGKILL)
    psutil.wait_procs(family, timeout=20)
    assert not server.is_running

    server.start()

    with psycopg.connect(server.admin_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_a_lock_file_that_names_a_program_that_is_not_postgres_is_mended(server: EmbeddedPostgres) -> None:
    """After a crash and a reboot the number in the lock file may be any program's: here it is our own."""
    server.start()
    lock = server._data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    server.stop()
    lock.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    assert not server.is_running

    server.start()

    assert server.is_running


def test_it_takes_another_port_when_its_own_has_been_taken(server: EmbeddedPostgres) -> None:
    server.start()
    port = server.port
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((LOOPBACK, port))
        other.listen()

        server.start()

        assert server.port != port
        with psycopg.connect(server.admin_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_interrupted_first_start_is_begun_anew(server: EmbeddedPostgres) -> None:
    draft = server._folder / "data.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")

    server.start()

    assert server.is_running
    assert not draft.exists()


def test_nobody_gets_in_without_the_password(server: EmbeddedPostgres) -> None:
    server.start()
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=LOOPBACK, port=server.port, user="postgres", password=password, dbname="postgres")


def test_it_listens_on_the_loopback_interface_only(server: EmbeddedPostgres) -> None:
    server.start()
    listening = [
        c.laddr.ip for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == server.port
    ]
    assert set(listening) == {LOOPBACK}


def test_its_password_can_be_read_by_its_owner_only(server: EmbeddedPostgres) -> None:
    server.start()
    assert stat.S_IMODE((server._folder / "secrets.json").stat().st_mode) == 0o600


def test_a_server_that_cannot_start_says_what_its_log_says(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", {"shared_buffers": "a lot"})
    with pytest.raises(LocalSetupError, match="shared_buffers"):
        server.start()


def test_the_port_of_a_server_that_never_ran_is_an_error_that_says_so(folder: Path) -> None:
    with pytest.raises(LocalSetupError, match=r"call start\(\) first"):
        _ = EmbeddedPostgres(folder / "postgres", SCRATCH).port
