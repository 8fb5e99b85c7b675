"""Findings on the quality of a window's rows.

Severity of a broken expectation, by the share of rows that break it:

- `column_exists`: critical.
- `not_null`, `unique_ids`, `value_type`, `possible_values` (there should be none): medium; high from 1 %; critical
  from 10 %.
- `null_share`, `value_range`, `known_levels`, by the points beyond the tolerated share: low; medium from 1; high from
  10; critical from 50.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.quality.expectations import ColumnExpectation, ExpectationType
from driftline.quality.validation import ExpectationOutcome, QualityValidation

_Ladder = tuple[tuple[float, Severity], ...]

_MISSING: _Ladder = ((0.0, Severity.CRITICAL),)
_BROKEN: _Ladder = ((0.1, Severity.CRITICAL), (0.01, Severity.HIGH), (0.0, Severity.MEDIUM))
_DEVIATING: _Ladder = (
    (0.5, Severity.CRITICAL),
    (0.1, Severity.HIGH),
    (0.01, Severity.MEDIUM),
    (0.0, Severity.LOW),
)
LADDERS: Mapping[ExpectationType, _Ladder] = MappingProxyType(
    {
        ExpectationType.COLUMN_EXISTS: _MISSING,
        ExpectationType.NOT_NULL: _BROKEN,
        ExpectationType.UNIQUE_IDS: _BROKEN,
        ExpectationType.VALUE_TYPE: _BROKEN,
        ExpectationType.POSSIBLE_VALUES: _BROKEN,
        ExpectationType.NULL_SHARE: _DEVIATING,
        ExpectationType.VALUE_RANGE: _DEVIATING,
        ExpectationType.KNOWN_LEVELS: _DEVIATING,
    }
)
"""Per expectation: from how large a share beyond the tolerated one (0 to 1) which severity; the largest first."""

_RECOMMENDATIONS: Mapping[ExpectationType, str] = MappingProxyType(
    {
        ExpectationType.COLUMN_EXISTS: "Log the column again, or correct its name in the model's file.",
        ExpectationType.NOT_NULL: "Fix what logs the predictions: rows without it cannot be told apart.",
        ExpectationType.UNIQUE_IDS: "Look for a retry or a replay that logs a prediction twice; the first counts.",
        ExpectationType.VALUE_TYPE: "Look for a change of type or format where the value comes from.",
        ExpectationType.POSSIBLE_VALUES: "Look for a unit, an encoding or a division gone wrong where it comes from.",
        ExpectationType.NULL_SHARE: "Look for an outage or a broken join where the values come from.",
        ExpectationType.VALUE_RANGE: "Look for a change of unit or a new kind of input; if it is right, build a new "
        "baseline.",
        ExpectationType.KNOWN_LEVELS: "Look for a renamed or new level; if it is right, train on it and build a new "
        "baseline.",
    }
)


def quality_findings(validation: QualityValidation, *, version: str = "", segment: str = "") -> list[Finding]:
    """A finding per expectation; `statistic` is the share of rows that break it, `threshold` the tolerated one."""
    return [_finding(outcome, validation, version, segment) for outcome in validation.outcomes]


def _finding(outcome: ExpectationOutcome, validation: QualityValidation, version: str, segment: str) -> Finding:
    expectation = outcome.expectation
    detected = outcome.status is Status.DETECTED
    evaluated = outcome.status is not Status.NOT_EVALUATED
    return Finding(
        check=Check.QUALITY,
        version=version,
        segment=segment,
        subject=expectation.subject,
        test=expectation.test,
        comparison=Comparison.EXPECTATION,
        status=outcome.status,
        severity=severity_of(expectation.type, _excess(outcome)) if detected else Severity.NONE,
        statistic=outcome.unexpected_share if evaluated else None,
        threshold=expectation.tolerated_share,
        effect=_excess(outcome) if evaluated else None,
        current_size=validation.rows_checked,
        reason=outcome.reason,
        description=_description(outcome, validation) if evaluated else "",
        recommendation=_RECOMMENDATIONS[expectation.type] if detected else "",
        details=_details(outcome, validation),
    )


def severity_of(expectation_type: ExpectationType, excess: float) -> Severity:
    """How severe it is that a share of rows ``excess`` (0 to 1) beyond the tolerated one breaks the expectation."""
    return next(severity for share, severity in LADDERS[expectation_type] if excess >= share)


def _excess(outcome: ExpectationOutcome) -> float:
    return max((outcome.unexpected_share or 0.0) - outcome.expectation.tolerated_share, 0.0)


def _details(outcome: ExpectationOutcome, validation: QualityValidation) -> dict[str, object]:
    expectation = outcome.expectation
    return {
        "column": expectation.column.name,
        "role": expectation.column.role.value,
        "unexpected_rows": outcome.unexpected_rows,
        "rows": outcome.rows,
        "rows_checked": validation.rows_checked,
        "rows_in_window": validation.rows_in_window,
        "examples": list(outcome.examples),
    }


def _description(outcome: ExpectationOutcome, validation: QualityValidation) -> str:
    expectation = outcome.expectation
    if expectation.type is ExpectationType.COLUMN_EXISTS:
        state = "is missing" if outcome.unexpected_rows else "is there"
        return f"The column {expectation.column.name!r} {state}."
    fault = _fault(expectation)
    tolerated = f"{expectation.tolerated_share:.2%} tolerated" if expectation.tolerated_share else "none tolerated"
    examples = f" Among them: {', '.join(outcome.examples)}." if outcome.examples else ""
    sample = (
        f" Checked on a sample of {validation.rows_checked:,} of {validation.rows_in_window:,} rows."
        if validation.is_sample
        else ""
    )
    return (
        f"{outcome.unexpected_rows:,} of {outcome.rows:,} rows ({outcome.unexpected_share or 0.0:.2%}; {tolerated}) "
        f"{fault}.{examples}{sample}"
    )


_FAULTS: Mapping[ExpectationType, str] = MappingProxyType(
    {
        ExpectationType.NOT_NULL: "have no {column}",
        ExpectationType.NULL_SHARE: "have no {column}",
        ExpectationType.UNIQUE_IDS: "share their {column} with another row",
        ExpectationType.VALUE_TYPE: "have a {column} that cannot be read as {kind}",
        ExpectationType.POSSIBLE_VALUES: "have an impossible {column} (possible are finite values{limits})",
        ExpectationType.VALUE_RANGE: "have a {column} outside the baseline's range (with its margin{limits})",
        ExpectationType.KNOWN_LEVELS: "have a {column} that is none of the baseline's {levels:,} levels",
    }
)


def _fault(expectation: ColumnExpectation) -> str:
    column = expectation.column
    return _FAULTS[expectation.type].format(
        column=repr(column.name), kind=column.kind, limits=_limits(expectation), levels=len(expectation.levels)
    )


def _limits(expectation: ColumnExpectation) -> str:
    return "".join(
        f", at {word} {limit:g}"
        for word, limit in (("least", expectation.lowest), ("most", expectation.highest))
        if limit is not None
    )
