"""Drift results in the shape that all checks share."""

from __future__ import annotations

from driftline.drift.verdict import DriftVerdict
from driftline.findings import Check, Comparison, Finding


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
