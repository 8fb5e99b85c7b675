"""``driftline demo``: the demo of this working copy."""

from __future__ import annotations

import importlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from driftline.errors import InputError

app = typer.Typer(no_args_is_help=True, help="The demo of a working copy of Driftline (`make demo`).")


class Incident(StrEnum):
    """What can be broken."""

    LATENCY = "latency"
    BAD_VERSION = "bad-version"
    DRIFT = "drift"
    BIAS = "bias"


@app.callback()
def demo() -> None:
    """The demo of a working copy of Driftline (`make demo`)."""


@app.command()
def incident(kind: Annotated[Incident, typer.Argument(help="What breaks.", show_default=False)]) -> None:
    """Break something real in the demo, and show detection, rollback and recovery, with their times.

    Exit code 0: seen, dealt with and shown; 1: something stands in the way, and the message says what to do.
    """
    if not (Path.cwd() / "include" / "demo" / "run.py").is_file():
        raise InputError("The demo is not here. Run this in a working copy of Driftline, after `make demo`.")
    sys.path.insert(0, str(Path.cwd()))
    run = importlib.import_module("include.demo.run")
    raise typer.Exit(run.main(["incident", kind.value]))
