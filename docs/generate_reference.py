"""Writes docs/REFERENCE.md from the code: `python docs/generate_reference.py`; a test keeps it up to date."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import textwrap
import typing
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy import Column, Table
from typer.testing import CliRunner

from driftline.cli.app import app
from driftline.config.durations import format_duration
from driftline.config.experiment_config import ABTestConfig
from driftline.config.model_config import ModelConfig
from driftline.store.tables import ABOUT, SCHEMA, metadata
from driftline.web.metrics.catalogue import CATALOGUE

PAGE = Path(__file__).with_name("REFERENCE.md")
HEAD = """# Reference

Made from the code by `python docs/generate_reference.py`. What things are for, and how they go together, is in the
[guide](ML_MONITORING_GUIDE.md).

- [A model's file](#a-models-file)
- [An experiment's file](#an-experiments-file)
- [Commands](#commands)
- [Tables](#tables)
- [Metrics](#metrics)
"""
MODEL = """## A model's file

`include/models/<model>.yaml`. Unknown keys are errors. Durations are written `90s`, `30m`, `6h`, `28d`, `2w`; a share
is 0 to 1; `[]` stands for each entry of a list.
"""
EXPERIMENT = """## An experiment's file

`include/experiments/<experiment>.yaml`.
"""
COMMANDS = """## Commands

Exit codes, unless a command says otherwise: 0 done, 1 something was found, 2 not done, and the message says why.
"""
TABLES = f"""## Tables

In the schema `{SCHEMA}` of the database behind the connection `driftline_store`. Only Driftline writes to them; a role
that reads them needs `SELECT` alone. Times are `timestamptz`. **Bold** columns are the key.
"""
METRICS = """## Metrics

What `/driftline/metrics` of Airflow's API server tells Prometheus, made from the tables at each scrape.
`dashboards/prometheus/` has the scrape configuration, recording and alerting rules.

| metric | type | labels | |
|---|---|---|---|
"""
KEYS = "| key | type | default | |\n|---|---|---|---|"


def reference() -> str:
    """The whole page."""
    tables = [_table(table) for table in sorted(metadata.tables.values(), key=lambda one: one.name)]
    files = [MODEL, _keys(ModelConfig), EXPERIMENT, _keys(ABTestConfig)]
    return "\n".join([HEAD, *files, COMMANDS, *_commands(), TABLES, *tables, METRICS + _metrics()])


def _keys(model: type[BaseModel]) -> str:
    return "\n".join([KEYS, *(" | ".join(("", *row, "")).strip() for row in _rows(model, "")), ""])


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    told = _docstrings(model)
    for name, field in model.model_fields.items():
        nested, is_list = _nested(field.annotation)
        text = told.get(name) or (_first_line(nested) if nested else "")
        yield f"`{prefix}{name}`", _type(field, nested, is_list), _default(field, nested), _cell(text)
        if nested is not None:
            yield from _rows(nested, f"{prefix}{name}{'[]' if is_list else ''}.")


@cache
def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__[:-1]):
        if not issubclass(owner, BaseModel) or owner is BaseModel:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)
        for statement, following in zip(body.body, body.body[1:], strict=False):
            if not (isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr)):
                continue
            if isinstance(following.value, ast.Constant) and isinstance(statement.target, ast.Name):
                found[statement.target.id] = str(following.value.value)
    return found


def _nested(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section that a key holds, and whether it is a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    is_list = typing.get_origin(annotation) is list
    for inner in typing.get_args(annotation):
        nested, is_inner_list = _nested(inner)
        if nested is not None:
            return nested, is_list or is_inner_list
    return None, False


def _type(field: FieldInfo, nested: type[BaseModel] | None, is_list: bool) -> str:
    if nested is not None:
        return "list of sections" if is_list else "section"
    return _cell(_type_name(field.annotation))


def _type_name(annotation: Any) -> str:
    arguments = typing.get_args(annotation)
    if arguments:
        return _made_of(typing.get_origin(annotation), arguments)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", timedelta: "duration"}
    return names.get(annotation, {"datetime": "time"}.get(getattr(annotation, "__name__", ""), str(annotation)))


def _made_of(origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is Annotated:
        return _type_name(arguments[0])
    names = [_type_name(one) for one in arguments if one is not type(None)]
    if origin is list:
        return f"list of {names[0]}"
    return ": ".join(names) if origin is dict else " or ".join(names)


def _default(field: FieldInfo, nested: type[BaseModel] | None) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if nested is not None or value is None or value is PydanticUndefined or value in ({}, [], (), ""):
        return ""
    return f"`{_written(value)}`"


def _written(value: Any) -> str:
    """As a YAML file has it."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return f"{value:,}".replace(",", "_") if isinstance(value, int) and value >= 10_000 else str(value)


def _commands() -> Iterator[str]:
    for words in _paths(typer.main.get_command(app), ()):
        yield f"### driftline {' '.join(words)}\n\n```text\n{_help(words)}\n```\n"


def _paths(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if hasattr(command, "commands"):
        for name in sorted(command.commands):
            yield from _paths(command.commands[name], (*words, name))
    else:
        yield words


def _help(words: tuple[str, ...]) -> str:
    answer = CliRunner().invoke(app, [*words, "--help"], prog_name="driftline", terminal_width=110)
    if answer.exit_code:
        raise SystemExit(f"driftline {' '.join(words)} --help: {answer.output}")
    return re.sub(r"[ \t]+$", "", answer.output, flags=re.MULTILINE).strip()


def _table(table: Table) -> str:
    columns = "\n".join(
        f"| {_named(column)} | {_column_type(column)} | {_refers(column)} |" for column in table.columns
    )
    return f"### {table.name}\n\n{table.info[ABOUT]}\n\n| column | type | |\n|---|---|---|\n{columns}\n"


def _named(column: Column[Any]) -> str:
    return f"**`{column.name}`**" if column.primary_key else f"`{column.name}`"


def _column_type(column: Column[Any]) -> str:
    name = str(column.type).lower().replace("timestamp", "timestamptz")
    return name + (", may be null" if column.nullable and not column.primary_key else "")


def _refers(column: Column[Any]) -> str:
    return ", ".join(f"`{key.column.table.name}.{key.column.name}`" for key in column.foreign_keys)


def _metrics() -> str:
    rows = (
        (f"`{one.full_name}`", one.kind.value, ", ".join(f"`{name}`" for name in one.labels), _cell(one.help))
        for one in CATALOGUE
    )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _first_line(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").split("\n\n")[0]


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "110")
    PAGE.write_text(reference(), encoding="utf-8")
    sys.stdout.write(f"{PAGE} written\n")
