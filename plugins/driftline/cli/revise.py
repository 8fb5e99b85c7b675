"""``driftline revise``: windows are judged anew by the labels that arrived since."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import DEFAULT_MODELS, AsJson, Model, Models, command_line_monitor

if TYPE_CHECKING:
    from driftline.monitoring.revision import RevisedWindow, Revision

CompareAll = Annotated[
    bool, typer.Option("--all", help="Compare every counted hour, not only those whose labels arrived since.")
]


def revise(
    model: Model, compare_all: CompareAll = False, as_json: AsJson = False, models: Models = DEFAULT_MODELS
) -> None:
    """Judge the windows anew whose labels arrived or changed, as the DAG revise_verdicts does every hour.

    What follows is done too: incidents are opened, and alerts left for the monitor's DAG to send.
    Exit code 0: nothing to do; 1: an alert or a rollback is called for; 2: not done.
    """
    from driftline.monitoring.revision import NotRevised, revise_model

    revision = revise_model(command_line_monitor(model, models), compare_all=compare_all, run_id="command line")
    if as_json:
        typer.echo(json.dumps(_as_json(revision), indent=2))
    else:
        _print(model, revision)
    if revision.failures:
        raise NotRevised(model, revision.failures)
    calls = [one for one in revision.windows if one.is_changed and one.after.verdict.value != "nothing"]
    raise typer.Exit(ExitCode.FOUND if calls else ExitCode.CLEAR)


def _as_json(revision: Revision) -> dict[str, Any]:
    return {
        "slices_counted": revision.slices_counted,
        "windows": [
            {
                "window_start": one.window.start.isoformat(),
                "window_end": one.window.end.isoformat(),
                "is_changed": one.is_changed,
                "is_suppressed": one.is_suppressed,
                "before": None if one.before is None else one.before.verdict.value,
                "after": one.after.verdict.value,
                "is_provisional": one.after.is_provisional,
                "reason": one.after.reason,
            }
            for one in revision.windows
        ],
        "failures": [{"window_end": window.end.isoformat(), "reason": reason} for window, reason in revision.failures],
    }


def _print(model: str, revision: Revision) -> None:
    console = Console()
    console.print(f"{model}: {revision}", highlight=False, markup=False)
    if not revision.windows:
        return
    table = Table("window end (UTC)", "before", "now", "final", "why")
    for one in revision.windows:
        table.add_row(
            f"{one.window.end:%Y-%m-%d %H:%M}",
            _verdict(one, is_before=True),
            _verdict(one, is_before=False),
            "no" if one.after.is_provisional else "yes",
            escape(one.after.reason),
        )
    console.print(table)


def _verdict(one: RevisedWindow, *, is_before: bool) -> str:
    version = one.before if is_before else one.after
    return "" if version is None else f"{version.verdict} ({version.severity})"
