"""Drift results in the shape that all checks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from driftline.drift.localization import FeatureLocalization
from driftline.drift.verdict import DriftVerdict
from driftline.findings import Check, Comparison, Finding, Status


def with_location(findings: list[Finding], located: Mapping[str, FeatureLocalization]) -> list[Finding]:
    """The same findings; what was detected says where its drift is, and what harm it may do."""
    return [
        replace(
            finding,
            description=f"{finding.description} {located[finding.subject].description}",
            details={
                **finding.details,
                "harm": located[finding.subject].harm.harm,
                "localization": located[finding.subject].to_json(),
            },
        )
        if finding.status is Status.DETECTED and finding.subject in located
        else finding
        for finding in findings
    ]


def findings_of(verdict: DriftVerdict, *, version: str, segment: str, comparison: Comparison) -> list[Finding]:
    """One finding per result, in the verdict's order."""
    return [
        Finding(
            check=Check.DRIFT,
            version=version,
            segment=segment,
            comparison=comparison,
            subject=result.feature_name,
            test=result.test,
            status=result.status,
            severity=result.severity,
            statistic=result.statistic,
            p_value=result.p_value,
            threshold=result.threshold,
            effect=result.effect,
            reference_size=result.reference_size,
            current_size=result.current_size,
            minimum_detectable_shift=result.minimum_detectable_shift,
            reason=result.reason,
            description=result.description,
            recommendation=result.recommendation,
            details=result.details,
        )
        for result in verdict.results
    ]
