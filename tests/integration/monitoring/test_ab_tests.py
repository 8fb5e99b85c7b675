"""A/B tests from beginning to end: real store, real prediction log, real router."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from driftline.errors import InputError
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.moments import UnitMoments
from driftline.experiments.verdict import Ruling, Verdict
from driftline.local.provisioning import LOG_READER, Urls
from driftline.monitoring.experiment_looks import look_at_those_that_go_on
from driftline.serving import VersionHealth, VersionStatus
from driftline.serving.router import Router
from driftline.store import registry
from driftline.store.engine import store_transaction
from driftline.store.experiment_verdicts import verdicts
from driftline.store.experiments import ExperimentStatus, move_experiment
from driftline.store.promotion import promote
from tests.integration.monitoring.shop_experiment import (
    BEGAN,
    MODEL,
    NAME,
    ShopExperiment,
    config_of,
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


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("ending", ["promoted", "stopped", "unfit"])
def test_when_it_has_ended_entities_are_placed_as_before_it(lab: ShopExperiment, ending: str, keeps: bool) -> None:
    before = placement(lab)
    lab.started(keep_placement=keeps, strategy="random", source="application")
    during = placement(lab)
    assert (during, before) == (("random", f"{NAME}/1"), ("hash_based", MODEL))
    if ending == "promoted":
        lab.controller.decide_ab_test(NAME, Ruling(Verdict.PROMOTE, "good"), actor="ann")
    elif ending == "stopped":
        lab.controller.stop_ab_test(NAME, actor="ann", reason="enough")
    else:
        with store_transaction(lab.store) as connection:
            registry.set_health(connection, model=MODEL, version="v2", health=VersionHealth.UNHEALTHY, at=BEGAN)
        lab.controller.run(NAME)
    assert lab.record().status is not ExperimentStatus.RUNNING
    assert placement(lab) == (during if keeps else before)


def placement(lab: ShopExperiment) -> tuple[str, str]:
    with store_transaction(lab.store) as connection:
        routes = registry.current_routes(connection, MODEL)
    return routes.strategy.value, routes.salt


def test_a_rerun_and_a_restart_change_nothing_twice(lab: ShopExperiment, urls: Urls) -> None:
    """Read in two halves by two controllers, with a look between two looks: the sums are those of one reading."""
    lab.started(samples=100_000)
    first = lab.come(600, at=BEGAN + MINUTE, visits=2)
    lab.controller.run(NAME)
    before = lab.record().analysis
    lab.controller.run(NAME)
    assert lab.record().analysis["units"] == before["units"]
    restarted = type(lab.controller)(lab.store, lab.controller.models, lambda _: urls.log_reader)
    assert restarted.collect_ab_test_metrics(NAME)["v1"].predictions == Counter(first)["v1"]
    step = restarted.run(NAME)
    assert step.analysis is not None
    assert step.analysis.predictions == Counter(first)
    assert sum(step.analysis.units.values()) == 600
    assert [result.method for result in step.analysis.results if "delta method" in result.method]
    assert changes(lab) == 2


def test_what_came_before_or_by_a_router_that_had_not_switched_is_not_counted(lab: ShopExperiment) -> None:
    lab.come(300, at=BEGAN - 5 * MINUTE)
    lab.started()
    lab.come(300, at=BEGAN + MINUTE, route=lambda _: "v1")
    arms = lab.controller.collect_ab_test_metrics(NAME)
    expected = [lab.route()(f"customer-{each}") for each in range(300)].count("v1")
    assert {version: arm.units for version, arm in arms.items()} == {"v1": expected}


def test_a_label_that_is_corrected_counts_once(lab: ShopExperiment) -> None:
    lab.started()
    lab.come(400, at=BEGAN + MINUTE, accuracy={"v1": 1.0, "v2": 1.0})
    before = lab.controller.collect_ab_test_metrics(NAME)["v2"].moments["accuracy"]
    assert (before.value, before.n) == (1.0, before.units)
    # A label is late or corrected: it arrives in the log's present, and is read when it has settled.
    lab.shop.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id, NOT was_fraud, known_at + interval '1 hour' "
        "FROM {schema}.labels WHERE prediction_id IN (SELECT prediction_id FROM {schema}.predictions "
        "WHERE model_version = 'v2' AND customer IS NOT NULL ORDER BY prediction_id LIMIT 10)"
    )
    _read_until(lab, BEGAN + 30 * MINUTE)
    after = lab.controller.collect_ab_test_metrics(NAME)["v2"].moments["accuracy"]
    assert (after.n, after.s) == (before.n, before.n - 10)


def _read_until(lab: ShopExperiment, moment: datetime) -> None:
    """As if the last reading had ended then, and not at the log's present."""
    with store_transaction(lab.store) as connection:
        move_experiment(connection, NAME, predictions_until=moment, labels_until=moment)


