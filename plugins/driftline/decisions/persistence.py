"""A window's critical finding rolls a version back once it has held for k of the last n windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from driftline.findings import Check, Finding, Severity, Status


@dataclass(frozen=True)
class Persistence:
    """An excess counts once ``held`` of the last ``of`` windows have found it, the newest among them."""

    held: int = 1
    of: int = 1


DEFAULT_PERSISTENCE: Mapping[Check, Persistence] = {
    # Each rests on an interval that excludes its limit, and is final: a second window, six hours later and three
    # quarters of it the same rows, would say the same, and leave those who are harmed waiting.
    Check.PERFORMANCE: Persistence(),
    Check.FAIRNESS: Persistence(),
    # What passes by itself (a holiday, an hour of a broken feed) is no fault of a version.
    Check.DRIFT: Persistence(2, 3),
    Check.PREDICTIONS: Persistence(2, 3),
}


@dataclass(frozen=True)
class EarlierWindow:
    """What an earlier window of the same length found.

    Attributes
    ----------
    evaluated:
        The checks that could tell; in the others the window counts neither way.
    critical:
        Checks with the versions on which they found something critical and final.
    """

    evaluated: frozenset[Check]
    critical: frozenset[tuple[Check, str]] = field(default_factory=frozenset)


def critical_versions(findings: Iterable[Finding], checks: Iterable[Check]) -> set[tuple[Check, str]]:
    """The versions on which one of the ``checks`` found something critical and final, of all the traffic."""
    wanted = set(checks)
    return {
        (finding.check, finding.version)
        for finding in findings
        if finding.check in wanted
        and finding.status is Status.DETECTED
        and finding.severity is Severity.CRITICAL
        and finding.segment == ""
        and finding.version
        and not finding.details.get("is_provisional", False)
    }


def windows_that_found(check: Check, version: str, earlier: Sequence[EarlierWindow], of: int) -> int:
    """Of the last ``of`` windows that could tell, the newest included, how many found it.

    Parameters
    ----------
    earlier
        The windows before the one that finds it now, the newest first.
    """
    told = [window for window in earlier if check in window.evaluated]
    return 1 + sum((check, version) in window.critical for window in told[: of - 1])
