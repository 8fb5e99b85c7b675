"""What ``driftline evaluate`` shows: for a person, and for a machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from driftline.cli.evaluate_input import LabeledFile, Terms
from driftline.findings import Finding, Status
from driftline.performance import (
    ConfusionMatrix,
    Metric,
    OutcomeProfile,
    class_metrics,
    confusion_matrix,
    outcome_metrics,
)
from driftline.performance.measure import labeled_rows
from driftline.performance.wording import title
from driftline.profiles import BinaryOutcomeProfile, MulticlassOutcomeProfile

MOST_SHOWN_CLASSES = 12


@dataclass(frozen=True)
class Measured:
    """One evaluated file; `judged` holds the degradation findings against `reference`, where one was given."""

    terms: Terms
    file: LabeledFile
    outcome: OutcomeProfile
    judged: tuple[Finding, ...] = ()
    reference: Path | None = None


def as_document(measured: Measured) -> dict[str, Any]:
    """All of it as JSON's types; a number that is not finite is null."""
    document: dict[str, Any] = {
        "file": str(measured.file.path),
        "task": measured.terms.task.value,
        "positive_label": measured.terms.positive,
        "rows": int(measured.file.labels.size),
        "labeled_rows": labeled_rows(measured.outcome),
        "notes": list(measured.file.notes),
        "metrics": _metrics(outcome_metrics(measured.outcome)),
    }
    matrix = _matrix(measured)
    if matrix is not None:
        document["confusion_matrix"] = {"classes": list(matrix.classes), "counts": [list(row) for row in matrix.counts]}
    if isinstance(measured.outcome, MulticlassOutcomeProfile):
        document["classes"] = {name: _metrics(found) for name, found in class_metrics(measured.outcome).items()}
    if measured.reference is not None:
        document["reference"] = str(measured.reference)
        document["degraded"] = [finding.subject for finding in measured.judged if finding.status is Status.DETECTED]
        document["comparison"] = {finding.subject: _comparison(finding) for finding in measured.judged}
    return document


def print_measured(measured: Measured) -> None:
    """As tables at a terminal."""
    console = Console(soft_wrap=True)
    task = measured.terms.task.value
    positive = "" if measured.terms.positive is None else f", positive class {measured.terms.positive!r}"
    labeled = labeled_rows(measured.outcome)
    console.print(f"{measured.file.path.name}: {labeled:,} labeled predictions ({task}{positive})", highlight=False)
    console.print(_metrics_table(outcome_metrics(measured.outcome)))
    matrix = _matrix(measured)
    if matrix is not None and len(matrix.classes) <= MOST_SHOWN_CLASSES:
        console.print(_matrix_table(matrix))
    for note in measured.file.notes:
        console.print(f"Note: {note}.", highlight=False, markup=False)
    _print_comparison(console, measured)


def _metrics(metrics: dict[str, Metric]) -> dict[str, Any]:
    return {
        name: {
            "value": _finite(metric.value),
            "interval_low": _finite(metric.interval_low),
            "interval_high": _finite(metric.interval_high),
            "size": metric.size,
            "status": (Status.NOT_EVALUATED if metric.value is None else Status.OK).value,
            "reason": metric.reason,
        }
        for name, metric in metrics.items()
    }


def _comparison(finding: Finding) -> dict[str, Any]:
    return {
        "status": finding.status.value,
        "severity": finding.severity.value,
        "reference_value": _finite(finding.details.get("reference_value")),
        "value": _finite(finding.statistic),
        "threshold": _finite(finding.threshold),
        "drop": _finite(finding.effect),
        "reason": finding.reason,
        "description": finding.description,
    }


def _matrix(measured: Measured) -> ConfusionMatrix | None:
    profile = measured.outcome
    if isinstance(profile, MulticlassOutcomeProfile):
        return confusion_matrix(profile)
    if not isinstance(profile, BinaryOutcomeProfile):
        return None
    positive = str(measured.terms.positive)
    names = ({*measured.file.labels, *measured.file.predictions} - {None, positive}) or {"not " + positive}
    return ConfusionMatrix(
        (*sorted(names), positive),
        (
            (profile.true_negatives, profile.false_positives),
            (profile.false_negatives, profile.true_positives),
        ),
    )


def _metrics_table(metrics: dict[str, Metric]) -> Table:
    table = Table("metric", "value", "95 % interval", "rows", "")
    for name, metric in metrics.items():
        interval = (
            "" if metric.interval_low is None else f"{_text(metric.interval_low)} to {_text(metric.interval_high)}"
        )
        reason = f"not evaluated: {metric.reason}" if metric.value is None else ""
        table.add_row(title(name), _text(metric.value), interval, f"{metric.size:,}", escape(reason))
    return table


def _matrix_table(matrix: ConfusionMatrix) -> Table:
    table = Table("label \\ prediction", *(escape(name) for name in matrix.classes), title="Confusion matrix")
    for name, row in zip(matrix.classes, matrix.counts, strict=True):
        table.add_row(escape(name), *(f"{count:,}" for count in row))
    return table


def _print_comparison(console: Console, measured: Measured) -> None:
    if measured.reference is None:
        return
    worse = [finding for finding in measured.judged if finding.status is Status.DETECTED]
    for finding in measured.judged:
        console.print(finding.description, style="red" if finding in worse else "", highlight=False, markup=False)
    said = f"Degraded: {', '.join(title(finding.subject) for finding in worse)}." if worse else "Not degraded."
    console.print(f"{said} Compared with {measured.reference.name}.", highlight=False, markup=False)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
