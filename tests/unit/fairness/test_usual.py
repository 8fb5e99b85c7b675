"""What follows from the groups' base rates is expected of a gap; only the rest is held against chance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from driftline.fairness import Criterion, FairnessThresholds, GroupCounts, Place, UsualGaps, gap_findings, group_gaps
from driftline.fairness.rates import Rate
from driftline.fairness.usual import LEAST_WINDOWS, Following
from driftline.findings import Finding, Status
from driftline.profiles import BinaryOutcomeProfile, NumericBinning

PARITY = FairnessThresholds(criteria=(Criterion.DEMOGRAPHIC_PARITY,))
SIZE = 20_000


def group(positive: float, predicted: float, *, labeled: float = 1.0) -> GroupCounts:
    """So many of its labels, and of its predictions, are positive."""
    rows = round(SIZE * labeled)
    labels, predictions = np.arange(rows) < positive * rows, np.arange(rows) < predicted * rows
    outcome = BinaryOutcomeProfile.of(labels, predictions, None, NumericBinning(np.empty(0)))
    return GroupCounts(SIZE, round(predicted * SIZE), outcome)


def day(of_group: float, *, bias: float = 0.0, labeled: float = 1.0) -> dict[str, GroupCounts]:
    """A good or bad day of F: the share of its positive labels differs by so much, and its predictions follow."""
    return {"F": group(0.5 + of_group, 0.5 + of_group - bias, labeled=labeled), "M": group(0.5, 0.5, labeled=labeled)}


@pytest.fixture(scope="module")
def learned() -> UsualGaps:
    drawn = np.random.default_rng(1)
    days = [day(change, bias=drawn.normal(scale=0.003)) for change in drawn.normal(scale=0.05, size=28)]
    return UsualGaps.of([group_gaps(each, (Rate.SELECTION_RATE,), 50) for each in days])


def judged(now: dict[str, GroupCounts], usual: UsualGaps) -> Finding:
    place = Place(attribute="sex", version="v2")
    [finding, _] = gap_findings(day(0.0), now, thresholds=PARITY, place=place, usual=usual)
    return finding


def test_a_bias_that_the_days_would_hide_is_seen(learned: UsualGaps) -> None:
    biased = day(0.02, bias=0.1)
    assert judged(biased, UsualGaps(learned.spread)).status is Status.OK, "within what days differ by"
    found = judged(biased, learned)
    assert found.status is Status.DETECTED
    assert found.statistic == pytest.approx(-0.08)
    assert found.effect == pytest.approx(0.1, abs=0.005)
    assert found.details["expected_by_base_rates"] == pytest.approx(0.02, abs=0.003)
    assert "+2.0 points of the difference follow from the base rates" in found.description
    assert found.threshold == pytest.approx(0.02 - 0.05, abs=0.005)


def test_a_bad_day_of_a_group_is_expected_and_no_finding(learned: UsualGaps) -> None:
    bad = judged(day(-0.12), learned)
    assert bad.status is Status.OK
    assert abs(bad.effect or 1.0) < 0.02
    assert judged(day(-0.12), UsualGaps()).status is Status.DETECTED, "without knowing the days"


def test_base_rates_that_were_never_seen_explain_nothing(learned: UsualGaps) -> None:
    """Labels of a group that all turn negative must not make its predictions look unfair."""
    found = judged({"F": group(0.0, 0.5), "M": group(0.5, 0.5)}, learned)
    assert (found.status, found.details["expected_by_base_rates"]) == (Status.OK, 0.0)


def test_labels_of_a_part_of_the_predictions_explain_nothing(learned: UsualGaps) -> None:
    found = judged(day(0.05, labeled=0.5), learned)
    assert found.details["expected_by_base_rates"] == 0.0


def test_gaps_that_do_not_follow_base_rates_are_held_against_all_of_their_spread() -> None:
    drawn = np.random.default_rng(2)
    days = [day(change, bias=bias) for change, bias in drawn.normal(scale=(0.001, 0.05), size=(28, 2))]
    assert UsualGaps.of([group_gaps(each, (Rate.SELECTION_RATE,), 50) for each in days]).following == {}


def test_too_few_windows_teach_nothing(learned: UsualGaps) -> None:
    drawn = np.random.default_rng(3)
    days = [day(change) for change in drawn.normal(scale=0.05, size=LEAST_WINDOWS - 1)]
    assert UsualGaps.of([group_gaps(each, (Rate.SELECTION_RATE,), 50) for each in days]).following == {}


def test_base_rates_that_never_differ_explain_nothing() -> None:
    assert Following.of([0.1] * 20, list(np.linspace(0, 1, 20))) is None


def test_a_line_is_learned_as_scipy_fits_it() -> None:
    from scipy.stats import linregress

    drawn = np.random.default_rng(4)
    base = drawn.normal(size=20)
    gaps = 0.7 * base + drawn.normal(scale=0.2, size=20)
    found, expected = Following.of(list(base), list(gaps)), linregress(base, gaps)
    assert found is not None
    assert found.slope == pytest.approx(expected.slope)
    # Its standard error of the slope is the residual one over the root of the sum of squares.
    assert found.deviation / found.squares**0.5 == pytest.approx(expected.stderr)


def test_what_was_learned_survives_json_and_what_was_stored_before_is_read(learned: UsualGaps) -> None:
    assert UsualGaps.from_json(json.loads(json.dumps(learned.to_json()))) == learned
    assert UsualGaps.from_json(learned.spread.to_json()) == UsualGaps(learned.spread)
