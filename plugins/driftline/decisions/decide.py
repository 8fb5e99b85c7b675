"""From findings to a decision: the specification and the findings in, a verdict out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from driftline.decisions.causes import Cause, causes_of, named_subjects
from driftline.decisions.persistence import EarlierWindow, Persistence, critical_versions, windows_that_found
from driftline.findings import Check, Finding, Severity, Status, worst


class Verdict(StrEnum):
    NOTHING = "nothing"
    ALERT = "alert"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True)
class Policy:
    """When a model's findings lead to something.

    Attributes
    ----------
    alert_severity:
        Detected findings of this severity or worse alert.
    rollback_checks:
        Checks whose critical, final finding on one version rolls that version back; empty: never.
    persistence:
        In how many windows they must have found it; in this one where a check is not named.
    """

    alert_severity: Severity = Severity.MEDIUM
    rollback_checks: frozenset[Check] = frozenset()
    persistence: Mapping[Check, Persistence] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    verdict: Verdict
    severity: Severity
    reason: str
    causes: tuple[Cause, ...]
    """The most severe first; empty when nothing follows."""
    bad_version: str | None = None
    """The version to roll back."""
    critical: frozenset[tuple[Check, str]] = frozenset()
    """Checks with the versions that they found critical: what later windows count."""


def decide(policy: Policy, findings: Sequence[Finding], earlier: Sequence[EarlierWindow] = ()) -> Decision:
    """What the findings of one window lead to.

    1. A critical, final finding of a rollback check on one version rolls that version back, once enough of the last
       windows (``earlier``, the newest first, and this one) have found it.
    2. A detected finding of `Policy.alert_severity` or worse alerts.
    3. Otherwise nothing follows; the reason says what was only noted, and what could not be evaluated.

    Findings that are only information (`Finding.is_information`) are passed over.
    """
    findings = [finding for finding in findings if not finding.is_information]
    causes = tuple(_causes(policy, findings))
    severity = worst(findings)
    critical = frozenset(critical_versions(findings, Check))
    bad_version, waiting = _bad_version(policy, findings, earlier)
    if bad_version is not None:
        return Decision(Verdict.ROLL_BACK, severity, _alarm(causes), causes, bad_version, critical)
    if causes:
        return Decision(Verdict.ALERT, severity, "; ".join([_alarm(causes), *waiting]), causes, None, critical)
    return Decision(Verdict.NOTHING, severity, _calm(findings), (), None, critical)


def _causes(policy: Policy, findings: Sequence[Finding]) -> list[Cause]:
    causes: list[Cause] = []
    for check in Check:
        alarming = [
            finding
            for finding in findings
            if finding.check is check
            and finding.status is Status.DETECTED
            and finding.severity.rank >= policy.alert_severity.rank
        ]
        causes += causes_of(check, alarming)
    return sorted(causes, key=lambda cause: -cause.severity.rank)


def _bad_version(
    policy: Policy, findings: Sequence[Finding], earlier: Sequence[EarlierWindow]
) -> tuple[str | None, list[str]]:
    """The version to roll back, or None and what it waits for."""
    critical = critical_versions(findings, policy.rollback_checks)
    if len({version for _, version in critical}) != 1:
        # A fault that hits several versions alike lies upstream: another version would not help.
        return None, []
    waiting = []
    for check, version in sorted(critical):
        wanted = policy.persistence.get(check, Persistence())
        found = windows_that_found(check, version, earlier, wanted.of)
        if found >= wanted.held:
            return version, []
        waiting.append(
            f"{version} is not rolled back for {check.value} before {wanted.held} of {wanted.of} windows find it "
            f"critical: {found} so far"
        )
    return None, waiting


def _alarm(causes: Sequence[Cause]) -> str:
    return "; ".join(f"{cause.title} ({cause.severity.value})" for cause in causes)


def _calm(findings: Sequence[Finding]) -> str:
    unevaluated = [finding for finding in findings if finding.status is Status.NOT_EVALUATED]
    noted = [finding for finding in findings if finding.status is Status.DETECTED]
    if findings and len(unevaluated) == len(findings):
        return f"Nothing could be evaluated: {unevaluated[0].reason}"
    if not noted:
        parts = ["Nothing found" if unevaluated else "All clear"]
    else:
        parts = [f"Noted, too small to alert: {named_subjects(noted)}"]
    if unevaluated:
        reason = Counter(finding.reason for finding in unevaluated).most_common(1)[0][0]
        parts.append(f"not evaluated: {named_subjects(unevaluated)} ({reason.rstrip('.')})")
    return "; ".join(parts) if findings else "No check is enabled"
