"""Airflow on this machine: its four components as background processes, with all their state in one folder."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from driftline.local.errors import LocalSetupError
from driftline.local.ports import LOOPBACK, holder, is_free
from driftline.local.processes import BackgroundProcess, inherited_environment, stop_all
from driftline.local.secret_files import SecretFile, write_private

USER = "admin"
COMPONENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "api-server": ("api-server", "--workers", "1"),
        "scheduler": ("scheduler", "--skip-serve-logs"),
        "dag-processor": ("dag-processor",),
        "triggerer": ("triggerer", "--skip-serve-logs"),
    }
)
LOCAL_SETTINGS = """\
# Written by Driftline: the scheduler imports what tasks need once, and tasks forked from it start with it in memory.
import os

if os.environ.get("DRIFTLINE_PRELOAD"):
    import driftline.dagkit.preload  # noqa: F401
"""
PRELOADING = {"scheduler": {"DRIFTLINE_PRELOAD": "1"}}
HEALTH_KEYS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class Login:
    """What Airflow's page asks for."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class AirflowSettings:
    """Where a local Airflow lives and what it leads to; two with different homes and ports do not meet."""

    home: Path
    """Holds its secrets, logs and pid files."""
    port: int
    metadata_url: str = field(repr=False)
    """Postgres URL of a database of its own."""
    store_url: str = field(repr=False)
    """Behind the connection `driftline_store`."""
    log_url: str = field(repr=False)
    """Behind the connection `prediction_log`."""
    slack_connection: str | None = field(repr=False)
    """Airflow connection (URI or JSON) called `slack_alerts`; None leaves it out."""
    dags_folder: Path
    plugins_folder: Path
    python_path: tuple[Path, ...] = ()
    """Put before the module path of every process."""
    parallelism: int = 4
    """Tasks at a time."""
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    """More variables, which win over ours."""

    def variables(self) -> dict[str, str]:
        """The environment of every process of this Airflow."""
        # Another Airflow's settings in our environment must not leak into this one.
        return {**inherited_environment("AIRFLOW_"), **self.own_variables(), **self.environment}

    def own_variables(self) -> dict[str, str]:
        """What in that environment is not inherited."""
        kept = SecretFile(self.home / "secrets.json")
        airflow = {
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": str(self.parallelism),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_FOLDER": str(self.dags_folder),
            "CORE__PLUGINS_FOLDER": str(self.plugins_folder),
            "CORE__FERNET_KEY": kept.get("fernet", _fernet_key),
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.password_file),
            "CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{self.port}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": _with_driver(self.metadata_url),
            "API__HOST": LOOPBACK,
            "API__PORT": str(self.port),
            "API__BASE_URL": f"http://localhost:{self.port}",
            "API__SECRET_KEY": kept.get("api"),
            "API_AUTH__JWT_SECRET": kept.get("jwt", lambda: secrets.token_urlsafe(48)),
            "LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            # A task whose worker was ended with Airflow is tried again after so long without a sign of life.
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "90",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        connections = {
            "DRIFTLINE_STORE": self.store_url,
            "PREDICTION_LOG": self.log_url,
            "AIRFLOW_API": f"http://{USER}:{kept.get('password', _typable_password)}@{LOOPBACK}:{self.port}",
        }
        if self.slack_connection is not None:
            connections["SLACK_ALERTS"] = self.slack_connection
        return {
            **{f"AIRFLOW__{name}": value for name, value in airflow.items()},
            **{f"AIRFLOW_CONN_{name}": uri for name, uri in connections.items()},
            "AIRFLOW_HOME": str(self.home),
            "DRIFTLINE_METRICS_TOKEN": kept.get("metrics"),
            "PYTHONPATH": ":".join(map(str, self.python_path)),
            "PYTHONUNBUFFERED": "1",
            "SCARF_ANALYTICS": "false",
        }

    @property
    def password_file(self) -> Path:
        return self.home / "passwords.json"


def require_free(port: int) -> None:
    """Say at once when Airflow's port is taken.

    Raises
    ------
    LocalSetupError
        Naming who has it, and how to choose another.
    """
    if not is_free(port):
        raise LocalSetupError(
            f"Port {port} is taken by {holder(port)}; Airflow needs it. End that program, or choose another port: "
            f"DRIFTLINE_AIRFLOW_PORT={port + 1} make demo"
        )


