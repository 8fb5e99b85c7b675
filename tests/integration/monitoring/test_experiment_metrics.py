"""What is read of the prediction log for an experiment: every metric, every kind of model and entity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sqlalchemy import Engine

from driftline.config import ModelConfig
from driftline.errors import InputError
from driftline.experiments.arm import ArmStatistics, score_cell
from driftline.experiments.latency_quantile import latency_quantile
from driftline.experiments.roc_auc import roc_auc
from driftline.live.latency import cell_of
from driftline.local.provisioning import LOG_READER, Urls
from driftline.monitoring import experiment_rulings
from driftline.monitoring.ab_tests import ABTestController
from driftline.store.engine import store_transaction
from driftline.store.experiment_statistics import arm_statistics
from driftline.store.experiments import move_experiment
from tests.integration.monitoring.shop_experiment import BEGAN, MODEL, NAME, ShopExperiment, shop_experiment
from tests.integration.shop_log import shop_log

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lab(store_engine: Engine, urls: Urls) -> Iterator[ShopExperiment]:
    with shop_log(urls.log_owner, LOG_READER, days=1) as log:
        yield shop_experiment(store_engine, log, urls.log_reader)


def on(lab: ShopExperiment, model: ModelConfig) -> ShopExperiment:
    """The shop, with another configuration of the model."""
    return replace(lab, controller=ABTestController(lab.store, {MODEL: model}, lab.controller.resolve), model=model)


def logged(lab: ShopExperiment, what: str) -> list[tuple[Any, ...]]:
    return lab.shop.rows(
        f"SELECT {what} FROM {{schema}}.predictions JOIN {{schema}}.labels USING (prediction_id) "
        "WHERE customer IS NOT NULL AND model_version = 'v2'"
    )


def test_every_metric_of_a_binary_model_is_that_of_its_rows(lab: ShopExperiment) -> None:
    lab.started(
        metrics=[
            {"metric": "roc_auc", "role": "primary"},
            {"metric": "accuracy", "role": "signal"},
            {"metric": "error_rate", "role": "guardrail"},
            {"metric": "positive_rate", "role": "signal", "better": "lower"},
            {"metric": "latency_p95", "role": "guardrail"},
            {"metric": "fairness_gap", "role": "guardrail", "by": "country"},
        ]
    )
    lab.come(1_500, at=BEGAN + MINUTE, errors={"v2": 0.1}, visits=2)
    arm = lab.controller.collect_ab_test_metrics(NAME)["v2"]
    rows = logged(lab, "is_fraud, was_fraud, score, latency, failure IS NOT NULL, country")
    predicted, actual, scores, latencies, failed, countries = zip(*rows, strict=True)
    shares = {name: moments.value for name, moments in arm.moments.items()}
    assert arm.predictions == len(rows)
    assert shares["accuracy"] == pytest.approx(
        sum(one == other for one, other in zip(predicted, actual, strict=True)) / len(rows)
    )
    assert shares["error_rate"] == pytest.approx(sum(failed) / len(rows))
    assert shares["positive_rate"] == pytest.approx(sum(predicted) / len(rows))
    assert arm.groups == {
        country: (
            countries.count(country),
            sum(one for one, where in zip(predicted, countries, strict=True) if where == country),
        )
        for country in ("DE", "FR")
    }
    area, quantile = roc_auc(arm.scores), latency_quantile(arm.latencies, 0.95)
    assert area is not None
    assert quantile is not None
    assert area.value == pytest.approx(roc_auc_score(actual, scores), abs=0.002)
    assert quantile.milliseconds == pytest.approx(sorted(latencies)[round(len(rows) * 0.95)], rel=0.05)
    assert lab.controller.run(NAME).error == ""


def test_what_entities_that_return_add_to_the_errors_is_measured_however_often_one_looks(lab: ShopExperiment) -> None:
    """Read in three parts, the first too small for a reference, with labels corrected: as if read at once."""
    lab.started(
        metrics=[
            {"metric": "roc_auc", "role": "primary"},
            {"metric": "latency_p95", "role": "guardrail"},
            {"metric": "fairness_gap", "role": "guardrail", "by": "country"},
        ],
        samples=100_000,
    )
    lab.come(40, at=BEGAN + MINUTE, visits=3)
    few = lab.controller.collect_ab_test_metrics(NAME)["v2"]
    assert lab.record().reference is None
    assert set(few.clusters) == {"rows/predictions", "rows/labels", "group/DE", "group/FR"}
    lab.come(300, at=BEGAN + 2 * MINUTE, visits=3)
    _read_on(lab, BEGAN + 2 * MINUTE)
    lab.controller.collect_ab_test_metrics(NAME)
    assert lab.record().reference is not None
    lab.come(200, at=BEGAN + 10 * MINUTE, visits=2)
    lab.shop.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id, NOT was_fraud, known_at + interval '1 hour' FROM "
        "{schema}.labels JOIN {schema}.predictions USING (prediction_id) WHERE customer IS NOT NULL AND "
        "model_version = 'v2' ORDER BY prediction_id LIMIT 20"
    )
    _read_on(lab, BEGAN + 10 * MINUTE)
    arm, reference = lab.controller.collect_ab_test_metrics(NAME)["v2"], lab.record().reference
    rows = logged_last(lab)
    expected = defaultdict(lambda: [0.0] * 5)
    for customer, label, score, latency in rows:
        sums = expected[customer]
        sums[0] += 1
        sums[1] += cell_of(latency) > reference.cuts["latency_p95"]
        sums[2] += reference.influence(score_cell(score), is_positive=label)
    n, slow, moved = (np.array([sums[place] for sums in expected.values()]) for place in (0, 1, 2))
    assert moments_of(arm, "latency_p95") == pytest.approx([len(n), n.sum(), slow.sum(), n @ n, slow @ slow, n @ slow])
    assert moments_of(arm, "roc_auc") == pytest.approx([len(n), n.sum(), moved.sum(), n @ n, moved @ moved, n @ moved])
    by_row = [reference.influence(score_cell(score), is_positive=label) for _, label, score, _ in rows]
    assert arm.clusters["roc_auc/rows"].ss == pytest.approx(sum(each * each for each in by_row))
    assert arm.clusters["group/DE"].n == arm.groups["DE"][0]
    step = lab.controller.run(NAME)
    assert step.analysis is not None
    (area,) = (each for each in step.analysis.results if each.metric == "roc_auc")
    assert area.control_size + area.treatment_size == 300


def _read_on(lab: ShopExperiment, moment: datetime) -> None:
    with store_transaction(lab.store) as connection:
        move_experiment(connection, NAME, predictions_until=moment, labels_until=moment)


def moments_of(arm: ArmStatistics, key: str) -> list[float]:
    return arm.clusters[key].to_json()


def logged_last(lab: ShopExperiment) -> list[tuple[Any, ...]]:
    """customer, last label, score, latency of what v2 predicted in the experiment."""
    return lab.shop.rows(
        "SELECT DISTINCT ON (prediction_id) customer, was_fraud, score, latency FROM {schema}.predictions "
        "JOIN {schema}.labels USING (prediction_id) WHERE customer IS NOT NULL AND model_version = 'v2' "
        "ORDER BY prediction_id, known_at DESC"
    )


METRICS = [
    {"metric": "accuracy", "role": "primary"},
    {"metric": "error_rate", "role": "guardrail"},
    {"metric": "roc_auc", "role": "signal"},
    {"metric": "latency_p95", "role": "guardrail"},
    {"metric": "fairness_gap", "role": "guardrail", "by": "country"},
]


def test_rows_that_arrive_late_are_counted_and_nothing_twice(lab: ShopExperiment) -> None:
    """Predictions and labels that arrive after their hour was read, in any order, with labels corrected: as at once."""
    lab.started(metrics=METRICS, samples=100_000)
    lab.come(300, at=BEGAN + MINUTE)
    lab.controller.collect_ab_test_metrics(NAME)
    lab.controller.collect_ab_test_metrics(NAME)
    assert predictions_of(lab) == 300
    # Ten minutes ago by their own time, and only now in the log; of half of them the labels come later still.
    ago = BEGAN + timedelta(hours=3) - 10 * MINUTE
    lab.come(60, at=ago, first=1_000, visits=2)
    lab.shop.execute(
        "CREATE TABLE {schema}.held AS SELECT * FROM {schema}.labels WHERE prediction_id IN (SELECT prediction_id FROM "
        "{schema}.predictions WHERE customer IN ('customer-1000', 'customer-1001', 'customer-1002'))"
    )
    lab.shop.execute("DELETE FROM {schema}.labels WHERE prediction_id IN (SELECT prediction_id FROM {schema}.held)")
    for _ in range(2):
        lab.controller.collect_ab_test_metrics(NAME)
    assert predictions_of(lab) == 420
    # Late labels, late corrections that a later label had overtaken, and late ones that overtake.
    lab.shop.execute("INSERT INTO {schema}.labels SELECT * FROM {schema}.held")
    for shift in ("- interval '1 second'", "+ interval '3 seconds'"):
        lab.shop.execute(
            "INSERT INTO {schema}.labels SELECT prediction_id, NOT was_fraud, known_at " + shift + " FROM "
            "{schema}.labels WHERE known_at >= %s AND prediction_id %% 7 = " + str(len(shift) % 2),
            ago,
        )
        lab.controller.collect_ab_test_metrics(NAME)
    late = lab.controller.collect_ab_test_metrics(NAME)
    lab.controller.stop_ab_test(NAME, actor="ann", reason="to count it at once")
    lab.controller.start_ab_test(NAME, actor="ann", at=BEGAN)
    with store_transaction(lab.store) as connection:
        salts = connection.exec_driver_sql("UPDATE driftline.experiments SET phase = 1")
        assert salts.rowcount == 1
    at_once = lab.controller.collect_ab_test_metrics(NAME)
    assert sum(arm.predictions for arm in at_once.values()) == 420
    for version, arm in at_once.items():
        assert (late[version].scores, late[version].moments["error_rate"]) == (arm.scores, arm.moments["error_rate"])
        assert (late[version].units, late[version].predictions) == (arm.units, arm.predictions)
        assert (late[version].latencies, late[version].groups) == (arm.latencies, arm.groups)
        accuracy = late[version].moments["accuracy"]
        assert accuracy.to_json() == pytest.approx(arm.moments["accuracy"].to_json())


def predictions_of(lab: ShopExperiment) -> int:
    with store_transaction(lab.store) as connection:
        arms = arm_statistics(connection, NAME, lab.record().counting)
    return sum(arm.predictions for arm in arms.values())


def test_errors_of_a_regression(lab: ShopExperiment) -> None:
    mapping = {key: value for key, value in lab.shop.mapping(prediction="score").items() if key != "score"}
    described = lab.shop.description(
        task="regression",
        predictions={**mapping, "entity": "customer"},
        labels={
            "query": f"SELECT prediction_id, was_fraud::int::float8 AS actual, known_at FROM {lab.shop.schema}.labels",
            "id": "prediction_id",
            "label": "actual",
            "time": "known_at",
            "expected_delay": "6h",
        },
    )
    del described["positive_label"]
    lab = on(lab, ModelConfig.model_validate(described))
    lab.started(metrics=[{"metric": "mae", "role": "primary"}, {"metric": "mse", "role": "signal"}])
    lab.come(800, at=BEGAN + MINUTE)
    moments = lab.controller.collect_ab_test_metrics(NAME)["v2"].moments
    errors = [abs(score - actual) for score, actual in logged(lab, "score, was_fraud::int")]
    assert moments["mae"].value == pytest.approx(sum(errors) / len(errors))
    assert moments["mse"].value == pytest.approx(sum(error * error for error in errors) / len(errors))


def test_where_the_log_names_no_entity_each_prediction_is_a_unit(lab: ShopExperiment) -> None:
    lab = on(lab, lab.shop.config())
    with pytest.raises(InputError, match=r"without `predictions\.entity`"):
        lab.created(experiment="ramp", schedule=[[10, 10], [0, 100]])
    lab.started()
    answered = lab.come(500, at=BEGAN + MINUTE, visits=2, accuracy={"v2": 1.0})
    arms = lab.controller.collect_ab_test_metrics(NAME)
    assert {version: arm.units for version, arm in arms.items()} == {
        version: answered.count(version) for version in ("v1", "v2")
    }
    assert not arms["v1"].moments["accuracy"].is_clustered
    lab.shop.execute(
        "INSERT INTO {schema}.labels SELECT prediction_id, NOT was_fraud, known_at + interval '1 hour' FROM "
        "{schema}.labels JOIN {schema}.predictions USING (prediction_id) WHERE model_version = 'v2' LIMIT 10"
    )
    with store_transaction(lab.store) as connection:
        move_experiment(connection, NAME, labels_until=BEGAN + 30 * MINUTE)
    before, after = (
        arms["v2"].moments["accuracy"],
        lab.controller.collect_ab_test_metrics(NAME)["v2"].moments["accuracy"],
    )
    assert (after.n, after.s, after.units) == (before.n, before.s - 10, before.units)


def test_a_number_is_the_entity_of_its_text(lab: ShopExperiment) -> None:
    """The log has whole numbers; the application routed their texts, or the numbers themselves."""
    lab.shop.execute("ALTER TABLE {schema}.predictions ADD COLUMN customer_number bigint")
    lab = on(lab, lab.shop.config(predictions=lab.shop.mapping(entity="customer_number")))
    lab.started()
    routed = lab.route()
    answered = lab.come(600, at=BEGAN + MINUTE, route=lambda each: routed(each.removeprefix("customer-")))
    lab.shop.execute(
        "UPDATE {schema}.predictions SET customer_number = replace(customer, 'customer-', '')::bigint "
        "WHERE customer IS NOT NULL"
    )
    units = {version: arm.units for version, arm in lab.controller.collect_ab_test_metrics(NAME).items()}
    assert units == {version: answered.count(version) for version in ("v1", "v2")}
    assert routed("7") == lab.controller.route_prediction_request(NAME, 7)


@pytest.mark.parametrize("entity", ["日本-Ω-🦊", "x" * 100_000, "a\ud800b"])
def test_strange_entities_have_a_place(lab: ShopExperiment, entity: str) -> None:
    lab.started()
    assert lab.controller.route_prediction_request(NAME, entity) in {"v1", "v2"}


def test_an_empty_entity_is_refused_and_counts_nowhere(lab: ShopExperiment) -> None:
    lab.started()
    with pytest.raises(InputError, match="entity id is empty"):
        lab.controller.route_prediction_request(NAME, "")
    lab.come(100, at=BEGAN + MINUTE)
    lab.shop.execute("UPDATE {schema}.predictions SET customer = '' WHERE customer IS NOT NULL")
    assert lab.controller.collect_ab_test_metrics(NAME) == {}


def test_a_log_that_cannot_be_read_is_said_and_loses_nothing(lab: ShopExperiment) -> None:
    lab.started()
    lab.come(400, at=BEGAN + MINUTE)
    lab.shop.execute("ALTER TABLE {schema}.predictions RENAME COLUMN failure TO broken")
    (step,) = lab.controller.run_all()
    assert "found no column 'failure'" in step.error
    assert lab.record().error == step.error
    lab.shop.execute("ALTER TABLE {schema}.predictions RENAME COLUMN broken TO failure")
    (step,) = lab.controller.run_all()
    assert step.analysis is not None
    assert sum(step.analysis.units.values()) == 400
    assert lab.record().error == ""


def test_a_crash_before_the_end_leaves_nothing_half(lab: ShopExperiment, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.started()
    lab.come(3_000, at=BEGAN + MINUTE, accuracy={"v1": 0.7, "v2": 0.9})
    before = lab.record()

    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(experiment_rulings, "mark_acted", crash)
        (step,) = lab.controller.run_all()
    assert "the power went" in step.error
    assert replace(lab.record(), error="") == before
    assert lab.shares() == {"v1": 0.5, "v2": 0.5}
    (step,) = lab.controller.run_all()
    assert "v2 has all the traffic" in step.note


@pytest.mark.parametrize(
    ("given", "key", "said"),
    [
        ({"v9": ArmStatistics(1, 1)}, "k", "v9: takes no part"),
        ({"v1": ArmStatistics(-1, 1)}, "k", "hold a count below 0"),
        ({"v1": ArmStatistics(1, 1)}, " ", "The batch has no key"),
    ],
)
def test_figures_that_cannot_be_are_refused(
    lab: ShopExperiment, given: dict[str, ArmStatistics], key: str, said: str
) -> None:
    lab.started(source="application")
    with pytest.raises(InputError, match=said):
        lab.controller.collect_ab_test_metrics(NAME, given, batch_key=key)


def test_figures_beside_the_log_are_refused(lab: ShopExperiment) -> None:
    lab.started()
    with pytest.raises(InputError, match="would be counted beside it"):
        lab.controller.collect_ab_test_metrics(NAME, {"v1": ArmStatistics(1, 1)}, batch_key="k")
