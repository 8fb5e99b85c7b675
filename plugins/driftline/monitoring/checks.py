"""Running one check on one window: ready profiles in, findings written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from driftline.errors import StoreError
from driftline.findings import Check, Comparison, Finding, Severity, Status, worst
from driftline.monitoring.monitor import Monitor
from driftline.profiles.profile import Profile
from driftline.store.baselines import StoredBaseline, active_baseline, reference_profiles
from driftline.store.engine import store_transaction
from driftline.store.slices import window_profiles
from driftline.store.windows import WindowRecord, replace_findings, replace_report, window_record
from driftline.windows import Window

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Evidence:
    """What a check looks at.

    Attributes
    ----------
    reference:
        The baseline's profiles by segment and subject.
    current:
        The window's profiles by (version, segment) and subject.
    now:
        When the check is made: decides whether labels have had their time.
    """

    record: WindowRecord
    baseline: StoredBaseline
    reference: Mapping[str, Mapping[str, Profile]]
    current: Mapping[tuple[str, str], Mapping[str, Profile]]
    now: datetime


@dataclass(frozen=True)
class Result:
    """A check's findings and the page that shows them (empty: none)."""

    findings: list[Finding]
    page: str = ""


@dataclass(frozen=True)
class CheckSummary:
    """What a check came to: small enough to be shown in a log or passed between tasks."""

    check: Check
    ok: int
    detected: int
    not_evaluated: int
    severity: Severity

    def __str__(self) -> str:
        counts = f"{self.ok} ok, {self.not_evaluated} not evaluated"
        return f"{self.check}: {self.detected} detected ({self.severity}), {counts}"


def run_check(monitor: Monitor, window: Window, check: Check, now: datetime | None = None) -> CheckSummary:
    """Makes ``check`` on an extracted ``window`` and writes its findings, instead of those of an earlier run.

    Raises
    ------
    StoreError
        When the window has not been extracted.
    """
    evidence = _load(monitor, window, now or datetime.now(UTC))
    result = _run(monitor, evidence, check)
    with store_transaction(monitor.store) as connection:
        replace_findings(connection, monitor.model, window, check, result.findings)
        if result.page:
            replace_report(connection, monitor.model, window, kind=check.value, content_type=HTML, body=result.page)
    return _summary(check, result.findings)


def _load(monitor: Monitor, window: Window, now: datetime) -> Evidence:
    with store_transaction(monitor.store) as connection:
        record = window_record(connection, monitor.model, window)
        baseline = active_baseline(connection, monitor.model)
        if record is None or baseline is None:
            raise StoreError(
                f"The window {window} of {monitor.model} has not been extracted. Run its extract_slices task first, or "
                f"the whole window: driftline check {monitor.model} --window-end {window.end.isoformat()}"
            )
        reference = reference_profiles(connection, baseline)
        return Evidence(record, baseline, reference, window_profiles(connection, baseline, window), now)


def _run(monitor: Monitor, evidence: Evidence, check: Check) -> Result:
    # Imported here: each check has its own heavy libraries, and an Airflow task makes only one of them.
    match check:
        case Check.QUALITY:
            from driftline.monitoring.check_quality import check_quality

            return check_quality(monitor, evidence)
        case Check.DRIFT:
            from driftline.monitoring.check_drift import check_drift

            return check_drift(monitor, evidence)
        case Check.PERFORMANCE:
            from driftline.monitoring.check_performance import check_performance

            return check_performance(monitor, evidence)
        case Check.PREDICTIONS:
            from driftline.monitoring.check_predictions import check_predictions

            return check_predictions(monitor, evidence)
        case Check.FAIRNESS:
            return Result([])


def nothing_to_check(check: Check, reason: str) -> Result:
    """One finding that says why a whole check was not made."""
    return Result(
        [
            Finding(
                check=check,
                version="",
                subject="rows",
                test=f"{check.value}_check",
                comparison=Comparison.BASELINE,
                status=Status.NOT_EVALUATED,
                reason=reason,
                description=f"The {check.value} check was not made.",
                recommendation="See the reason; the check is made again with the next window.",
                current_size=0,
            )
        ]
    )


def _summary(check: Check, findings: list[Finding]) -> CheckSummary:
    statuses = [finding.status for finding in findings]
    return CheckSummary(
        check=check,
        ok=statuses.count(Status.OK),
        detected=statuses.count(Status.DETECTED),
        not_evaluated=statuses.count(Status.NOT_EVALUATED),
        severity=worst(findings),
    )
