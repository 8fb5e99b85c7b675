"""The performance check of a window: outcome profiles against the baseline's, and estimates until labels come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from driftline.findings import Check, Finding, Status
from driftline.monitoring.checks import Evidence, Result, learned_spread, nothing_to_check
from driftline.monitoring.estimation import (
    Estimation,
    Subjects,
    record_of_estimates,
    stored_estimation,
    untrusted_metrics,
)
from driftline.monitoring.label_delays import silence_limit, window_outlook
from driftline.monitoring.monitor import Monitor, positive_levels
from driftline.monitoring.performance_trend import trend_findings
from driftline.monitoring.version_comparison import compare_with_version_before
from driftline.performance import (
    EstimatedWindow,
    EstimateError,
    PerformanceThresholds,
    beside_realised,
    error_finding,
    estimate_error,
    estimate_findings,
    labeled_rows,
    no_estimate,
    outcome_metrics,
    outcome_of,
    performance_findings,
    selection_findings,
    silence_finding,
    usual_metrics,
)
from driftline.performance.estimate_findings import NOTHING_LEARNED
from driftline.profiles.numeric import NumericProfile
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role


def check_performance(monitor: Monitor, evidence: Evidence) -> Result:
    labels = monitor.config.labels
    if labels is None:
        return nothing_to_check(Check.PERFORMANCE, "The model's file maps no `labels`.")
    if not evidence.current:
        return nothing_to_check(Check.PERFORMANCE, "The window has no predictions.")
    thresholds = _thresholds(monitor, calls=len(evidence.current))
    outlook = window_outlook(monitor, evidence.baseline, evidence.record.window, evidence.now)
    record = record_of_estimates(monitor, evidence.record.window, evidence.baseline.baseline_id)
    found: list[Finding] = []
    for (version, segment), subjects in sorted(evidence.current.items()):
        if Role.PREDICTION not in subjects:
            continue
        realised = performance_findings(
            outcome_of(evidence.reference.get(segment, {}).get(Role.OUTCOME)),
            outcome_of(subjects.get(Role.OUTCOME)),
            predictions=subjects[Role.PREDICTION].rows,
            thresholds=thresholds,
            is_mature=outlook.is_mature,
            version=version,
            segment=segment,
            spread=learned_spread(evidence, Check.PERFORMANCE, segment),
            outlook=outlook,
        )
        of_place = _Place(monitor, evidence, version, segment, record)
        estimates = of_place.estimates(subjects, realised, thresholds)
        selected = _selection(monitor, evidence, version, segment, is_mature=outlook.is_mature)
        found += [*beside_realised(realised, estimates), *estimates, *selected]
    trends = trend_findings(monitor, evidence, found)
    beside = compare_with_version_before(monitor, evidence, thresholds, outlook)
    return Result([*found, *trends, *beside, *_silence(monitor, evidence)])


def _selection(monitor: Monitor, evidence: Evidence, version: str, segment: str, *, is_mature: bool) -> list[Finding]:
    """Whether getting a label depends on what was predicted."""
    usual, now = evidence.reference.get(segment, {}), evidence.current[version, segment]
    return selection_findings(
        (usual, outcome_of(usual.get(Role.OUTCOME))),
        (now, outcome_of(now.get(Role.OUTCOME))),
        positives=positive_levels(monitor),
        is_mature=is_mature,
        version=version,
        segment=segment,
    )


def _silence(monitor: Monitor, evidence: Evidence) -> list[Finding]:
    """Whether labels have stopped coming: a matter of now, not of windows that ended long ago."""
    if evidence.now - evidence.record.window.end > monitor.config.schedule.alert_horizon:
        return []
    newest, _ = monitor.log.newest_arrival(evidence.now)
    limit, is_learned = silence_limit(monitor, evidence.baseline)
    return [silence_finding(newest, evidence.now, limit, is_learned=is_learned)]


def measured_performance(subjects: Mapping[str, Profile]) -> dict[str, float]:
    """The metrics of a window's profiles that are defined, by name: what the baseline's spread is learned from."""
    outcome = outcome_of(subjects.get(Role.OUTCOME))
    if outcome is None:
        return {}
    return {name: metric.value for name, metric in outcome_metrics(outcome).items() if metric.value is not None}


class _Place:
    """One version and segment of the window, with what estimates of it need."""

    def __init__(
        self,
        monitor: Monitor,
        evidence: Evidence,
        version: str,
        segment: str,
        record: Mapping[tuple[str, str, str], Sequence[bool]],
    ) -> None:
        self.evidence, self.version, self.segment, self.record = evidence, version, segment, record
        self.estimation: Estimation = stored_estimation(evidence.baseline.calibration, segment)
        self.positives = positive_levels(monitor)
        self.has_class_scores = monitor.config.predictions.scores is not None

    def estimates(
        self, subjects: Subjects, realised: list[Finding], thresholds: PerformanceThresholds
    ) -> list[Finding]:
        """The estimates, and where there are labels enough, how wrong they were."""
        reference = outcome_of(self.evidence.reference.get(self.segment, {}).get(Role.OUTCOME))
        if reference is None:
            return []
        if self.estimation.model is None:
            return self._unavailable(subjects)
        errors = self._errors(subjects, thresholds)
        now = {error.metric: error.is_inside for error in errors}
        window = EstimatedWindow(
            version=self.version,
            segment=self.segment,
            estimate=partial(self.estimation.of_window, subjects, self.positives),
            unjudged={one.subject for one in realised if one.status is Status.NOT_EVALUATED},
            untrusted=untrusted_metrics(self.record, self.version, self.segment, now),
            differences=learned_spread(self.evidence, Check.PERFORMANCE, self.segment) or NOTHING_LEARNED,
            errors=self.estimation.errors,
        )
        names = thresholds.metrics if thresholds.metrics is not None else usual_metrics(reference)
        details = {"baseline_id": self.evidence.baseline.baseline_id}
        return [
            *estimate_findings(window, reference, names, thresholds),
            *(error_finding(window, error, details) for error in errors if error.metric in names),
        ]

    def _unavailable(self, subjects: Subjects) -> list[Finding]:
        """Why a model that could have estimates has none; a classifier without scores could not."""
        source = Role.SCORE if Role.SCORE in subjects or self.has_class_scores else Role.PREDICTION
        if source is Role.PREDICTION and not isinstance(subjects[source], NumericProfile):
            return []
        return [no_estimate(source, self.estimation.reason, version=self.version, segment=self.segment)]

    def _errors(self, subjects: Subjects, thresholds: PerformanceThresholds) -> list[EstimateError]:
        outcome = outcome_of(subjects.get(Role.OUTCOME))
        if outcome is None or labeled_rows(outcome) < thresholds.minimum_labels:
            return []
        realised = outcome_metrics(outcome, thresholds.confidence)
        estimated = self.estimation.of_labeled(subjects, thresholds.confidence)
        compared = (
            estimate_error(metric, realised[name], self.estimation.errors.margin(name, thresholds.confidence))
            for name, metric in estimated.items()
        )
        return [error for error in compared if error is not None]


def _thresholds(monitor: Monitor, calls: int) -> PerformanceThresholds:
    configured = monitor.config.checks.performance
    return PerformanceThresholds(
        metrics=None if configured.metrics is None else tuple(configured.metrics),
        maximum_drop=configured.maximum_drop,
        maximum_drops={metric.value: drop for metric, drop in configured.maximum_drops.items()},
        minimum_labels=configured.minimum_labels,
        minimum_coverage=configured.minimum_coverage,
        confidence=configured.confidence,
        calls=calls,
    )
