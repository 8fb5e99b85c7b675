"""Every test on every kind of bad column: a defined result, or the reason why there is none; nothing is modified."""

import copy
import math
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from driftline.drift import (
    ChiSquareTest,
    CramerVonMises,
    DriftDetector,
    DriftStatus,
    HellingerDistance,
    JensenShannonDivergence,
    KolmogorovSmirnovTest,
    NewLevelTest,
    NullShareTest,
    PopulationStabilityIndex,
    SpreadTest,
    TotalVariation,
    WassersteinDistance,
)

ON_CELLS = [
    PopulationStabilityIndex(),
    JensenShannonDivergence(),
    HellingerDistance(),
    TotalVariation(),
    ChiSquareTest(),
]
ON_NUMBERS = [KolmogorovSmirnovTest(), CramerVonMises(), WassersteinDistance(), SpreadTest()]
ALL = [*ON_NUMBERS, *ON_CELLS, NullShareTest(), NewLevelTest()]

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=400)
LEVELS = RNG.choice(["a", "b", "c"], 400)
TIMES = pd.Series(pd.date_range("2026-03-01", periods=400, freq="h", tz="UTC"))

# name: reference, current
COLUMNS = {
    "empty window": (NUMBERS, []),
    "empty reference": ([], NUMBERS),
    "empty window of levels": (LEVELS, []),
    "one row": (NUMBERS, [1.0]),
    "all null": ([None] * 400, [None] * 400),
    "null window": (NUMBERS, [np.nan] * 400),
    "null levels": (LEVELS, [None] * 400),
    "constant": (np.ones(400), np.ones(400)),
    "constant level": (["a"] * 400, ["a"] * 400),
    "frozen": (NUMBERS, np.ones(400)),
    "infinite": (NUMBERS, np.full(400, np.inf)),
    "some infinite": (NUMBERS, np.where(NUMBERS > 1, -np.inf, NUMBERS)),
    "huge": (np.sign(NUMBERS) * 1e308, np.sign(NUMBERS) * 1.5e308),
    "beyond floats": ([10**400, 1, 2, 3] * 100, [1, 2, 3, -(10**400)] * 100),
    "mixed": ([1, "a", None, 2.5] * 100, [{"b": 1}, [1], True, None] * 100),
    "never-seen level": (LEVELS, ["z"] * 400),
    "only new levels": ([f"id {index}" for index in range(400)], [f"id {index}" for index in range(400, 800)]),
    "numbers against text": (NUMBERS, NUMBERS.astype(str)),
    "text against numbers": (NUMBERS.astype(str), NUMBERS),
    "numbers against times": (NUMBERS, TIMES),
    "times": (TIMES, TIMES + timedelta(days=30)),
    "times in Arrow": (pa.array(TIMES.dt.tz_localize(None)), pa.array(TIMES.dt.tz_localize(None))),
    "dates as objects": ([datetime(2026, 3, 1, tzinfo=UTC)] * 400, LEVELS),
    "two dimensions": (np.zeros((400, 2)), NUMBERS),
    "no column": ("abc", NUMBERS),
}


@pytest.mark.parametrize("test", ALL, ids=lambda test: test.name)
@pytest.mark.parametrize("name", COLUMNS)
def test_every_result_is_defined_or_says_why_not_and_nothing_is_modified(name, test):
    before = copy.deepcopy(COLUMNS[name])
    result = test.detect_drift(*COLUMNS[name], name)
    assert (result.feature_name, result.test) == (name, test.name)
    if result.status is DriftStatus.NOT_EVALUATED:
        assert result.reason
        assert result.statistic is None
    else:
        assert math.isfinite(result.statistic)
        assert 0 <= result.p_value <= 1
    for side, kept in zip(COLUMNS[name], before, strict=True):
        if isinstance(side, np.ndarray):
            np.testing.assert_array_equal(side, kept)
        elif isinstance(side, pd.Series):
            pd.testing.assert_series_equal(side, kept)
        else:
            assert side.equals(kept) if isinstance(side, pa.Array) else repr(side) == repr(kept)


