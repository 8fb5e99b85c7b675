"""Every query of every dashboard on a real store, as the role that Grafana gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from driftline.local.provisioning import DASHBOARDS, Urls
from driftline.store.engine import store_transaction
from driftline.store.grants import Reader, grant_reading
from tests.fleet import Fleet, FleetSize, fill_fleet
from tests.grafana import Board, TimeRange, load_boards

BOARDS = {board.name: board for board in load_boards()}
SIZE = FleetSize(models=5, features=4, days=3, live_hours=3, profile_hours=1, experiments=3)


@pytest.fixture
def fleet(store_engine: Engine) -> Fleet:
    return fill_fleet(store_engine, SIZE)


@pytest.fixture
def reader(store_engine: Engine, urls: Urls) -> Iterator[psycopg.Connection[Any]]:
    """As Grafana is connected: by a role that may only read what dashboards show."""
    with store_transaction(store_engine) as connection:
        grant_reading(connection, DASHBOARDS, Reader.DASHBOARDS)
    with psycopg.connect(urls.dashboards, autocommit=True) as connection:
        yield connection


@pytest.fixture
def span() -> TimeRange:
    return TimeRange(SIZE.until - timedelta(days=SIZE.days + 1), datetime.now(UTC) + timedelta(minutes=1))


WITHOUT_DATA = {"ab_comparison: annotation Rollbacks"}
"""The fleet's models that were rolled back have no experiment."""


def test_no_query_fails_and_none_is_empty_where_data_are(
    fleet: Fleet, reader: psycopg.Connection[Any], span: TimeRange
) -> None:
    found: dict[str, int] = defaultdict(int)
    for board in BOARDS.values():
        for given in _choices(board, fleet):
            for asked in board.queries(board.chosen(reader, span, given), span):
                found[asked.where] += len(asked.run(reader))
    assert {where for where, rows in found.items() if not rows} <= WITHOUT_DATA


def _choices(board: Board, fleet: Fleet) -> list[dict[str, Any]]:
    if board.name == "fleet_overview":
        return [{}]
    names = fleet.experiments if board.name == "ab_comparison" else [model.name for model in fleet.models]
    return [{"model": name} for name in names]


def test_names_with_quotes_and_what_looks_like_a_macro_stay_names(
    fleet: Fleet, reader: psycopg.Connection[Any], span: TimeRange
) -> None:
    hostile = fleet.models[0]
    board = BOARDS["data_drift"]
    values = board.chosen(reader, span, {"model": hostile.name})
    assert set(values["version"]) == set(hostile.versions)
    assert set(values["feature"]) == set(hostile.features)
    values["feature"] = [*values["feature"], "'; DROP TABLE driftline.findings; --", "$__timeFilter(x)"]
    for asked in board.queries(values, span):
        asked.run(reader)
    drawn = {row["metric"] for asked in board.queries(values, span) if "Drift by feature" in asked.where
             for row in asked.run(reader)}  # fmt: skip
    assert drawn == set(hostile.features)


def test_an_empty_store_and_a_model_that_is_gone_fail_no_panel(
    reader: psycopg.Connection[Any], span: TimeRange
) -> None:
    nothing = {"model": "gone", "version": [""], "segment": "(all predictions)", "feature": [""], "test": "spread",
               "metric": "accuracy", "experiment": "none"}  # fmt: skip
    for board in BOARDS.values():
        for asked in board.queries({**nothing, "model": ["gone"] if board.name == "fleet_overview" else "gone"}, span):
            asked.run(reader)
