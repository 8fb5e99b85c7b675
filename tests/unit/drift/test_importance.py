"""The ranking of drifted features by harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.importance import rank_by_harm
from driftline.errors import InputError


def test_a_smaller_move_of_a_more_important_feature_comes_first():
    ranked = rank_by_harm({"small": 0.2, "large": 0.4}, {"small": 0.6, "large": 0.1, "calm": 0.3})
    assert [each.feature for each in ranked] == ["small", "large"]
    assert [each.importance for each in ranked] == pytest.approx([0.6, 0.1])
    # Each effect times its importance, in units of the mean importance of a third.
    assert [each.harm for each in ranked] == pytest.approx([0.36, 0.12])


def test_without_any_importance_the_effect_ranks_and_it_is_said():
    ranked = rank_by_harm({"b": 0.2, "a": 0.2, "c": 0.4}, {})
    assert [each.feature for each in ranked] == ["c", "a", "b"]
    assert {each.description for each in ranked} == {"importance unknown: ranked by its effect alone"}


def test_a_feature_of_unknown_importance_counts_as_a_mean_one():
    ranked = rank_by_harm({"known": 0.3, "unknown": 0.3}, {"known": 3.0, "calm": 1.0})
    assert [(each.feature, each.harm) for each in ranked] == [("known", pytest.approx(0.45)), ("unknown", 0.3)]


def test_importances_that_are_all_nothing_rank_by_effect():
    assert [each.harm for each in rank_by_harm({"a": 0.3}, {"a": 0.0})] == [0.3]


@pytest.mark.parametrize("importance", [-0.1, float("nan"), float("inf")])
def test_an_impossible_importance_is_refused(importance):
    with pytest.raises(InputError, match="importance of a"):
        rank_by_harm({"a": 0.1}, {"a": importance})


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0, 1), max_size=8),
    st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.01, 10), max_size=8),
    st.floats(0.1, 100),
)
def test_the_scale_of_the_importances_does_not_matter(effects, importances, scale):
    one = rank_by_harm(effects, importances)
    other = rank_by_harm(effects, {name: value * scale for name, value in importances.items()})
    assert [each.harm for each in one] == pytest.approx([each.harm for each in other])
    assert sorted(each.feature for each in one) == sorted(effects)