def test_two_at_once_act_once(lab: ShopExperiment) -> None:
    lab.started()
    lab.come(3_000, at=BEGAN + MINUTE, accuracy=BETTER)
    with ThreadPoolExecutor(4) as pool:
        steps = list(pool.map(lambda _: lab.controller.run(NAME), range(4)))
    assert sum(step.ruling is not None for step in steps) == 1
    assert changes(lab) == 3
    assert rulings(lab) == [Verdict.PROMOTE]


def test_proven_harm_ends_it_at_once(lab: ShopExperiment) -> None:
    lab.started(promote_automatically=False)
    lab.come(1_200, at=BEGAN + MINUTE, errors={"v2": 0.2})
    step = lab.controller.run(NAME)
    assert step.ruling is not None
    assert "error_rate of v2" in step.ruling.reason
    assert lab.shares() == {"v1": 1.0}
    assert rulings(lab) == [Verdict.ROLL_BACK]
    assert lab.record().status is ExperimentStatus.CONCLUDED


def test_a_winner_waits_for_a_person_unless_told_otherwise(lab: ShopExperiment) -> None:
    lab.started(promote_automatically=False)
    lab.come(3_000, at=BEGAN + MINUTE, accuracy=BETTER)
    assert "waits for a person" in lab.controller.run(NAME).note
    assert "waits for a person" in lab.controller.run(NAME).note
    assert lab.shares() == {"v1": 0.5, "v2": 0.5}
    verdict, done = lab.controller.decide_ab_test(NAME, Ruling(Verdict.PROMOTE, "looks right"), actor="ann")
    assert (verdict.actor, verdict.is_override, verdict.ruling.winner) == ("ann", True, "v2")
    assert "v2 has all the traffic" in done
    assert rulings(lab) == [Verdict.PROMOTE, Verdict.PROMOTE]


def test_an_inconclusive_verdict_stays(lab: ShopExperiment) -> None:
    lab.started(samples=1_000, looks=2)
    lab.come(1_100, at=BEGAN + MINUTE)
    assert lab.controller.run(NAME).ruling.verdict is Verdict.INCONCLUSIVE  # type: ignore[union-attr]
    lab.come(2_000, at=BEGAN + 5 * MINUTE, accuracy=BETTER, first=2_000, route=lambda each: "v2")
    assert lab.controller.run(NAME).ruling is None
    assert lab.controller.auto_promote_or_rollback(NAME) == f"{NAME} does not run: it is concluded."
    assert (rulings(lab), lab.shares()) == ([Verdict.INCONCLUSIVE], {"v1": 1.0})
    with pytest.raises(InputError, match="A verdict is final"):
        lab.controller.start_ab_test(NAME, actor="ann")


def test_a_missing_part_of_an_arm_holds_it(lab: ShopExperiment) -> None:
    """A fall-back from v2 to v1 takes a third of v2's customers out of the log's split."""
    lab.started()
    assigned = lab.route()
    lab.come(
        3_000,
        at=BEGAN + MINUTE,
        accuracy=BETTER,
        route=lambda each: "v1" if assigned(each) == "v2" and int(each[9:]) % 3 == 0 else assigned(each),
    )
    step = lab.controller.run(NAME)
    assert step.analysis is not None
    assert step.ruling is not None
    assert step.analysis.sample_ratio.is_mismatch
    assert step.ruling.verdict is Verdict.HOLD
    assert lab.shares() == {"v1": 0.5, "v2": 0.5}


