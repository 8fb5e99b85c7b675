"""Performance beside the version that served before: a new version may be worse, though the baseline is not missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from driftline.findings import Check, Comparison, Finding, Status
from driftline.monitoring.checks import Evidence, learned_spread
from driftline.monitoring.monitor import Monitor
from driftline.performance import (
    LabelOutlook,
    PerformanceThresholds,
    labeled_rows,
    outcome_of,
    performance_findings,
)
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.store.engine import store_transaction
from driftline.store.version_history import last_outcomes, version_before


@dataclass(frozen=True)
class _Earlier:
    """The version before, with its labeled predictions by segment."""

    version: str
    outcomes: Mapping[str, Profile]
    when: str
    is_same_window: bool


def compare_with_version_before(
    monitor: Monitor, evidence: Evidence, thresholds: PerformanceThresholds, outlook: LabelOutlook
) -> list[Finding]:
    """Degradation of each version against the one that had all the traffic before it.

    In the same window, where that still predicts and has labels enough; otherwise against its last seven days, and
    then held against how much windows of the baseline differ. Nothing where there was no version before.
    """
    careful = replace(thresholds, calls=2 * thresholds.calls)
    found: list[Finding] = []
    for version in sorted({version for version, _ in evidence.current}):
        earlier = _version_before(monitor, evidence, version, thresholds.minimum_labels)
        if earlier is not None:
            found += _compared(evidence, version, earlier, careful, outlook)
    return found


def _version_before(monitor: Monitor, evidence: Evidence, version: str, minimum_labels: int) -> _Earlier | None:
    window = evidence.record.window
    with store_transaction(monitor.store) as connection:
        name = version_before(connection, evidence.baseline, version, window)
        if name is None:
            return None
        beside = {
            segment: subjects[Role.OUTCOME]
            for (its_version, segment), subjects in evidence.current.items()
            if its_version == name and Role.OUTCOME in subjects
        }
        if labeled_rows(outcome_of(beside.get(""))) >= minimum_labels:
            return _Earlier(name, beside, "in the same window", is_same_window=True)
        span, outcomes = last_outcomes(connection, evidence.baseline, name, window.start)
    return _Earlier(name, outcomes, f"in its last days ({span})" if span else "before", is_same_window=False)


def _compared(
    evidence: Evidence, version: str, earlier: _Earlier, thresholds: PerformanceThresholds, outlook: LabelOutlook
) -> list[Finding]:
    labels = labeled_rows(outcome_of(earlier.outcomes.get("")))
    if labels < thresholds.minimum_labels:
        return [_not_compared(version, earlier, labels, thresholds.minimum_labels)]
    found: list[Finding] = []
    for (its_version, segment), subjects in sorted(evidence.current.items()):
        if its_version != version or Role.PREDICTION not in subjects:
            continue
        judged = performance_findings(
            outcome_of(earlier.outcomes.get(segment)),
            outcome_of(subjects.get(Role.OUTCOME)),
            predictions=subjects[Role.PREDICTION].rows,
            thresholds=thresholds,
            is_mature=outlook.is_mature,
            version=version,
            segment=segment,
            comparison=Comparison.VERSION,
            spread=None if earlier.is_same_window else learned_spread(evidence, Check.PERFORMANCE, segment),
        )
        found += [_named(finding, earlier) for finding in judged if finding.comparison is Comparison.VERSION]
    return found


def _named(finding: Finding, earlier: _Earlier) -> Finding:
    name = f"version {earlier.version}"
    return replace(
        finding,
        reason=finding.reason.replace("the baseline", name),
        description=f"Beside {name} {earlier.when}: "
        + finding.description.replace("the baseline", name).replace("the reference", name),
        details={**finding.details, "reference_version": earlier.version, "is_same_window": earlier.is_same_window},
    )


def _not_compared(version: str, earlier: _Earlier, labels: int, minimum: int) -> Finding:
    reason = f"version {earlier.version} has {labels} labels, at least {minimum} are needed"
    return Finding(
        check=Check.PERFORMANCE,
        version=version,
        subject="labels",
        test="degradation",
        comparison=Comparison.VERSION,
        status=Status.NOT_EVALUATED,
        reason=reason,
        description=f"Performance was not compared with the version before: {reason}.",
        details={"reference_version": earlier.version},
    )
