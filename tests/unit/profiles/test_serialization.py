"""Binnings and profiles come back from bytes as they went in."""

from __future__ import annotations

import json
import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from driftline.errors import StoreError
from driftline.profiles import (
    BinaryOutcomeProfile,
    Binning,
    CategoricalBinning,
    CategoricalProfile,
    NumericBinning,
    NumericProfile,
    Profile,
    RegressionOutcomeProfile,
    latency_binning,
    merge,
)
from driftline.profiles.serialization import (
    binning_kind,
    pack_binning,
    pack_profile,
    profile_kind,
    unpack_binning,
    unpack_profile,
)
from tests.unit.profiles.profile_equality import assert_same_profile

Floats = NDArray[np.float64]

ANY_FLOATS = arrays(np.float64, st.integers(0, 40), elements=st.floats())
MODERATE = st.floats(-1e6, 1e6)
SCORES = st.one_of(st.floats(0, 1), st.sampled_from([math.nan, math.inf, -0.1, 1.1]))
LEVELS = st.text(max_size=8)
"""Any text without lone surrogates: empty, quotes, markup, emoji, NUL and separators included."""


@st.composite
def numeric_binnings(draw: st.DrawFn) -> NumericBinning:
    edges = draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20, unique=True))
    return NumericBinning(np.unique(np.asarray(edges, dtype=np.float64)))


@st.composite
def categorical_binnings(draw: st.DrawFn) -> CategoricalBinning:
    levels = draw(st.lists(LEVELS, max_size=8, unique=True))
    pooled = draw(st.frozensets(LEVELS, max_size=4)) - set(levels)
    return CategoricalBinning(levels=tuple(levels), pooled_levels=pooled)


def through_bytes(profile: Profile, binning: Binning) -> Profile:
    return unpack_profile(profile_kind(profile), pack_profile(profile), binning)


@given(st.one_of(numeric_binnings(), categorical_binnings()))
def test_a_binning_comes_back_with_the_same_cells(binning: Binning) -> None:
    back = unpack_binning(binning_kind(binning), pack_binning(binning))
    assert type(back) is type(binning)
    assert back.digest == binning.digest
    if isinstance(binning, CategoricalBinning):
        assert back == binning


def test_the_latency_binning_comes_back_bit_for_bit() -> None:
    binning = latency_binning()
    back = unpack_binning("numeric", pack_binning(binning))
    assert isinstance(back, NumericBinning)
    assert np.array_equal(back.edges, binning.edges)


@given(numeric_binnings(), ANY_FLOATS)
def test_a_numeric_profile_comes_back(binning: NumericBinning, values: Floats) -> None:
    profile = NumericProfile.of(values, binning)
    assert_same_profile(through_bytes(profile, binning), profile, rounding=0)


@given(categorical_binnings(), st.dictionaries(LEVELS, st.integers(1, 2**40), max_size=12), st.integers(0, 2**40))
def test_a_categorical_profile_comes_back(binning: CategoricalBinning, counts: dict[str, int], nulls: int) -> None:
    profile = CategoricalProfile.of(counts, binning, nulls)
    assert profile.rows == sum(counts.values()) + nulls
    assert_same_profile(through_bytes(profile, binning), profile, rounding=0)


@given(numeric_binnings(), st.lists(st.tuples(st.booleans(), st.booleans(), SCORES), max_size=40))
def test_a_binary_outcome_profile_comes_back(binning: NumericBinning, rows: list[tuple[bool, bool, float]]) -> None:
    labels, predictions, scores = (np.asarray([row[n] for row in rows]) for n in range(3))
    profile = BinaryOutcomeProfile.of(
        labels.astype(np.bool_), predictions.astype(np.bool_), scores.astype(np.float64), binning
    )
    assert_same_profile(through_bytes(profile, binning), profile, rounding=0)


@given(numeric_binnings(), st.lists(st.tuples(st.floats(), st.floats()), max_size=40))
def test_a_regression_outcome_profile_comes_back(binning: NumericBinning, rows: list[tuple[float, float]]) -> None:
    labels, predictions = (np.asarray([row[n] for row in rows], dtype=np.float64) for n in range(2))
    profile = RegressionOutcomeProfile.of(labels, predictions, binning)
    assert_same_profile(through_bytes(profile, binning), profile, rounding=0)


@given(st.lists(arrays(np.float64, st.integers(0, 20), elements=MODERATE), min_size=1, max_size=5))
def test_profiles_merge_after_the_bytes_as_before(parts: list[Floats]) -> None:
    binning = NumericBinning(np.linspace(-1e6, 1e6, 11))
    profiles = [NumericProfile.of(part, binning) for part in parts]
    stored = [through_bytes(profile, binning) for profile in profiles]
    assert_same_profile(merge(stored), merge(profiles), rounding=0)  # type: ignore[type-var]
    assert_same_profile(merge(profiles), NumericProfile.of(np.concatenate(parts), binning))


def test_an_hour_with_few_rows_takes_few_bytes() -> None:
    binning = NumericBinning(np.linspace(0, 1, 1_000))
    values = np.random.default_rng(7).uniform(size=500)
    assert len(pack_profile(NumericProfile.of(values, binning))) < 1_000


def test_counts_beyond_32_bits_come_back() -> None:
    binning = NumericBinning(np.asarray([0.0]))
    profile = NumericProfile(binning=binning, counts=np.asarray([2**40, 1], dtype=np.int64))
    back = through_bytes(profile, binning)
    assert isinstance(back, NumericProfile)
    assert back.counts.tolist() == [2**40, 1]


def test_what_is_stored_is_json_and_numbers_and_never_a_pickle() -> None:
    payload = zlib.decompress(pack_profile(NumericProfile.of(np.arange(3.0), NumericBinning(np.asarray([1.0])))))
    header = json.loads(payload[4 : 4 + int.from_bytes(payload[:4], "little")])
    assert header["arrays"] == [["counts", "|u1", 2]]


def test_a_kind_of_a_newer_release_says_so() -> None:
    binning = NumericBinning(np.asarray([0.0]))
    with pytest.raises(StoreError, match=r"unknown kind 'ranking_outcome'.*upgrade"):
        unpack_profile("ranking_outcome", pack_profile(NumericProfile.empty(binning)), binning)
