"""The commands behind `make demo`, `make stop`, `make status` and `make clean`.

Every step looks first at what is there, so that a set-up that was interrupted is gone on with, and a second start takes
seconds.
"""

from __future__ import annotations

import argparse
import fcntl
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from rich.console import Console

from driftline.config.loader import load_models
from driftline.errors import DriftlineError
from driftline.local.airflow import LocalAirflow
from driftline.local.errors import LocalSetupError
from driftline.local.ports import is_free
from driftline.local.provisioning import POSTGRES_URL_VARIABLE, Urls, external_postgres_url
from include.demo.monitors import GUARD, REVISION, SENDERS, WATCHER, switch_on, wait_for_monitors
from include.demo.progress import Progress
from include.demo.stack import Stack
from include.demo.summary import (
    MODEL,
    has_baseline,
    is_decided,
    log_start,
    show_first_finding,
    show_summary,
    windows_checked,
)

INTERRUPTED = 130
INCIDENTS = ("latency", "bad-version", "drift", "bias")
STEPS = 12
WINDOW_EVERY = timedelta(hours=6)
TWICE_A_MONTH = "0 6 1,15 * *"
LOOKED_BACK_AT = 12
"""With fewer windows in the tables the year is not shown well, and is looked back at."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 something stands in the way (the message says what to do), 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m include.demo.run", description=__doc__)
    parser.add_argument("command", choices=["up", "stop", "status", "clean", "incident"])
    parser.add_argument("kind", nargs="?", choices=INCIDENTS, help="what breaks in the incident")
    asked = parser.parse_args(arguments)
    command = asked.command
    if command == "incident" and asked.kind is None:
        parser.error(f"say which incident: {', '.join(INCIDENTS)}")
    console, stack = Console(), Stack.here()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if command == "incident":
            incident(stack, console, asked.kind)
        else:
            {"up": up, "stop": stop, "status": status, "clean": clean}[command](stack, console)
    except DriftlineError as error:
        console.print(f"\n[red]{command}: not done.[/red]")
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted. `make demo` goes on from here; `make stop` ends what has been started.")
        return INTERRUPTED
    return 0


def up(stack: Stack, console: Console) -> None:
    """Set up and start what is not there, and show the monitors at work."""
    with _alone(stack):
        progress = Progress(console, STEPS)
        models = sorted(load_models(stack.root / "include" / "models"))
        stack.require_airflow_port()
        with progress.step("Postgres"):
            urls = stack.start_postgres()
        with progress.step("Receiver of alerts"):
            _start_receiver(stack)
        airflow = stack.airflow(urls)
        starting = _InBackground(airflow.start)
        environment_file = stack.write_environment_file(airflow)
        _prepare_log(stack, urls, progress)
        with progress.step("Driftline's tables"):
            stack.driftline(airflow, "migrate")
            _register_versions(stack, urls)
        with progress.step(f"Baseline of {MODEL}"):
            _ensure_baselines(stack, airflow, urls, [MODEL])
        end = _last_closed_window(datetime.now(UTC))
        with progress.step(f"First window of {MODEL}"):
            if not is_decided(urls.store, MODEL, end):
                stack.driftline(airflow, "check", MODEL, "--window-end", end.isoformat(), "--json")
        show_first_finding(console, urls.store, end, progress.seconds)
        with progress.step("Serving application and its callers"):
            _start_serving(stack, urls)
        with progress.step("Baselines of the other models"):
            _ensure_baselines(stack, airflow, urls, models)
        with progress.step("Airflow") as tell:
            starting.finish()
            airflow.wait_until_healthy(tell=tell)
        looking_back = _InBackground(lambda: _look_back(stack, airflow, urls))
        with progress.step("Runs of the monitors in Airflow") as tell:
            runs = wait_for_monitors(airflow, models, tell)
            for dag_id in (*SENDERS, GUARD):
                switch_on(airflow, dag_id)
        with progress.step(f"The year of {MODEL}, two windows a month") as tell:
            looking_back.finish()
            # After the guard has begun: one that has never run would be the watcher's first incident.
            for dag_id in (REVISION, WATCHER):
                switch_on(airflow, dag_id)
        show_summary(console, stack, airflow, urls, runs, environment_file, progress.seconds)


def stop(stack: Stack, console: Console) -> None:
    """End everything that was started."""
    with _alone(stack), console.status("Stopping"):
        stopped = stack.stop()
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.", highlight=False)
    if stopped:
        console.print("`make demo` resumes; `make clean` removes all state.", highlight=False)


def status(stack: Stack, console: Console) -> None:
    """Show what is running."""
    running = stack.running()
    if not running:
        console.print("Nothing of the demo is running here. `make demo` starts it.", highlight=False)
    for name, is_running in sorted(running.items()):
        console.print(f"{name:24} {'running' if is_running else 'stopped'}", highlight=False)


def clean(stack: Stack, console: Console) -> None:
    """End everything and remove the state folder."""
    stop(stack, console)
    if stack.state.exists():
        shutil.rmtree(stack.state)
        console.print(f"Removed {stack.state}.", highlight=False)
    if external_postgres_url() is not None:
        console.print(
            f"The Postgres of {POSTGRES_URL_VARIABLE} is yours and left alone. If they are to go, drop the databases "
            "airflow, driftline and flights, the roles of these names, and driftline_reader.",
            highlight=False,
        )


def incident(stack: Stack, console: Console, kind: str) -> None:
    """Break something real in the demo that runs, and show what happens."""
    # Heavy, and not needed by the other commands.
    from include.demo.incident import run_incident
    from include.demo.incident_kinds import IncidentKind
    from include.demo.incident_stage import require_running

    with _alone(stack):
        require_running(stack)
        run_incident(IncidentKind(kind), stack, stack.start_postgres(), console)


@contextmanager
def _alone(stack: Stack) -> Iterator[None]:
    """One command at a time works on the state folder."""
    stack.state.mkdir(parents=True, exist_ok=True)
    with (stack.state / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalSetupError(
                f"Another `make demo` or `make stop` is at work on {stack.state}. Wait for it, or end it with Ctrl-C."
            ) from None
        yield


class _InBackground:
    """Something slow that goes on while the next steps are done."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until it is done; raises what went wrong."""
        # In short waits, so that Ctrl-C is heard.
        while self._thread.is_alive():
            self._thread.join(0.2)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._do()
        except Exception as error:
            self._failure = error