class LocalAirflow:
    """Starts, watches and stops the components; a later process with the same settings finds them running."""

    def __init__(self, settings: AirflowSettings) -> None:
        self._settings = settings

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self._settings.port}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which other programs, such as the `driftline` command, meet this Airflow."""
        return self._settings.variables()

    @property
    def login(self) -> Login:
        """The one user, with the password that was made for this home."""
        return Login(USER, SecretFile(self._settings.home / "secrets.json").get("password", _typable_password))

    @property
    def is_running(self) -> bool:
        """Whether all components run; they may not be healthy yet."""
        return all(process.is_running for process in self._processes())

    def start(self) -> None:
        """Make or upgrade the metadata tables and start what does not run; returns before all are healthy.

        Raises
        ------
        LocalSetupError
            When the port is another program's, or the metadata cannot be set up.
        """
        if self.is_running and self._mark("started").is_current(self._own_settings()):
            return
        self.stop()
        require_free(self._settings.port)
        login = self.login
        write_private(self._settings.password_file, json.dumps({login.user: login.password}))
        write_private(self._settings.home / "config" / "airflow_local_settings.py", LOCAL_SETTINGS)
        self._migrate()
        for process in self._processes():
            process.start()
        self._mark("started").set(self._own_settings())

    def stop(self) -> None:
        """End all components; running tasks are ended too, and retried after the next start."""
        stop_all(self._run_folder)

    def wait_until_healthy(self, seconds: float = 180.0, tell: Callable[[str], None] = lambda _: None) -> None:
        """Wait until the API server answers and every component has reported.

        ``tell`` is given what is still awaited, whenever it changes.

        Raises
        ------
        LocalSetupError
            When a component ends, or the time runs out; with the end of the log in question.
        """
        deadline = time.monotonic() + seconds
        awaited = list(COMPONENTS)
        while awaited:
            if time.monotonic() > deadline:
                raise LocalSetupError(
                    f"Airflow's {awaited[0]} is not healthy after {seconds:.0f} s. {self._log_of(awaited[0])}"
                )
            self._refuse_dead()
            still = self._unhealthy()
            if still != awaited:
                awaited = still
                tell(f"waiting for {', '.join(awaited)}" if awaited else "healthy")
            time.sleep(0.5)

    def cli(self, *arguments: str, timeout: float = 180.0) -> str:
        """What `airflow ARGUMENTS` prints.

        Raises
        ------
        LocalSetupError
            When the command fails; with what it said.
        """
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(  # noqa: S603 - the command is ours
            command, env=self._settings.variables(), capture_output=True, text=True, timeout=timeout
        )
        if done.returncode != 0:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise LocalSetupError(f"`airflow {' '.join(arguments)}` failed with exit code {done.returncode}:\n{said}")
        return done.stdout

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call Airflow's REST API: ``path`` such as `/api/v2/dags`; the parsed answer.

        Raises
        ------
        urllib.error.HTTPError
            When Airflow refuses.
        """
        return _request(method, self._local(path), body, {"Authorization": f"Bearer {self._token()}"})

    def _token(self) -> str:
        login = self.login
        credentials = {"username": login.user, "password": login.password}
        answer = _request("POST", self._local("/auth/token"), credentials, {})
        return str(answer["access_token"])

    def _local(self, path: str) -> str:
        return f"http://{LOOPBACK}:{self._settings.port}{path}"

    @property
    def _run_folder(self) -> Path:
        return self._settings.home / "run"

    def _processes(self) -> list[BackgroundProcess]:
        variables = self._settings.variables()
        return [
            BackgroundProcess(
                name=f"airflow-{name}",
                folder=self._run_folder,
                command=(sys.executable, "-m", "airflow", *arguments),
                environment={**variables, **PRELOADING.get(name, {})},
                working_directory=self._settings.home,
            )
            for name, arguments in COMPONENTS.items()
        ]

    def _migrate(self) -> None:
        """Skipped where this version of Airflow has migrated this database before: it takes seconds even then."""
        mark, state = self._mark("migrated"), f"{version('apache-airflow')} {self._settings.metadata_url}"
        if not mark.is_current(state):
            self.cli("db", "migrate")
            mark.set(state)

    def _own_settings(self) -> str:
        return json.dumps([self._settings.own_variables(), dict(self._settings.environment)], sort_keys=True)

    def _mark(self, name: str) -> _Mark:
        return _Mark(self._settings.home / name)

    def _refuse_dead(self) -> None:
        for process in self._processes():
            if not process.is_running:
                raise LocalSetupError(f"{process.name} has ended. The end of {process.log}:\n{process.end_of_log()}")

    def _unhealthy(self) -> list[str]:
        try:
            health = _request("GET", self._local("/api/v2/monitor/health"), None, {})
        except (OSError, ValueError):
            return list(COMPONENTS)
        return [key for key in HEALTH_KEYS if (health.get(key) or {}).get("status") != "healthy"]

    def _log_of(self, awaited: str) -> str:
        name = f"airflow-{awaited.replace('_', '-')}"
        process = next((process for process in self._processes() if process.name == name), self._processes()[0])
        return f"The end of {process.log}:\n{process.end_of_log()}"


@dataclass(frozen=True)
class _Mark:
    """A file that says for which state something was last done; it holds a digest, since the state has secrets."""

    path: Path

    def is_current(self, state: str) -> bool:
        return self.path.exists() and self.path.read_text() == self._digest(state)

    def set(self, state: str) -> None:
        write_private(self.path, self._digest(state))

    @staticmethod
    def _digest(state: str) -> str:
        return hashlib.sha256(state.encode()).hexdigest()


def _request(method: str, url: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)  # noqa: S310 - our own http URL
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        content = answer.read()
    return json.loads(content) if content else None


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _typable_password() -> str:
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(12))
