"""Errors of ROC-AUC, latencies and gaps where entities return."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.experiments.arm import ArmStatistics
from driftline.experiments.clustering import Reference, group_effect, latency_effect, roc_auc_effect
from driftline.experiments.comparison import Difference, differences
from driftline.experiments.design import MeasuredMetric
from driftline.experiments.metric import MetricKind, MetricRole, StandardMetric
from driftline.experiments.roc_auc import roc_auc
from tests.unit.experiments.returning_entities import METRICS, Rows, arm_of, rows_of

P95 = StandardMetric.LATENCY_P95.value
JUDGED = [
    MeasuredMetric(name="roc_auc", kind=MetricKind.ROC_AUC, role=MetricRole.PRIMARY, higher_is_better=True),
    MeasuredMetric(
        name=P95, kind=MetricKind.LATENCY_QUANTILE, role=MetricRole.GUARDRAIL, higher_is_better=False, quantile=0.95
    ),
    MeasuredMetric(name="fairness_gap", kind=MetricKind.FAIRNESS_GAP, role=MetricRole.SIGNAL, higher_is_better=False),
]


def reference_of(*arms: Rows) -> Reference:
    found = Reference.of([arm_of(rows, None) for rows in arms], METRICS)
    assert found is not None
    return found


def effects(arm: ArmStatistics) -> list[float]:
    return [roc_auc_effect(arm), latency_effect(arm, P95), group_effect(arm, "0"), group_effect(arm, "1")]


def obuchowski(rows: Rows) -> float:
    """The variance of the ROC-AUC as Obuchowski (1997) has it, from the rows."""
    positive, negative = (rows.label == side for side in (1, 0))
    beats = np.sign(rows.score[positive][:, None] - rows.score[negative][None, :]) / 2 + 0.5
    area, entities = beats.mean(), rows.entity.max() + 1
    of_positives = np.bincount(rows.entity[positive], beats.mean(axis=1) - area, entities) / positive.sum()
    of_negatives = np.bincount(rows.entity[negative], beats.mean(axis=0) - area, entities) / negative.sum()
    return float(((of_positives + of_negatives) ** 2).sum() * entities / (entities - 1))


def test_the_variance_of_a_roc_auc_is_that_of_obuchowski() -> None:
    rows = rows_of(np.random.default_rng(1), 150, 20)
    arm = arm_of(rows, reference_of(rows))
    area = roc_auc(arm.scores)
    assert area is not None
    assert area.variance * roc_auc_effect(arm) == pytest.approx(obuchowski(rows), rel=0.03)
    assert roc_auc_effect(arm) > 2


def test_rows_that_are_all_of_one_visit_have_no_design_effect() -> None:
    rows = rows_of(np.random.default_rng(2), 3_000, 1)
    assert effects(arm_of(rows, reference_of(rows))) == pytest.approx([1.0] * 4, abs=0.002)


def test_rows_said_five_times_are_no_more_than_said_once() -> None:
    once = rows_of(np.random.default_rng(3), 800, 1)
    repeated = Rows(*(np.repeat(values, 5) for values in vars(once).values()))
    assert effects(arm_of(repeated, reference_of(once))) == pytest.approx([5.0] * 4, rel=0.01)


def test_before_there_is_a_reference_an_entitys_rows_are_taken_for_alike() -> None:
    rows = rows_of(np.random.default_rng(4), 30, 10)
    assert Reference.of([arm_of(rows, None)], METRICS) is None
    known = arm_of(rows, reference_of(rows_of(np.random.default_rng(5), 100, 10)))
    counted = {key: known.clusters[key] for key in ("rows/predictions", "rows/labels")}
    arm = ArmStatistics(**{**vars(known), "clusters": counted})
    assert (roc_auc_effect(arm), latency_effect(arm, P95)) == (10, 10)


def test_an_applications_own_figures_are_taken_as_they_are() -> None:
    assert effects(arm_of(rows_of(np.random.default_rng(6), 30, 10), None)) == [1.0] * 4


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), visits=st.integers(1, 12), likeness=st.floats(0, 3))
def test_an_effect_lies_between_none_and_the_size_of_an_entity(seed: int, visits: int, likeness: float) -> None:
    rows = rows_of(np.random.default_rng(seed), 300, visits, likeness=likeness)
    arm = arm_of(rows, reference_of(rows, rows_of(np.random.default_rng(seed + 1), 300, 2)))
    # A ratio of two estimated variances: over 300 entities it may overshoot a little.
    assert all(1 <= effect <= visits * 1.25 for effect in effects(arm))


def test_a_fixed_look_at_entities_that_return_errs_no_more_often_than_it_may() -> None:
    """150 A/A tests of 120 entities an arm with 20 predictions each, at 5 %; each row taken for one errs too often."""
    rng, tests = np.random.default_rng(7), 150
    reference = reference_of(*(rows_of(rng, 100, 20) for _ in range(2)))
    wrong = {"by entity": np.zeros(3), "each row": np.zeros(3)}
    for _ in range(tests):
        arms = [rows_of(rng, 120, 20) for _ in range(2)]
        for told, by in (("by entity", reference), ("each row", None)):
            control, treatment = (arm_of(rows, by) for rows in arms)
            wrong[told] += [_is_wrong(differences(metric, "b", control, treatment, 2)) for metric in JUDGED]
    assert (wrong["by entity"] / tests <= 0.1).all()
    assert (wrong["each row"] / tests > 0.2).all()


def _is_wrong(found: list[Difference]) -> bool:
    return any(abs(difference.z) > 1.96 for difference in found)
