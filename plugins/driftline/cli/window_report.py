"""A window's findings, for a person at a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from driftline.findings import Finding, Severity, Status, by_severity
from driftline.monitoring.run import WindowRun

_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.NONE: "",
}


def print_window(console: Console, run: WindowRun) -> None:
    """One window: what it held, what was found, what could not be evaluated, and the decision."""
    record = run.record
    console.print(f"{record.model}, {record.window}", style="bold", highlight=False)
    console.print(
        f"{record.rows:,} predictions, {record.labeled_rows:,} labeled; {record.slices_counted} slices counted now.",
        highlight=False,
    )
    for summary in run.summaries:
        console.print(f"  {summary}", highlight=False, markup=False)
    for check, reason in run.failures:
        console.print(f"  {check}: could not be made: {reason}", style="red", highlight=False, markup=False)
    detected = [finding for finding in run.findings if finding.status is Status.DETECTED]
    if detected:
        console.print(_table(by_severity(detected)))
    _print_unevaluated(console, [finding for finding in run.findings if finding.status is Status.NOT_EVALUATED])
    suppressed = " (written only: nobody is told)" if run.decision.is_suppressed else ""
    console.print(f"Decision: {run.decision.verdict}{suppressed}. {run.decision.reason}", highlight=False, markup=False)


def print_many(console: Console, runs: list[WindowRun]) -> None:
    """One line a window."""
    table = Table("window end (UTC)", "predictions", "labeled", "severity", "decision", "why")
    for run in runs:
        severity = run.decision.severity
        table.add_row(
            f"{run.record.window.end:%Y-%m-%d %H:%M}",
            f"{run.record.rows:,}",
            f"{run.record.labeled_rows:,}",
            f"[{_STYLES[severity]}]{severity}[/]" if _STYLES[severity] else str(severity),
            run.decision.verdict.value,
            escape(run.decision.reason),
        )
    console.print(table)


def _table(findings: list[Finding]) -> Table:
    table = Table("severity", "check", "subject", "where", "test", "statistic", "threshold", "what")
    for finding in findings:
        style = _STYLES[finding.severity]
        table.add_row(
            f"[{style}]{finding.severity}[/]" if style else str(finding.severity),
            finding.check.value,
            escape(finding.subject),
            escape(" ".join(part for part in (finding.version, finding.segment) if part)),
            finding.test,
            _number(finding.statistic),
            _number(finding.threshold),
            escape(finding.description),
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _print_unevaluated(console: Console, findings: list[Finding]) -> None:
    by_reason: dict[str, list[str]] = {}
    for finding in findings:
        by_reason.setdefault(finding.reason, []).append(f"{finding.subject} ({finding.test})")
    for reason, subjects in by_reason.items():
        named = ", ".join(subjects[:4]) + (f" and {len(subjects) - 4} more" if len(subjects) > 4 else "")
        console.print(f"Not evaluated: {named}: {reason}", style="dim", highlight=False, markup=False)