def test_labels_of_one_arm_only_hold_it(lab: ShopExperiment) -> None:
    lab.started()
    lab.come(1_000, at=BEGAN + MINUTE, labels=("v1",))
    ruling = lab.controller.run(NAME).ruling
    assert ruling is not None
    assert (ruling.verdict, ruling.reason) == (
        Verdict.HOLD,
        "No data: accuracy: v2 has no data, while the other arm has.",
    )


def test_a_ramp_keeps_the_ratio_and_the_customers(lab: ShopExperiment) -> None:
    lab.started(arms={"v1": 75, "v2": 25}, schedule=[[10, 20], [10, 60], [0, 100]], samples=100_000)
    assert lab.shares() == {"v1": 0.95, "v2": 0.05}
    answered = dict(zip(range(4_000), lab.come(4_000, at=BEGAN + MINUTE), strict=True))
    step = lab.controller.run(NAME, at=BEGAN + 11 * MINUTE)
    assert "Stage 2" in step.note
    assert step.analysis is not None
    units = step.analysis.units
    assert sum(units.values()) == pytest.approx(800, rel=0.1)
    assert units["v2"] / sum(units.values()) == pytest.approx(0.25, abs=0.05)
    assert lab.shares() == {"v1": 0.85, "v2": 0.15}
    now = lab.come(4_000, at=BEGAN + 12 * MINUTE)
    assert all(new == "v2" for number, new in enumerate(now) if new != answered[number])


def test_a_stage_without_data_stays(lab: ShopExperiment) -> None:
    lab.started(schedule=[[10, 20], [0, 100]])
    note = lab.controller.run(NAME, at=BEGAN + 30 * MINUTE).note
    assert note.startswith("Stage 1 stays")
    assert lab.shares() == {"v1": 0.9, "v2": 0.1}


ROLLOUT: dict[str, Any] = {
    "arms": None,
    "treatment": "v2",
    "strategy": "gradual_rollout",
    "schedule": [[5, 20], [5, 50], [0, 100]],
    "samples": None,
    "metrics": [{"metric": "error_rate", "role": "guardrail", "maximum_loss": 0.02}],
    "minimum_samples": 50,
}


def test_a_rollout_goes_up_goes_back_and_is_held(lab: ShopExperiment) -> None:
    lab.started(**ROLLOUT)
    assert lab.shares() == {"v1": 0.8, "v2": 0.2}
    lab.come(1_500, at=BEGAN + MINUTE)
    assert "Stage 2 of 3" in lab.controller.run(NAME, at=BEGAN + 6 * MINUTE).note
    lab.come(1_500, at=BEGAN + 7 * MINUTE, errors={"v2": 0.3})
    assert "Back. Stage 1 of 3" in lab.controller.run(NAME, at=BEGAN + 8 * MINUTE).note
    assert lab.shares() == {"v1": 0.8, "v2": 0.2}
    lab.come(1_500, at=BEGAN + 9 * MINUTE)
    assert "stays: went back from stage 2" in lab.controller.run(NAME, at=BEGAN + 20 * MINUTE).note
    lab.controller.decide_ab_test(NAME, Ruling(Verdict.CONTINUE, "mended"), actor="ann", at=BEGAN + 21 * MINUTE)
    assert "Stage 2 of 3" in lab.controller.run(NAME, at=BEGAN + 22 * MINUTE).note
    lab.come(1_500, at=BEGAN + 23 * MINUTE)
    assert "v2 has all the traffic" in lab.controller.run(NAME, at=BEGAN + 30 * MINUTE).note
    assert lab.shares() == {"v2": 1.0}


