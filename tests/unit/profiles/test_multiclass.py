"""Outcome profiles of several classes add up, and survive their storage."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError
from driftline.profiles import CategoricalBinning, MulticlassOutcomeProfile, merge, pooled_binning
from driftline.profiles.counting import MulticlassOutcomeCounter
from driftline.profiles.serialization import pack_profile, profile_kind, unpack_profile
from driftline.profiles.slices import SegmentColumn, SliceKey

BINNING = CategoricalBinning(("a", "b", "c"))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def counted(rows: list[tuple[str, str]], scores: object = None, binning: object = BINNING) -> MulticlassOutcomeProfile:
    labels = np.array([label for label, _ in rows], dtype=object)
    predicted = np.array([prediction for _, prediction in rows], dtype=object)
    return MulticlassOutcomeProfile.of(labels, predicted, binning, scores)  # type: ignore[arg-type]


def assert_same(left: MulticlassOutcomeProfile, right: MulticlassOutcomeProfile) -> None:
    np.testing.assert_array_equal(left.confusion, right.confusion)
    assert left.outside_matches == right.outside_matches
    assert left.invalid_scores == right.invalid_scores
    assert left.log_loss.n == right.log_loss.n
    assert left.log_loss.mean == pytest.approx(right.log_loss.mean)
    assert len(left.one_vs_rest) == len(right.one_vs_rest)
    for one, other in zip(left.one_vs_rest, right.one_vs_rest, strict=True):
        assert one.binning.digest == other.binning.digest
        np.testing.assert_array_equal(one.positives, other.positives)
        np.testing.assert_array_equal(one.negatives, other.negatives)
        np.testing.assert_allclose(one.score_sums, other.score_sums)
        assert one.rows == other.rows


NAMES = st.sampled_from(["a", "b", "c", "never seen", "nor this"])


@given(rows=st.lists(st.tuples(NAMES, NAMES), max_size=40), cut=st.integers(0, 40), seed=st.integers(0, 99))
def test_the_parts_add_up_to_the_whole(rows: list[tuple[str, str]], cut: int, seed: int) -> None:
    scores = np.random.default_rng(seed).dirichlet([1, 1, 1], len(rows)).reshape(len(rows), 3)
    parts = counted(rows[:cut], scores[:cut]), counted(rows[cut:], scores[cut:])
    assert_same(merge(parts), counted(rows, scores))


def test_merging_with_nothing_changes_nothing() -> None:
    profile = counted([("a", "b"), ("c", "c")], np.array([[0.2, 0.7, 0.1], [0.0, 0.0, 1.0]]))
    assert_same(profile.merged(MulticlassOutcomeProfile.empty(BINNING)), profile)


def test_other_classes_do_not_merge() -> None:
    with pytest.raises(InputError, match="different binnings"):
        counted([("a", "a")]).merged(counted([("a", "a")], binning=CategoricalBinning(("a",))))


@pytest.mark.parametrize("with_scores", [True, False])
def test_a_profile_survives_its_storage(with_scores: bool) -> None:
    scores = np.array([[0.2, 0.7, 0.1], [0.0, 0.0, 1.0], [0.5, 0.25, np.nan]]) if with_scores else None
    profile = counted([("a", "b"), ("c", "c"), ("new", "new")], scores)
    assert profile_kind(profile) == "multiclass_outcome"
    again = unpack_profile("multiclass_outcome", pack_profile(profile), BINNING)
    assert isinstance(again, MulticlassOutcomeProfile)
    assert_same(again, profile)


def test_cells_of_ones_own_survive_too() -> None:
    scores = np.array([[0.2, 0.7, 0.1], [0.0, 0.0, 1.0]])
    cells = tuple(pooled_binning([column]) for column in scores.T)
    profile = MulticlassOutcomeProfile.of(
        np.array(["a", "c"], dtype=object), np.array(["b", "c"], dtype=object), BINNING, scores, cells
    )
    again = unpack_profile("multiclass_outcome", pack_profile(profile), BINNING)
    assert isinstance(again, MulticlassOutcomeProfile)
    assert_same(again, profile)


def test_a_stream_is_counted_by_version_and_segment() -> None:
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([NOON] * 4, pa.timestamp("us", tz="UTC")),
            pa.array(["v1", "v1", "v2", "v2"]),
            pa.array(["DE", "FR", "DE", "DE"]),
            pa.array(["a", "b", "c", "a"]),
            pa.array(["a", "a", "c", None]),
            pa.array([0.7, 0.5, 0.1, 0.4]),
            pa.array([0.2, 0.3, 0.1, 0.4]),
            pa.array([0.1, 0.2, 0.8, 0.2]),
        ],
        names=list("abcdefgh"),
    )
    counter = MulticlassOutcomeCounter([SegmentColumn({"DE": "country=DE"})], BINNING)
    counter.add(batch)
    found = {key: subjects["outcome"] for key, subjects in counter.profiles().items()}
    first, second = SliceKey(NOON, "v1", ""), SliceKey(NOON, "v2", "")
    assert found[first].rows == 2
    assert found[second].rows == 1, "the row without a prediction is neither right nor wrong"
    german = found[SliceKey(NOON, "v1", "country=DE")]
    assert isinstance(german, MulticlassOutcomeProfile)
    assert german.confusion[0, 0] == 1
    assert german.log_loss.mean == pytest.approx(-np.log(0.7))
