"""A window's findings at a terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from driftline.cli.window_report import print_many, print_window
from driftline.decisions import Verdict
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.monitoring.checks import CheckSummary
from driftline.monitoring.run import WindowRun
from driftline.store.decisions import DecisionRecord
from driftline.store.windows import WindowRecord
from driftline.windows import Window

WINDOW = Window.ending(datetime(2026, 3, 16, tzinfo=UTC), timedelta(hours=24))
HOSTILE = "[bold red]O'Brien[/] <b>🍀"

DETECTED = Finding(
    check=Check.DRIFT,
    version="v1",
    segment="country=DE",
    subject="amount",
    test="psi",
    comparison=Comparison.BASELINE,
    status=Status.DETECTED,
    severity=Severity.HIGH,
    statistic=0.123456,
    threshold=0.1,
    description="the median went up",
)
UNEVALUATED = replace(DETECTED, status=Status.NOT_EVALUATED, severity=Severity.NONE, reason="12 rows are too few")


def run(*findings: Finding, **changes: Any) -> WindowRun:
    decision = DecisionRecord(
        model="fraud",
        window=WINDOW,
        verdict=Verdict.ALERT,
        severity=Severity.HIGH,
        reason="Drift: amount (high)",
        is_suppressed=False,
        summary={},
        run_id="",
    )
    record = WindowRecord("fraud", WINDOW, 1, 12_345, 678, 9, "")
    summaries = (CheckSummary(Check.DRIFT, 5, 1, 2, Severity.HIGH),)
    return WindowRun(record, summaries, (), replace(decision, **changes), findings)


def printed(window_run: WindowRun) -> str:
    console = Console(file=StringIO(), width=200)
    print_window(console, window_run)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_it_says_what_was_there_what_was_found_and_what_follows() -> None:
    lines = printed(run(DETECTED)).splitlines()
    assert lines[0] == "fraud, 2026-03-15 00:00 to 2026-03-16 00:00 UTC"
    assert lines[1] == "12,345 predictions, 678 labeled; 9 slices counted now."
    assert lines[2] == "  drift: 1 detected (high), 5 ok, 2 not evaluated"
    [row] = [line for line in lines if "amount" in line and "│" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "high", "drift", "amount", "v1 country=DE", "psi", "0.1235", "0.1", "the median went up"
    ]  # fmt: skip
    assert lines[-1] == "Decision: alert. Drift: amount (high)"


def test_it_says_that_nothing_follows_from_a_historical_window() -> None:
    assert "Decision: alert (written only: nobody is told). " in printed(run(is_suppressed=True))


def test_what_was_not_evaluated_is_grouped_by_its_reason() -> None:
    findings = [replace(UNEVALUATED, subject=f"feature {n}") for n in range(6)]
    shown = printed(run(*findings, replace(UNEVALUATED, subject="other", reason="constant")))
    named = "feature 0 (psi), feature 1 (psi), feature 2 (psi), feature 3 (psi) and 2 more"
    assert f"Not evaluated: {named}: 12 rows are too few" in shown
    assert "Not evaluated: other (psi): constant" in shown


def test_a_check_that_broke_is_told() -> None:
    shown = printed(replace(run(), failures=((Check.QUALITY, "no memory"),)))
    assert "quality: could not be made: no memory" in shown


def test_names_from_the_data_are_no_markup() -> None:
    hostile = replace(DETECTED, subject=HOSTILE, segment=HOSTILE, version=HOSTILE, description=HOSTILE)
    shown = printed(run(hostile, replace(UNEVALUATED, subject=HOSTILE, reason=HOSTILE), reason=HOSTILE))
    assert shown.count(HOSTILE) >= 6


def test_many_windows_are_a_line_each() -> None:
    console = Console(file=StringIO(), width=200)
    print_many(console, [run(DETECTED), run(verdict=Verdict.NOTHING, severity=Severity.NONE, reason=HOSTILE)])
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown.count("2026-03-16 00:00") == 2
    assert HOSTILE in shown
    assert "12,345" in shown