def test_a_rollout_that_ends_below_all_waits_there(lab: ShopExperiment) -> None:
    lab.started(**{**ROLLOUT, "schedule": [[5, 50]], "promote_automatically": False})
    lab.come(1_500, at=BEGAN + MINUTE)
    for minutes in (6, 11, 16):
        assert "waits for a person" in lab.controller.run(NAME, at=BEGAN + minutes * MINUTE).note
    assert rulings(lab) == [Verdict.CONTINUE, Verdict.PROMOTE]
    lab.come(1_500, at=BEGAN + 20 * MINUTE, errors={"v2": 0.5})
    _read_until(lab, BEGAN + 19 * MINUTE)
    lab.controller.run(NAME, at=BEGAN + 22 * MINUTE)
    assert rulings(lab)[2:] == [Verdict.ROLL_BACK]
    assert lab.shares() == {"v1": 1.0}


def test_bad_first_stage_of_a_rollout_ends_it(lab: ShopExperiment) -> None:
    lab.started(**ROLLOUT)
    lab.come(1_500, at=BEGAN + MINUTE, errors={"v2": 0.5})
    lab.controller.run(NAME, at=BEGAN + 3 * MINUTE)
    assert (lab.shares(), lab.record().status) == ({"v1": 1.0}, ExperimentStatus.CONCLUDED)


def test_when_the_clock_goes_back_nothing_changes(lab: ShopExperiment) -> None:
    lab.started(schedule=[[10, 20], [0, 100]])
    lab.come(2_000, at=BEGAN + MINUTE)
    lab.controller.run(NAME, at=BEGAN + 9 * MINUTE)
    before = lab.record()
    assert "the clock went back" in lab.controller.run(NAME, at=BEGAN + 5 * MINUTE).note
    assert lab.record() == before


@pytest.mark.parametrize("fault", ["unhealthy", "gone", "quarantined"])
def test_a_version_that_becomes_unfit_stops_it(lab: ShopExperiment, fault: str) -> None:
    lab.started()
    with store_transaction(lab.store) as connection:
        if fault == "unhealthy":
            registry.set_health(connection, model=MODEL, version="v2", health=VersionHealth.UNHEALTHY, at=BEGAN)
        else:
            statement = {
                "gone": "DELETE FROM driftline.model_versions WHERE version = 'v2'",
                "quarantined": "UPDATE driftline.model_versions SET status = 'quarantined' WHERE version = 'v2'",
            }[fault]
            connection.exec_driver_sql(statement)
    note = lab.controller.run(NAME).note
    assert note.startswith("stopped: version 'v2' of 'fraud' is")
    assert (lab.shares(), lab.record().status) == ({"v1": 1.0}, ExperimentStatus.STOPPED)
    assert "v2" in lab.record().end_reason


def test_it_does_not_fight_a_rollback(lab: ShopExperiment) -> None:
    lab.started()
    with store_transaction(lab.store) as connection:
        outcome = registry.roll_back(
            connection, model=MODEL, bad_version="v2", reason="errors", actor="guard", cause_key="guard/1", at=BEGAN
        )
    assert outcome.is_done
    assert "were changed by guard (errors)" in lab.controller.run(NAME).note
    assert (changes(lab), lab.shares()) == (3, {"v1": 1.0})


def test_started_again_it_is_a_new_phase_with_a_new_salt(lab: ShopExperiment) -> None:
    lab.started()
    one = [lab.controller.route_prediction_request(NAME, f"customer-{each}") for each in range(60)]
    lab.come(500, at=BEGAN + MINUTE)
    lab.controller.run(NAME)
    lab.controller.stop_ab_test(NAME, actor="ann", reason="wrong artefact")
    assert lab.shares() == {"v1": 1.0}
    lab.controller.start_ab_test(NAME, actor="ann", at=BEGAN + 30 * MINUTE)
    other = [lab.controller.route_prediction_request(NAME, f"customer-{each}") for each in range(60)]
    assert one != other
    assert lab.record().phase == 2
    assert lab.controller.run(NAME).analysis.units == {"v1": 0, "v2": 0}  # type: ignore[union-attr]


