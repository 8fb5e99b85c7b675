"""Where panels get their data: queries of Postgres and of Prometheus, and the variables that name the data sources.

The builder of Grafana has no query of the Postgres data source; this one writes what Grafana's own editor writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Literal, Self

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, DatasourceVariable, QueryVariable
from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

POSTGRES_TYPE = "grafana-postgresql-datasource"
POSTGRES = models.DataSourceRef(type_val=POSTGRES_TYPE, uid="${postgres}")
PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${prometheus}")

WHOLE = "(all predictions)"
"""What a person chooses for the segment ``''``: Grafana has no empty choice."""

Format = Literal["time_series", "table"]


@dataclass(kw_only=True)
class PostgresQuery(Dataquery):
    """A query of a Postgres data source, as Grafana keeps it."""

    raw_sql: str
    format: Format
    ref_id: str = "A"
    datasource: models.DataSourceRef = field(default_factory=lambda: POSTGRES)

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": self.datasource,
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.raw_sql,
            "refId": self.ref_id,
        }


@dataclass(frozen=True)
class Sql(Builder[Dataquery]):
    """A query of the store."""

    statement: str
    format: Format = "table"
    ref_id: str = "A"

    def build(self) -> Dataquery:
        return PostgresQuery(raw_sql=tidy(self.statement), format=self.format, ref_id=self.ref_id)


def series(statement: str, ref_id: str = "A") -> Sql:
    """A query whose rows are points: ``time``, ``metric`` (the series' name) and values."""
    return Sql(statement, "time_series", ref_id)


def table(statement: str, ref_id: str = "A") -> Sql:
    """A query whose rows are shown as they are."""
    return Sql(statement, "table", ref_id)


def prometheus(expression: str, legend: str, ref_id: str = "A", *, instant: bool = False) -> PrometheusQuery:
    """A query of Prometheus; ``legend`` names the series by their labels.

    Only models and experiments are asked for by variable: their names are of letters, digits, dots and dashes, while
    those of versions and features may hold quotes, which Grafana does not escape for Prometheus.
    """
    query = PrometheusQuery().expr(tidy(expression)).legend_format(legend).ref_id(ref_id).datasource(PROMETHEUS)
    return query.instant().format(PromQueryFormat.TABLE) if instant else query.range()


def source_variables() -> list[Builder[models.VariableModel]]:
    """The two data sources, at first those of the provisioning files: so a dashboard fits another Grafana too."""
    return [
        _source("postgres", "Postgres", POSTGRES_TYPE, "Driftline store"),
        _source("prometheus", "Prometheus", "prometheus", "Driftline Prometheus"),
    ]


def _source(name: str, label: str, kind: str, provisioned: str) -> DatasourceVariable:
    first = models.VariableOption(selected=True, text=provisioned, value=f"driftline-{name}")
    return DatasourceVariable(name).label(label).type(kind).current(first)


def variable(name: str, label: str, description: str, statement: str) -> QueryVariable:
    """A choice whose values a query of the store gives; asked again when the time range changes."""
    sql = tidy(statement)
    return (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(POSTGRES)
        .query(sql)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def several(name: str, label: str, description: str, statement: str) -> QueryVariable:
    """As `variable`, of which several may be chosen; at first all."""
    everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable(name, label, description, statement).multi(True).include_all(True).current(everything)


class SqlAnnotation(Builder[models.AnnotationQuery]):
    """Marks on the time axes, from a query of the store: ``time``, ``timeend``, ``text`` and ``tags``."""

    def __init__(self, name: str, color: str, statement: str) -> None:
        self._query = AnnotationQuery().name(name).icon_color(color).enable(True).datasource(POSTGRES).build()
        target = PostgresQuery(raw_sql=tidy(statement), format="table", ref_id="Anno")
        self._query.target = target  # type: ignore[assignment]

    def off(self) -> Self:
        """Shown only when somebody asks for it."""
        self._query.enable = False
        return self

    def build(self) -> models.AnnotationQuery:
        return self._query


def tidy(statement: str) -> str:
    """The statement without the indentation of the Python around it."""
    return re.sub(r"[ \t]+$", "", dedent(statement).strip(), flags=re.MULTILINE)
