"""A whole window without Airflow: the same steps, one after the other."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from driftline.errors import DriftlineError
from driftline.findings import Check, Finding
from driftline.monitoring.checks import CheckSummary, enabled_checks, run_check
from driftline.monitoring.decision import Context, decide_window
from driftline.monitoring.extract import extract_window
from driftline.monitoring.monitor import Monitor
from driftline.store.decisions import DecisionRecord
from driftline.store.engine import store_transaction
from driftline.store.windows import WindowRecord, window_findings
from driftline.windows import Window

log = logging.getLogger(__name__)


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
            summaries.append(run_check(monitor, window, check, context.now))
        except DriftlineError as error:
            failures.append((check, str(error)))
        except Exception as error:
            log.exception("The %s check of %s, %s broke", check, monitor.model, window)
            failures.append((check, f"{type(error).__name__}: {error}"))
    decision = decide_window(monitor, window, context)
    with store_transaction(monitor.store) as connection:
        findings = window_findings(connection, monitor.model, window)
    return WindowRun(record, tuple(summaries), tuple(failures), decision, tuple(findings))