def test_figures_of_an_application_count_once_per_batch(lab: ShopExperiment) -> None:
    lab.started(source="application")
    batch = {
        "v1": ArmStatistics(2_000, 2_000, {"accuracy": UnitMoments.of_proportion(1_400, 2_000)}),
        "v2": ArmStatistics(2_000, 2_000, {"accuracy": UnitMoments.of_proportion(1_800, 2_000)}),
    }
    for _ in range(2):
        arms = lab.controller.collect_ab_test_metrics(NAME, batch, batch_key="monday")
    assert arms["v1"].units == 2_000
    _, ruling = lab.controller.analyze_ab_test_results(NAME)
    # The guardrail has no data: the winner is not promoted.
    assert ruling.verdict is Verdict.HOLD
    rates = {
        version: ArmStatistics(moments={"error_rate": UnitMoments.of_proportion(20, 2_000)}) for version in ("v1", "v2")
    }
    lab.controller.collect_ab_test_metrics(NAME, rates, batch_key="errors")
    lab.controller.analyze_ab_test_results(NAME)
    assert "v2 has all the traffic" in lab.controller.auto_promote_or_rollback(NAME)
    assert lab.controller.auto_promote_or_rollback(NAME) == f"{NAME} does not run: it is concluded."


def test_one_that_fails_stops_no_other(lab: ShopExperiment) -> None:
    with store_transaction(lab.store) as connection:
        for version in ("a", "b"):
            registry.register_version(connection, model="spam", version=version, artifact_uri="s3://x", at=BEGAN)
    lab.started(source="application")
    lab.started(experiment="spam-b", model="spam", control="a", arms={"a": 50, "b": 50}, source="application")
    with store_transaction(lab.store) as connection:
        connection.exec_driver_sql("UPDATE driftline.experiments SET looks = '[{}]' WHERE experiment = 'spam-b'")
    steps = {step.experiment: step for step in lab.controller.run_all()}
    assert steps["spam-b"].error
    assert steps[NAME].ruling is not None
    with store_transaction(lab.store) as connection:
        kept = connection.exec_driver_sql("SELECT error FROM driftline.experiments WHERE experiment = 'spam-b'")
        assert kept.scalar_one()


def test_looked_at_together_they_come_to_what_each_comes_to_alone(lab: ShopExperiment) -> None:
    with store_transaction(lab.store) as connection:
        for version in ("v1", "v2"):
            registry.register_version(connection, model="spam", version=version, artifact_uri="s3://x", at=BEGAN)
    names = [lab.started(source="application"), lab.started(experiment="spam-v2", model="spam", source="application")]

    def came(size: int, errors: int) -> None:
        rates = {"accuracy": 0.8 * size, "error_rate": 0.01 * size}
        arms = {
            version: ArmStatistics(
                size, size, {name: UnitMoments.of_proportion(round(count), size) for name, count in counts.items()}
            )
            for version, counts in {"v1": rates, "v2": {**rates, "error_rate": errors}}.items()
        }
        for name in names:
            lab.controller.collect_ab_test_metrics(name, arms, batch_key=f"{size}")

    came(700, 7)
    at = datetime.now(UTC)
    alone = lab.controller.run(names[0], at=at)
    with store_transaction(lab.store) as connection:
        (together,) = look_at_those_that_go_on(connection, names[1:], at)
    assert (together.analysis, together.ruling) == (alone.analysis, alone.ruling)
    one, other = (lab.record(name) for name in names)
    assert (one.analysis, one.looks, one.looked_at) == (other.analysis, other.looks, other.looked_at)
    assert len(one.looks) == 1
    lab.controller.run_all(at + MINUTE)
    assert [rulings(lab, name) for name in names] == [[Verdict.CONTINUE]] * 2
    came(1_400, 500)
    assert {step.ruling.verdict for step in lab.controller.run_all(at + 2 * MINUTE) if step.ruling} == {
        Verdict.ROLL_BACK
    }
    assert [rulings(lab, name) for name in names] == [[Verdict.CONTINUE, Verdict.ROLL_BACK]] * 2
    assert lab.shares() == {"v1": 1.0}


