"""``driftline check``: a window, or many, without Airflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import DEFAULT_MODELS, AsJson, Model, Models, command_line_monitor, moment
from driftline.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from driftline.monitoring.monitor import Monitor
    from driftline.monitoring.run import WindowRun
    from driftline.windows import Window

WindowEnd = Annotated[
    str | None, typer.Option(help="End of the window, on a whole hour. Default: the last that has closed.")
]
First = Annotated[str | None, typer.Option("--from", help="First window end of many.")]
Last = Annotated[str | None, typer.Option("--to", help="Last window end of many.")]
Alerting = Annotated[
    bool, typer.Option("--alert", help="Open incidents and leave the alert for the monitor's DAG to send.")
]
Cron = Annotated[str | None, typer.Option("--every", help="Cron of the many window ends. Default: the model's own.")]


def check(  # noqa: PLR0917 - typer's options
    model: Model,
    window_end: WindowEnd = None,
    first: First = None,
    last: Last = None,
    every: Cron = None,
    alert: Alerting = False,
    as_json: AsJson = False,
    models: Models = DEFAULT_MODELS,
) -> None:
    """Check a window as the monitor's DAG does, write its findings, and print the report.

    Nobody is told, unless --alert asks for it: a look at a terminal pages no one.
    Exit code 0: nothing to do; 1: an alert or a rollback is called for; 2: not done.
    """
    monitor = command_line_monitor(model, models)
    windows = _windows(monitor, window_end, first, last, every)
    runs = _run_all(monitor, windows, acts=alert, quiet=as_json or len(windows) == 1)
    if as_json:
        typer.echo(json.dumps([_as_json(run) for run in runs] if first else _as_json(runs[0]), indent=2))
    else:
        _print(runs)
    is_calm = all(run.decision.verdict.value == "nothing" and not run.failures for run in runs)
    raise typer.Exit(ExitCode.CLEAR if is_calm else ExitCode.FOUND)


def _windows(
    monitor: Monitor, window_end: str | None, first: str | None, last: str | None, every: str | None
) -> list[Window]:
    from datetime import UTC, datetime

    from driftline.monitoring.schedule import last_tick, window_ends
    from driftline.windows import Window

    schedule = monitor.config.schedule
    if (first is None) != (last is None):
        raise InputError("--from and --to are given together.")
    if first is not None and last is not None and window_end is not None:
        raise InputError("Give either --window-end or --from and --to.")
    now = datetime.now(UTC)
    if first is not None and last is not None:
        ends = window_ends(every or schedule.cron, moment(first, "--from"), min(moment(last, "--to"), now))
    else:
        ends = [last_tick(schedule.cron, now) if window_end is None else moment(window_end, "--window-end")]
    _require_closed(ends, now)
    return [Window.ending(end, schedule.lookback) for end in ends]


def _require_closed(ends: list[datetime], now: datetime) -> None:
    if not ends:
        raise InputError("No window ends between --from and --to. Give a longer span.")
    if ends[-1] > now:
        raise InputError(f"The window that ends at {ends[-1].isoformat()} has not closed yet.")


def _run_all(monitor: Monitor, windows: list[Window], *, acts: bool, quiet: bool) -> list[WindowRun]:
    from driftline.monitoring.decision import Context
    from driftline.monitoring.run import run_window

    context = Context(run_id="command line", acts=acts)
    return [
        run_window(monitor, window, context)
        for window in track(windows, "Windows", disable=quiet, console=Console(stderr=True))
    ]


def _as_json(run: WindowRun) -> dict[str, Any]:
    from dataclasses import asdict

    window = run.record.window
    return {
        "model": run.record.model,
        "window_start": window.start.isoformat(),
        "window_end": window.end.isoformat(),
        "predictions": run.record.rows,
        "labeled": run.record.labeled_rows,
        "verdict": run.decision.verdict.value,
        "severity": run.decision.severity.value,
        "reason": run.decision.reason,
        "is_suppressed": run.decision.is_suppressed,
        "failed_checks": [{"check": check.value, "reason": reason} for check, reason in run.failures],
        "findings": [asdict(finding) for finding in run.findings],
    }


def _print(runs: list[WindowRun]) -> None:
    from driftline.cli.window_report import print_many, print_window

    console = Console()
    if len(runs) == 1:
        print_window(console, runs[0])
    else:
        print_many(console, runs)
