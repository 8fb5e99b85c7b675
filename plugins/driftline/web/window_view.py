"""What a window's page says, from its findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftline.decisions import VerdictVersion
from driftline.findings import Check, Finding, Status, by_severity
from driftline.store.reading import WindowSummary

SHOWN_SUBJECTS = 250
"""Rows of a table of findings, one a subject; the others are counted."""

SHOWN_TESTS = 30
"""Findings of one subject; the others are counted."""

SHOWN_UNEVALUATED = 500
"""Findings that are named under one reason."""

SHOWN_VERDICTS = 20
"""Versions of the verdict: the first and the newest; those between are counted."""

_AIRFLOW_RUN = re.compile(r"[A-Za-z0-9_.~:+-]+")
"""Airflow's `[scheduler] allowed_run_id_pattern`: other run ids (``command line``) lead to no page."""


@dataclass(frozen=True)
class SubjectFindings:
    """What one check found of one subject: the worst, and the other tests, versions and segments behind it.

    Attributes
    ----------
    hidden:
        How many more there are behind it than ``others`` holds.
    """

    worst: Finding
    others: tuple[Finding, ...]
    hidden: int


@dataclass(frozen=True)
class FindingTable:
    """Findings of one status by subject, cut to what a page can hold.

    Attributes
    ----------
    total:
        Findings in all.
    hidden:
        Subjects that the page has no room for.
    """

    subjects: tuple[SubjectFindings, ...]
    total: int
    hidden: int


@dataclass(frozen=True)
class Unevaluated:
    """Findings that share a reason why nothing could be said; ``total`` may be more than ``findings``."""

    reason: str
    findings: tuple[Finding, ...]
    total: int


@dataclass(frozen=True)
class VerdictRow:
    """One version of the verdict; ``judged`` is what the performance check said of the whole then."""

    version: VerdictVersion
    judged: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class WindowView:
    """Attributes
    ----------
    verdicts:
        The versions of the window's verdict, the first first; ``hidden_verdicts`` between are left out.
    label_coverage:
        Share of the predictions with a label (0 to 1); ``None`` without predictions.
    is_provisional:
        Labels are still expected: what is said of performance may change.
    has_labels:
        Whether anything was said of performance at all.
    is_airflow_run:
        Whether the window's run has a page in Airflow.
    """

    detected: FindingTable
    unevaluated: tuple[Unevaluated, ...]
    ok: FindingTable
    label_coverage: float | None
    is_provisional: bool
    has_labels: bool
    is_airflow_run: bool
    verdicts: tuple[VerdictRow, ...]
    hidden_verdicts: int


def view_window(
    summary: WindowSummary, findings: Sequence[Finding], versions: Sequence[VerdictVersion] = ()
) -> WindowView:
    shown = [*versions[:1], *versions[1:][-SHOWN_VERDICTS + 1 :]]
    performance = [finding for finding in findings if finding.check is Check.PERFORMANCE]
    return WindowView(
        detected=_table(finding for finding in findings if finding.status is Status.DETECTED),
        unevaluated=_by_reason(finding for finding in findings if finding.status is Status.NOT_EVALUATED),
        ok=_table(finding for finding in findings if finding.status is Status.OK),
        label_coverage=summary.labeled_rows / summary.rows if summary.rows else None,
        is_provisional=any(finding.details.get("is_provisional") for finding in performance),
        has_labels=any(finding.subject == "labels" for finding in performance),
        is_airflow_run=_AIRFLOW_RUN.fullmatch(summary.run_id) is not None,
        verdicts=tuple(VerdictRow(version, _judged(version)) for version in shown),
        hidden_verdicts=len(versions) - len(shown),
    )


def _judged(version: VerdictVersion) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        entry for entry in version.performance if entry.get("test") == "degradation" and not entry.get("segment")
    )


def _by_reason(findings: Iterable[Finding]) -> tuple[Unevaluated, ...]:
    reasons: dict[str, list[Finding]] = {}
    for finding in findings:
        reasons.setdefault(finding.reason, []).append(finding)
    commonest_first = sorted(reasons.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return tuple(
        Unevaluated(reason, tuple(by_severity(found)[:SHOWN_UNEVALUATED]), len(found))
        for reason, found in commonest_first
    )


def _table(findings: Iterable[Finding]) -> FindingTable:
    ranked = by_severity(findings)
    by_subject: dict[tuple[str, str], list[Finding]] = {}
    for finding in ranked:
        by_subject.setdefault((finding.check, finding.subject), []).append(finding)
    subjects = [
        SubjectFindings(found[0], tuple(found[1 : SHOWN_TESTS + 1]), len(found[SHOWN_TESTS + 1 :]))
        for found in by_subject.values()
    ]
    return FindingTable(tuple(subjects[:SHOWN_SUBJECTS]), len(ranked), len(subjects[SHOWN_SUBJECTS:]))
