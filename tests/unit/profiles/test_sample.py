"""Samples: uniform, bounded, and the same however the rows came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError, StoreError
from driftline.profiles import Binning, CategoricalBinning, NumericBinning
from driftline.profiles.roles import Role
from driftline.profiles.sample import EVERYTHING, HASH, TIME, Sample, merge_samples, segment_column
from driftline.profiles.sample_counting import LONGEST_TEXT, SampleCounter, SliceSamples
from driftline.profiles.sample_hashing import hash_ids, split_mix
from driftline.profiles.sample_serialization import pack_sample, unpack_sample
from driftline.profiles.slices import SliceKey

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
NUMBERS = NumericBinning(np.asarray([0.0, 1.0]))
LEVELS = CategoricalBinning(levels=("gold",), pooled_levels=frozenset())
BINNINGS: dict[str, Binning] = {
    "amount": NUMBERS,
    "tier": LEVELS,
    Role.SCORE: NUMBERS,
    Role.LATENCY: NUMBERS,
    Role.ERROR: LEVELS,
}
SCHEMA = pa.schema(
    [
        ("predicted_at", pa.timestamp("us", tz="America/New_York")),
        ("version", pa.string()),
        ("country", pa.string()),
        ("amount", pa.float64()),
        ("tier", pa.string()),
        ("score", pa.float64()),
        ("latency", pa.float64()),
        ("error", pa.string()),
        ("id", pa.int64()),
    ]
)
Row = tuple[Any, ...]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 2 * 3_600_000_000 - 1).map(lambda microseconds: START + timedelta(microseconds=microseconds)),
        st.sampled_from(["v1", "v2"]),
        st.sampled_from(["DE", "FR", None]),
        st.one_of(st.none(), st.floats(-20, 20), st.sampled_from([math.nan, math.inf])),
        st.sampled_from(["gold", "🜚", "", None]),
        st.one_of(st.none(), st.floats(0, 1)),
        st.just(5.0),
        st.just("false"),
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 9)),
    ),
    max_size=40,
)
CUTS = st.lists(st.integers(0, 40), max_size=5)
CAPACITIES = st.integers(1, 12)


def drawn(rows: Sequence[Row], cuts: Sequence[int] = (), capacity: int = 3, schema: pa.Schema = SCHEMA) -> SliceSamples:
    counter = SampleCounter(["country"], BINNINGS, capacity)
    ends = [*sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in zip([0, *ends], ends, strict=False):
        arrays = [pa.array([row[n] for row in rows[start:end]], field.type) for n, field in enumerate(schema)]
        counter.add(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return counter.samples()


def content(sample: Sample) -> tuple[Any, ...]:
    """All that a sample holds, comparable: not a number equals itself."""
    names = sorted(sample.rows.column_names)
    columns = [[str(value) for value in sample.rows[name].to_pylist()] for name in names]
    return names if len(sample) else [], columns if len(sample) else [], sample.population, sample.threshold


def row(number: int | None, **changes: Any) -> Row:
    usual = {"time": START, "version": "v1", "country": "DE", "amount": 1.0, "tier": "gold", "score": 0.5}
    return tuple({**usual, "latency": 5.0, "error": "false", **changes, "id": number}.values())


def one(numbers: Sequence[int | None], capacity: int) -> Sample:
    return drawn([row(number) for number in numbers], capacity=capacity).get(
        SliceKey(START, "v1", ""), Sample.empty(capacity)
    )


@given(ROWS, CUTS, CAPACITIES, st.randoms(use_true_random=False))
def test_the_same_rows_give_the_same_samples_in_any_order_and_any_batches(
    rows: list[Row], cuts: list[int], capacity: int, random: Any
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    left, right = drawn(rows, capacity=capacity), drawn(shuffled, cuts, capacity)
    assert {key: content(sample) for key, sample in left.items()} == {
        key: content(sample) for key, sample in right.items()
    }


@given(ROWS, CAPACITIES)
def test_a_sample_is_the_smallest_hashes_of_its_slice(rows: list[Row], capacity: int) -> None:
    for key, sample in drawn(rows, capacity=capacity).items():
        its_rows = [
            one_row
            for one_row in rows
            if one_row[0].replace(minute=0, second=0, microsecond=0) == key.slice_start
            and one_row[1] == key.version
            and one_row[-1] is not None
        ]
        hashes = np.unique(hash_ids(pa.array([one_row[-1] for one_row in its_rows], pa.int64()))[0])
        assert sample.hashes.tolist() == hashes[:capacity].tolist()
        assert sample.population == len(its_rows)
        assert sample.threshold == (EVERYTHING if hashes.size <= capacity else int(hashes[capacity]) - 1)


PARTS = st.lists(st.tuples(st.lists(st.integers(0, 200), max_size=30), st.integers(1, 8)), min_size=1, max_size=5)


@given(PARTS, st.randoms(use_true_random=False), CAPACITIES)
def test_merging_does_not_depend_on_order_or_grouping(
    parts: list[tuple[list[int], int]], random: Any, capacity: int
) -> None:
    samples = [one(numbers, its_capacity) for numbers, its_capacity in parts]
    at_once = merge_samples(samples, capacity)
    shuffled = list(samples)
    random.shuffle(shuffled)
    cut = random.randint(0, len(shuffled))
    grouped = merge_samples(
        [merge_samples(shuffled[:cut], capacity), merge_samples(shuffled[cut:], capacity)], capacity
    )
    assert content(grouped) == content(at_once)


@given(st.lists(st.integers(0, 200), max_size=40), CAPACITIES)
def test_a_sample_merged_with_itself_holds_the_same_rows(numbers: list[int], capacity: int) -> None:
    sample = one(numbers, capacity)
    twice = merge_samples([sample, sample], capacity)
    assert (twice.hashes.tolist(), twice.threshold) == (sample.hashes.tolist(), sample.threshold)


@given(PARTS, CAPACITIES)
def test_a_merged_sample_holds_every_row_up_to_its_threshold_and_no_other(
    parts: list[tuple[list[int], int]], capacity: int
) -> None:
    merged = merge_samples([one(numbers, its_capacity) for numbers, its_capacity in parts], capacity)
    everything = np.unique(hash_ids(pa.array([n for numbers, _ in parts for n in numbers], pa.int64()))[0])
    assert merged.hashes.tolist() == everything[everything <= np.uint64(merged.threshold)].tolist()
    assert len(merged) <= capacity
    assert merged.population == sum(len(numbers) for numbers, _ in parts)


def test_busy_and_quiet_hours_are_represented_by_their_rows() -> None:
    """Nine in ten rows are of the busy hour; the k smallest of each slice together would say one in two."""
    hours = (("busy", range(90_000)), ("quiet", range(90_000, 100_000)))
    samples = [
        drawn([row(number, tier=name) for number in numbers], capacity=500)[SliceKey(START, "v1", "")]
        for name, numbers in hours
    ]
    merged = merge_samples(samples)
    share = merged.to_pandas()["tier"].eq("busy").mean()
    # 4 binomial standard deviations at about 555 rows.
    assert abs(share - 0.9) < 4 * math.sqrt(0.9 * 0.1 / len(merged))
    assert len(merged) == pytest.approx(100_000 * merged.rate, rel=0.15)
    assert len(merged) > 500


def test_sequential_ids_are_sampled_evenly() -> None:
    kept = np.sort(one_amounts(20_000, 2_000))
    quarters = np.histogram(kept, bins=4, range=(0, 20_000))[0]
    # 4.5 standard deviations of a count of 500 of 2,000.
    assert np.abs(quarters - 500).max() < 4.5 * math.sqrt(2_000 * 0.25 * 0.75)


def one_amounts(rows: int, capacity: int) -> list[float]:
    sample = drawn([row(number, amount=float(number)) for number in range(rows)], capacity=capacity)
    [only] = sample.values()
    return [float(value) for value in only.to_pandas()["amount"]]


def test_of_an_id_that_stands_twice_the_earliest_row_is_kept() -> None:
    rows = [row(7, amount=2.0, time=START + timedelta(minutes=1)), row(7, amount=3.0)]
    [sample] = drawn(rows).values()
    assert (sample.rows["amount"].to_pylist(), sample.population) == ([3.0], 2)


def test_one_id_on_every_row_is_one_row() -> None:
    sample = one([7] * 50 + [8], capacity=3)
    assert (len(sample), sample.population, sample.threshold) == (2, 51, EVERYTHING)


def test_rows_without_an_id_are_neither_sampled_nor_counted() -> None:
    assert (len(one([None, None], 3)), one([None, None], 3).population) == (0, 0)
    assert (len(one([None, 1], 3)), one([None, 1], 3).population) == (1, 1)


def test_a_sample_has_features_outputs_time_and_segments_but_no_latency() -> None:
    [sample] = drawn([row(1, amount=None, country=None, time=START + timedelta(minutes=5))]).values()
    assert sample.rows.column_names == [HASH, TIME, segment_column("country"), "amount", "tier", "score"]
    assert sample.subjects == ["amount", "tier", "score"]
    assert sample.rows[TIME].to_pylist() == [START + timedelta(minutes=5)]
    frame = sample.to_pandas(["score", "vanished", "amount"])
    assert list(frame.columns) == ["score", "vanished", "amount"]
    assert frame["score"].tolist() == [0.5]
    assert frame[["vanished", "amount"]].isna().all(axis=None)


def test_a_feature_may_be_called_hash() -> None:
    counter = SampleCounter([], {"hash": NUMBERS})
    times = pa.array([START], pa.timestamp("us", tz="UTC"))
    arrays = [times, pa.array(["v1"]), pa.array([2.5]), pa.array(["a"])]
    counter.add(pa.RecordBatch.from_arrays(arrays, names=["t", "v", "hash", "id"]))
    [sample] = counter.samples().values()
    assert sample.to_pandas()["hash"].tolist() == [2.5]


def test_text_that_should_be_numbers_is_read_and_long_text_is_cut() -> None:
    schema = SCHEMA.set(3, pa.field("amount", pa.string()))
    rows = [row(1, amount="1.5", tier="é" * 1_000), row(2, amount="many")]
    [sample] = drawn(rows, schema=schema).values()
    assert sorted(sample.rows["amount"].to_pylist(), key=str) == [1.5, None]
    assert max(sample.rows["tier"].to_pylist(), key=len) == "é" * LONGEST_TEXT


def test_a_segment_of_a_sample_is_its_rows_with_an_estimated_population() -> None:
    [sample] = drawn([row(n, country="DE" if n % 4 else "FR") for n in range(4_000)], capacity=1_000).values()
    french = sample.of_segment("country", "FR")
    assert set(french.rows[segment_column("country")].to_pylist()) == {"FR"}
    # 4 standard deviations of the estimate from about 250 rows.
    assert french.population == pytest.approx(1_000, rel=4 / math.sqrt(250))
    assert len(sample.of_segment("country", "US")) == len(sample.of_segment("planet", "DE")) == 0


def test_a_column_that_one_sample_lacks_is_null_there() -> None:
    with_column = one([1], 3)
    without = Sample(one([2], 3).rows.drop_columns(["tier"]), 3, 1)
    merged = merge_samples([with_column, without])
    assert sorted(merged.rows["tier"].to_pylist(), key=str) == [None, "gold"]
    assert content(merge_samples([without, with_column])) == content(merged)


def test_numbers_do_not_merge_with_text() -> None:
    rows = one([2], 3).rows
    text = Sample(rows.set_column(rows.column_names.index("amount"), "amount", rows["tier"]), 3, 1)
    with pytest.raises(InputError, match="one baseline"):
        merge_samples([one([1], 3), text])


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_sample_of_no_rows_is_refused(capacity: int) -> None:
    with pytest.raises(InputError, match="capacity of 1 or more"):
        SampleCounter([], {}, capacity)
    with pytest.raises(InputError, match="capacity of 1 or more"):
        merge_samples([], capacity)


def test_nothing_merged_is_the_empty_sample_and_changes_nothing() -> None:
    empty = merge_samples([])
    assert (len(empty), empty.population, empty.rate) == (0, 0, 1.0)
    assert empty.to_pandas(["amount"]).shape == (0, 1)
    some = one([1, 2, 3, 4], 2)
    assert content(merge_samples([empty, some, Sample.empty()], 2)) == content(some)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=20))
def test_an_id_hashes_alike_as_a_number_and_as_its_text(numbers: list[int | None]) -> None:
    texts = pa.array([None if number is None else str(number) for number in numbers], pa.string())
    for left, right in zip(hash_ids(texts), hash_ids(pa.array(numbers, pa.int64())), strict=True):
        assert left.tolist() == right.tolist()


@given(st.lists(st.text(max_size=24), max_size=20, unique=True))
def test_an_ids_hash_does_not_depend_on_its_neighbors(texts: list[str]) -> None:
    together = hash_ids(pa.array(texts, pa.string()))[0].tolist()
    assert together == [int(hash_ids(pa.array([text]))[0][0]) for text in texts]
    assert len(set(together)) == len(together)


@pytest.mark.parametrize("text", ["042", "+42", "42.0", "-0", " 42", "9223372036854775808", "-9223372036854775809"])
def test_text_that_is_not_how_a_number_is_spelled_is_an_id_of_its_own(text: str) -> None:
    assert hash_ids(pa.array([text]))[0][0] not in hash_ids(pa.array([42, 0, 2**63 - 1, -(2**63)]))[0]


def test_hashes_are_those_of_the_published_functions_for_ever() -> None:
    # SplitMix64 with seed 1234567: https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
    assert split_mix(np.asarray([1234567], dtype=np.uint64)).tolist() == [6457827717110365317]
    # Stored samples depend on it: another value means that they no longer merge with new ones.
    text = hash_ids(pa.array(["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]))[0]
    assert text.tolist() == [16048490132856746280]


@given(ROWS, CAPACITIES)
def test_samples_come_back_from_bytes_as_they_went_in(rows: list[Row], capacity: int) -> None:
    for sample in [*drawn(rows, capacity=capacity).values(), Sample.empty()]:
        back = unpack_sample(pack_sample(sample))
        assert (content(back), back.capacity) == (content(sample), sample.capacity)
        assert back.rows.schema.equals(sample.rows.schema)


@pytest.mark.parametrize("spoil", [lambda packed: packed[: len(packed) // 2], lambda packed: b"", lambda packed: b"no"])
def test_damaged_bytes_are_named(spoil: Any) -> None:
    with pytest.raises(StoreError, match="stored sample cannot be read"):
        unpack_sample(spoil(pack_sample(one([1, 2, 3], 3))))


def test_bytes_that_hold_another_table_are_named() -> None:
    sink = pa.BufferOutputStream()
    table = pa.table({"a": [1]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(StoreError, match="stored sample cannot be read"):
        unpack_sample(sink.getvalue().to_pybytes())
