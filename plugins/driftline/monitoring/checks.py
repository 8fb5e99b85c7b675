"""Running one check on one window: ready profiles in, findings written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from driftline.config import Feature, FeatureKind
from driftline.errors import StoreError
from driftline.findings import Check, Comparison, Finding, Severity, Status, worst
from driftline.monitoring.groups import is_protected, protected_groups, protected_groups_by_version
from driftline.monitoring.monitor import Monitor
from driftline.profiles.binning import Binning, NumericBinning
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.spread import WindowSpread
from driftline.store.baselines import StoredBaseline, reference_profiles, stored_baseline
from driftline.store.engine import store_transaction
from driftline.store.slices import window_profiles
from driftline.store.windows import WindowRecord, replace_findings, replace_report, window_record
from driftline.windows import Window

HTML = "text/html; charset=utf-8"

OUTPUTS = tuple(role for role in Role if role is not Role.FEATURE)
"""All that the checks of outputs and labels read: what the model said, not what it was given."""

CHECKS = (Check.QUALITY, Check.DRIFT, Check.PERFORMANCE, Check.PREDICTIONS, Check.FAIRNESS)


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
    reference_groups, current_groups:
        The same of protected groups, by the group's name (``sex=F``): only the fairness check looks at them.
    """

    record: WindowRecord
    baseline: StoredBaseline
    reference: Mapping[str, Mapping[str, Profile]]
    current: Mapping[tuple[str, str], Mapping[str, Profile]]
    now: datetime
    reference_groups: Mapping[str, Mapping[str, Profile]] = field(default_factory=dict)
    current_groups: Mapping[tuple[str, str], Mapping[str, Profile]] = field(default_factory=dict)


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


def enabled_checks(monitor: Monitor) -> list[Check]:
    return [check for check in CHECKS if monitor.config.is_enabled(check)]


def run_check(monitor: Monitor, window: Window, check: Check, now: datetime | None = None) -> CheckSummary:
    """Makes ``check`` on an extracted ``window`` and writes its findings, instead of those of an earlier run.

    Raises
    ------
    StoreError
        When the window has not been extracted, or so long ago that its profiles have been dropped.
    """
    subjects = OUTPUTS if check in {Check.PERFORMANCE, Check.PREDICTIONS, Check.FAIRNESS} else None
    evidence = _load(monitor, window, now or datetime.now(UTC), subjects)
    result = _run(monitor, evidence, check)
    if not result.findings:
        result = nothing_to_check(check, "The baseline has nothing that this check looks at.")
    with store_transaction(monitor.store) as connection:
        replace_findings(connection, monitor.model, window, check, result.findings)
        if result.page:
            replace_report(connection, monitor.model, window, kind=check.value, content_type=HTML, body=result.page)
    return _summary(check, result.findings)


def _load(monitor: Monitor, window: Window, now: datetime, subjects: Collection[str] | None) -> Evidence:
    with store_transaction(monitor.store) as connection:
        record = window_record(connection, monitor.model, window)
        if record is None:
            raise _not_extracted(monitor, window, "has not been extracted")
        baseline = stored_baseline(connection, record.baseline_id)
        if subjects is not None:
            subjects = [*subjects, *baseline.subjects(Role.CLASS_SCORE)]
        current = window_profiles(connection, baseline, window, subjects)
        if record.rows and not current:
            raise _not_extracted(monitor, window, "was extracted, but its profiles have been dropped since")
        reference = reference_profiles(connection, baseline)
        return Evidence(
            record,
            baseline,
            reference={segment: subjects for segment, subjects in reference.items() if not is_protected(segment)},
            current={key: subjects for key, subjects in current.items() if not is_protected(key[1])},
            now=now,
            reference_groups=protected_groups(reference),
            current_groups=protected_groups_by_version(current),
        )


def _not_extracted(monitor: Monitor, window: Window, what: str) -> StoreError:
    return StoreError(
        f"The window {window} of {monitor.model} {what}. Run its extract_slices task first, or the whole window: "
        f"driftline check {monitor.model} --window-end {window.end.isoformat()}"
    )


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
            from driftline.monitoring.check_fairness import check_fairness

            return check_fairness(monitor, evidence)


def vanished_features(monitor: Monitor, evidence: Evidence) -> list[Feature]:
    """Discovered features of the baseline whose column the log no longer has."""
    if monitor.config.features != "discover":
        return []
    baseline, columns = evidence.baseline, monitor.log.catalog.predictions
    return [
        Feature(name=name, kind=_kind(baseline.binnings[name]))
        for name in baseline.subjects(Role.FEATURE)
        if name not in columns and name not in monitor.config.excluded_columns
    ]


def _kind(binning: Binning) -> FeatureKind:
    return FeatureKind.NUMERIC if isinstance(binning, NumericBinning) else FeatureKind.CATEGORICAL


def check_test(check: Check) -> str:
    """The test of a finding that is about a check as a whole."""
    return f"{check.value}_check"


def learned_spread(evidence: Evidence, check: Check, segment: str) -> WindowSpread | None:
    """How much the baseline's own windows differ, as far as ``check`` has learned it."""
    learned = evidence.baseline.calibration.get(check.value, {}).get(segment)
    return None if learned is None else WindowSpread.from_json(learned)


def nothing_to_check(check: Check, reason: str) -> Result:
    """One finding that says why a whole check was not made."""
    return Result(
        [
            Finding(
                check=check,
                version="",
                subject="rows",
                test=check_test(check),
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
