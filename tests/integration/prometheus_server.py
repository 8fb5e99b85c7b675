"""A real Prometheus with the configuration and the rules of `dashboards/prometheus`, on loopback."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from driftline.local.ports import free_port
from tests.debian_programs import required

SHIPPED = Path(__file__).resolve().parents[2] / "dashboards" / "prometheus"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Prometheus:
    """What can be asked of it."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        return self._get("query", query=expression)["result"]  # type: ignore[no-any-return]

    def value(self, expression: str) -> float | None:
        """Of an expression with one sample."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def targets(self) -> list[dict[str, Any]]:
        return self._get("targets")["activeTargets"]  # type: ignore[no-any-return]

    def rules(self) -> list[dict[str, Any]]:
        """Recording and alerting rules with their health and, of alerts, their state."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def wait_until(self, is_met: Callable[[], bool], what: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not is_met():
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}: {self.targets()}"
            time.sleep(0.1)

    def _get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False).json()
        assert answer["status"] == "success", answer
        return answer["data"]


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """The application on a port of loopback."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            time.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def prometheus(folder: Path, scraped_port: int, token: str) -> Iterator[Prometheus]:
    """As it is shipped, but that it looks every second, and for the target and its token where they are."""
    program, port = required("prometheus", "prometheus"), free_port()
    _configure(folder, scraped_port, token)
    command = [
        program,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]
    url = f"http://{LOOPBACK}:{port}"
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_until_ready(process, url, folder / "log")
            yield Prometheus(url)
        finally:
            process.terminate()


def _configure(folder: Path, scraped_port: int, token: str) -> None:
    shutil.copytree(SHIPPED / "rules", folder / "rules")
    (folder / "token").write_text(token)
    configuration = (SHIPPED / "prometheus.yml").read_text()
    for shipped, here in {
        "_interval: 30s": "_interval: 1s",
        "airflow-api-server:8080": f"{LOOPBACK}:{scraped_port}",
        "/run/secrets/driftline_metrics_token": f"{folder}/token",
    }.items():
        assert shipped in configuration
        configuration = configuration.replace(shipped, here)
    (folder / "prometheus.yml").write_text(configuration)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if httpx.get(f"{url}/-/ready", trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None and time.monotonic() < deadline, f"Prometheus did not start: {log.read_text()}"
        time.sleep(0.05)
