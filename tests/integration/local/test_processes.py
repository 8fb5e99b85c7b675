"""Background programs, for real: found again, ended with their children, never mistaken for another program."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from driftline.local.processes import BackgroundProcess, inherited_environment, stop_all

SLEEPS = "import time; print('awake', flush=True); time.sleep(600)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
HAS_A_CHILD = (
    f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]).pid, flush=True); {SLEEPS}"
)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[[str, str], BackgroundProcess]]:
    def make(code: str, name: str = "program") -> BackgroundProcess:
        return BackgroundProcess(name, tmp_path, (sys.executable, "-c", code), inherited_environment(), tmp_path)

    yield make
    stop_all(tmp_path, patience=0.1)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited for 30 s in vain"
        time.sleep(0.05)


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_program_is_found_again_by_its_folder_and_logs_there(program, tmp_path: Path) -> None:
    started = program(SLEEPS)
    started.start()
    again = BackgroundProcess("program", tmp_path, ())
    assert again.is_running
    _wait_for(lambda: again.end_of_log() == "awake")


def test_a_second_start_starts_nothing(program, tmp_path: Path) -> None:
    started = program(SLEEPS)
    started.start()
    first = (tmp_path / "program.pid").read_text()
    started.start()
    assert (tmp_path / "program.pid").read_text() == first


def test_stopping_ends_the_program_and_its_children(program) -> None:
    started = program(HAS_A_CHILD)
    started.start()
    # Its child's number, and that both are awake, in whatever order.
    _wait_for(lambda: len(started.end_of_log().splitlines()) == 3)
    child = next(int(line) for line in started.end_of_log().splitlines() if line.isdigit())

    started.stop(patience=1)

    assert not started.is_running
    _wait_for(lambda: _is_gone(child))


def test_a_program_that_does_not_listen_is_killed_when_patience_ends(program) -> None:
    started = program(IGNORES_SIGTERM)
    started.start()
    _wait_for(lambda: started.end_of_log() == "awake")
    started.stop(patience=0.5)
    assert not started.is_running


def test_a_program_that_has_ended_by_itself_is_not_running(program) -> None:
    started = program("pass")
    started.start()
    _wait_for(lambda: not started.is_running)


def test_another_program_that_got_the_same_number_is_neither_found_nor_stopped(program, tmp_path: Path) -> None:
    ours = psutil.Process()
    (tmp_path / "program.pid").write_text(json.dumps({"pid": ours.pid, "started": ours.create_time() - 3_600}))
    stale = program(SLEEPS)
    assert not stale.is_running
    stale.stop()
    assert psutil.pid_exists(os.getpid())
    assert not (tmp_path / "program.pid").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_a_spoilt_pid_file_counts_as_not_running(program, tmp_path: Path, content: str) -> None:
    (tmp_path / "program.pid").write_text(content)
    assert not program(SLEEPS).is_running


def test_all_programs_of_a_folder_are_stopped_and_those_that_ran_are_named(program, tmp_path: Path) -> None:
    for name in ("one", "two"):
        program(SLEEPS, name).start()
    (tmp_path / "gone.pid").write_text("{}")
    assert stop_all(tmp_path, patience=2) == ["one", "two"]
    assert list(tmp_path.glob("*.pid")) == []


def test_a_log_that_has_grown_large_is_put_aside(program, tmp_path: Path) -> None:
    with (tmp_path / "program.log").open("wb") as log:
        log.truncate(20_000_001)
    started = program(SLEEPS)
    started.start()
    _wait_for(lambda: started.end_of_log() == "awake")
    assert (tmp_path / "program.log.1").stat().st_size == 20_000_001
