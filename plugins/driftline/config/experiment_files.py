"""From YAML files to `ABTestConfig`s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from driftline.config.experiment_config import ABTestConfig
from driftline.config.loader import read_validated, validated, yaml_files
from driftline.errors import ConfigError

_GUIDE = "docs/AB_TESTING.md"


def load_experiment(path: Path) -> ABTestConfig:
    """The experiment that the file at ``path`` describes.

    Raises
    ------
    ConfigError
        With one line per fault: file, key path, what was found, what is expected.
    """
    return read_validated(path, ABTestConfig, key="experiment", guide=_GUIDE)


def described_experiment(document: Any, where: str) -> ABTestConfig:
    """The experiment that a document, such as the body of a request, describes as a file would.

    Raises
    ------
    ConfigError
        With one line per fault.
    """
    return validated(document, ABTestConfig, where=where, key="experiment", guide=_GUIDE)


def load_valid_experiments(folder: Path) -> tuple[dict[str, ABTestConfig], list[str]]:
    """The valid experiments of ``folder`` by name, and the faults of the other files; nothing without a folder."""
    found: dict[str, ABTestConfig] = {}
    faults: list[str] = []
    for path in yaml_files(folder) if folder.is_dir() else ():
        try:
            config = load_experiment(path)
        except ConfigError as error:
            faults.append(str(error))
            continue
        if config.experiment in found:
            faults.append(f"{path}: experiment: found {config.experiment!r}, which another file describes already.")
            continue
        found[config.experiment] = config
    return found, faults
