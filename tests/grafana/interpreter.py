"""Grafana's way from a dashboard's JSON to the SQL that Postgres gets.

Variables are put in by Grafana's front end (`${name:sqlstring}`), macros by the data source. Both are done here as they
are done there, their limits included: a macro's argument ends at the first closing parenthesis.

Sources: grafana `pkg/tsdb/grafana-postgresql-datasource/macros.go`; `public/app/features/templating/formatRegistry.ts`;
`packages/grafana-prometheus/src/datasource.ts` (`interpolateQueryExpr`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

FOLDER = Path(__file__).resolve().parents[2] / "dashboards" / "grafana" / "json"
EVERYTHING = "$__all"

_MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)|\[\[(\w+)\]\]")

Choice = str | list[str]


class UnknownMacro(Exception):
    """A macro or variable that Grafana would refuse, or put in unquoted."""


@dataclass(frozen=True)
class TimeRange:
    """What is chosen at the top right."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Asked:
    """One query of a panel, a variable or an annotation, as Postgres gets it."""

    where: str
    sql: str
    format: str

    def run(self, connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
        """The rows; refused where Grafana could not draw them."""
        with connection.cursor() as cursor:
            # As Grafana does: nothing is bound, so a percent sign is no place holder.
            cursor.execute(self.sql.encode())
            assert cursor.description is not None
            names = [column.name for column in cursor.description]
            assert len(set(names)) == len(names), f"{self.where}: two columns have one name: {names}"
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if self.format == "time_series":
            _require_series(self.where, names, rows)
        return rows


@dataclass(frozen=True)
class Expression:
    """One query as Prometheus gets it, and the labels that its legend names."""

    where: str
    promql: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Board:
    """A dashboard as it stands in its file."""

    name: str
    document: Mapping[str, Any] = field(repr=False)

    def panels(self) -> Iterator[Mapping[str, Any]]:
        """All of them, without rows."""
        for panel in self.document["panels"]:
            yield from (each for each in (panel, *panel.get("panels", ())) if each["type"] != "row")

    def chosen(
        self, connection: psycopg.Connection[Any], span: TimeRange, given: Mapping[str, Choice] | None = None
    ) -> dict[str, Choice]:
        """The values of the variables when the dashboard opens, but for those that are ``given``."""
        values: dict[str, Choice] = {}
        for variable in self.document["templating"]["list"]:
            if variable["type"] != "query":
                continue
            name = variable["name"]
            asked = Asked(f"{self.name}: variable {name}", interpolated(variable["query"], values, span), "table")
            options = [str(next(iter(row.values()))) for row in asked.run(connection)]
            chosen = (given or {}).get(name) or variable.get("current", {}).get("value") or options[:1]
            if chosen in (EVERYTHING, [EVERYTHING]):
                chosen = options
            is_several = variable.get("multi", False)
            listed = [chosen] if isinstance(chosen, str) else list(chosen)
            strange = set(listed) - set(options)
            assert not strange, f"{self.name}: {name} has no {strange}"
            values[name] = listed if is_several else (listed or [""])[0]
        return values

    def queries(self, values: Mapping[str, Choice], span: TimeRange) -> Iterator[Asked]:
        """Every query of Postgres: of the panels (once for each value that one repeats by), then of the marks."""
        for panel in self.panels():
            for chosen in _repeated(panel, values):
                for target in panel.get("targets", ()):
                    if "rawSql" in target:
                        where = f"{self.name}: {panel['title']} {target['refId']}"
                        yield Asked(where, interpolated(target["rawSql"], chosen, span), target["format"])
        for mark in self.document["annotations"]["list"]:
            if mark.get("target") and "rawSql" in mark["target"]:
                where = f"{self.name}: annotation {mark['name']}"
                yield Asked(where, interpolated(mark["target"]["rawSql"], values, span), "table")

    def expressions(self, values: Mapping[str, Choice]) -> Iterator[Expression]:
        """Every query of Prometheus."""
        for panel in self.panels():
            for target in panel.get("targets", ()):
                if "expr" in target:
                    where = f"{self.name}: {panel['title']} {target['refId']}"
                    labels = re.findall(r"{{(\w+)}}", target["legendFormat"])
                    yield Expression(where, _expression(target["expr"], values), frozenset(labels))


def load_boards() -> list[Board]:
    return [Board(path.stem, json.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.json"))]


def interpolated(sql: str, values: Mapping[str, Choice], span: TimeRange) -> str:
    """The SQL with variables, then macros put in.

    Raises
    ------
    UnknownMacro
        Where Grafana would refuse it, leave it as it stands, or put a value in without quoting it.
    """
    macros: list[str] = []

    def keep(match: re.Match[str]) -> str:
        macros.append(_macro(match[1], match[2], span))
        return f"\0{len(macros) - 1}\0"

    def put(match: re.Match[str]) -> str:
        if match[0].startswith("$__") or match[0].startswith("${__"):
            raise UnknownMacro(f"{match[0]} is no macro of Postgres")
        name, how = match[1], match[2]
        if name not in values or how != "sqlstring":
            raise UnknownMacro(f"{match[0]} is no variable, or one that is not quoted (:sqlstring)")
        return _sql_string(values[name])

    # Variables are put in first, and macros found in what comes of that: a value that looks like one would be taken.
    # Here the order is turned round, so that no value can be anything but itself; `test_panels` tries one that looks.
    kept = _MACRO.sub(keep, sql)
    replaced = _VARIABLE.sub(put, kept)
    return re.sub("\0(\\d+)\0", lambda match: macros[int(match[1])], replaced)


def _expression(promql: str, values: Mapping[str, Choice]) -> str:
    """With variables put in as the data source of Prometheus does: of several values a regular expression."""

    def put(match: re.Match[str]) -> str:
        name = match[1] or match[3] or match[4]
        if match[2] or name not in values:
            raise UnknownMacro(f"{match[0]} is no variable, or has a format")
        chosen = values[name]
        if isinstance(chosen, str):
            return chosen.replace("\\", "\\\\").replace("'", "\\\\'")
        each = [re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\" * 4)) for value in chosen]
        return each[0] if len(each) == 1 else f"({'|'.join(each)})"

    return _VARIABLE.sub(put, promql)


def _macro(name: str, arguments: str, span: TimeRange) -> str:
    given = [argument.strip() for argument in arguments.split(",")]
    start, end = (f"'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}'" for moment in (span.start, span.end))
    if name == "__timeFilter" and given[0]:
        return f"{given[0]} BETWEEN {start} AND {end}"
    if name == "__timeFrom":
        return start
    if name == "__timeTo":
        return end
    raise UnknownMacro(f"${name}({arguments})")


def _sql_string(chosen: Choice) -> str:
    listed = [chosen] if isinstance(chosen, str) else chosen
    return ",".join("'" + value.replace("'", "''") + "'" for value in listed)


def _repeated(panel: Mapping[str, Any], values: Mapping[str, Choice]) -> Sequence[Mapping[str, Choice]]:
    name = panel.get("repeat")
    if not name:
        return [values]
    chosen = values[name]
    return [{**values, name: value} for value in ([chosen] if isinstance(chosen, str) else chosen)]


def _require_series(where: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """What Grafana asks of rows that are to be drawn over time."""
    assert "time" in names, f"{where}: no column is called time"
    times = [row["time"] for row in rows]
    assert all(isinstance(time, datetime) for time in times), f"{where}: a time is none"
    assert times == sorted(times), f"{where}: series must be sorted by time"
    texts = [name for name in names if any(isinstance(row[name], str) for row in rows)]
    points = [(row["time"], *(row[name] for name in texts)) for row in rows]
    assert len(set(points)) == len(points), f"{where}: a series has two values at one time"
    numbers = set(names) - {"time", "metric"}
    assert numbers - set(texts), f"{where}: no column of numbers"
