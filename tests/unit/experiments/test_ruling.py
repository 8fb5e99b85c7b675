"""From an analysis to a verdict: the order of precedence, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftline.experiments.design import ExperimentDesign, Method
from driftline.experiments.metric import MetricRole
from driftline.experiments.result import Analysis, MetricResult
from driftline.experiments.ruling import guards_hold, rule
from driftline.experiments.sample_ratio import sample_ratio
from driftline.experiments.verdict import Verdict
from tests.unit.experiments.test_analysis import ACCURACY, ERRORS, design

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = design(ACCURACY, ERRORS)


def result(role: MetricRole, treatment: str = "b", **changes: Any) -> MetricResult:
    plain = MetricResult(
        metric=f"{role}-metric",
        role=role,
        treatment=treatment,
        control_value=0.8,
        treatment_value=0.8,
        effect=0.0,
        interval=(-0.1, 0.1),
        p_value=0.5,
        threshold=0.05,
        control_size=1_000,
        treatment_size=1_000,
        method="test",
    )
    return replace(plain, **changes)


def analysis(*results: MetricResult, split: tuple[int, int] = (1_000, 1_000), **changes: Any) -> Analysis:
    plain = Analysis(
        at=NOON,
        method=Method.GROUP_SEQUENTIAL,
        method_reason="test",
        results=results,
        sample_ratio=sample_ratio(dict(zip("ab", split, strict=True)), {"a": 1, "b": 1}),
        units={},
        predictions={},
        samples=2_000,
        planned_samples=2_000,
        elapsed=timedelta(days=2),
    )
    return replace(plain, **changes)


PRIMARY, GUARDRAIL, SIGNAL = MetricRole.PRIMARY, MetricRole.GUARDRAIL, MetricRole.SIGNAL
BETTER = result(PRIMARY, is_better=True, effect=0.1)
WORSE = result(PRIMARY, is_worse=True, effect=-0.1)
HARM = result(GUARDRAIL, is_worse=True)
WELL = result(GUARDRAIL)
ODD = result(SIGNAL, is_worse=True)
SILENT = result(GUARDRAIL, reason="no latencies", has_no_data=True)
TOO_FEW = result(GUARDRAIL, reason="only 3 latencies")
MISMATCH = (1_000, 1_300)


@pytest.mark.parametrize(
    ("found", "verdict", "winner"),
    [
        (analysis(BETTER, WELL), Verdict.PROMOTE, "b"),
        (analysis(WORSE, WELL), Verdict.ROLL_BACK, "a"),
        (analysis(result(PRIMARY), WELL), Verdict.CONTINUE, None),
        (analysis(result(PRIMARY), WELL, is_over=True), Verdict.INCONCLUSIVE, None),
        (analysis(BETTER, HARM), Verdict.ROLL_BACK, "a"),
        (analysis(BETTER, HARM, split=MISMATCH), Verdict.ROLL_BACK, "a"),
        (analysis(BETTER, WELL, split=MISMATCH), Verdict.HOLD, None),
        (analysis(WORSE, WELL, split=MISMATCH, is_over=True), Verdict.HOLD, None),
        (analysis(BETTER, SILENT), Verdict.HOLD, None),
        (analysis(BETTER, TOO_FEW), Verdict.HOLD, None),
        (analysis(BETTER, SILENT, is_over=True), Verdict.HOLD, None),
        (analysis(result(PRIMARY, reason="no labels", has_no_data=True), WELL), Verdict.HOLD, None),
        (
            analysis(result(PRIMARY, reason="no labels", has_no_data=True), WELL, is_over=True),
            Verdict.INCONCLUSIVE,
            None,
        ),
        (analysis(BETTER, WELL, ODD), Verdict.HOLD, None),
        (analysis(BETTER, WORSE, WELL), Verdict.ROLL_BACK, "a"),
    ],
)
def test_verdicts(found: Analysis, verdict: Verdict, winner: str | None) -> None:
    ruling = rule(PLAN, found)
    assert (ruling.verdict, ruling.winner) == (verdict, winner)
    assert ruling.reason.endswith(".")


def test_only_proven_harm_is_urgent() -> None:
    assert rule(PLAN, analysis(BETTER, HARM)).is_urgent
    assert not rule(PLAN, analysis(WORSE, WELL)).is_urgent


def test_nothing_is_promoted_before_its_time_or_while_it_ramps() -> None:
    slow: ExperimentDesign = replace(PLAN, minimum_duration=timedelta(days=3))
    assert rule(slow, analysis(BETTER, WELL)).verdict is Verdict.CONTINUE
    assert rule(PLAN, analysis(BETTER, WELL), ramp_is_complete=False).verdict is Verdict.CONTINUE
    assert rule(slow, analysis(WORSE, WELL), ramp_is_complete=False).verdict is Verdict.ROLL_BACK


def test_of_several_winners_the_one_that_is_furthest_ahead() -> None:
    plan = replace(PLAN, percents={"a": 34, "b": 33, "c": 33})
    far = result(PRIMARY, "c", is_better=True, effect=0.2)
    assert rule(plan, analysis(BETTER, far, WELL)).winner == "c"
    assert rule(plan, analysis(WORSE, far, WELL)).winner == "c"
    assert rule(plan, analysis(WORSE, result(PRIMARY, "c"), WELL)).verdict is Verdict.CONTINUE


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (analysis(WELL), ""),
        (analysis(result(PRIMARY), SILENT), "no latencies"),
        (analysis(TOO_FEW), "only 3 latencies"),
        (analysis(ODD), "b/signal-metric is worse than it may be"),
        (analysis(WELL, split=MISMATCH), "the logged split is not the planned one"),
        (analysis(WELL, split=(2, 1)), "the split of traffic is not checked yet: 3 units are too few"),
    ],
)
def test_a_stage_goes_on_only_where_all_that_guards_it_is_known_to_be_well(found: Analysis, why: str) -> None:
    assert guards_hold(found).startswith(why)
    assert bool(guards_hold(found)) is bool(why)
