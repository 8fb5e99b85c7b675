"""What is wrong between a model's predictions and labels: counted in the log, compared with what was usual."""

from __future__ import annotations

from datetime import timedelta

from driftline.errors import SourceError
from driftline.findings import Check, Finding
from driftline.monitoring.checks import Evidence
from driftline.monitoring.monitor import Monitor
from driftline.quality import LABEL_TESTS, label_fault_findings, not_compared, rows_ahead_findings
from driftline.sources.log_faults import count_label_faults, count_rows_ahead
from driftline.windows import Window

LABEL_FAULTS = "label_faults"
"""Under this key of the quality check the baseline keeps what was usual."""


LEARNED = timedelta(days=7)
"""So much of the baseline's end tells what is usual."""


def learn_label_faults(monitor: Monitor, period: Window) -> dict[str, int]:
    """What was usual of the labels that arrived at the end of ``period``; nothing where the log cannot say."""
    try:
        return count_label_faults(monitor.log, Window.ending(period.end, min(period.length, LEARNED))).to_json()
    except SourceError:
        return {}


def log_fault_findings(monitor: Monitor, evidence: Evidence) -> list[Finding]:
    """That the log cannot say what is wrong stops none of the other findings."""
    return [*_label_faults(monitor, evidence), *_rows_ahead(monitor, evidence)]


def _label_faults(monitor: Monitor, evidence: Evidence) -> list[Finding]:
    if monitor.config.labels is None:
        return []
    usual = evidence.baseline.calibration.get(Check.QUALITY.value, {}).get(LABEL_FAULTS)
    try:
        faults = count_label_faults(monitor.log, evidence.record.window)
    except SourceError as error:
        return not_compared(str(error), tuple(("labels", test) for test in LABEL_TESTS))
    return label_fault_findings(faults, tolerated_share=monitor.config.checks.quality.tolerated_share, usual=usual)


def _rows_ahead(monitor: Monitor, evidence: Evidence) -> list[Finding]:
    """Of a window that may still alert only: an older one would tell of today's clock."""
    record, config = evidence.record, monitor.config
    if evidence.now - record.window.end > config.schedule.alert_horizon:
        return []
    tables = (("rows", "future_time"), ("labels", "future_time"))[: 1 if config.labels is None else 2]
    try:
        ahead = count_rows_ahead(monitor.log)
    except SourceError as error:
        return not_compared(str(error), tables)
    found = rows_ahead_findings(
        ahead,
        predictions=record.rows,
        labels=record.labeled_rows,
        tolerated_share=config.checks.quality.tolerated_share,
    )
    return found[: len(tables)]
