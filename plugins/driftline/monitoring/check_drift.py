"""The drift check of a window: the features' profiles against the baseline's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from driftline.config import Feature
from driftline.drift import Calibration, DriftDetector, DriftThresholds, DriftVerdict, ReportFormat, findings_of
from driftline.drift.as_findings import with_location
from driftline.drift.localization import DriftLocalization
from driftline.drift.report import render_drift_report
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.monitoring.calibration import drift_budget, joint_budget
from driftline.monitoring.checks import Evidence, Result, nothing_to_check, vanished_features
from driftline.monitoring.drift_localization import localized
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.multivariate import check_joint
from driftline.monitoring.previous_window import compare_with_previous_window
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.sources.catalog import missing_features


def check_drift(monitor: Monitor, evidence: Evidence) -> Result:
    if not evidence.current:
        return nothing_to_check(Check.DRIFT, "The window has no predictions.")
    detectors = {segment: _detector(monitor, evidence, segment) for _, segment in evidence.current}
    features = evidence.baseline.subjects(Role.FEATURE)
    findings: list[Finding] = list(_unwatched(monitor, evidence))
    judged: dict[str, _Judged] = {}
    # The whole comes first: its name is empty.
    for (version, segment), subjects in sorted(evidence.current.items()):
        reference = _features(evidence.reference.get(segment, {}), features)
        verdict = detectors[segment].detect_profile_drift(
            reference, _features(subjects, features), window=evidence.record.window
        )
        found = findings_of(verdict, version=version, segment=segment, comparison=Comparison.BASELINE)
        localization = localized(
            monitor,
            evidence,
            verdict,
            detectors[segment].calibration,
            version=version,
            segment=segment,
            passed_over=judged[version].verdict.drifted_features if version in judged else (),
        )
        # What the whole has drifted in is told in a segment's finding as it is of the whole: it may lead the alert.
        of_whole = judged[version].localization.by_feature if version in judged else {}
        findings += with_location(found, {**of_whole, **localization.by_feature})
        if segment == "":
            joint = check_joint(monitor, evidence, version, verdict.drifted_features, joint_budget(monitor))
            if joint is not None:
                findings += findings_of(joint, version=version, segment="", comparison=Comparison.BASELINE)
            judged[version] = _Judged(verdict, localization, joint)
    findings += compare_with_previous_window(monitor, evidence)
    return Result(findings, _page(monitor, evidence, judged))


@dataclass(frozen=True)
class _Judged:
    """What was found on the whole of one version."""

    verdict: DriftVerdict
    localization: DriftLocalization
    joint: DriftVerdict | None

    @property
    def severity(self) -> Severity:
        """Of the features one by one and together."""
        verdicts = (self.verdict, self.joint) if self.joint is not None else (self.verdict,)
        return max((verdict.severity for verdict in verdicts), key=lambda severity: severity.rank)


def _detector(monitor: Monitor, evidence: Evidence, segment: str) -> DriftDetector:
    configured = monitor.config.checks.drift
    thresholds = DriftThresholds(
        psi=configured.psi,
        jensen_shannon=configured.jensen_shannon,
        kolmogorov_smirnov=configured.kolmogorov_smirnov,
        wasserstein=configured.wasserstein,
        spread=configured.spread,
        total_variation=configured.total_variation,
        null_share=configured.null_share,
        new_level_share=configured.new_level_share,
        false_alarm_rate=drift_budget(monitor, segment),
        minimum_rows=configured.minimum_rows,
    )
    learned = evidence.baseline.calibration.get(Check.DRIFT.value, {}).get(segment)
    return DriftDetector(thresholds, None if learned is None else Calibration.from_json(learned))


def _features(subjects: Mapping[str, Profile], features: list[str]) -> dict[str, Profile]:
    return {feature: subjects[feature] for feature in features if feature in subjects}


def _unwatched(monitor: Monitor, evidence: Evidence) -> Iterator[Finding]:
    """Features that the configuration names and that cannot be compared: said, not passed over."""
    config = monitor.config
    for feature in [*missing_features(config, monitor.log.catalog), *vanished_features(monitor, evidence)]:
        yield _not_compared(feature, f"The prediction log has no column {feature.source_column!r}.")
    if config.features != "discover":
        missing = {feature.name for feature in missing_features(config, monitor.log.catalog)}
        for feature in config.features:
            if feature.name not in evidence.baseline.binnings and feature.name not in missing:
                yield _not_compared(
                    feature, f"The baseline does not have it. Run: driftline baseline build {config.model}"
                )


def _not_compared(feature: Feature, reason: str) -> Finding:
    return Finding(
        check=Check.DRIFT,
        version="",
        subject=feature.name,
        test="drift_check",
        comparison=Comparison.BASELINE,
        status=Status.NOT_EVALUATED,
        reason=reason,
        description=f"{feature.name} was not compared with the baseline.",
        recommendation="Correct the feature in the model's file, or have the log write it.",
    )


def _page(monitor: Monitor, evidence: Evidence, judged: Mapping[str, _Judged]) -> str:
    """The report of the version with the worst drift; the others' findings are in the tables."""
    if not judged:
        return ""
    version = max(judged, key=lambda name: judged[name].severity.rank)
    title = f"{monitor.model} {version}, {evidence.record.window}"
    worst = judged[version]
    return render_drift_report(worst.verdict, title, ReportFormat.HTML, worst.localization, worst.joint)
