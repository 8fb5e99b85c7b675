"""What the demo runs, and where it keeps it: everything below one folder, `.driftline`."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftline.local.airflow import AirflowSettings, LocalAirflow, require_free
from driftline.local.errors import LocalSetupError
from driftline.local.ports import first_free_port
from driftline.local.postgres import EmbeddedPostgres
from driftline.local.processes import BackgroundProcess, inherited_environment, stop_all
from driftline.local.provisioning import Urls, external_postgres_url, provision
from driftline.local.secret_files import write_private
from include.demo.program_variables import (
    FAULTS_VARIABLE,
    LOG_URL_VARIABLE,
    MODELS_VARIABLE,
    ROUTES_URL_VARIABLE,
    SERVING_PORT_VARIABLE,
    SERVING_URL_VARIABLE,
)

ROOT = Path(__file__).resolve().parents[2]

STATE_VARIABLE = "DRIFTLINE_STATE"
AIRFLOW_PORT_VARIABLE = "DRIFTLINE_AIRFLOW_PORT"
WEBHOOK_VARIABLE = "DRIFTLINE_SLACK_WEBHOOK"
AIRFLOW_PORT = 8080
RECEIVER_PORT = 8090
SERVING_PORT = 8095

FOUND = 1
"""Exit code of `driftline check` when something was found that calls for action."""


@dataclass(frozen=True)
class Stack:
    """The programs of the demo; every method finds out for itself what is there already."""

    state: Path
    root: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    @classmethod
    def here(cls) -> Stack:
        """The demo of this working copy; `DRIFTLINE_STATE` names another folder to keep it in."""
        return cls(state=Path(os.environ.get(STATE_VARIABLE) or ROOT / ".driftline").absolute())

    @property
    def postgres(self) -> EmbeddedPostgres:
        return EmbeddedPostgres(self.state / "postgres")

    def start_postgres(self) -> Urls:
        """A Postgres with the demo's roles and databases: the user's own where one is named, else the embedded one."""
        admin_url = external_postgres_url()
        if admin_url is None:
            server = self.postgres
            server.start()
            admin_url = server.admin_url
        return provision(admin_url, self.state / "secrets.json")

    def airflow(self, urls: Urls) -> LocalAirflow:
        """Airflow with this working copy's DAGs and plugins."""
        return LocalAirflow(
            AirflowSettings(
                home=self.state / "airflow",
                port=self.airflow_port,
                metadata_url=urls.airflow,
                store_url=urls.store,
                log_url=urls.log_reader,
                slack_connection=json.dumps({"conn_type": "slackwebhook", "password": self.webhook_url}),
                dags_folder=self.root / "dags",
                plugins_folder=self.root / "plugins",
                python_path=(self.root, self.root / "plugins"),
            )
        )

    @property
    def airflow_port(self) -> int:
        """`DRIFTLINE_AIRFLOW_PORT`, else the one of the last start, else 8080."""
        given = self.environment.get(AIRFLOW_PORT_VARIABLE)
        if not given:
            return self._ports().get("airflow", AIRFLOW_PORT)
        if not given.isdigit() or not 1024 <= int(given) <= 65_535:
            raise LocalSetupError(f"{AIRFLOW_PORT_VARIABLE} is {given!r}; it must be a port from 1024 to 65535.")
        return int(given)

    def require_airflow_port(self) -> None:
        """Say at once when Airflow's port is another program's, and keep it in mind for the next start.

        Raises
        ------
        LocalSetupError
            Naming who has it, and how to choose another.
        """
        is_ours = self.running().get("airflow-api-server") and self._ports().get("airflow") == self.airflow_port
        if not is_ours:
            require_free(self.airflow_port)
        self._remember_port("airflow", self.airflow_port)

    @property
    def webhook_url(self) -> str:
        """Where alerts go: `DRIFTLINE_SLACK_WEBHOOK`, else the receiver on this machine."""
        return self.environment.get(WEBHOOK_VARIABLE) or f"{self.receiver_url}services/driftline/demo"

    @property
    def receiver_url(self) -> str:
        """The page that shows which alerts arrived."""
        return f"http://127.0.0.1:{self.receiver_port}/"

    @property
    def receiver_port(self) -> int:
        """8090 where it was free at first, else another, which is kept."""
        return self._kept_port("receiver", RECEIVER_PORT)

    @property
    def has_own_slack(self) -> bool:
        return bool(self.environment.get(WEBHOOK_VARIABLE))

    def receiver(self) -> BackgroundProcess:
        """The program that takes alerts as Slack would."""
        module = ("-m", "driftline.local.slack_receiver", "--port", str(self.receiver_port))
        return self.program("slack-receiver", (*module, "--log", str(self.state / "alerts.jsonl")), {})

    def feed(self, urls: Urls) -> BackgroundProcess:
        """The program that goes on logging predictions and labels."""
        variables = {LOG_URL_VARIABLE: urls.log_owner, MODELS_VARIABLE: str(self.models_folder)}
        return self.program("feed", ("-m", "include.demo.feed"), variables)

    @property
    def serving_url(self) -> str:
        """Where the serving application answers."""
        return f"http://127.0.0.1:{self.serving_port}"

    @property
    def serving_port(self) -> int:
        """8095 where it was free at first, else another, which is kept."""
        return self._kept_port("serving", SERVING_PORT)

    def serving(self, urls: Urls) -> BackgroundProcess:
        """The application that answers by the models, as the routes say."""
        variables = {
            ROUTES_URL_VARIABLE: urls.router,
            LOG_URL_VARIABLE: urls.log_owner,
            MODELS_VARIABLE: str(self.models_folder),
            FAULTS_VARIABLE: str(self.faults_file),
            SERVING_PORT_VARIABLE: str(self.serving_port),
        }
        return self.program("serving", ("-m", "include.demo.serving"), variables)

    def callers(self, urls: Urls) -> BackgroundProcess:
        """The program that asks the serving application about every flight when it is due."""
        variables = {LOG_URL_VARIABLE: urls.log_owner, SERVING_URL_VARIABLE: self.serving_url}
        return self.program("callers", ("-m", "include.demo.live_traffic"), variables)

    @property
    def faults_file(self) -> Path:
        """What is broken in the serving application; absent where nothing is."""
        return self.state / "faults.json"

    @property
    def models_folder(self) -> Path:
        return self.state / "models"

    def driftline(self, airflow: LocalAirflow, *arguments: str, timeout: float = 600.0) -> None:
        """Run the command `driftline ARGUMENTS`.

        Raises
        ------
        LocalSetupError
            When it fails; with what it said.
        """
        program = Path(sys.executable).with_name("driftline")
        done = subprocess.run(
            [str(program), *arguments], cwd=self.root, env=airflow.variables, capture_output=True, text=True,
            timeout=timeout,
        )  # fmt: skip
        found_something = done.returncode == FOUND and arguments[0] == "check" and "Traceback" not in done.stderr
        if done.returncode != 0 and not found_something:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
            raise LocalSetupError(f"`driftline {' '.join(arguments)}` failed with exit code {done.returncode}:\n{said}")

    def write_environment_file(self, airflow: LocalAirflow) -> Path:
        """A file for `source`, after which `driftline` and `airflow` work on the demo; readable by its owner only."""
        ours = {name: value for name, value in airflow.variables.items() if os.environ.get(name) != value}
        path = self.state / "env"
        lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(ours.items())]
        lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
        write_private(path, "\n".join(lines) + "\n")
        return path

    def running(self) -> dict[str, bool]:
        """Every program by name, and whether it runs; empty before the first start."""
        folders = (self.state / "run", self.state / "airflow" / "run")
        noted = [BackgroundProcess(path.stem, path.parent, ()) for folder in folders for path in folder.glob("*.pid")]
        programs = {process.name: process.is_running for process in noted}
        if (self.state / "postgres").is_dir():
            programs["postgres"] = self.postgres.is_running
        return programs

    def stop(self) -> list[str]:
        """End everything, those that use the database first; the names of the programs that ran."""
        stopped = stop_all(self.state / "airflow" / "run") + stop_all(self.state / "run")
        if (self.state / "postgres").is_dir() and self.postgres.is_running:
            self.postgres.stop()
            stopped.append("postgres")
        return stopped

    def program(self, name: str, arguments: tuple[str, ...], variables: Mapping[str, str]) -> BackgroundProcess:
        """A Python program of this working copy, with the demo's state."""
        environment = {**inherited_environment(), **variables, "PYTHONPATH": f"{self.root}:{self.root / 'plugins'}"}
        command = (sys.executable, *arguments)
        return BackgroundProcess(name, self.state / "run", command, environment, self.root)

    def forget_port(self, name: str) -> None:
        """Let another port be chosen for ``receiver`` or ``serving``: somebody has taken the one we had."""
        ports = self._ports()
        ports.pop(name, None)
        write_private(self.state / "ports.json", json.dumps(ports))

    def _kept_port(self, name: str, wanted: int) -> int:
        if name not in self._ports():
            self._remember_port(name, first_free_port(wanted))
        return self._ports()[name]

    def _ports(self) -> dict[str, int]:
        try:
            ports: dict[str, int] = json.loads((self.state / "ports.json").read_text())
        except (OSError, ValueError):
            return {}
        return ports

    def _remember_port(self, name: str, port: int) -> None:
        write_private(self.state / "ports.json", json.dumps({**self._ports(), name: port}))
