"""``driftline predictions``: do the outputs in a file look as those in another, with no database and no Airflow."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import AsJson
from driftline.cli.predictions_task import FileTask
from driftline.errors import InputError

if TYPE_CHECKING:
    from driftline.cli.predictions_columns import FileColumn
    from driftline.findings import Finding

Reference = Annotated[Path, typer.Argument(help="Parquet or CSV file with the outputs to compare with.")]
Current = Annotated[Path, typer.Argument(help="Parquet or CSV file with the outputs that may have changed.")]
Prediction = Annotated[
    str, typer.Option("--prediction", "-p", help="Column with the predicted class or number.", show_default=False)
]
Score = Annotated[str | None, typer.Option("--score", "-s", help="Column with the positive class's score, 0 to 1.")]
Task = Annotated[FileTask | None, typer.Option("--task", "-t", help="Default: told from the predictions.")]
Positive = Annotated[str | None, typer.Option("--positive", help="The class that counts as positive (binary).")]
Rate = Annotated[float, typer.Option(help="Share of comparisons without a change that may alarm, over all tests.")]
Lowest = Annotated[float | None, typer.Option(help="Predicted numbers below are impossible (regression).")]
Highest = Annotated[float | None, typer.Option(help="Predicted numbers above are impossible (regression).")]


def predictions(  # noqa: PLR0917 - typer's options
    reference: Reference,
    current: Current,
    prediction: Prediction,
    score: Score = None,
    task: Task = None,
    positive: Positive = None,
    false_alarm_rate: Rate = 0.01,
    lowest: Lowest = None,
    highest: Highest = None,
    as_json: AsJson = False,
) -> None:
    """Compare the outputs of a model in two files: classes, scores, numbers.

    Exit code 0: nothing unusual; 1: an anomaly; 2: the input does not allow it.
    """
    from driftline.cli.predictions_columns import file_columns, told_task
    from driftline.findings import Status
    from driftline.predictions import PredictionDistributionMonitor, PredictionThresholds

    thresholds = PredictionThresholds(false_alarm_rate=false_alarm_rate, lowest=lowest, highest=highest)
    names = [prediction] if score is None else [prediction, score]
    before, now = (file_columns(path, names) for path in (reference, current))
    task = task or told_task([before[0], now[0]], has_score=score is not None)
    monitor = PredictionDistributionMonitor(
        task.prediction_task, positive_level=_positive(task, positive, before[0], now[0]), thresholds=thresholds
    )
    if task is FileTask.REGRESSION and score is not None:
        raise InputError("--score is for classes; a regression has none. Leave it out.")
    outputs = [_outputs(task, found) for found in (before, now)]
    findings = monitor.detect_prediction_anomalies(
        outputs[0][0],
        outputs[1][0],
        reference_probabilities=outputs[0][1],
        current_probabilities=outputs[1][1],
        version=current.name,
    )
    detected = [finding for finding in findings if finding.status is Status.DETECTED]
    if as_json:
        rows = [len(found[0].values) for found in (before, now)]
        typer.echo(json.dumps(_as_document(task, rows, findings), indent=2, allow_nan=False, ensure_ascii=False))
    else:
        _print(f"{current.name} against {reference.name} ({task.value})", findings)
    raise typer.Exit(ExitCode.FOUND if detected else ExitCode.CLEAR)


def _positive(task: FileTask, asked: str | None, before: FileColumn, now: FileColumn) -> str | None:
    from driftline.cli.predictions_columns import positive_class, require_alike, shown_classes

    if task is FileTask.REGRESSION:
        if asked is not None:
            raise InputError("--positive is for classes; a regression has none. Leave it out.")
        return None
    require_alike(before, now)
    if task is FileTask.MULTICLASS:
        return None
    found = {name for column in (before, now) for name in column.classes() if name is not None}
    where = f"The column {before.name!r}"
    if len(found) > 2:
        raise InputError(
            f"{where} holds {len(found)} classes ({shown_classes(found)}); a binary task has two. Use "
            "--task multiclass."
        )
    return positive_class(found, asked, where)


def _outputs(task: FileTask, columns: Sequence[FileColumn]) -> tuple[Any, Any]:
    from driftline.cli.predictions_columns import scores_within

    if task is FileTask.REGRESSION:
        return columns[0].numbers(), None
    return columns[0].classes(), scores_within(columns[1]) if len(columns) > 1 else None


def _as_document(task: FileTask, rows: list[int], findings: list[Finding]) -> dict[str, Any]:
    from driftline.findings import Status, worst

    tests: dict[str, dict[str, Any]] = {}
    for finding in findings:
        tests.setdefault(finding.subject, {})[finding.test] = {
            "status": finding.status.value,
            "severity": finding.severity.value,
            "statistic": _finite(finding.statistic),
            "p_value": _finite(finding.p_value),
            "threshold": _finite(finding.threshold),
            "effect": _finite(finding.effect),
            "reason": finding.reason,
            "description": finding.description,
            "recommendation": finding.recommendation,
        }
    return {
        "anomaly_detected": any(finding.status is Status.DETECTED for finding in findings),
        "severity": worst(findings).value,
        "task": task.value,
        "reference_rows": rows[0],
        "current_rows": rows[1],
        "subjects": tests,
    }


def _print(heading: str, findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from driftline.findings import Status, by_severity

    console = Console(soft_wrap=True)
    console.print(heading, highlight=False, markup=False)
    table = Table("subject", "test", "status", "severity", "what")
    for finding in by_severity(findings):
        said = finding.reason if finding.status is Status.NOT_EVALUATED else finding.description
        table.add_row(finding.subject, finding.test, finding.status.value, finding.severity.value, escape(said))
    console.print(table)
    detected = [finding for finding in findings if finding.status is Status.DETECTED]
    counted = "1 anomaly." if len(detected) == 1 else f"{len(detected)} anomalies."
    console.print(counted if detected else "No anomaly.", highlight=False)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
