"""Real Great Expectations on real frames."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile
from driftline.quality import (
    ColumnExpectation,
    ColumnKind,
    ColumnRole,
    ExpectationType,
    ExpectedColumn,
    derive_expectations,
    quality_findings,
    validate,
)
from driftline.quality.verdicts import severity_of

ROWS = 400
TENTHS = NumericProfile.of(np.arange(1_000) / 10.0, NumericBinning.from_values(np.arange(1_000) / 10.0))
"""A baseline of 0.0 to 99.9."""
CARRIERS = CategoricalProfile.of({"UA": 600, "AA": 400}, CategoricalBinning.from_counts({"UA": 600, "AA": 400}))


def feature(
    name: str, kind: ColumnKind = ColumnKind.NUMERIC, baseline: NumericProfile | CategoricalProfile | None = TENTHS
) -> ExpectedColumn:
    return ExpectedColumn(name=name, role=ColumnRole.FEATURE, kind=kind, baseline=baseline)


CARRIER = feature("carrier", ColumnKind.CATEGORICAL, CARRIERS)


def checked(frame: pd.DataFrame, *columns: ExpectedColumn, **options: Any) -> dict[tuple[str, str], Finding]:
    expectations = derive_expectations(columns, rows=len(frame))
    findings = quality_findings(validate(frame, expectations, **options))
    return {(finding.subject, finding.test): finding for finding in findings}


def statuses(findings: Mapping[tuple[str, str], Finding]) -> dict[str, Status]:
    return {test: finding.status for (_, test), finding in findings.items()}


def cycled(*values: Any) -> list[Any]:
    return [values[index % len(values)] for index in range(ROWS)]


def test_rows_as_on_the_baseline_are_ok() -> None:
    frame = pd.DataFrame({"amount": np.linspace(0, 99, ROWS), "carrier": cycled("UA", "AA")})
    findings = checked(frame, feature("amount"), CARRIER)
    assert {finding.status for finding in findings.values()} == {Status.OK}
    assert {finding.check for finding in findings.values()} == {Check.QUALITY}
    assert {finding.comparison for finding in findings.values()} == {Comparison.EXPECTATION}
    assert {finding.severity for finding in findings.values()} == {Severity.NONE}


def test_a_missing_column_is_critical_and_stops_no_other() -> None:
    frame = pd.DataFrame({"carrier": cycled("UA", "ZZ")})
    findings = checked(frame, feature("amount"), CARRIER)
    missing = findings["amount", "column_exists"]
    assert (missing.status, missing.severity) == (Status.DETECTED, Severity.CRITICAL)
    assert missing.description == "The column 'amount' is missing."
    assert findings["amount", "value_range"].status is Status.NOT_EVALUATED
    assert findings["amount", "value_range"].reason == "The column 'amount' is missing."
    assert findings["carrier", "known_levels"].statistic == pytest.approx(0.5)


def test_duplicate_prediction_ids_are_found_with_examples() -> None:
    identifiers = [f"p{number}" for number in range(ROWS)]
    identifiers[7] = identifiers[3]
    column = ExpectedColumn(name="id", role=ColumnRole.IDENTIFIER, kind=ColumnKind.TEXT)
    finding = checked(pd.DataFrame({"id": identifiers}), column)["rows", "unique_ids"]
    assert (finding.status, finding.severity) == (Status.DETECTED, Severity.MEDIUM)
    assert finding.statistic == pytest.approx(2 / ROWS)
    assert "2 of 400 rows (0.50%; none tolerated) share their 'id'" in finding.description
    assert finding.details["examples"] == ["p3"]


@pytest.mark.parametrize("null", [None, np.nan, pd.NA])
def test_nulls_of_every_kind_count_as_nulls(null: Any) -> None:
    values = cycled("UA", "AA", "UA", null)
    findings = checked(pd.DataFrame({"carrier": pd.Series(values, dtype=object)}), CARRIER)
    assert findings["carrier", "null_share"].statistic == pytest.approx(0.25)
    assert findings["carrier", "null_share"].status is Status.DETECTED
    assert findings["carrier", "known_levels"].status is Status.OK


def test_null_times_and_versions_are_never_tolerated() -> None:
    moments = pd.Series(pd.date_range("2026-01-01", periods=ROWS, freq="s", tz="UTC"))
    frame = pd.DataFrame({"at": moments, "v": cycled("1")})
    frame.loc[0, ["at", "v"]] = None
    columns = [
        ExpectedColumn(name="at", role=ColumnRole.TIME, kind=ColumnKind.TIMESTAMP),
        ExpectedColumn(name="v", role=ColumnRole.VERSION, kind=ColumnKind.TEXT),
    ]
    findings = checked(frame, *columns)
    assert findings["rows", "time_not_null"].status is Status.DETECTED
    assert findings["rows", "version_not_null"].status is Status.DETECTED
    assert findings["rows", "time_value_type"].status is Status.OK


@pytest.mark.parametrize(
    ("role", "values", "wrong"),
    [
        (ColumnRole.SCORE, [0.0, 1.0, 0.5, 1.01], 1),
        (ColumnRole.SCORE, [0.2, 0.3, -0.1, float("inf")], 2),
        (ColumnRole.LATENCY, [0.0, 12.0, -1.0, 1e9], 1),
    ],
)
def test_impossible_scores_and_latencies_are_found(role: ColumnRole, values: list[float], wrong: int) -> None:
    column = ExpectedColumn(name="x", role=role, kind=ColumnKind.NUMERIC)
    finding = checked(pd.DataFrame({"x": cycled(*values)}), column)[role.value, "possible_values"]
    assert finding.status is Status.DETECTED
    assert finding.statistic == pytest.approx(wrong / 4)


def test_a_range_tolerates_exactly_its_share() -> None:
    values = np.linspace(0, 99, ROWS)
    values[:4] = 1e6  # 4 of 400 are the tolerated 1 %.
    assert checked(pd.DataFrame({"x": values}), feature("x"))["x", "value_range"].status is Status.OK
    values[4] = 1e6
    finding = checked(pd.DataFrame({"x": values}), feature("x"))["x", "value_range"]
    assert (finding.status, finding.severity) == (Status.DETECTED, Severity.LOW)
    assert finding.threshold == 0.01
    assert finding.effect == pytest.approx(0.0025)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([str(Decimal("12.50")), "3", "99.0", "7e0"], id="decimals as text"),
        pytest.param([Decimal("12.5"), Decimal("3"), Decimal("99"), Decimal("7")], id="decimals"),
        pytest.param([1, 2, 3, 4], id="integers"),
        pytest.param([True, False, True, False], id="booleans"),
    ],
)
def test_numbers_are_read_however_they_are_stored(values: list[Any]) -> None:
    findings = checked(pd.DataFrame({"x": cycled(*values)}), feature("x"))
    assert set(statuses(findings).values()) == {Status.OK}


@pytest.mark.parametrize("name", ["numpy", "pandas", "arrow"])
def test_a_column_means_the_same_whatever_backs_it(name: str) -> None:
    table = pa.table(
        {
            "amount": pa.array(cycled(1.0, 2.0, 1e9, None), pa.float64()),
            "carrier": pa.array(cycled("UA", "AA", "XX", None), pa.string()),
            "at": pa.array(cycled(1, 2, 3, None), pa.timestamp("us", tz="UTC")),
            "flag": pa.array(cycled(True, False, True, None), pa.bool_()),
        }
    )
    mappers: dict[str, Any] = {
        "numpy": None,
        "pandas": {pa.float64(): pd.Float64Dtype(), pa.string(): pd.StringDtype(), pa.bool_(): pd.BooleanDtype()}.get,
        "arrow": pd.ArrowDtype,
    }
    frame = table.to_pandas(types_mapper=mappers[name])
    at, flag = feature("at", ColumnKind.TIMESTAMP, None), feature("flag", ColumnKind.BOOLEAN, None)
    findings = checked(frame, feature("amount"), CARRIER, at, flag)
    assert findings["amount", "null_share"].statistic == pytest.approx(0.25)
    assert findings["amount", "value_range"].statistic == pytest.approx(1 / 3)
    assert findings["carrier", "null_share"].statistic == pytest.approx(0.25)
    assert findings["carrier", "known_levels"].statistic == pytest.approx(1 / 3)
    assert findings["at", "value_type"].status is Status.OK
    assert findings["flag", "value_type"].status is Status.OK


def test_a_mixed_column_is_told_by_type_and_its_numbers_by_range() -> None:
    frame = pd.DataFrame({"x": pd.Series(cycled(5, "five", 6.5, {"k": 1}, [1], 1e12, b"7", None), dtype=object)})
    findings = checked(frame, feature("x"))
    wrong = findings["x", "value_type"]
    assert (wrong.status, wrong.severity) == (Status.DETECTED, Severity.CRITICAL)
    assert wrong.statistic == pytest.approx(4 / 7)
    assert findings["x", "value_range"].statistic == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    ("kind", "values", "wrong"),
    [
        (ColumnKind.BOOLEAN, ["true", "f", "1", "perhaps"], 1),
        (ColumnKind.TIMESTAMP, ["2026-01-01", "2026-01-01 10:00:00+02:00", "yesterday", "13/13/2026"], 2),
        (ColumnKind.TIMESTAMP, [1.0, 2.0, 3.0, 4.0], 4),
        (ColumnKind.NUMERIC, ["1", "1,5", "", "nil"], 3),
    ],
)
def test_values_of_another_type_are_counted(kind: ColumnKind, values: list[Any], wrong: int) -> None:
    finding = checked(pd.DataFrame({"x": cycled(*values)}), feature("x", kind, None))["x", "value_type"]
    assert finding.statistic == pytest.approx(wrong / 4)


def test_levels_of_booleans_and_whole_numbers_are_named_as_profiles_name_them() -> None:
    levels = {"true": 1, "false": 1, "1": 1}
    profile = CategoricalProfile.of(levels, CategoricalBinning.from_counts(levels))
    for values in ([True, False], [1.0, 1.0], [1, 1], [np.True_, np.int64(1)]):
        frame = pd.DataFrame({"x": pd.Series(cycled(*values), dtype=object)})
        finding = checked(frame, feature("x", ColumnKind.CATEGORICAL, profile))["x", "known_levels"]
        assert finding.status is Status.OK


def test_an_all_null_column_is_a_null_surge_and_otherwise_not_evaluated() -> None:
    findings = checked(pd.DataFrame({"x": [None] * ROWS, "y": [np.nan] * ROWS}), feature("x"), feature("y"))
    for name in ("x", "y"):
        surge = findings[name, "null_share"]
        assert (surge.status, surge.severity, surge.statistic) == (Status.DETECTED, Severity.CRITICAL, 1.0)
        assert findings[name, "value_range"].status is Status.NOT_EVALUATED
        assert findings[name, "value_range"].reason == f"Every value of the column {name!r} is null."


@pytest.mark.parametrize(
    ("value", "possible", "in_range"),
    [
        (50.0, Status.OK, Status.OK),
        (float("inf"), Status.DETECTED, Status.OK),
        (1.7e308, Status.OK, Status.DETECTED),
        (10**400, Status.DETECTED, Status.OK),
    ],
)
def test_constant_infinite_and_huge_columns(value: float, possible: Status, in_range: Status) -> None:
    dtype = object if isinstance(value, int) else np.float64
    findings = checked(pd.DataFrame({"x": pd.Series([value] * ROWS, dtype=dtype)}), feature("x"))
    assert findings["x", "possible_values"].status is possible
    assert findings["x", "value_range"].status is in_range


def test_an_empty_frame_has_its_columns_and_nothing_else() -> None:
    findings = checked(pd.DataFrame({"x": pd.Series([], dtype=np.float64)}), feature("x"), CARRIER)
    assert findings["x", "column_exists"].status is Status.OK
    assert findings["carrier", "column_exists"].status is Status.DETECTED
    assert findings["x", "null_share"].reason == "The window has 0 rows; at least 30 are needed."
    assert findings["x", "null_share"].statistic is None


def test_too_few_rows_are_said_not_judged() -> None:
    frame = pd.DataFrame({"x": [1e9] * 99})
    finding = checked(frame, feature("x"), minimum_rows=100)["x", "value_range"]
    assert finding.status is Status.NOT_EVALUATED
    assert finding.reason == "The window has 99 rows; at least 100 are needed."


def test_a_sample_is_said_in_every_finding_on_rows() -> None:
    frame = pd.DataFrame({"x": np.linspace(0, 99, ROWS)})
    finding = checked(frame, feature("x"), rows_in_window=123_456)["x", "null_share"]
    assert finding.description.endswith("Checked on a sample of 400 of 123,456 rows.")
    assert (finding.details["rows_checked"], finding.details["rows_in_window"]) == (400, 123_456)


def test_rows_that_arrived_since_they_were_counted_are_no_fault() -> None:
    frame = pd.DataFrame({"x": np.linspace(0, 99, ROWS)})
    validation = validate(frame, derive_expectations([feature("x")], rows=ROWS), rows_in_window=ROWS - 1)
    assert not validation.is_sample
    assert validation.rows_in_window == ROWS


@pytest.mark.parametrize(
    "name", ["a.b.c", 'quo"te', "it's", "<b>bold</b>", "$PARAMETER", "a b", "%s", "{x}", "ä'; DROP TABLE x;--", "table"]
)
def test_any_column_name_is_a_name(name: str) -> None:
    findings = checked(pd.DataFrame({name: [1e9] * ROWS}), feature(name))
    assert findings[name, "value_range"].status is Status.DETECTED
    assert repr(name) in findings[name, "value_range"].description


def test_a_column_that_stands_twice_is_not_guessed_at() -> None:
    frame = pd.DataFrame(np.ones((ROWS, 3)), columns=["x", "x", "y"])
    findings = checked(frame, feature("x"), feature("y"))
    assert findings["x", "value_range"].reason == "The rows have 2 columns named 'x'."
    assert findings["y", "value_range"].status is Status.OK


class Unreadable:
    """A value that breaks whoever looks at it."""

    def __str__(self) -> str:
        raise RuntimeError("cannot be shown")


def test_a_column_that_cannot_be_read_says_why_and_stops_no_other() -> None:
    frame = pd.DataFrame({"carrier": [Unreadable() for _ in range(ROWS)], "x": [1e9] * ROWS})
    findings = checked(frame, CARRIER, feature("x"))
    assert findings["carrier", "column_exists"].status is Status.OK
    broken = findings["carrier", "known_levels"]
    assert broken.status is Status.NOT_EVALUATED
    assert broken.reason == "The values of the column 'carrier' cannot be read: cannot be shown"
    assert findings["x", "value_range"].status is Status.DETECTED


def test_an_exception_inside_one_expectation_is_its_reason_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a fault put here\nsecond line")

    monkeypatch.setattr("driftline.quality.suite.as_levels", fail)
    findings = checked(pd.DataFrame({"carrier": cycled("UA"), "x": [1e9] * ROWS}), CARRIER, feature("x"))
    broken = findings["carrier", "known_levels"]
    assert broken.status is Status.NOT_EVALUATED
    assert broken.reason.startswith("Evaluating it failed:")
    assert "a fault put here" in broken.reason
    assert "\n" not in broken.reason
    assert broken.statistic is None
    assert findings["carrier", "null_share"].status is Status.OK
    assert findings["x", "value_range"].status is Status.DETECTED


def test_an_expectation_that_great_expectations_refuses_stops_no_other() -> None:
    without_limits = ColumnExpectation(column=feature("x"), type=ExpectationType.VALUE_RANGE)
    others = derive_expectations([CARRIER], rows=ROWS)
    frame = pd.DataFrame({"carrier": cycled("ZZ"), "x": [1.0] * ROWS})
    refused, *rest = quality_findings(validate(frame, [without_limits, *others]))
    assert refused.status is Status.NOT_EVALUATED
    assert "min_value and max_value cannot both be None" in refused.reason
    assert [finding.status for finding in rest] == [Status.OK, Status.OK, Status.DETECTED]


def test_documents_as_identifiers_can_be_compared() -> None:
    column = ExpectedColumn(name="id", role=ColumnRole.IDENTIFIER, kind=ColumnKind.TEXT)
    finding = checked(pd.DataFrame({"id": [{"k": number // 2} for number in range(ROWS)]}), column)[
        "rows", "unique_ids"
    ]
    assert finding.statistic == 1.0
    assert finding.severity is Severity.CRITICAL


def test_examples_are_few_short_and_never_of_free_text() -> None:
    long = "x" * 100
    frame = pd.DataFrame({"carrier": [f"{long}{number}" for number in range(ROWS)], "note": ["secret"] * ROWS})
    note = ExpectedColumn(name="note", role=ColumnRole.FEATURE, kind=ColumnKind.TEXT, baseline=CARRIERS)
    findings = checked(frame, CARRIER, note)
    examples = findings["carrier", "known_levels"].details["examples"]
    assert 0 < len(examples) <= 5
    assert max(map(len, examples)) <= 40
    assert not any("secret" in finding.description for finding in findings.values())


def test_an_empty_suite_is_valid() -> None:
    validation = validate(pd.DataFrame({"x": [1.0]}), [])
    assert validation.outcomes == ()
    assert quality_findings(validation) == []


def test_version_and_segment_name_the_findings() -> None:
    expectations = derive_expectations([feature("x")], rows=ROWS)
    validation = validate(pd.DataFrame({"x": [1.0] * ROWS}), expectations)
    findings = quality_findings(validation, version="v2", segment="carrier=UA")
    assert {(finding.version, finding.segment) for finding in findings} == {("v2", "carrier=UA")}
    assert len({finding.key for finding in findings}) == len(findings)


def test_the_frame_is_not_changed() -> None:
    frame = pd.DataFrame({"x": cycled(1, "a", None), "carrier": cycled("UA", "ZZ")}, index=range(1_000, 1_000 + ROWS))
    before = frame.copy(deep=True)
    checked(frame, feature("x"), CARRIER)
    pd.testing.assert_frame_equal(frame, before)


def test_nothing_is_written_sent_or_logged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("refused")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("driftline.quality.suite.as_levels", refuse)
    findings = checked(pd.DataFrame({"carrier": cycled("UA")}), CARRIER)
    assert findings["carrier", "known_levels"].status is Status.NOT_EVALUATED
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("great_expectations")] == []


@pytest.mark.parametrize(
    ("expectation", "excess", "severity"),
    [
        (ExpectationType.COLUMN_EXISTS, 1.0, Severity.CRITICAL),
        (ExpectationType.UNIQUE_IDS, 0.0001, Severity.MEDIUM),
        (ExpectationType.UNIQUE_IDS, 0.01, Severity.HIGH),
        (ExpectationType.NOT_NULL, 0.1, Severity.CRITICAL),
        (ExpectationType.NULL_SHARE, 0.009, Severity.LOW),
        (ExpectationType.NULL_SHARE, 0.01, Severity.MEDIUM),
        (ExpectationType.VALUE_RANGE, 0.1, Severity.HIGH),
        (ExpectationType.KNOWN_LEVELS, 0.5, Severity.CRITICAL),
    ],
)
def test_severity_follows_the_ladder(expectation: ExpectationType, excess: float, severity: Severity) -> None:
    assert severity_of(expectation, excess) is severity
