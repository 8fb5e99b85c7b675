"""Counting a stream of batches, however it is cut into batches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.profiles import (
    BinaryOutcomeProfile,
    CategoricalBinning,
    CategoricalProfile,
    NumericBinning,
    NumericProfile,
    RegressionOutcomeProfile,
)
from driftline.profiles.counting import (
    UNNAMED_VERSION,
    BinaryOutcomeCounter,
    RegressionOutcomeCounter,
    SliceCounter,
    numeric_values,
)
from driftline.profiles.slices import SegmentColumn, SliceKey, SliceProfiles
from tests.unit.profiles.profile_equality import assert_same_profile

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEGMENTS = [SegmentColumn({"DE": "country=DE", "": "country="}), SegmentColumn({"true": "member=true"})]
AMOUNTS = NumericBinning(np.asarray([-1.0, 0.0, 1.0, 10.0]))
TIERS = CategoricalBinning(levels=("gold", "silver"), pooled_levels=frozenset({"tin"}))
SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us", tz="America/New_York")),
        ("version", pa.string()),
        ("country", pa.string()),
        ("member", pa.bool_()),
        ("amount", pa.float64()),
        ("written", pa.string()),
        ("tier", pa.string()),
    ]
)
BINNINGS = {"amount": AMOUNTS, "written": AMOUNTS, "tier": TIERS}

Row = tuple[Any, ...]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 3 * 3_600_000_000 - 1).map(lambda microseconds: START + timedelta(microseconds=microseconds)),
        st.sampled_from(["v1", "v2", None, ""]),
        st.sampled_from(["DE", "FR", "", None]),
        st.sampled_from([True, False, None]),
        st.one_of(st.none(), st.floats(-20, 20), st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308])),
        st.sampled_from(["1.5", " 2 ", "-0.5", "many", "", None, "1e5", "inf"]),
        st.sampled_from(["gold", "silver", "tin", "lead", "🜚; DROP TABLE", None]),
    ),
    max_size=40,
)
CUTS = st.lists(st.integers(0, 40), max_size=5)


def batches(rows: Sequence[Row], cuts: Sequence[int], schema: pa.Schema = SCHEMA) -> list[pa.RecordBatch]:
    """The rows as one stream, cut at ``cuts`` (a cut twice makes an empty batch)."""
    ends = [*sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    return [
        pa.RecordBatch.from_arrays(
            [pa.array([row[n] for row in rows[start:end]], field.type) for n, field in enumerate(schema)], schema=schema
        )
        for start, end in zip([0, *ends], ends, strict=False)
    ]


def counted(rows: Sequence[Row], cuts: Sequence[int] = ()) -> SliceProfiles:
    counter = SliceCounter(SEGMENTS, BINNINGS)
    for batch in batches(rows, cuts):
        counter.add(batch)
    return counter.profiles()


def assert_same_counts(left: SliceProfiles, right: SliceProfiles) -> None:
    assert left.keys() == right.keys()
    for key, subjects in left.items():
        assert subjects.keys() == right[key].keys()
        for subject, profile in subjects.items():
            assert_same_profile(profile, right[key][subject])


def segments_of(row: Row) -> list[str]:
    country = {"DE": ["country=DE"], "": ["country="]}.get(row[2], [])
    return ["", *country, *(["member=true"] if row[3] is True else [])]


@given(ROWS, CUTS)
def test_batches_cut_anywhere_count_as_one(rows: list[Row], cuts: list[int]) -> None:
    assert_same_counts(counted(rows, cuts), counted(rows))


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: list[Row], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert_same_counts(counted(shuffled), counted(rows))


@given(ROWS, CUTS)
def test_every_row_is_counted_once_in_its_hour_version_and_segments(rows: list[Row], cuts: list[int]) -> None:
    expected = Counter(
        SliceKey(row[0].replace(minute=0, second=0, microsecond=0), row[1] or UNNAMED_VERSION, segment)
        for row in rows
        for segment in segments_of(row)
    )
    profiles = counted(rows, cuts)
    for subject in BINNINGS:
        assert {key: subjects[subject].rows for key, subjects in profiles.items()} == expected


@given(ROWS)
def test_levels_are_counted_by_name(rows: list[Row]) -> None:
    levels: Counter[str | None] = Counter(row[6] for row in rows)
    whole = [subjects["tier"] for key, subjects in counted(rows).items() if key.segment == ""]
    assert all(isinstance(profile, CategoricalProfile) for profile in whole)
    tiers: list[Any] = whole
    assert sum(int(profile.counts[0]) for profile in tiers) == levels["gold"]
    assert sum(int(profile.counts[1]) for profile in tiers) == levels["silver"]
    assert sum(profile.other for profile in tiers) == levels["tin"]
    assert sum(profile.nulls for profile in tiers) == levels[None]
    assert sum(profile.unseen for profile in tiers) == levels["lead"] + levels["🜚; DROP TABLE"]
    names: Counter[str] = sum((Counter(profile.unseen_levels) for profile in tiers), Counter())
    assert names == Counter({name: levels[name] for name in ("lead", "🜚; DROP TABLE") if levels[name]})


def numeric(rows: Sequence[Row], subject: str) -> NumericProfile:
    [profile] = [subjects[subject] for key, subjects in counted(rows).items() if key.segment == ""]
    assert isinstance(profile, NumericProfile)
    return profile


def row(**changes: Any) -> Row:
    usual = {"time": START, "version": "v1", "country": "FR", "member": None, "amount": 0.5, "written": "1"}
    return tuple({**usual, "tier": "gold", **changes}.values())


def test_numbers_are_told_from_nulls_infinities_and_what_is_no_number() -> None:
    amounts = [0.5, None, math.nan, math.inf, -math.inf, 1e308, -1e308]
    amount = numeric([row(amount=value) for value in amounts], "amount")
    assert (amount.finite, amount.nulls, amount.non_finite, amount.invalid) == (3, 1, 3, 0)
    written = numeric([row(written=value) for value in ("1", None, "many", "", "inf", "2.5")], "written")
    assert (written.finite, written.nulls, written.non_finite, written.invalid) == (2, 1, 1, 2)
    assert (written.minimum, written.maximum) == (1.0, 2.5)


def test_a_value_on_an_edge_belongs_to_the_cell_that_it_closes() -> None:
    assert numeric([row(amount=value) for value in (-1.0, 0.0, 0.1, 1.0, 10.0, 10.1)], "amount").counts.tolist() == [
        1, 1, 2, 1, 1,
    ]  # fmt: skip


def test_the_last_microsecond_of_an_hour_is_of_that_hour() -> None:
    last = row(time=START + HOUR - timedelta(microseconds=1))
    assert {key.slice_start for key in counted([last, row(time=START + HOUR)])} == {START, START + HOUR}


def test_hours_before_1970_are_hours_too() -> None:
    early = datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
    assert {key.slice_start for key in counted([row(time=early)])} == {early.replace(minute=0)}


def test_hours_are_of_utc_whatever_zone_the_session_was_in() -> None:
    # 2026-11-01 05:30 and 06:30 UTC are both 01:30 in New York: the clocks go back between them.
    twice = [row(time=datetime(2026, 11, 1, hour, 30, tzinfo=UTC)) for hour in (5, 6)]
    assert sorted(key.slice_start.hour for key in counted(twice) if key.segment == "") == [5, 6]


def test_no_batches_and_empty_batches_count_nothing() -> None:
    assert counted([]) == {}
    assert counted([], [0, 0]) == {}


@pytest.mark.parametrize("null_type", [pa.float64(), pa.string(), pa.bool_(), pa.int64()])
def test_a_column_of_nulls_only_has_no_values_and_no_invalid_ones(null_type: pa.DataType) -> None:
    _, missing, invalid = numeric_values(pa.nulls(3, null_type))
    assert missing is not None
    assert missing.all()
    assert invalid == 0


def test_text_numbers_beyond_floats_are_not_finite_and_fail_nothing() -> None:
    values, _, invalid = numeric_values(pa.array(["1" + "0" * 400, "-1e999", "1e-999", "18446744073709551617"]))
    assert not math.isfinite(values[0])
    assert not math.isfinite(values[1])
    assert values[2] == 0
    assert values[3] == pytest.approx(18446744073709551617)
    assert invalid <= 2


OUTCOMES = pa.schema(
    [
        ("time", pa.timestamp("us", tz="UTC")),
        ("version", pa.string()),
        ("country", pa.string()),
        ("label", pa.string()),
        ("prediction", pa.string()),
        ("score", pa.float64()),
    ]
)
TRUTHS = st.sampled_from(["true", "false", "maybe"])
OUTCOME_ROWS = st.lists(
    st.tuples(
        st.sampled_from([START, START + HOUR]),
        st.sampled_from(["v1", None]),
        st.sampled_from(["DE", None]),
        TRUTHS,
        st.one_of(st.none(), TRUTHS),
        st.one_of(st.none(), st.floats(0, 1), st.sampled_from([-1.0, math.inf])),
    ),
    max_size=30,
)


def outcomes(rows: Sequence[Row], cuts: Sequence[int]) -> SliceProfiles:
    binning = NumericBinning(np.linspace(0, 1, 11))
    counter = BinaryOutcomeCounter(SEGMENTS[:1], binning, frozenset({"true"}))
    for batch in batches(rows, cuts, OUTCOMES):
        counter.add(batch)
    return counter.profiles()


@given(OUTCOME_ROWS, CUTS)
def test_binary_outcomes_cut_anywhere_count_as_one(rows: list[Row], cuts: list[int]) -> None:
    assert_same_counts(outcomes(rows, cuts), outcomes(rows, []))


@given(OUTCOME_ROWS)
def test_the_confusion_matrix_is_that_of_the_rows(rows: list[Row]) -> None:
    # A failed prediction (null) is neither right nor wrong.
    expected = Counter((row[3] == "true", row[4] == "true") for row in rows if row[4] is not None)
    found: Counter[tuple[bool, bool]] = Counter()
    for key, subjects in outcomes(rows, []).items():
        profile = subjects["outcome"]
        assert isinstance(profile, BinaryOutcomeProfile)
        assert profile.rows == int(profile.positives.sum() + profile.negatives.sum()) + profile.invalid_scores
        if key.segment == "":
            found[True, True] += profile.true_positives
            found[True, False] += profile.false_negatives
            found[False, True] += profile.false_positives
            found[False, False] += profile.true_negatives
    assert +found == +expected


ERRORS = pa.schema([*list(OUTCOMES)[:3], ("label", pa.float64()), ("prediction", pa.float64())])
ERROR_ROWS = st.lists(
    st.tuples(
        st.sampled_from([START, START + HOUR]),
        st.sampled_from(["v1", None]),
        st.sampled_from(["DE", None]),
        st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, math.inf])),
        st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([math.nan])),
    ),
    max_size=30,
)


def errors(rows: Sequence[Row], cuts: Sequence[int]) -> SliceProfiles:
    counter = RegressionOutcomeCounter(SEGMENTS[:1], NumericBinning(np.linspace(-100, 100, 21)))
    for batch in batches(rows, cuts, ERRORS):
        counter.add(batch)
    return counter.profiles()


@given(ERROR_ROWS, CUTS)
def test_regression_outcomes_cut_anywhere_count_as_one(rows: list[Row], cuts: list[int]) -> None:
    assert_same_counts(errors(rows, cuts), errors(rows, []))


@given(ERROR_ROWS)
def test_every_labeled_regression_is_counted_usable_or_not(rows: list[Row]) -> None:
    whole: list[Any] = [subjects["outcome"] for key, subjects in errors(rows, []).items() if key.segment == ""]
    assert all(isinstance(profile, RegressionOutcomeProfile) for profile in whole)
    assert sum(profile.rows for profile in whole) == len(rows)
    usable = [r for r in rows if all(value is not None and math.isfinite(value) for value in r[3:])]
    assert sum(profile.absolute_errors.n for profile in whole) == len(usable)
