"""Programs that run in the background: started once, found again by a later command, ended in order."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from driftline.local.secret_files import write_private

SAME_START_SECONDS = 5.0
"""The system's word on when a process started may move by a second when the clock is set."""
LARGEST_LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class BackgroundProcess:
    """A program with a pid file ``<name>.pid`` and a log ``<name>.log`` in ``folder``.

    It has a session of its own, so that Ctrl-C in the terminal that started it does not end it.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    """The whole environment, not an addition to ours."""
    working_directory: Path = field(default_factory=Path.cwd)

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def is_running(self) -> bool:
        return self._process() is not None

    def start(self) -> None:
        """Start the program; nothing happens when it runs already."""
        if self.is_running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._rotate_log()
        with self.log.open("a", encoding="utf-8") as output:
            started = subprocess.Popen(  # noqa: S603 - the command is ours
                self.command,
                cwd=self.working_directory,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._remember(started.pid)

    def stop(self, patience: float = 15.0) -> None:
        """Ask the program to end; what of it and its children is left after ``patience`` seconds is killed."""
        _stop([self], patience)

    def end_of_log(self, lines: int = 20) -> str:
        """The last ``lines`` of the log, for a message."""
        if not self.log.exists():
            return "(empty)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def _remember(self, pid: int) -> None:
        try:
            started = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            return
        write_private(self._pid_file, json.dumps({"pid": pid, "started": started}))

    def _process(self) -> psutil.Process | None:
        """Our process; None when the pid file is missing or stale, or its number is another program's by now."""
        try:
            noted = json.loads(self._pid_file.read_text())
            process = psutil.Process(int(noted["pid"]))
            is_ours = abs(process.create_time() - float(noted["started"])) < SAME_START_SECONDS
            return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None

    def _rotate_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))


def stop_all(folder: Path, patience: float = 15.0) -> list[str]:
    """Stop, all at once, every program whose pid file lies in ``folder``; the names of those that ran."""
    noted = [BackgroundProcess(path.stem, folder, ()) for path in sorted(folder.glob("*.pid"))]
    running = [process.name for process in noted if process.is_running]
    _stop(noted, patience)
    return running


def inherited_environment(*dropped_prefixes: str) -> dict[str, str]:
    """Our environment without the variables that begin with one of ``dropped_prefixes``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped_prefixes)}


def _stop(programs: list[BackgroundProcess], patience: float) -> None:
    mains = [process for program in programs if (process := program._process()) is not None]
    families = [member for main in mains for member in (main, *_children(main))]
    for main in mains:
        _signal(main.terminate)
    _, left = psutil.wait_procs(families, timeout=patience)
    for member in left:
        _signal(member.kill)
    psutil.wait_procs(left, timeout=5)
    for program in programs:
        program._pid_file.unlink(missing_ok=True)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        send()
