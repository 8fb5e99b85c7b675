"""The fleet is what a store holds: the library reads all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from driftline.findings import Check, Severity, Status
from driftline.store import tables
from driftline.store.baselines import active_baseline, reference_profiles
from driftline.store.engine import store_transaction
from driftline.store.experiments import ExperimentStatus, all_experiments
from driftline.store.incidents import recent_incidents
from driftline.store.live import version_figures
from driftline.store.overview import model_standings
from driftline.store.registry import current_routes, route_changes, versions
from driftline.store.rollback_log import rollbacks_of
from driftline.store.slices import window_profiles
from driftline.store.verdicts import verdict_versions
from driftline.store.windows import window_findings
from driftline.windows import Window
from tests.fleet import SMALL, Fleet, fill_fleet

SIZE = replace(SMALL, until=datetime(2026, 3, 15, 6, tzinfo=UTC))


@pytest.fixture
def fleet(store_engine: Engine) -> Fleet:
    return fill_fleet(store_engine, SIZE)


def test_the_library_reads_what_was_filled(store_engine: Engine, fleet: Fleet) -> None:
    hostile = fleet.models[0]
    with store_transaction(store_engine) as connection:
        newest = model_standings(connection)
        assert sorted(standing.model for standing in newest) == sorted(model.name for model in fleet.models)
        assert {standing.window.end for standing in newest if standing.window} == {fleet.until}
        findings = window_findings(connection, hostile.name, hostile.windows[-1])
        assert {finding.check for finding in findings} == set(Check)
        assert {Status.OK, Status.NOT_EVALUATED} <= {finding.status for finding in findings}
        assert set(hostile.features) <= {finding.subject for finding in findings}
        assert [each.is_provisional for each in verdict_versions(connection, hostile.name, hostile.windows[0])] == [
            True,
            False,
        ]
        assert {incident.severity for incident in recent_incidents(connection)} >= {Severity.CRITICAL}
        assert current_routes(connection, hostile.name).shares == {hostile.versions[1]: 1}
        assert len(route_changes(connection, hostile.name)) == 5
        assert set(versions(connection, hostile.name)) == set(hostile.versions)
        assert [rollback.bad_version for rollback in rollbacks_of(connection)] == [hostile.versions[2]]
        (figures,) = version_figures(connection, hostile.name, fleet.until - timedelta(hours=1))
        assert figures.predictions.predictions > 0
        assert figures.outcomes.accuracy == pytest.approx(0.95, abs=0.05)
        running = all_experiments(connection)
        assert {record.model for record in running} == set(fleet.experiments)
        assert {record.status for record in running} == {ExperimentStatus.RUNNING}
        assert all(record.analysis and record.looks for record in running)


def test_profiles_and_baselines_are_real_counts(store_engine: Engine, fleet: Fleet) -> None:
    for model in fleet.models:
        with store_transaction(store_engine) as connection:
            baseline = active_baseline(connection, model.name)
            assert baseline is not None
            reference = reference_profiles(connection, baseline)
            current = window_profiles(connection, baseline, Window(fleet.until - timedelta(hours=6), fleet.until))
        assert set(reference) == {"", *model.segments}
        assert {segment for _, segment in current} == {"", *model.segments}
        for profiles in (reference[""], current[model.versions[1], ""]):
            assert set(model.features) < set(profiles)
            assert all(profile.rows > 0 for profile in profiles.values())


def test_the_same_seed_fills_the_same(store_engine: Engine, fleet: Fleet) -> None:
    sums = select(func.count(), func.sum(tables.findings.c.statistic), func.sum(tables.findings.c.effect))
    with store_transaction(store_engine) as connection:
        before = connection.execute(sums).one()
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(table.delete())
    fill_fleet(store_engine, SIZE)
    with store_transaction(store_engine) as connection:
        assert connection.execute(sums).one() == pytest.approx(before)
