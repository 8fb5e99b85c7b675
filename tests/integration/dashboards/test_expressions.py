"""Every PromQL of the dashboards, asked of a real Prometheus that scrapes a fleet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import Engine

from driftline.local.provisioning import Urls
from tests.fleet import FleetSize, fill_fleet
from tests.grafana import Expression, TimeRange, load_boards
from tests.integration.prometheus_server import prometheus, serving
from tests.integration.web.scraped import TOKEN, metrics_app

SIZE = FleetSize(models=2, features=3, days=1, live_hours=1, profile_hours=1, experiments=1)


def test_no_expression_fails_and_none_is_empty_where_data_are(store_engine: Engine, urls: Urls, tmp_path: Path) -> None:
    fleet = fill_fleet(store_engine, SIZE)
    span = TimeRange(fleet.until - timedelta(days=2), datetime.now(UTC))
    model = next(iter(fleet.experiments))
    asked: list[Expression] = []
    with psycopg.connect(urls.store, autocommit=True) as connection:
        for board in load_boards():
            given = {} if board.name == "fleet_overview" else {"model": model}
            asked += board.expressions(board.chosen(connection, span, given))
    with serving(metrics_app(lambda: store_engine)) as port, prometheus(tmp_path, port, TOKEN) as server:
        server.wait_until(lambda: server.value("driftline_up") == 1, "the first scrape")
        found = {each.where: server.query(each.promql) for each in asked}
    assert [where for where, samples in found.items() if not samples] == []
    for each in asked:
        assert all(each.labels <= set(sample["metric"]) for sample in found[each.where]), each
