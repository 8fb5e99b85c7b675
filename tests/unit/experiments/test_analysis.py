"""One look at an experiment: what is compared, by which test, and when something is decided."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftline.experiments.analysis import analyse
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.design import ExperimentDesign, MeasuredMetric, Method
from driftline.experiments.metric import MetricKind, MetricRole
from driftline.experiments.moments import UnitMoments
from driftline.experiments.result import Analysis, Look, MetricResult
from driftline.live.latency import cell_of
from driftline.store.json_values import json_safe

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCURACY = MeasuredMetric(name="accuracy", kind=MetricKind.PROPORTION, role=MetricRole.PRIMARY, higher_is_better=True)
ERRORS = MeasuredMetric(
    name="error_rate", kind=MetricKind.PROPORTION, role=MetricRole.GUARDRAIL, higher_is_better=False, maximum_loss=0.01
)
P95 = MeasuredMetric(
    name="latency_p95",
    kind=MetricKind.LATENCY_QUANTILE,
    role=MetricRole.GUARDRAIL,
    higher_is_better=False,
    maximum_loss=0.2,
    quantile=0.95,
)
AUC = MeasuredMetric(name="roc_auc", kind=MetricKind.ROC_AUC, role=MetricRole.PRIMARY, higher_is_better=True)
GAP = MeasuredMetric(
    name="fairness_gap", kind=MetricKind.FAIRNESS_GAP, role=MetricRole.GUARDRAIL, higher_is_better=False,
    maximum_loss=0.02,
)  # fmt: skip


def design(*metrics: MeasuredMetric, **changes: Any) -> ExperimentDesign:
    given: dict[str, Any] = {"control": "a", "percents": {"a": 50, "b": 50}, "metrics": metrics or (ACCURACY,)}
    return ExperimentDesign(**{**given, **changes})


def arm(size: int, right: float = 0.8, errors: float = 0.0, **others: Any) -> ArmStatistics:
    moments = {
        "accuracy": UnitMoments.of_proportion(round(size * right), size),
        "error_rate": UnitMoments.of_proportion(round(size * errors), size),
    }
    return ArmStatistics(units=size, predictions=size, moments=moments, **others)


def look_at(
    plan: ExperimentDesign, arms: dict[str, ArmStatistics], looks: Sequence[Look] = (), hours: float = 1
) -> Analysis:
    return analyse(plan, arms, looks, at=NOON, elapsed=timedelta(hours=hours))


def only(analysis: Analysis) -> MetricResult:
    assert len(analysis.results) == 1
    return analysis.results[0]


def test_with_a_horizon_it_is_decided_at_planned_points_only() -> None:
    plan = design(samples=10_000, looks=4)
    early = look_at(plan, {"a": arm(1_000), "b": arm(1_000, 0.9)})
    assert early.look is None
    assert not only(early).is_better
    assert "nothing is decided on it before 2500 samples" in only(early).method
    due = look_at(plan, {"a": arm(1_300), "b": arm(1_300, 0.95)})
    assert due.look is not None
    assert (due.look.fraction, due.look.is_last) == (0.26, False)
    assert only(due).is_better
    assert due.method is Method.GROUP_SEQUENTIAL


def test_each_planned_point_is_looked_at_once() -> None:
    plan = design(samples=10_000, looks=4)
    looks: list[Look] = []
    for size in range(200, 5_400, 100):
        look = look_at(plan, {"a": arm(size), "b": arm(size)}, looks).look
        looks += [] if look is None else [look]
    assert [look.samples for look in looks] == [2_600, 5_000, 7_600, 10_000]
    assert [look.is_last for look in looks] == [False, False, False, True]


def test_what_was_decided_at_a_look_stays_decided_between_looks() -> None:
    plan = design(samples=10_000, looks=4)
    look = look_at(plan, {"a": arm(1_300), "b": arm(1_300, 0.95)}).look
    assert look is not None
    assert only(look_at(plan, {"a": arm(1_400), "b": arm(1_400)}, [look])).is_better


def test_the_end_of_the_time_spends_what_is_left() -> None:
    """Half the samples have come: the bound of the last look is lower than that of a look on the way."""
    plan = design(samples=10_000, looks=4, maximum_duration=timedelta(days=7))
    arms = {"a": arm(2_500), "b": arm(2_500, 0.8236)}
    on_the_way, at_the_end = look_at(plan, arms), look_at(plan, arms, hours=7 * 24)
    assert not only(on_the_way).is_better
    assert only(at_the_end).is_better
    assert at_the_end.look is not None
    assert at_the_end.look.is_last


def test_without_a_horizon_every_look_is_a_confidence_sequence() -> None:
    found = look_at(design(), {"a": arm(2_000), "b": arm(2_000, 0.9)})
    assert (found.method, found.look) == (Method.CONFIDENCE_SEQUENCE, None)
    assert only(found).is_better
    assert "valid at every look" in only(found).method


def test_several_treatments_share_alpha() -> None:
    """A difference that is proven alone is not proven as one of five."""
    lone = look_at(design(), {"a": arm(2_000), "b": arm(2_000, 0.842)})
    assert only(lone).is_better
    others = dict.fromkeys("abcdef", 100 / 6)
    many = look_at(design(percents=others), {"b": arm(2_000, 0.842), **{name: arm(2_000) for name in "acdef"}})
    assert not any(result.is_better for result in many.results)


def test_holms_step_leaves_the_level_of_what_is_rejected_to_the_others() -> None:
    plan = design(samples=6_000, looks=1, percents={"a": 34, "b": 33, "c": 33})
    z_alone = 2.1
    step = z_alone * math.sqrt(2 * 0.8 * 0.2 / 2_000)
    with_a_winner = look_at(plan, {"a": arm(2_000), "b": arm(2_000, 0.95), "c": arm(2_000, 0.8 + step)})
    without = look_at(plan, {"a": arm(2_000), "b": arm(2_000), "c": arm(2_000, 0.8 + step)})
    assert [result.is_better for result in with_a_winner.results] == [True, True]
    assert [result.is_better for result in without.results] == [False, False]


def test_a_guardrail_speaks_of_harm_beyond_its_limit_only() -> None:
    plan = design(ACCURACY, ERRORS)
    for rate, is_worse in ((0.01, False), (0.018, False), (0.06, True)):
        found = look_at(plan, {"a": arm(3_000, errors=0.01), "b": arm(3_000, errors=rate)})
        assert [result.is_worse for result in found.having(MetricRole.GUARDRAIL)] == [is_worse]


def test_a_version_that_always_fails_is_seen_though_its_variance_is_0() -> None:
    found = look_at(design(ACCURACY, ERRORS), {"a": arm(300), "b": arm(300, errors=1.0)})
    assert found.having(MetricRole.GUARDRAIL)[0].is_worse


def test_slower_answers_are_told_as_a_share_of_the_controls() -> None:
    def latencies(milliseconds: float) -> dict[int, int]:
        cells: dict[int, int] = {}
        for step in range(2_000):
            cell = cell_of(milliseconds * (0.5 + step / 2_000))
            cells[cell] = cells.get(cell, 0) + 1
        return cells

    slow = look_at(
        design(ACCURACY, P95), {"a": arm(2_000, latencies=latencies(20)), "b": arm(2_000, latencies=latencies(40))}
    ).having(MetricRole.GUARDRAIL)[0]
    assert slow.effect == pytest.approx(1.0, abs=0.05)
    assert slow.control_value == pytest.approx(20 * 1.45, rel=0.03)
    assert slow.is_worse
    alike = look_at(
        design(ACCURACY, P95), {"a": arm(2_000, latencies=latencies(20)), "b": arm(2_000, latencies=latencies(22))}
    )
    assert not alike.having(MetricRole.GUARDRAIL)[0].is_worse


def test_the_group_that_fares_otherwise_is_named() -> None:
    fair, unfair = {"m": (4_000, 2_000), "f": (4_000, 2_000)}, {"m": (4_000, 2_400), "f": (4_000, 1_600)}
    found = look_at(design(ACCURACY, GAP), {"a": arm(8_000, groups=fair), "b": arm(8_000, groups=unfair)})
    assert {result.group: result.is_worse for result in found.having(MetricRole.GUARDRAIL)} == {"f": True, "m": True}


def test_roc_auc_from_counted_scores() -> None:
    good = {100: (900, 100), 900: (100, 900)}
    poor = {100: (600, 400), 900: (400, 600)}
    found = only(look_at(design(AUC), {"a": arm(2_000, scores=poor), "b": arm(2_000, scores=good)}))
    assert (found.control_value, found.treatment_value) == (pytest.approx(0.6), pytest.approx(0.9))
    assert found.is_better


@pytest.mark.parametrize(
    ("arms", "reason", "has_no_data"),
    [
        ({}, "accuracy: the control and b has no data", True),
        ({"a": arm(500)}, "accuracy: b has no data, while the other arm has", True),
        ({"a": arm(500), "b": arm(20)}, "accuracy: b has 20 units, at least 200 are needed", False),
    ],
)
def test_what_is_missing_is_said(arms: dict[str, ArmStatistics], reason: str, has_no_data: bool) -> None:
    found = only(look_at(design(), arms))
    assert (found.reason, found.has_no_data) == (reason, has_no_data)


def test_entities_that_return_are_units_of_their_own() -> None:
    """Ten predictions each, all alike within an entity: the error is that of the entities, not of the rows."""
    clustered = UnitMoments(units=400, n=4_000, s=3_200, nn=40_000, ss=32_000, ns=32_000)
    rows = UnitMoments.of_proportion(3_200, 4_000)
    assert clustered.variance == pytest.approx(10 * (rows.variance or 0), rel=0.01)
    assert clustered.design_effect == pytest.approx(10, rel=0.01)
    found = only(
        look_at(design(), {version: ArmStatistics(400, 4_000, {"accuracy": clustered}) for version in ("a", "b")})
    )
    assert "errors by entity (delta method)" in found.method


def test_an_analysis_is_json() -> None:
    found = look_at(design(ACCURACY, ERRORS, samples=2_000, looks=1), {"a": arm(1_000), "b": arm(1_000, 0.9)})
    document = json.loads(json.dumps(json_safe(found.to_json()), allow_nan=False))
    assert found.look is not None
    assert Look.from_json(document["look"]) == found.look
