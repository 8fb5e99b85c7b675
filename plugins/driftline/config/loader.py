"""From YAML files to `ModelConfig`s; every error names the file and the key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from driftline.config.model_config import ModelConfig
from driftline.config.strict_model import StrictModel
from driftline.errors import ConfigError

Shape = TypeVar("Shape", bound=StrictModel)

_BOOLEAN_TAG = "tag:yaml.org,2002:bool"
_MERGE_TAG = "tag:yaml.org,2002:merge"


def load_model(path: Path) -> ModelConfig:
    """The model that the file at ``path`` describes.

    Raises
    ------
    ConfigError
        With one line per fault: file, key path, what was found, what is expected.
    """
    return read_validated(path, ModelConfig, key="model", guide="docs/ML_MONITORING_GUIDE.md")


def read_validated(path: Path, shape: type[Shape], *, key: str, guide: str) -> Shape:
    """The YAML file at ``path`` as a ``shape``; `ConfigError` with one line per fault.

    Parameters
    ----------
    key, guide
        The key that every such file has, and where all keys are described.
    """
    return validated(_parse(path), shape, where=str(path), key=key, guide=guide)


def validated(content: Any, shape: type[Shape], *, where: str, key: str, guide: str) -> Shape:
    """What came from ``where`` as a ``shape``; `ConfigError` with one line per fault."""
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: found {_shown(content)} where a mapping with the key `{key}` is expected.")
    try:
        return shape.model_validate(content)
    except ValidationError as invalid:
        errors = [error for error in invalid.errors(include_url=False) if not _is_other_branch(error)]
        raise ConfigError("\n".join(_fault(where, error, guide) for error in errors)) from None


def load_models(folder: Path) -> dict[str, ModelConfig]:
    """The models of every ``*.yaml`` or ``*.yml`` file in ``folder``, by name.

    Raises
    ------
    ConfigError
        Gathers the faults of all files, so that one pass mends them; also for a model described twice.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder. Models are described by YAML files in it.")
    models, faults = load_valid_models(folder)
    if faults:
        raise ConfigError("\n".join(faults))
    return models


def load_valid_models(folder: Path) -> tuple[dict[str, ModelConfig], list[str]]:
    """The valid models of ``folder`` by name, and the faults of the others: one bad file never stops the rest."""
    models: dict[str, ModelConfig] = {}
    homes: dict[str, Path] = {}
    faults: list[str] = []
    for path in yaml_files(folder):
        try:
            config = load_model(path)
        except ConfigError as error:
            faults.append(str(error))
            continue
        if config.model in homes:
            faults.append(
                f"{path}: model: found {config.model!r}, which {homes[config.model]} describes already. "
                "A model has one file: rename it or delete one of the two."
            )
            continue
        models[config.model] = config
        homes[config.model] = path
    return models, faults


def yaml_files(folder: Path) -> Iterable[Path]:
    """The YAML files of a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})


def _parse(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from None


class _StrictLoader(yaml.SafeLoader):
    """YAML 1.2's booleans, and every key once.

    YAML 1.1 takes the key ``on`` and the country ``NO`` for booleans, and lets a later key win over an earlier one of
    the same name: here the first are text and the second is an error.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - how PyYAML declares them
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN_TAG]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE_TAG:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refused(node, f"the key {key!r} is not a text", key_node)
            if key in seen:
                raise _refused(node, f"the key {key!r} stands twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(_BOOLEAN_TAG, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def _refused(mapping: yaml.Node, problem: str, key: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError("while reading a mapping", mapping.start_mark, problem, key.start_mark)


def _is_other_branch(error: ErrorDetails) -> bool:
    """`features` is a word or a list: where a list was given, that it is not the word is no fault."""
    return error["type"] == "literal_error" and isinstance(error["input"], list)


_MESSAGES = {"model_type": "keys and values are expected"}
"""Where pydantic's own words name our classes."""


def _fault(where: str, error: ErrorDetails, guide: str) -> str:
    key_path = _key_path(error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{where}: {key_path}: is not a known key. Check its spelling against {guide}."
    if error["type"] == "missing":
        return f"{where}: {key_path}: is missing."
    message = _MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
    found = "" if isinstance(error["input"], dict) else f" found {_shown(error['input'])};"
    return f"{where}: {key_path}:{found} {message}."


def _key_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith(("constrained-", "literal[", "list[", "function-")):
            path += f".{part}" if path else part
    return path or "(the whole file)"


def _shown(value: Any) -> str:
    shown = value.isoformat() if isinstance(value, date) else repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