@pytest.mark.parametrize("test", ON_NUMBERS, ids=lambda test: test.name)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty window", "0 rows"),
        ("one row", "1 rows"),
        ("all null", "no finite value: of 400 rows 400 null"),
        ("null window", "current window has no finite value: of 400 rows 400 null"),
        ("constant", "constant"),
        ("infinite", "of 400 rows 400 not finite"),
        ("numbers against text", "of 400 rows 400 not a number"),
        ("two dimensions", "the shape (400, 2)"),
        ("no column", "this is a str"),
    ],
)
def test_tests_on_numbers_name_what_is_wrong(name, reason, test):
    assert reason in test.detect_drift(*COLUMNS[name]).reason


@pytest.mark.parametrize("test", ON_CELLS, ids=lambda test: test.name)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty window of levels", "0 rows"),
        ("all null", "no value: all of its 400 rows are null"),
        ("null levels", "current window has no value"),
        ("constant level", "constant"),
        ("times", "points in time"),
        ("times in Arrow", "points in time"),
        ("dates as objects", "points in time"),
    ],
)
def test_tests_on_levels_name_what_is_wrong(name, reason, test):
    assert reason in test.detect_drift(*COLUMNS[name]).reason


def test_one_bad_column_hides_no_other():
    shifted = NUMBERS + 1
    reference = {name: columns[0] for name, columns in COLUMNS.items()} | {"good": NUMBERS}
    current = {name: columns[1] for name, columns in COLUMNS.items()} | {"good": shifted}
    verdict = DriftDetector().detect_multivariate_drift(reference, current)
    assert "good" in verdict.drifted_features
    assert {result.feature_name for result in verdict.results} == {*COLUMNS, "good"}


class _Broken:
    """A column whose library fails while it is read."""

    def __iter__(self):
        raise TypeError("no such buffer")


def test_a_column_that_cannot_be_read_is_named_and_hides_no_other():
    verdict = DriftDetector().detect_multivariate_drift(
        {"broken": _Broken(), "good": NUMBERS}, {"broken": NUMBERS, "good": NUMBERS + 1}
    )
    assert verdict.drifted_features == ("good",)
    reasons = {result.reason for result in verdict.not_evaluated if result.feature_name == "broken"}
    assert reasons == {"The column cannot be read (TypeError: no such buffer)."}


def test_a_column_that_is_there_twice_is_named():
    twice = pd.DataFrame(np.column_stack([NUMBERS, NUMBERS, NUMBERS]), columns=["a", "a", "b"])
    once = pd.DataFrame({"a": NUMBERS, "b": NUMBERS + 1})
    verdict = DriftDetector().detect_multivariate_drift(twice, once)
    assert verdict.drifted_features == ("b",)
    assert any("the shape (400, 2)" in result.reason for result in verdict.not_evaluated)


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (np.array([0, 1, 1, 3]), np.array([0.0, 1.0, 1.0, 3.0])),
        (np.array([1, 2, 2, 3], dtype=np.int8), pd.Series([1, 2, 2, 3], dtype="Int64")),
        (["a", "b", "b"], pd.Series(["a", "b", "b"], dtype="category")),
        (pa.array(["a", "b", "b"]).dictionary_encode(), pd.Series(["a", "b", "b"], dtype="string")),
        (["1", "2", "2"], [1, 2.0, 2]),
        ([True, False, False], [1, 0, 0]),
        ([1, 0, 0], [True, False, False]),
        (np.array([True, False, False]), ["True", "False", "FALSE"]),
        (["True", "False", "False"], np.array([True, False, False])),
    ],
)
def test_the_same_values_in_another_type_are_no_drift(reference, current):
    result = PopulationStabilityIndex().detect_drift(reference, current)
    assert result.statistic == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("reference", "current"),
    [(NUMBERS, NUMBERS.astype(str)), (NUMBERS > 0, np.where(NUMBERS > 0, "yes", "no")), (LEVELS, TIMES)],
)
def test_a_change_of_what_a_column_holds_is_named(reference, current):
    notes = DriftDetector().detect_multivariate_drift({"x": reference}, {"x": current}).notes
    assert any(note.startswith("x is ") and " in the current data" in note for note in notes)


@pytest.mark.parametrize("test", ALL, ids=lambda test: test.name)
def test_docstrings_say_the_range_what_is_assumed_when_not_to_use_it_and_the_source(test):
    text = type(test).__doc__
    for wanted in (r"Statistic", r"0 (\(alike\) )?(to|and) ", r"Assumes", r"[Nn]ot for", r"Source"):
        assert re.search(wanted, text), f"{type(test).__name__}: {wanted}"
