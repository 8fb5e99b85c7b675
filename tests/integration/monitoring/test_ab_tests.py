"""A/B tests from beginning to end: real store, real prediction log, real router."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from driftline.experiments.verdict import Verdict
from driftline.local.provisioning import LOG_READER, Urls
from driftline.serving import VersionStatus
from driftline.serving.router import Router
from driftline.store import registry
from driftline.store.engine import store_transaction
from driftline.store.experiment_verdicts import verdicts
from driftline.store.experiments import ExperimentStatus
from tests.integration.monitoring.shop_experiment import (
    BEGAN,
    MODEL,
    NAME,
    ShopExperiment,
    shop_experiment,
)
from tests.integration.shop_log import shop_log

MINUTE = timedelta(minutes=1)
BETTER = {"v1": 0.7, "v2": 0.9}


@pytest.fixture
def lab(store_engine: Engine, urls: Urls) -> Iterator[ShopExperiment]:
    with shop_log(urls.log_owner, LOG_READER, days=1) as log:
        yield shop_experiment(store_engine, log, urls.log_reader)


def rulings(lab: ShopExperiment, name: str = NAME) -> list[Verdict]:
    with store_transaction(lab.store) as connection:
        return [verdict.verdict for verdict in verdicts(connection, name)]


def changes(lab: ShopExperiment) -> int:
    with store_transaction(lab.store) as connection:
        return len(registry.route_changes(connection, MODEL))


def test_the_better_version_is_promoted(lab: ShopExperiment, urls: Urls) -> None:
    lab.started()
    assert lab.shares() == {"v1": 0.5, "v2": 0.5}
    with Router(urls.store) as router:
        answered = lab.come(3_000, at=BEGAN + MINUTE, accuracy=BETTER, route=lambda each: router.route(MODEL, each))
        assert answered[:50] == [lab.controller.route_prediction_request(NAME, f"customer-{n}") for n in range(50)]
        step = lab.controller.run(NAME)
        assert step.ruling is not None
        assert step.analysis is not None
        assert (step.ruling.verdict, step.ruling.winner) == (Verdict.PROMOTE, "v2")
        assert step.analysis.units == Counter(answered)
        assert lab.shares() == {"v2": 1.0}
        _await(router)
    assert lab.record().status is ExperimentStatus.CONCLUDED
    with store_transaction(lab.store) as connection:
        known = registry.versions(connection, MODEL)
    assert (known["v1"].status, known["v2"].status) == (VersionStatus.RETIRED, VersionStatus.PRODUCTION)


def _await(router: Router) -> None:
    deadline = time.monotonic() + 5
    while router.route(MODEL, "customer-1") != "v2":
        assert time.monotonic() < deadline
        time.sleep(0.01)
