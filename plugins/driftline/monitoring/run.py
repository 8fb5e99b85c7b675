"""A whole window without Airflow: the same steps, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from driftline.errors import DriftlineError
from driftline.findings import Check, Finding
from driftline.monitoring.checks import CheckSummary, run_check
from driftline.monitoring.decision import Context, decide_window
from driftline.monitoring.extract import extract_window
from driftline.monitoring.monitor import Monitor
from driftline.store.decisions import DecisionRecord
from driftline.store.engine import store_transaction
from driftline.store.windows import WindowRecord, window_findings
from driftline.windows import Window

CHECKS = (Check.QUALITY, Check.DRIFT, Check.PERFORMANCE, Check.PREDICTIONS)


@dataclass(frozen=True)
class WindowRun:
    """What a window came to.

    Attributes
    ----------
    failures:
        Checks that broke, with the reason: one broken check never stops the others.
    """

    record: WindowRecord
    summaries: tuple[CheckSummary, ...]
    failures: tuple[tuple[Check, str], ...]
    decision: DecisionRecord
    findings: tuple[Finding, ...]


def run_window(monitor: Monitor, window: Window, context: Context) -> WindowRun:
    """Extracts, checks and decides ``window``; alerts that follow are left in the outbox."""
    record = extract_window(monitor, window, context.run_id)
    summaries: list[CheckSummary] = []
    failures: list[tuple[Check, str]] = []
    for check in enabled_checks(monitor):
        try:
            summaries.append(run_check(monitor, window, check))
        except DriftlineError as error:
            failures.append((check, str(error)))
    decision = decide_window(monitor, window, context)
    with store_transaction(monitor.store) as connection:
        findings = window_findings(connection, monitor.model, window)
    return WindowRun(record, tuple(summaries), tuple(failures), decision, tuple(findings))


def enabled_checks(monitor: Monitor) -> list[Check]:
    return [check for check in CHECKS if monitor.config.checks.is_enabled(check)]