def _start_receiver(stack: Stack) -> None:
    if stack.has_own_slack:
        return
    receiver = stack.receiver()
    if not receiver.is_running and not is_free(stack.receiver_port):
        stack.forget_port("receiver")
        receiver = stack.receiver()
    receiver.start()


def _register_versions(stack: Stack, urls: Urls) -> None:
    from include.demo.registry import grant_readers, register_versions

    grant_readers(urls)
    register_versions(urls, stack.models_folder)


def _start_serving(stack: Stack, urls: Urls) -> None:
    from include.demo.serving_program import start_serving

    start_serving(stack, urls)


def _prepare_log(stack: Stack, urls: Urls, progress: Progress) -> None:
    with progress.step("Models and their prediction log") as tell:
        # Heavy, and not needed by the other commands.
        from include.demo.feed import open_feed

        now = datetime.now(UTC)
        open_feed(urls.log_owner, stack.models_folder, now, tell).catch_up(now, tell)
    with progress.step("Feed of new flights"):
        stack.feed(urls).start()


def _ensure_baselines(stack: Stack, airflow: LocalAirflow, urls: Urls, models: list[str]) -> None:
    for model in models:
        if not has_baseline(urls.store, model):
            stack.driftline(airflow, "baseline", "build", model)


def _look_back(stack: Stack, airflow: LocalAirflow, urls: Urls) -> None:
    """Check some windows of the months that have gone; they are historical and alert nobody."""
    now = datetime.now(UTC)
    if windows_checked(urls.store, MODEL) < LOOKED_BACK_AT:
        begin = (log_start(urls.log_reader) + timedelta(days=1)).isoformat()
        stack.driftline(airflow, "check", MODEL, "--from", begin, "--to", now.isoformat(), "--every", TWICE_A_MONTH)


def _last_closed_window(now: datetime) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (now - midnight) // WINDOW_EVERY * WINDOW_EVERY


if __name__ == "__main__":
    raise SystemExit(main())
