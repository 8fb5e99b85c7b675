"""Who is in an experiment and in which arm: ratio, coverage, and nobody moved without need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError
from driftline.experiments.stages import is_due, stages_of
from driftline.experiments.traffic import Assignment, arm_of, arm_shares, routed_shares
from driftline.serving import Allocation, exact_shares, reallocated
from driftline.serving.allocation import POSITIONS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@st.composite
def arms(draw: st.DrawFn) -> dict[str, float]:
    """Whole percents that add up to 100, in an order of names of its own."""
    names = draw(st.permutations(["v1", "v2", "v3", "v10"]).map(lambda names: names[: draw(st.integers(2, 4))]))
    cuts = sorted(draw(st.sets(st.integers(1, 99), min_size=len(names) - 1, max_size=len(names) - 1)))
    return {name: float(high - low) for name, low, high in zip(names, [0, *cuts], [*cuts, 100], strict=True)}


COVERAGES = st.lists(st.integers(1, 100), min_size=1, max_size=5, unique=True).map(sorted)


@given(arms(), COVERAGES, st.booleans())
def test_on_a_ramp_the_arms_keep_their_ratio_and_their_entities(
    percents: dict[str, float], coverages: list[int], control_serves: bool
) -> None:
    incumbent = next(iter(percents)) if control_serves else "v0"
    allocation = Allocation()
    before: dict[int, str] = {}
    probes = range(0, POSITIONS, 997)
    for coverage in coverages:
        shares = exact_shares(routed_shares(percents, coverage, incumbent))
        assert sum(shares.values()) == 1
        allocation = reallocated(allocation, shares)
        assignment = Assignment.of(allocation, arm_shares(percents, coverage), NOON)
        for version, percent in percents.items():
            assert assignment.positions(version) == round(percent * coverage * POSITIONS / 10_000)
        now = {probe: arm for probe in probes if (arm := assignment.arm_at(probe))}
        # Who is in an arm stays in it: a ramp only adds.
        assert before.items() <= now.items()
        before = now


@given(arms(), st.integers(1, 100))
def test_only_who_is_served_by_the_arms_version_is_in_it(percents: dict[str, float], coverage: int) -> None:
    incumbent = next(iter(percents))
    allocation = reallocated(Allocation(), exact_shares(routed_shares(percents, coverage, incumbent)))
    assignment = Assignment.of(allocation, arm_shares(percents, coverage), NOON)
    for probe in range(0, POSITIONS, 4_999):
        served = next(version for version, _, end in allocation.ranges if probe < end)
        assert assignment.arm_at(probe) in {served, ""}
    assert Assignment.from_json(assignment.to_json()) == assignment


def test_the_arm_is_that_of_the_time() -> None:
    small = Assignment(NOON, (100, POSITIONS), ("a", ""))
    large = Assignment(NOON + timedelta(hours=1), (500, POSITIONS), ("a", ""))
    history = (small, large)
    assert arm_of(history, 300, NOON - timedelta(seconds=1)) == ""
    assert arm_of(history, 300, NOON) == ""
    assert arm_of(history, 300, NOON + timedelta(hours=1)) == "a"


def test_what_is_not_covered_stays_with_the_version_that_served() -> None:
    assert routed_shares({"v1": 50, "v2": 50}, 10, "v0") == {
        "v0": Decimal("0.9"),
        "v1": Decimal("0.05"),
        "v2": Decimal("0.05"),
    }
    assert routed_shares({"v1": 50, "v2": 50}, 100, "v0") == {"v1": Decimal("0.5"), "v2": Decimal("0.5")}


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ([], "The schedule is empty"),
        ([[10, 50], [10, 50]], "goes from 50 % to 50 %"),
        ([[10, 50], [10, 20]], "goes from 50 % to 20 %"),
        ([[10, 0]], "0 percent"),
        ([[10, 101]], "101 percent"),
        ([[10, float("nan")]], "nan percent"),
        ([[-1, 50]], "lasts -1 minutes"),
        ([[float("nan"), 50]], "lasts nan minutes"),
        ([[10]], "is not a pair"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(schedule: list[list[float]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        stages_of(schedule)


def test_a_stage_is_due_when_it_has_lasted() -> None:
    (stage,) = stages_of([[10, 50]])
    assert not is_due(stage, NOON, NOON + timedelta(minutes=9, seconds=59))
    assert is_due(stage, NOON, NOON + timedelta(minutes=10))
    assert not is_due(stage, NOON, NOON - timedelta(hours=1))
