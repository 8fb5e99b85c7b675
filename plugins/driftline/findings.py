"""Findings: what a check says about one subject, in one shape for every room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Check(StrEnum):
    """The rooms that make findings; also the names of the outcomes that a window publishes."""

    QUALITY = "quality"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    PREDICTIONS = "predictions"
    FAIRNESS = "fairness"


class Status(StrEnum):
    """What became of a check on one subject."""

    OK = "ok"
    DETECTED = "detected"
    NOT_EVALUATED = "not_evaluated"


class Severity(StrEnum):
    """How much a detected finding matters; ordered by `rank`."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (none) to 4 (critical)."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Comparison(StrEnum):
    """What the window was held against."""

    BASELINE = "baseline"
    PREVIOUS_WINDOW = "previous_window"
    EXPECTATION = "expectation"
    VERSION = "version"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One statistic on one subject.

    Within a window, (version, comparison, segment, subject, test) names a finding.

    Attributes
    ----------
    version, segment:
        The model version and the segment (``""`` is the whole).
    subject:
        A feature's name, or one of `RESERVED_SUBJECTS`, or a metric's name.
    statistic, threshold:
        The number and the limit it was held against, in the unit that `test` documents.
    p_value:
        Evidence, where the test has one (0 to 1).
    effect:
        Size of the change in the effect's own unit (documented by the test).
    interval_low, interval_high:
        95 % confidence interval of `statistic`, where it has one.
    reference_size, current_size:
        Values compared on each side.
    minimum_detectable_shift:
        The smallest change that this test would have seen at this size, in the effect's unit.
    reason:
        Why the check was not evaluated; empty otherwise.
    """

    check: Check
    version: str
    subject: str
    test: str
    comparison: Comparison
    status: Status
    segment: str = ""
    severity: Severity = Severity.NONE
    statistic: float | None = None
    p_value: float | None = None
    threshold: float | None = None
    effect: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    reference_size: int | None = None
    current_size: int | None = None
    minimum_detectable_shift: float | None = None
    reason: str = ""
    description: str = ""
    recommendation: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return (self.version, self.comparison.value, self.segment, self.subject, self.test)

    @property
    def harm(self) -> float:
        """What it may cost the model: effect times importance, where the check knows it; 0 otherwise."""
        return float(self.details.get("harm", 0.0))

    @property
    def is_information(self) -> bool:
        """Whether it is told without being judged: nothing is ever decided on it."""
        return bool(self.details.get("is_information", False))


SUBJECT_IN_KEY = 3
"""Where the subject stands in `Finding.key`."""

RESERVED_SUBJECTS = frozenset({"prediction", "score", "latency", "error", "outcome", "labels", "rows", "multivariate"})
"""Subjects that are not features: a feature may not have one of these names."""


def class_score(name: str) -> str:
    """The subject of the scores that one class of several has, over all rows."""
    return f"score of {name}"


def own_score(name: str) -> str:
    """The subject of the class's scores where it is the class that was predicted; elsewhere null."""
    return f"own score of {name}"


def worst(findings: Iterable[Finding]) -> Severity:
    """The highest severity among the detected findings (`Severity.NONE` without any)."""
    return max(
        (finding.severity for finding in findings if finding.status is Status.DETECTED),
        key=lambda severity: severity.rank,
        default=Severity.NONE,
    )


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the most severe first, of equally severe ones the most harmful; ties by subject and test."""
    return sorted(
        findings,
        key=lambda finding: (-finding.severity.rank, -finding.harm, finding.subject, finding.test, finding.segment),
    )
