"""A store as it looks after months: filled by COPY, always the same for a seed and an end.

    with store_engine of a migrated, empty store:
        fleet = fill_fleet(engine, SMALL)                           # 3 models, 5 features, 4 days
        fleet = fill_fleet(engine, FleetSize(models=15, features=30, days=90))

Findings repeat what the real monitor wrote (`tests.fleet.record`); everything else goes by the library's own tables,
serialisation, analysis and rulings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, text

from driftline.store import tables
from driftline.store.engine import store_transaction
from driftline.store.slices import ensure_profile_partitions
from tests.fleet import baselines, results, serving
from tests.fleet.copying import copy_lines, copy_rows
from tests.fleet.course import Course
from tests.fleet.experiments import add_one, experiment_name
from tests.fleet.findings import COLUMNS, Line, model_lines, written_lines
from tests.fleet.plan import HOUR, FleetModel, FleetSize, live_end, planned
from tests.fleet.results import Outcome


@dataclass(frozen=True)
class Fleet:
    """What was filled.

    Attributes
    ----------
    experiments:
        Names by model.
    rows:
        Rows written by table.
    """

    size: FleetSize
    models: tuple[FleetModel, ...]
    experiments: Mapping[str, str]
    rows: Mapping[str, int]

    @property
    def until(self) -> datetime:
        return self.size.until

    def model(self, name: str) -> FleetModel:
        return next(model for model in self.models if model.name == name)


@dataclass
class _Filling:
    """The rows of one table after the other, in the models' order."""

    size: FleetSize
    connection: psycopg.Connection[Any]
    rows: dict[str, int] = field(default_factory=dict)
    next_incident: int = 1
    next_binning: int = 1

    def write(self, table: str, rows: Any) -> None:
        listed = list(rows)
        copy_rows(self.connection, tables.metadata.tables[f"{tables.SCHEMA}.{table}"], listed)
        self.rows[table] = self.rows.get(table, 0) + len(listed)

    def write_model(self, model: FleetModel, experiment: str | None) -> None:
        course, baseline_id = Course(model, self.size.seed), model.index + 1
        self._write_baseline(model, baseline_id)
        self.write("windows", results.window_rows(course, baseline_id))
        lines = model_lines(course)
        written = copy_lines(self.connection, tables.findings, COLUMNS, written_lines(course, lines))
        self.rows["findings"] = self.rows.get("findings", 0) + written
        incidents = self._write_results(course, lines, results.outcomes(course, lines))
        self._write_serving(model, experiment, incidents)

    def _write_baseline(self, model: FleetModel, baseline_id: int) -> None:
        hours = [self.size.until - HOUR * back for back in range(self.size.profile_hours, 0, -1)]
        self.write("baselines", [baselines.baseline_row(model, baseline_id)])
        for table, rows in baselines.binning_rows(model, baseline_id, self.next_binning).items():
            self.write(table, rows)
        self.next_binning += len(baselines.subjects_of(model))
        self.write("slices", baselines.slice_rows(model, baseline_id, hours))
        self.write("profiles", baselines.profile_rows(model, baseline_id, hours))

    def _write_results(self, course: Course, lines: list[Line], found: list[Outcome]) -> list[dict[str, Any]]:
        self.write("decisions", results.decision_rows(course, found))
        self.write("verdict_history", results.verdict_rows(course, lines, found))
        incidents = results.incident_rows(course, found, self.next_incident)
        self.next_incident += len(incidents)
        self.write("incidents", incidents)
        self.write("alert_outbox", results.alert_rows(incidents, self.size.until))
        return incidents

    def _write_serving(self, model: FleetModel, experiment: str | None, incidents: list[dict[str, Any]]) -> None:
        steps = serving.route_steps(model, experiment, self.size.until)
        self.write("model_versions", serving.version_rows(model, experiment))
        for table, rows in serving.route_rows(model, steps).items():
            self.write(table, rows)
        of_fairness = next((each["incident_id"] for each in incidents if each["cause"] == "fairness"), None)
        self.write("rollbacks", serving.rollback_rows(model, of_fairness))
        shares = steps[-1].shares
        live = serving.live_rows(model, shares, live_end(self.size), self.size.live_hours, self.size.seed)
        for table, rows in live.items():
            self.write(table, rows)


def fill_fleet(engine: Engine, size: FleetSize) -> Fleet:
    """Fills a migrated store that is empty; its statistics are up to date afterwards."""
    models = planned(size)
    experimented = {model.name: experiment_name(model) for model in models if model.bad_from is None}
    experiments = dict(list(experimented.items())[: size.experiments])
    with store_transaction(engine) as connection:
        _prepare(connection, size)
        filling = _Filling(size, _driver(connection))
        with _indexed_afterwards(connection, size):
            for model in models:
                filling.write_model(model, experiments.get(model.name))
        for model in models:
            if model.name in experiments:
                add_one(connection, model, size.until, size.seed)
        connection.execute(text(_IDENTITIES))
    with store_transaction(engine) as connection:
        for table in filling.rows:
            connection.execute(text(f"ANALYZE {tables.SCHEMA}.{table}"))
    return Fleet(size, models, experiments, filling.rows)


_IDENTITIES = """
SELECT setval('driftline.baselines_baseline_id_seq', (SELECT coalesce(max(baseline_id), 1) FROM driftline.baselines)),
       setval('driftline.binnings_binning_id_seq', (SELECT coalesce(max(binning_id), 1) FROM driftline.binnings)),
       setval('driftline.incidents_incident_id_seq', (SELECT coalesce(max(incident_id), 1) FROM driftline.incidents))
"""


@contextmanager
def _indexed_afterwards(connection: Connection, size: FleetSize) -> Iterator[None]:
    """Of a large fleet, makes the indexes of the findings when they are all there."""
    if size.models * size.features * size.days < _LARGE:
        yield
        return
    dropped = connection.execute(text(_SECOND_INDEXES)).all()
    for name, _ in dropped:
        connection.execute(text(f"DROP INDEX {tables.SCHEMA}.{name}"))
    yield
    for _, definition in dropped:
        connection.execute(text(definition.replace(":", "\\:")))


_LARGE = 2_000
_SECOND_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'driftline' AND tablename = 'findings' AND indexname <> 'findings_pkey'
"""


def _prepare(connection: Connection, size: FleetSize) -> None:
    ensure_profile_partitions(connection, [size.until - HOUR * back for back in range(size.profile_hours + 1)])


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
