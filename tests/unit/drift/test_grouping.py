"""Which drifted features are taken for one cause."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.change_point import Onset, OnsetKind
from driftline.drift.grouping import FeatureMovement, group_movements

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def began(hours, segment="", name=None, pipeline=""):
    start = NOON + timedelta(hours=hours)
    onset = Onset(kind=OnsetKind.STEP, start=start, earliest=start, latest=start, history_start=NOON)
    return FeatureMovement(name or f"at_{hours}_{segment}", onset, segment, pipeline)


def undated(name, kind=OnsetKind.BEFORE_HISTORY, pipeline=""):
    return FeatureMovement(name, Onset(kind=kind, history_start=NOON, reason="r"), "", pipeline)


def grouped(*movements):
    return [group.features for group in group_movements(movements)]


def test_the_same_hour_and_the_same_segment_are_one_cause_told_by_its_earliest_hour():
    [group] = group_movements([began(2, "origin=JFK", "a"), began(0, "origin=JFK", "b")])
    assert group.features == ("a", "b")
    assert group.onset.start == NOON
    assert group.carrying_segment == "origin=JFK"


def test_another_segment_or_another_hour_is_another_cause():
    assert len(grouped(began(0, "origin=JFK"), began(0, "origin=LGA"), began(0), began(3))) == 4


def test_a_chain_of_near_hours_is_held_to_its_first_feature():
    assert grouped(began(0, name="a"), began(2, name="b"), began(4, name="c")) == [("a", "b"), ("c",)]


def test_undated_features_are_not_grouped_for_being_undated():
    assert len(grouped(undated("a"), undated("b"), undated("c", OnsetKind.UNCLEAR))) == 3


def test_one_pipeline_groups_what_is_undated_and_not_what_began_at_another_hour():
    assert grouped(began(0, name="a", pipeline="etl"), undated("b", pipeline="etl")) == [("a", "b")]
    assert len(grouped(began(0, name="a", pipeline="etl"), began(9, name="b", pipeline="etl"))) == 2
    assert len(grouped(undated("a", pipeline="etl"), undated("b", pipeline="other"))) == 2


def test_a_group_names_the_pipeline_that_all_of_it_share():
    movements = [began(0, name="a", pipeline="etl"), began(1, name="b", pipeline="etl"), began(9, name="c")]
    assert [group.pipeline for group in group_movements(movements)] == ["etl", ""]
    assert group_movements([*movements[:2], began(2, name="d", pipeline="other")])[0].pipeline == ""


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["", "s=1", "s=2"])), max_size=12))
def test_every_feature_is_in_exactly_one_group_in_the_order_given(drawn):
    movements = [began(hours, segment, f"f{index}") for index, (hours, segment) in enumerate(drawn)]
    groups = group_movements(movements)
    names = [name for group in groups for name in group.features]
    assert sorted(names) == sorted(movement.feature for movement in movements)
    assert [group.features[0] for group in groups] == sorted(
        (group.features[0] for group in groups), key=[each.feature for each in movements].index
    )
    assert groups == group_movements(movements)
