"""Where the DAGs find the models' YAML files."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.configuration import conf

from driftline.config import ModelConfig
from driftline.config.loader import load_valid_models
from driftline.errors import ConfigError

MODELS_VARIABLE = "DRIFTLINE_MODELS"


def models_folder() -> Path:
    """``DRIFTLINE_MODELS``, else ``include/models`` beside the DAGs' folder."""
    named = os.environ.get(MODELS_VARIABLE)
    return Path(named) if named else Path(conf.get("core", "dags_folder")).parent / "include" / "models"


def valid_models() -> dict[str, ModelConfig]:
    """The models whose files are valid: a bad file never stops the other models."""
    folder = models_folder()
    return load_valid_models(folder)[0] if folder.is_dir() else {}


def model_file_faults() -> list[str]:
    """The faults of the files that are not valid, a line each."""
    folder = models_folder()
    return load_valid_models(folder)[1] if folder.is_dir() else [f"{folder}: no such folder."]


def require_valid_model_files() -> None:
    """Raises `ConfigError` with the faults of all files, for Airflow to show as an import error."""
    folder = models_folder()
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder. Models are described by YAML files in it ({MODELS_VARIABLE}).")
    faults = load_valid_models(folder)[1]
    if faults:
        raise ConfigError("\n".join(faults))


def configured_model(model: str) -> ModelConfig:
    """The model that a DAG was made for.

    Raises
    ------
    ConfigError
        When its file is gone or no longer valid.
    """
    found = valid_models().get(model)
    if found is None:
        require_valid_model_files()
        raise ConfigError(f"{models_folder()}: no file describes the model {model!r} any more.")
    return found