def test_an_ended_experiment_takes_nothing_from_one_that_runs(lab: ShopExperiment) -> None:
    lab.started()
    lab.controller.stop_ab_test(NAME, actor="ann", reason="later")
    lab.started(experiment="fraud-v3", arms={"v1": 50, "v3": 50})
    with pytest.raises(InputError, match="'fraud-v3' has the traffic of 'fraud' now"):
        lab.controller.decide_ab_test(NAME, Ruling(Verdict.PROMOTE, "why not"), actor="ann")
    assert lab.shares() == {"v1": 0.5, "v3": 0.5}


def test_two_experiments_on_one_model_are_refused(lab: ShopExperiment) -> None:
    lab.started()
    lab.created(experiment="fraud-v3", arms={"v1": 50, "v3": 50})
    with pytest.raises(InputError, match="cannot be layered"):
        lab.controller.start_ab_test("fraud-v3", actor="ann")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arms": {"v1": 50, "v9": 50}}, "version 'v9' of 'fraud' is not registered"),
        ({"model": "unknown"}, "no valid file describes the model 'unknown'"),
        ({"metrics": [{"metric": "mae", "role": "primary"}]}, "mae is no metric of binary_classification"),
    ],
)
def test_what_cannot_be_is_refused(lab: ShopExperiment, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        lab.created(**change)


def test_traffic_that_is_split_already_is_refused(lab: ShopExperiment) -> None:
    lab.created(arms={"v1": 50, "v3": 50})
    with store_transaction(lab.store) as connection:
        promote(
            connection,
            model=MODEL,
            version="v2",
            share=Decimal("0.5"),
            expected_revision=None,
            actor="x",
            reason="x",
            cause_key="x",
            at=BEGAN,
        )
    with pytest.raises(InputError, match="is split already"):
        lab.controller.start_ab_test(NAME, actor="ann")


def test_the_same_experiment_may_be_created_again_and_another_of_its_name_not(lab: ShopExperiment) -> None:
    lab.created()
    lab.created()
    with pytest.raises(InputError, match="There is another experiment 'fraud-v2'"):
        lab.created(samples=5_000)
    assert config_of() == lab.record().config


def test_files_are_kept_once_and_started_where_they_say_so(lab: ShopExperiment) -> None:
    described = [
        config_of(start_automatically=True),
        config_of(experiment="bad", arms={"v1": 50, "v9": 50}),
        config_of(experiment="later", arms={"v1": 50, "v3": 50}),
    ]
    first, second = (lab.controller.keep_described(described, at=BEGAN) for _ in range(2))
    assert [(step.note, bool(step.error)) for step in first] == [
        ("created and started", False),
        ("", True),
        ("created; it waits for a person to start it", False),
    ]
    assert [step.experiment for step in second] == ["bad"]
    assert lab.record().status is ExperimentStatus.RUNNING


def test_people_are_told_of_a_verdict_once(lab: ShopExperiment) -> None:
    lab.started(promote_automatically=False)
    lab.come(3_000, at=BEGAN + MINUTE, accuracy=BETTER)
    for _ in range(2):
        lab.controller.run(NAME)
    assert titles(lab) == ["fraud: experiment fraud-v2, promote"]


def test_people_are_told_once_a_day_that_it_is_held(lab: ShopExperiment) -> None:
    lab.started()
    lab.come(1_000, at=BEGAN + MINUTE, labels=("v1",))
    lab.controller.run(NAME, at=BEGAN + 10 * MINUTE)
    assert titles(lab) == []
    for minutes in (70, 75):
        lab.controller.run(NAME, at=BEGAN + minutes * MINUTE)
    assert titles(lab)[:1] == ["fraud: experiment fraud-v2, hold"]
    assert len(titles(lab)) <= 2


def titles(lab: ShopExperiment) -> list[str]:
    with store_transaction(lab.store) as connection:
        return list(
            connection.exec_driver_sql("SELECT message ->> 'title' FROM driftline.alert_outbox ORDER BY 1").scalars()
        )
