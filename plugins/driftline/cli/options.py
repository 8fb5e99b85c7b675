"""Arguments and options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.config import ModelConfig
from driftline.config.loader import load_valid_models
from driftline.errors import ConfigError, InputError
from driftline.windows import as_utc

if TYPE_CHECKING:
    from driftline.monitoring.monitor import Monitor

DEFAULT_MODELS = Path("include") / "models"

Model = Annotated[str, typer.Argument(help="A model's name, as its file says.", show_default=False)]
Models = Annotated[Path, typer.Option("--models", envvar="DRIFTLINE_MODELS", help="Folder of the models' YAML files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a machine.")]


def configured_model(model: str, folder: Path) -> ModelConfig:
    """The configuration of ``model``, whatever faults other models' files have.

    Raises
    ------
    ConfigError
        Naming the faults of all files and the models there are, where none of them is ``model``.
    """
    valid, faults = described_models(folder)
    if model not in valid:
        there = ", ".join(sorted(valid)) or "none"
        faults.append(f"{folder}: no valid file describes the model {model!r}. There are: {there}.")
        raise ConfigError("\n".join(faults))
    return valid[model]


def described_models(folder: Path) -> tuple[dict[str, ModelConfig], list[str]]:
    """The valid models of ``folder`` by name, and the faults of the other files; `ConfigError` without a folder."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder. Models are described by YAML files in it.")
    return load_valid_models(folder)


def command_line_monitor(model: str, folder: Path) -> Monitor:
    """The monitor of ``model``, with the environment's connections."""
    from driftline.monitoring.connections import environment_url
    from driftline.monitoring.monitor import open_monitor

    return open_monitor(configured_model(model, folder), environment_url)


def moment(written: str, option: str) -> datetime:
    """An ISO date and time with its zone; raises `InputError` naming ``option``."""
    try:
        return as_utc(datetime.fromisoformat(written), option)
    except ValueError:
        raise InputError(
            f"{option} is {written!r}, which is no date and time. Write it as 2026-01-31T06:00:00+00:00."
        ) from None
