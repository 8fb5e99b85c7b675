"""What every part of a model's YAML file has in common: strictness, and names that Postgres can hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

POSTGRES_IDENTIFIER_BYTES = 63


class StrictModel(BaseModel):
    """Unknown keys are errors; values are not coerced from other types; instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _identifier(name: str) -> str:
    if not name or "\x00" in name:
        raise ValueError("a name cannot be empty or hold a NUL character")
    if len(name.encode()) > POSTGRES_IDENTIFIER_BYTES:
        raise ValueError(f"Postgres cuts names at {POSTGRES_IDENTIFIER_BYTES} bytes; this one is longer")
    return name


def _table_name(name: str) -> str:
    for part in name.split(".", 1):
        _identifier(part)
    return name


def _query(text: str) -> str:
    if not text.strip(" \t\r\n;") or "\x00" in text:
        raise ValueError("a query cannot be empty or hold a NUL character")
    return text


Column = Annotated[str, AfterValidator(_identifier)]
Table = Annotated[str, AfterValidator(_table_name)]
Query = Annotated[str, AfterValidator(_query)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def exactly_one_source(table: str | None, query: str | None) -> None:
    """Refuses (`ValueError`) a source that is given twice or not at all."""
    if (table is None) == (query is None):
        raise ValueError("give exactly one of `table` (schema.table) and `query` (a SELECT)")


def refuse_repeats(what: str, names: list[str]) -> None:
    """Refuses (`ValueError`) a list that names something more than once."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"`{what}` names more than once: {', '.join(repeated)}")
