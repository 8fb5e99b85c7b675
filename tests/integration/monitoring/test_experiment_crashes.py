"""`run_experiments` killed between any two statements: all of a look or nothing, and the next one does it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from driftline.experiments.arm import ArmStatistics
from driftline.experiments.moments import UnitMoments
from driftline.experiments.verdict import Ruling, Verdict
from driftline.local.provisioning import LOG_READER, Urls
from driftline.monitoring.ab_tests import ABTestController
from driftline.store import registry
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.tables import alert_outbox, experiment_arms, experiment_units, experiment_verdicts, experiments
from tests.integration.monitoring.shop_experiment import BEGAN, MODEL, NAME, ShopExperiment, shop_experiment
from tests.integration.shop_log import shop_log

MINUTE = timedelta(minutes=1)
LATER = BEGAN + 90 * MINUTE
ERRORS = [{"metric": "error_rate", "role": "guardrail", "maximum_loss": 0.02}]
ROLLOUT: dict[str, Any] = {
    "arms": None,
    "treatment": "v2",
    "strategy": "gradual_rollout",
    "samples": None,
    "metrics": ERRORS,
    "minimum_samples": 50,
}


class _KilledError(BaseException):
    """What a task sees that is killed: no handler may catch it."""


@pytest.fixture
def lab(store_engine: Engine, urls: Urls) -> Iterator[ShopExperiment]:
    with shop_log(urls.log_owner, LOG_READER, days=1) as log:
        yield shop_experiment(store_engine, log, urls.log_reader)


def promoted(lab: ShopExperiment) -> None:
    lab.started(samples=150, looks=1, minimum_samples=50, metrics=[{"metric": "error_rate", "role": "primary"}])
    lab.come(150, at=BEGAN + MINUTE, errors={"v1": 0.6})


def next_stage(lab: ShopExperiment) -> None:
    lab.started(**ROLLOUT, schedule=[[5, 40], [5, 60], [0, 100]])
    lab.come(250, at=BEGAN + MINUTE)


def stepped_back(lab: ShopExperiment) -> None:
    next_stage(lab)
    lab.controller.run(NAME, at=BEGAN + 6 * MINUTE)
    lab.come(250, at=BEGAN + 7 * MINUTE, errors={"v2": 0.5})


def stopped(lab: ShopExperiment) -> None:
    lab.started()
    with store_transaction(lab.store) as connection:
        connection.exec_driver_sql("UPDATE driftline.model_versions SET status = 'quarantined' WHERE version = 'v2'")


def goes_on(lab: ShopExperiment) -> None:
    """Looked at together with all that only go on."""
    lab.started(source="application")
    rates = {name: UnitMoments.of_proportion(60, 600) for name in ("accuracy", "error_rate")}
    both = {version: ArmStatistics(600, 600, rates) for version in ("v1", "v2")}
    lab.controller.collect_ab_test_metrics(NAME, both, batch_key="monday")


def decided(lab: ShopExperiment) -> None:
    """A person's ruling that nothing has come of yet: the process that recorded it was killed."""
    lab.started(source="application", promote_automatically=False)
    lab.controller.decide_ab_test(NAME, Ruling(Verdict.HOLD, "wait"), actor="ann", at=BEGAN + MINUTE)


@pytest.mark.parametrize(
    ("prepare", "routes", "verdict"),
    [
        (promoted, {"v2": 1.0}, Verdict.PROMOTE),
        (next_stage, {"v1": 0.4, "v2": 0.6}, Verdict.CONTINUE),
        (stepped_back, {"v1": 0.6, "v2": 0.4}, Verdict.ROLL_BACK),
        (stopped, {"v1": 1.0}, None),
        (goes_on, {"v1": 0.5, "v2": 0.5}, Verdict.CONTINUE),
        (decided, {"v1": 0.5, "v2": 0.5}, Verdict.HOLD),
    ],
)
def test_killed_between_any_two_statements_it_leaves_all_or_nothing(
    lab: ShopExperiment, prepare: Callable[[ShopExperiment], None], routes: dict[str, float], verdict: Verdict | None
) -> None:
    prepare(lab)
    before, revision = everything(lab), changes(lab)
    cut, off_after = 0, _cutting(lab)
    while off_after(cut):
        cut += 1
        assert everything(lab) == before, f"after {cut} statements"
    assert cut > 5
    # The one that was not cut off has done all of it.
    after = everything(lab)
    assert after != before
    assert lab.shares() == routes
    assert changes(lab) - revision == (before["routes"] != after["routes"])
    assert [each.verdict for each in after["verdicts"][-1:]] == ([] if verdict is None else [verdict])
    assert len(after["verdicts"]) - len(before["verdicts"]) <= 1
    assert len(after["alerts"]) - len(before["alerts"]) <= 1
    # Once more: nothing is routed twice, and no row is counted again.
    lab.controller.run_all(LATER + MINUTE)
    again = everything(lab)
    assert all(again[what] == after[what] for what in ("routes", "units"))


def everything(lab: ShopExperiment) -> dict[str, list[Any]]:
    """All that a look may change."""
    shown = {
        "experiments": select(experiments),
        "arms": select(experiment_arms).order_by(experiment_arms.c.counting, experiment_arms.c.version),
        "units": select(experiment_units).order_by(experiment_units.c.counting, experiment_units.c.unit),
        "verdicts": select(experiment_verdicts).order_by(experiment_verdicts.c.number),
        "alerts": select(alert_outbox).order_by(alert_outbox.c.alert_id),
    }
    with store_transaction(lab.store) as connection:
        found: dict[str, list[Any]] = {name: list(connection.execute(query)) for name, query in shown.items()}
        found["routes"] = list(registry.route_changes(connection, MODEL))
        found["versions"] = sorted(registry.versions(connection, MODEL).items())
    return found


def changes(lab: ShopExperiment) -> int:
    with store_transaction(lab.store) as connection:
        return len(registry.route_changes(connection, MODEL))


def _cutting(lab: ShopExperiment) -> Callable[[int], bool]:
    """Cuts a look off after so many statements; says whether it came to that: False where it was through before."""
    engine = create_store_engine(lab.store.url.render_as_string(hide_password=False))
    controller = ABTestController(engine, lab.controller.models, lab.controller.resolve)
    left = [0]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise _KilledError

    def cut_off_after(statements: int) -> bool:
        left[0] = statements
        try:
            controller.run_all(LATER)
        except _KilledError:
            return True
        return False

    event.listen(engine, "before_cursor_execute", count)
    return cut_off_after
