"""``driftline evaluate``: performance of labeled predictions in a file, with no database and no Airflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import AsJson
from driftline.cli.predictions_task import FileTask

File = Annotated[Path, typer.Argument(help="Parquet or CSV file with labels and predictions.", show_default=False)]
Label = Annotated[str, typer.Option("--label", "-l", help="Column with the true class or number.", show_default=False)]
Prediction = Annotated[
    str, typer.Option("--prediction", "-p", help="Column with the predicted class or number.", show_default=False)
]
Score = Annotated[
    list[str] | None,
    typer.Option(
        "--score", "-s", help="Column with the positive class's score, 0 to 1; several classes: CLASS=COLUMN, repeated."
    ),
]
Task = Annotated[FileTask | None, typer.Option("--task", "-t", help="Default: told from the columns.")]
Positive = Annotated[str | None, typer.Option("--positive", help="The class that counts as positive (binary).")]
Reference = Annotated[
    Path | None, typer.Option("--reference", help="File with the same columns to compare with: exits with 1 if worse.")
]
Drop = Annotated[
    float, typer.Option("--maximum-drop", help="How far a metric may get worse: 0.02 is 2 points, or 2 % of an error.")
]


def evaluate(  # noqa: PLR0917 - typer's options
    file: File,
    label: Label,
    prediction: Prediction,
    score: Score = None,
    task: Task = None,
    positive: Positive = None,
    reference: Reference = None,
    maximum_drop: Drop = 0.02,
    as_json: AsJson = False,
) -> None:
    """Measure labeled predictions: every metric of the task with its 95 % interval.

    Exit code 0: measured; 1: worse than the reference file by more than is allowed, beyond doubt; 2: the input does not
    allow it.
    """
    from driftline.cli.evaluate_input import EvaluatedColumns, read_labeled
    from driftline.cli.evaluate_report import Measured, as_document, print_measured
    from driftline.findings import Status
    from driftline.performance import PerformanceThresholds, PerformanceTracker

    thresholds = PerformanceThresholds(maximum_drop=maximum_drop)
    columns = EvaluatedColumns(label=label, prediction=prediction, scores=tuple(score or ()))
    terms, files = read_labeled([file] if reference is None else [file, reference], columns, task, positive)
    tracker = PerformanceTracker(
        terms.task.prediction_task, positive_label=terms.positive, thresholds=thresholds, classes=terms.classes
    )
    outcomes = [tracker.count_outcomes(read.labels, read.predictions, read.scores) for read in files]
    compared = [] if reference is None else tracker.detect_performance_degradation(outcomes[1], outcomes[0])
    judged = [finding for finding in compared if finding.test == "degradation"]
    measured = Measured(terms, files[0], outcomes[0], tuple(judged), reference)
    if as_json:
        typer.echo(json.dumps(as_document(measured), indent=2, allow_nan=False, ensure_ascii=False))
    else:
        print_measured(measured)
    is_worse = any(finding.status is Status.DETECTED for finding in judged)
    raise typer.Exit(ExitCode.FOUND if is_worse else ExitCode.CLEAR)
