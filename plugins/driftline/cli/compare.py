"""``driftline compare``: drift between two files, with no database and no Airflow."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import AsJson
from driftline.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.drift import DriftResult, DriftVerdict

Reference = Annotated[Path, typer.Argument(help="Parquet or CSV file with the data to compare with.")]
Current = Annotated[Path, typer.Argument(help="Parquet or CSV file with the data that may have drifted.")]
Columns = Annotated[
    list[str] | None, typer.Option("--columns", "-c", help="Column to compare; may be repeated. Default: all.")
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kinds", "-k", help="NAME=numeric or NAME=categorical, where the files' types mislead; repeatable."),
]
Rate = Annotated[float, typer.Option(help="Share of comparisons without drift that may alarm, over all columns.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write the report to this file, too.")]


def compare(  # noqa: PLR0917 - typer's options
    reference: Reference,
    current: Current,
    columns: Columns = None,
    kinds: Kinds = None,
    false_alarm_rate: Rate = 0.01,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Compare two files column by column and say what has drifted.

    Exit code 0: no drift; 1: drift; 2: the input does not allow it (or no column could be evaluated).
    """
    from driftline.cli.tables import read_table
    from driftline.drift import DriftDetector, DriftThresholds, ReportFormat

    wanted = list(columns) if columns else None
    named = _kinds(kinds or [])
    before, after = (_as_kinds(read_table(path, wanted), named, path) for path in (reference, current))
    detector = DriftDetector(DriftThresholds(false_alarm_rate=false_alarm_rate))
    verdict = detector.detect_multivariate_drift(before, after, wanted)
    title = f"{current.name} against {reference.name}"
    if html is not None:
        _write(html, detector.generate_drift_report(verdict, title, ReportFormat.HTML))
    if as_json:
        typer.echo(json.dumps(_as_json(verdict, before.num_rows, after.num_rows), indent=2, allow_nan=False))
    else:
        typer.echo(detector.generate_drift_report(verdict, title, ReportFormat.TEXT))
    raise typer.Exit(_exit_code(verdict))


def _exit_code(verdict: DriftVerdict) -> ExitCode:
    if not verdict.is_evaluated:
        return ExitCode.REFUSED
    return ExitCode.FOUND if verdict.detected else ExitCode.CLEAR


def _kinds(written: list[str]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for entry in written:
        name, _, kind = entry.rpartition("=")
        if not name or kind not in {"numeric", "categorical"}:
            raise InputError(f"--kinds is {entry!r}. Write it as NAME=numeric or NAME=categorical.")
        kinds[name] = kind
    return kinds


def _as_kinds(table: pa.Table, kinds: dict[str, str], path: Path) -> pa.Table:
    import pyarrow as pa

    for name, kind in kinds.items():
        if name not in table.column_names:
            raise InputError(f"{path}: has no column {name!r}, which --kinds names.")
        target = pa.float64() if kind == "numeric" else pa.string()
        index = table.column_names.index(name)
        try:
            table = table.set_column(index, name, table.column(name).cast(target))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"{path}: the column {name!r} cannot be read as {kind}: {error}") from None
    return table


def _as_json(verdict: DriftVerdict, reference_rows: int, current_rows: int) -> dict[str, Any]:
    features: dict[str, Any] = {}
    for result in verdict.results:
        features.setdefault(result.feature_name, {})[result.test] = _result(result)
    return {
        "drift_detected": verdict.detected,
        "severity": verdict.severity.value,
        "drifted_features": list(verdict.drifted_features),
        "reference_rows": reference_rows,
        "current_rows": current_rows,
        "notes": list(verdict.notes),
        "features": features,
    }


def _result(result: DriftResult) -> dict[str, Any]:
    return {
        "statistic": _finite(result.statistic),
        "p_value": _finite(result.p_value),
        "threshold": _finite(result.threshold),
        "effect": _finite(result.effect),
        "severity": result.severity.value,
        "detected": result.detected,
        "status": result.status.value,
        "reason": result.reason,
        "reference_size": result.reference_size,
        "current_size": result.current_size,
        "minimum_detectable_shift": _finite(result.minimum_detectable_shift),
        "description": result.description,
        "recommendation": result.recommendation,
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}).") from None
