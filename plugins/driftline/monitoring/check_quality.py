"""The quality check of a window: its rows held against a suite derived from configuration and baseline."""

from __future__ import annotations

from collections.abc import Iterator

from driftline.config import Feature, FeatureKind, Task
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.monitoring.checks import Evidence, Result, vanished_features
from driftline.monitoring.log_faults import log_fault_findings
from driftline.monitoring.monitor import Monitor
from driftline.profiles.roles import Role
from driftline.quality import (
    ColumnKind,
    ColumnRole,
    ExpectedColumn,
    data_docs,
    derive_expectations,
    quality_findings,
    validate,
)
from driftline.sources.catalog import resolve_features
from driftline.sources.queries import Conversion, Selected


def check_quality(monitor: Monitor, evidence: Evidence) -> Result:
    volume = _volume(evidence)
    configured = monitor.config.checks.quality
    rows = evidence.record.rows
    columns = list(_expected_columns(monitor, evidence))
    frame = monitor.log.read_rows(
        evidence.record.window, _selected(monitor, columns), configured.maximum_rows, max(rows, 1)
    )
    expectations = derive_expectations(columns, rows=len(frame), tolerated_share=configured.tolerated_share)
    name = f"{monitor.model}, {evidence.record.window}"
    validation = validate(frame, expectations, rows_in_window=max(rows, len(frame)), name=name)
    return Result(
        [volume, *quality_findings(validation), *log_fault_findings(monitor, evidence)], data_docs(validation)
    )


def _volume(evidence: Evidence) -> Finding:
    """No predictions at all, where the baseline had some, is the loudest finding there is."""
    rows, length = evidence.record.rows, evidence.record.window.length
    expected = evidence.baseline.rows * (length / evidence.baseline.period.length)
    is_silent = rows == 0 and expected >= 1
    return Finding(
        check=Check.QUALITY,
        version="",
        subject="rows",
        test="volume",
        comparison=Comparison.BASELINE,
        status=Status.DETECTED if is_silent else Status.OK,
        severity=Severity.CRITICAL if is_silent else Severity.NONE,
        statistic=float(rows),
        threshold=1.0,
        effect=rows / expected if expected else None,
        reference_size=evidence.baseline.rows,
        current_size=rows,
        description=f"{rows:,} predictions were logged; about {expected:,.0f} are usual in so long a window.",
        recommendation="Look whether the model still serves and its predictions are still logged." if is_silent else "",
    )


def _expected_columns(monitor: Monitor, evidence: Evidence) -> Iterator[ExpectedColumn]:
    mapping, limits = monitor.config.predictions, monitor.config.checks.predictions
    whole = evidence.reference.get("", {})
    is_regression = monitor.config.task is Task.REGRESSION
    yield ExpectedColumn(name=mapping.id, role=ColumnRole.IDENTIFIER, kind=ColumnKind.TEXT)
    yield ExpectedColumn(name=mapping.time, role=ColumnRole.TIME, kind=ColumnKind.TIMESTAMP)
    yield ExpectedColumn(name=mapping.version, role=ColumnRole.VERSION, kind=ColumnKind.TEXT)
    yield ExpectedColumn(
        name=mapping.prediction,
        role=ColumnRole.PREDICTION,
        kind=ColumnKind.NUMERIC if is_regression else ColumnKind.CATEGORICAL,
        baseline=whole.get(Role.PREDICTION),
        lowest=limits.lowest,
        highest=limits.highest,
    )
    if mapping.score is not None:
        yield ExpectedColumn(
            name=mapping.score, role=ColumnRole.SCORE, kind=ColumnKind.NUMERIC, baseline=whole.get(Role.SCORE)
        )
    for column in (mapping.scores or {}).values():
        yield ExpectedColumn(name=column, role=ColumnRole.SCORE, kind=ColumnKind.NUMERIC, feature=column)
    if mapping.latency_ms is not None:
        yield ExpectedColumn(
            name=mapping.latency_ms, role=ColumnRole.LATENCY, kind=ColumnKind.NUMERIC, baseline=whole.get(Role.LATENCY)
        )
    for feature in _expected_features(monitor, evidence):
        yield ExpectedColumn(
            name=feature.source_column,
            role=ColumnRole.FEATURE,
            kind=_KINDS[feature.kind],
            feature=feature.name,
            baseline=whole.get(feature.name),
        )
    for column in monitor.config.segment_columns:
        if column not in monitor.log.catalog.predictions:
            yield ExpectedColumn(
                name=column, role=ColumnRole.FEATURE, kind=ColumnKind.CATEGORICAL, feature=f"segment {column}"
            )


def _expected_features(monitor: Monitor, evidence: Evidence) -> list[Feature]:
    """The configured features; or those discovered now, and those that were there when the baseline was built."""
    if monitor.config.features != "discover":
        return monitor.config.features
    discovered = resolve_features(monitor.config, monitor.log.catalog)
    return [*discovered, *vanished_features(monitor, evidence)]


def _selected(monitor: Monitor, columns: list[ExpectedColumn]) -> list[Selected]:
    """The columns that the log has, each once; the suite says which are missing."""
    present = {column.name: column for column in columns if column.name in monitor.log.catalog.predictions}
    return [
        monitor.log.selected(name, Conversion.NUMBER if column.kind is ColumnKind.NUMERIC else Conversion.TEXT)
        for name, column in present.items()
    ]


_KINDS = {
    FeatureKind.NUMERIC: ColumnKind.NUMERIC,
    FeatureKind.CATEGORICAL: ColumnKind.CATEGORICAL,
    FeatureKind.BOOLEAN: ColumnKind.BOOLEAN,
}
