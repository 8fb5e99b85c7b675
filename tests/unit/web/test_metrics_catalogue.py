"""The metrics' names, by Prometheus' conventions."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from driftline.store.scraping.bounds import FEATURES_PER_MODEL, FEATURES_TOGETHER, features_of_each
from driftline.web.metrics.catalogue import CATALOGUE
from driftline.web.metrics.definition import LONGEST_LABEL, Kind, label


def test_names_follow_the_conventions() -> None:
    names = [definition.full_name for definition in CATALOGUE]
    assert len(names) == len(set(names))
    for definition in CATALOGUE:
        assert re.fullmatch("driftline_[a-z][a-z0-9_]*", definition.full_name)
        assert definition.full_name.endswith("_total") is (definition.kind is Kind.COUNTER)
        assert definition.unit in {"", "seconds", "ratio"}
        assert definition.full_name.endswith(f"_{definition.unit}") or not definition.unit
        assert definition.help.endswith(".")


@given(st.integers(0, 100_000))
def test_no_number_of_models_tells_of_more_features_than_together_allowed(models: int) -> None:
    each = features_of_each(models)
    assert 1 <= each <= FEATURES_PER_MODEL
    assert each * models <= max(FEATURES_TOGETHER, models)


@given(st.text(max_size=600), st.text(max_size=600))
def test_labels_are_short_and_still_told_apart(one: str, other: str) -> None:
    assert len(label(one)) <= LONGEST_LABEL
    assert (label(one) == label(other)) is (one == other)
    assert label(one) == one or len(one) > LONGEST_LABEL
