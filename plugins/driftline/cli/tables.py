"""Parquet and CSV files as Arrow tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from driftline.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_PARQUET = {".parquet", ".pq"}
_CSV = {".csv", ".tsv"}


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The table in a Parquet or CSV file (by its ending); only ``columns`` where given.

    Raises
    ------
    InputError
        When the file is missing, of another kind, broken, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    ending = path.suffix.lower()
    if ending not in _PARQUET | _CSV:
        raise InputError(f"{path}: is neither Parquet (.parquet, .pq) nor CSV (.csv, .tsv). Convert it, or rename it.")
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    try:
        if ending in _PARQUET:
            table = pyarrow.parquet.read_table(path)
        else:
            options = pyarrow.csv.ParseOptions(delimiter="\t" if ending == ".tsv" else ",")
            table = pyarrow.csv.read_csv(path, parse_options=options)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    missing = [column for column in columns or [] if column not in table.column_names]
    if missing:
        there = ", ".join(table.column_names)
        raise InputError(f"{path}: has no column {', '.join(map(repr, missing))}. It has: {there}.")
    return table if columns is None else table.select(columns)
