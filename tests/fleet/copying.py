"""Writing rows by COPY: the columns are those of the library's own tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB

_BLOCK = 2_000
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_rows(connection: psycopg.Connection[Any], table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes ``rows``, which all have the same columns; columns that they leave out get their defaults."""
    listed = list(rows)
    if not listed:
        return
    names = list(listed[0])
    documents = {name for name in names if isinstance(table.c[name].type, JSONB)}
    with connection.cursor() as cursor, cursor.copy(_statement(table, names)) as copy:
        for row in listed:
            copy.write_row(
                [Jsonb(row[name]) if name in documents and row[name] is not None else row[name] for name in names]
            )


def copy_lines(connection: psycopg.Connection[Any], table: Table, names: Iterable[str], lines: Iterable[str]) -> int:
    """Writes ``lines`` of COPY's text format (`escaped` values, tabs between, a newline at the end); how many."""
    written, block = 0, []
    with connection.cursor() as cursor, cursor.copy(_statement(table, list(names))) as copy:
        for line in lines:
            block.append(line)
            if len(block) >= _BLOCK:
                copy.write("".join(block))
                written += len(block)
                block.clear()
        copy.write("".join(block))
    return written + len(block)


def escaped(text: str) -> str:
    """A value as COPY's text format takes it."""
    return text.translate(_ESCAPED)


def _statement(table: Table, names: list[str]) -> SQL:
    columns = SQL(", ").join(Identifier(table.c[name].name) for name in names)
    target = Identifier(str(table.schema), table.name)
    return SQL("COPY {} ({}) FROM STDIN").format(target, columns)  # type: ignore[return-value]
