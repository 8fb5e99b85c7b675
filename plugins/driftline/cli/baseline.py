"""``driftline baseline``: building and explaining baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from driftline.cli.options import DEFAULT_MODELS, Model, Models, command_line_monitor
from driftline.errors import NoBaseline

if TYPE_CHECKING:
    from driftline.drift import Calibration
    from driftline.monitoring.monitor import Monitor
    from driftline.store.baselines import StoredBaseline

app = typer.Typer(help="Build and explain a model's baseline.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def build(model: Model, models: Models = DEFAULT_MODELS) -> None:
    """Learn the baseline anew from the period that the model's file names."""
    from driftline.monitoring.baseline import build_baseline

    baseline = build_baseline(command_line_monitor(model, models))
    Console().print(f"{model}: baseline {baseline.period}, {baseline.rows:,} predictions.", highlight=False)


@app.command()
def show(model: Model, models: Models = DEFAULT_MODELS) -> None:
    """Show the baseline in force: its period and how each column is counted."""
    from driftline.profiles.binning import NumericBinning
    from driftline.store.baselines import active_baseline
    from driftline.store.engine import store_transaction

    monitor = command_line_monitor(model, models)
    with store_transaction(monitor.store) as connection:
        baseline = active_baseline(connection, model)
    if baseline is None:
        raise NoBaseline(f"{model} has no baseline yet. Run: driftline baseline build {model}")
    console = Console()
    console.print(
        f"{model}: baseline {baseline.period}, {baseline.rows:,} predictions, "
        f"built {baseline.built_at:%Y-%m-%d %H:%M} UTC.",
        highlight=False,
    )
    table = Table("subject", "role", "counted in")
    for subject, binning in baseline.binnings.items():
        cells = f"{binning.cells:,} cells" if isinstance(binning, NumericBinning) else f"{len(binning.levels):,} levels"
        table.add_row(subject, baseline.roles[subject].value, cells)
    console.print(table)
    _explain_calibration(console, baseline)
    _explain_joint(console, monitor, baseline)


def _explain_calibration(console: Console, baseline: StoredBaseline) -> None:
    """What the drift check learned: how far windows of the usual size may move before it is evidence."""
    from datetime import timedelta

    from driftline.drift import Calibration

    usual_rows = round(baseline.rows * (timedelta(days=1) / baseline.period.length))
    for segment, learned in baseline.calibration.get("drift", {}).items():
        calibration = Calibration.from_json(learned)
        hours = calibration.window_hours
        rows = round(usual_rows * hours / 24)
        console.print(
            f"\nDrift{f' of {segment}' if segment else ''}, windows of {hours} h:", style="bold", markup=False
        )
        console.print(calibration.explained(rows) if segment == "" else _budget(calibration), markup=False)


def _explain_joint(console: Console, monitor: Monitor, baseline: StoredBaseline) -> None:
    """What was learned of all features together, at the size of the usual window."""
    from driftline.monitoring.calibration import joint_budget
    from driftline.monitoring.multivariate import is_joint, stored_joint

    console.print("\nDrift of all features together:", style="bold")
    learned = stored_joint(baseline)
    if not is_joint(monitor):
        console.print("Switched off (checks.drift.multivariate.enabled).", markup=False)
    elif learned is None:
        console.print(f"Not learned. Run: driftline baseline build {monitor.model}", markup=False)
    else:
        rows = round(baseline.rows * (monitor.config.schedule.lookback / baseline.period.length))
        console.print(learned.explained(rows, joint_budget(monitor)), markup=False, highlight=False)


def _budget(calibration: Calibration) -> str:
    if not calibration.is_calibrated:
        return f"Not calibrated: {calibration.reason}."
    return f"Calibrated on {calibration.blocks} windows; {calibration.false_alarm_rate:.2%} of clean ones may alarm."
