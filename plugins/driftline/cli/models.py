"""``driftline models``: looking after the models' files."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import DEFAULT_MODELS, Models, described_models
from driftline.config import ModelConfig
from driftline.errors import DriftlineError

app = typer.Typer(help="Check the models' YAML files.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _models() -> None:
    """Check the models' YAML files."""


@app.command()
def validate(
    models: Models = DEFAULT_MODELS,
    files_only: Annotated[bool, typer.Option("--files-only", help="Do not look into the databases.")] = False,
) -> None:
    """Check every file and, in the database, that the tables, columns and types are there.

    Exit code 0: all valid; 2: faults, one line each.
    """
    console = Console(soft_wrap=True)
    valid, faults = described_models(models)
    for config in valid.values():
        found = [] if files_only else _database_faults(config)
        faults += [f"{config.model}: {fault}" for fault in found]
        if not found:
            console.print(f"{config.model}: valid", highlight=False, markup=False)
    for fault in faults:
        console.print(fault, style="red", highlight=False, markup=False)
    if not valid and not faults:
        console.print(f"{models}: no files yet.")
    if faults:
        raise typer.Exit(ExitCode.REFUSED)


def _database_faults(config: ModelConfig) -> list[str]:
    from driftline.monitoring.connections import environment_url
    from driftline.sources import PredictionLog
    from driftline.sources.catalog import misfits

    try:
        return misfits(config, PredictionLog(config, environment_url(config.connection)).catalog)
    except DriftlineError as error:
        return [str(error)]
