"""The performance check of a window: outcome profiles against the baseline's."""

from __future__ import annotations

from collections.abc import Mapping

from driftline.findings import Check
from driftline.monitoring.checks import Evidence, Result, learned_spread, nothing_to_check
from driftline.monitoring.monitor import Monitor
from driftline.performance import PerformanceThresholds, outcome_metrics, performance_findings
from driftline.profiles.outcomes import BinaryOutcomeProfile, RegressionOutcomeProfile
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role


def check_performance(monitor: Monitor, evidence: Evidence) -> Result:
    labels = monitor.config.labels
    if labels is None:
        return nothing_to_check(Check.PERFORMANCE, "The model's file maps no `labels`.")
    if not evidence.current:
        return nothing_to_check(Check.PERFORMANCE, "The window has no predictions.")
    configured = monitor.config.checks.performance
    thresholds = PerformanceThresholds(
        metrics=None if configured.metrics is None else tuple(configured.metrics),
        maximum_drop=configured.maximum_drop,
        maximum_drops={metric.value: drop for metric, drop in configured.maximum_drops.items()},
        minimum_labels=configured.minimum_labels,
        minimum_coverage=configured.minimum_coverage,
        confidence=configured.confidence,
        calls=len(evidence.current),
    )
    is_mature = evidence.now >= evidence.record.window.end + labels.expected_delay
    findings = [
        finding
        for (version, segment), subjects in sorted(evidence.current.items())
        if Role.PREDICTION in subjects
        for finding in performance_findings(
            _outcome(evidence.reference.get(segment, {}).get(Role.OUTCOME)),
            _outcome(subjects.get(Role.OUTCOME)),
            predictions=subjects[Role.PREDICTION].rows,
            thresholds=thresholds,
            is_mature=is_mature,
            version=version,
            segment=segment,
            spread=learned_spread(evidence, Check.PERFORMANCE, segment),
        )
    ]
    return Result(findings)


def measured_performance(subjects: Mapping[str, Profile]) -> dict[str, float]:
    """The metrics of a window's profiles that are defined, by name: what the baseline's spread is learned from."""
    outcome = _outcome(subjects.get(Role.OUTCOME))
    if outcome is None:
        return {}
    return {name: metric.value for name, metric in outcome_metrics(outcome).items() if metric.value is not None}


def _outcome(profile: Profile | None) -> BinaryOutcomeProfile | RegressionOutcomeProfile | None:
    return profile if isinstance(profile, BinaryOutcomeProfile | RegressionOutcomeProfile) else None
