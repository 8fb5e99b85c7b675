"""Who is named: the group that moved, not those beside it; and nobody while nothing has changed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError
from driftline.fairness import (
    REGRESSION_CRITERIA,
    Criterion,
    FairnessThresholds,
    GroupCounts,
    Place,
    UsualGaps,
    binary_groups,
    gap_findings,
    group_gaps,
    level_findings,
    regression_groups,
)
from driftline.fairness.rates import Rate
from driftline.findings import Comparison, Finding, Severity, Status
from driftline.profiles import CategoricalBinning, MulticlassOutcomeProfile
from driftline.spread import WindowSpread

PARITY = FairnessThresholds(criteria=(Criterion.DEMOGRAPHIC_PARITY,))
PLACE = Place(attribute="sex", version="v3.2", labels={"is_provisional": True})


def groups(**shares: float | tuple[float, int]) -> dict[str, GroupCounts]:
    """Groups of 1,000 (or so many) predictions with this share of positive ones."""
    sized = {name: share if isinstance(share, tuple) else (share, 1_000) for name, share in shares.items()}
    return {name: GroupCounts(size, round(share * size)) for name, (share, size) in sized.items()}


def judged(
    before: Mapping[str, GroupCounts],
    now: Mapping[str, GroupCounts],
    thresholds: FairnessThresholds = PARITY,
    usual: UsualGaps | None = None,
) -> dict[str, Finding]:
    found = gap_findings(before, now, thresholds=thresholds, place=PLACE, usual=usual or UsualGaps())
    return {finding.subject: finding for finding in found if finding.test == found[0].test}


def unfair(found: Mapping[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.status is Status.DETECTED}


def test_of_two_groups_the_one_that_moved_is_named_once() -> None:
    found = judged(groups(F=0.5, M=0.52), groups(F=0.3, M=0.53))
    assert unfair(found) == {"F"}
    of_women = found["F"]
    assert of_women.statistic == pytest.approx(-0.23)
    assert of_women.effect == pytest.approx(0.21)
    assert of_women.threshold == pytest.approx(-0.07)
    assert of_women.severity is Severity.CRITICAL
    assert (of_women.version, of_women.segment, of_women.test) == ("v3.2", "", "selection_rate")
    assert of_women.description == (
        "Version v3.2: the share of positive predictions of F is 30.0%, that of the other groups 53.0%; the baseline "
        "has 50.0% and 52.0%. Further apart by +21.0 points (5 allowed, beyond what chance does)."
    )
    assert found["M"].details["others_without"] == ["F"]


def test_one_group_that_fares_worse_is_not_told_of_all_others() -> None:
    found = judged(groups(a=0.5, b=0.5, c=0.5), groups(a=0.2, b=0.5, c=0.5))
    assert unfair(found) == {"a"}
    assert found["b"].statistic == pytest.approx(0)


def test_two_groups_of_four_that_move_are_both_named() -> None:
    found = judged(groups(a=0.5, b=0.5, c=0.5, d=0.5), groups(a=0.2, b=0.8, c=0.5, d=0.5))
    assert unfair(found) == {"a", "b"}


def test_a_difference_that_was_there_before_is_no_finding_until_it_grows() -> None:
    accepted = groups(F=0.2, M=0.6)
    assert unfair(judged(accepted, groups(F=0.21, M=0.6))) == set()
    assert unfair(judged(accepted, groups(F=0.1, M=0.6))) == {"F"}
    assert unfair(judged(accepted, groups(F=0.45, M=0.6))) == set(), "nearer is no harm"


def test_what_all_groups_share_is_no_matter_of_fairness() -> None:
    assert unfair(judged(groups(F=0.2, M=0.3), groups(F=0.5, M=0.6))) == set()


def test_a_difference_that_turns_round_counts_by_how_far_it_is_now() -> None:
    found = judged(groups(F=0.5, M=0.45), groups(F=0.4, M=0.52))
    assert found["F"].effect == pytest.approx(0.07)
    assert unfair(found) == {"F"}


@pytest.mark.parametrize(
    ("share", "severity"),
    [
        (0.46, Severity.NONE), (0.45, Severity.MEDIUM), (0.41, Severity.MEDIUM), (0.40, Severity.HIGH),
        (0.31, Severity.HIGH), (0.30, Severity.CRITICAL),
    ],
)  # fmt: skip
def test_severity_follows_how_many_times_the_allowed_increase_it_is(share: float, severity: Severity) -> None:
    size = 1_000_000
    found = judged(groups(F=(0.5, size), M=(0.5, size)), groups(F=(share, size), M=(0.5, size)))
    assert found["F"].severity is severity


def test_the_same_increase_among_few_rows_may_be_chance() -> None:
    few = judged(groups(F=0.5, M=0.5), groups(F=(0.4, 60), M=0.5))
    assert few["F"].status is Status.OK
    assert "within what chance does" in few["F"].description
    assert few["F"].minimum_detectable_shift is not None
    assert few["F"].minimum_detectable_shift > 0.1


def test_days_that_usually_differ_so_much_are_no_finding() -> None:
    drawn = np.random.default_rng(1)
    days = [groups(F=0.5 + change, M=0.5) for change in drawn.normal(scale=0.06, size=28)]
    learned = WindowSpread.of([group_gaps(day, (Rate.SELECTION_RATE,), 50) for day in days])
    now = groups(F=0.4, M=0.5)
    assert unfair(judged(groups(F=0.5, M=0.5), now)) == {"F"}
    assert unfair(judged(groups(F=0.5, M=0.5), now, usual=UsualGaps(learned))) == set()


def test_a_group_with_three_members_is_not_evaluated_and_says_why() -> None:
    found = judged(groups(a=0.5, b=0.5, c=0.5), groups(a=0.5, b=0.5, c=(1.0, 3)))
    assert found["c"].status is Status.NOT_EVALUATED
    assert found["c"].reason == "the window has 3 predictions, at least 50 are needed"
    assert found["c"].statistic is None
    assert {found["a"].status, found["b"].status} == {Status.OK}


def test_a_group_that_the_baseline_hardly_had_is_not_evaluated() -> None:
    found = judged(groups(a=0.5, b=(0.5, 4)), groups(a=0.5, b=0.5))
    assert found["b"].reason == "the baseline has 4 predictions, at least 50 are needed"
    assert found["a"].reason == "of the other groups the baseline has 4 predictions, at least 50 are needed"


def test_a_group_without_others_is_not_evaluated() -> None:
    found = judged(groups(a=0.5), groups(a=0.1))
    assert found["a"].reason == "the other groups together have 0 predictions, at least 50 are needed"


def test_rates_on_labels_carry_that_they_are_provisional_and_parity_does_not() -> None:
    drawn = np.random.default_rng(5)
    label, group = drawn.random(4_000) < 0.5, drawn.choice(["F", "M"], 4_000)
    fair = np.where(drawn.random(4_000) < 0.9, label, ~label)
    biased = fair & ~((group == "F") & (drawn.random(4_000) < 0.4))
    before, now = (binary_groups(label, predicted, group, positive_label=True) for predicted in (fair, biased))
    found = gap_findings(before, now, thresholds=FairnessThresholds(), place=PLACE)
    hit = {finding.test: finding for finding in found if finding.status is Status.DETECTED}
    assert set(hit) == {"selection_rate", "true_positive_rate"}
    assert {finding.subject for finding in hit.values()} == {"F"}
    assert hit["true_positive_rate"].details["is_provisional"]
    assert "More labels are expected" in hit["true_positive_rate"].recommendation
    assert "is_provisional" not in hit["selection_rate"].details
    without_scores = [finding for finding in found if finding.test == "calibration"]
    assert {finding.reason for finding in without_scores} == {"the window has 0 labeled scores, at least 50 are needed"}


def test_scores_that_stop_meaning_what_they_say_for_one_group_are_found() -> None:
    drawn = np.random.default_rng(6)
    score, group = drawn.random(6_000), drawn.choice(["F", "M"], 6_000)
    label = drawn.random(6_000) < score
    skewed = drawn.random(6_000) < np.where(group == "F", score * 0.7, score)
    before, now = (binary_groups(each, score > 0.5, group, score, positive_label=True) for each in (label, skewed))
    thresholds = FairnessThresholds(criteria=(Criterion.CALIBRATION,))
    found = gap_findings(before, now, thresholds=thresholds, place=PLACE)
    assert {finding.subject for finding in found if finding.status is Status.DETECTED} == {"F"}
    [level] = level_findings(before, now, thresholds=thresholds, place=PLACE)
    assert level.details["groups"]["F"]["calibration_error"] > 0.1


def test_a_regressions_gaps_are_told_by_its_mean_error() -> None:
    drawn = np.random.default_rng(8)
    label, group = drawn.normal(size=4_000), drawn.choice(["F", "M"], 4_000)
    noise = drawn.normal(size=4_000)
    worse = noise * np.where(group == "F", 1.5, 1.0)
    before, now = (regression_groups(label, label + each, group) for each in (noise, worse))
    found = gap_findings(before, now, thresholds=FairnessThresholds(criteria=REGRESSION_CRITERIA), place=PLACE)
    [hit] = [finding for finding in found if finding.status is Status.DETECTED]
    assert (hit.subject, hit.test) == ("F", "mae")
    assert hit.effect == pytest.approx(0.5, abs=0.1)
    assert "of the mean absolute error (10% allowed" in hit.description


def test_an_absolute_limit_is_held_against_the_level_whatever_it_was() -> None:
    unequal = groups(F=0.3, M=0.5)
    limits = FairnessThresholds(criteria=PARITY.criteria, maximum_difference=0.1, minimum_ratio=0.8)
    free = level_findings(unequal, unequal, thresholds=PARITY, place=PLACE)
    held = level_findings(unequal, unequal, thresholds=limits, place=PLACE)
    assert [finding.status for finding in free] == [Status.OK, Status.OK]
    assert [(finding.test, finding.status, finding.severity) for finding in held] == [
        ("demographic_parity_difference", Status.DETECTED, Severity.HIGH),
        ("demographic_parity_ratio", Status.DETECTED, Severity.MEDIUM),
    ]
    assert {finding.comparison for finding in held} == {Comparison.EXPECTATION}
    assert held[0].effect == 0
    assert held[0].details["groups"]["F"]["selection_rate"][0] == pytest.approx(0.3)
    few = level_findings(unequal, groups(F=(0.3, 50), M=(0.5, 50)), thresholds=limits, place=PLACE)
    assert [finding.status for finding in few] == [Status.OK, Status.OK], "chance alone may do that"


def test_limits_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="maximum_increase is 0; it must be above 0 and at most 1"):
        FairnessThresholds(maximum_increase=0)
    with pytest.raises(InputError, match="minimum_ratio is 2"):
        FairnessThresholds(minimum_ratio=2)


def test_several_classes_are_compared_by_accuracy() -> None:
    def side(right_of_f: int) -> dict[str, GroupCounts]:
        classes = CategoricalBinning(("bird", "cat", "dog"))
        return {
            group: GroupCounts(1_000, 0, MulticlassOutcomeProfile.of(labels, predictions, classes))
            for group, right in (("F", right_of_f), ("M", 900))
            for labels in [np.array(["bird", "cat", "dog", "fish"] * 250, dtype=object)]
            for predictions in [np.where(np.arange(1_000) < right, labels, "wolf")]
        }

    found = gap_findings(side(900), side(700), thresholds=FairnessThresholds(), place=PLACE)
    assert {(one.subject, one.test) for one in found if one.status is Status.DETECTED} == {("F", "accuracy")}
    assert found[0].statistic == pytest.approx(-0.2)
    assert "the accuracy of F is 70.0%, that of the other groups 90.0%" in found[0].description


counts = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(lambda both: GroupCounts(max(both), min(both)))
three = st.fixed_dictionaries({"a": counts, "b": counts, "c": counts})


@given(three, three)
def test_verdicts_do_not_depend_on_the_order_of_groups(
    before: dict[str, GroupCounts], now: dict[str, GroupCounts]
) -> None:
    found = judged(before, now)
    turned = judged(dict(reversed(before.items())), dict(reversed(now.items())))
    assert {name: finding.status for name, finding in found.items()} == {
        name: finding.status for name, finding in turned.items()
    }
    for finding in found.values():
        assert (finding.status is Status.NOT_EVALUATED) == bool(finding.reason)
        assert finding.statistic is None or -1 <= finding.statistic <= 1


@given(three)
def test_groups_that_fare_as_before_are_never_unfair(same: dict[str, GroupCounts]) -> None:
    assert unfair(judged(same, same)) == set()
