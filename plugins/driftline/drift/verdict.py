"""What all tests on all features of a window add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftline.drift.pairs import Pair
from driftline.drift.result import DriftResult, DriftSeverity, DriftStatus


@dataclass(frozen=True)
class DriftVerdict:
    """The results of every test on every feature.

    Attributes
    ----------
    results:
        In the features' order; per feature the deciding tests first.
    notes:
        What the reader should know of the comparison as a whole (calibration, columns left out).
    pairs:
        The compared distributions by feature: what the report draws.
    """

    results: tuple[DriftResult, ...]
    notes: tuple[str, ...] = ()
    pairs: Mapping[str, Pair] = field(default_factory=dict, repr=False, compare=False)

    @property
    def detected(self) -> bool:
        return any(result.detected for result in self.results)

    @property
    def is_evaluated(self) -> bool:
        """Whether any test could be computed on any feature: without, nothing was found because nothing was seen."""
        return any(result.status is not DriftStatus.NOT_EVALUATED for result in self.results)

    @property
    def severity(self) -> DriftSeverity:
        """The worst of the detected (`DriftSeverity.NONE` without any)."""
        return max((result.severity for result in self.results), key=lambda each: each.rank, default=DriftSeverity.NONE)

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """The most severe first; within one severity by how far beyond its threshold the statistic is."""
        drifted = [result for result in self.leading_results.values() if result.detected]
        return tuple(result.feature_name for result in sorted(drifted, key=_rank))

    @property
    def leading_results(self) -> dict[str, DriftResult]:
        """Per feature the deciding result that says most: the most severe, then the one nearest its threshold."""
        leading: dict[str, DriftResult] = {}
        for result in self.results:
            known = leading.get(result.feature_name)
            if known is None or (result.details.get("decides", True) and _rank(result) < _rank(known)):
                leading[result.feature_name] = result
        return leading

    @property
    def not_evaluated(self) -> tuple[DriftResult, ...]:
        return tuple(result for result in self.results if result.status is DriftStatus.NOT_EVALUATED)


def _rank(result: DriftResult) -> tuple[int, bool, bool, float]:
    is_open = result.status is DriftStatus.NOT_EVALUATED
    beyond = (result.statistic or 0.0) / result.threshold if result.threshold else 0.0
    return (-result.severity.rank, not result.detected, is_open, -beyond)
