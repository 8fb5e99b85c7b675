"""Which findings have one cause: what becomes one incident."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from driftline.findings import Check, Finding, Severity, by_severity, worst

_NAMED_SUBJECTS = 5


@dataclass(frozen=True)
class Cause:
    """Findings that alert together: one incident.

    Attributes
    ----------
    findings:
        The most severe first.
    moved_together:
        Whether they are of features that the check takes for moved by one cause upstream.
    """

    check: Check
    severity: Severity
    title: str
    findings: tuple[Finding, ...]
    moved_together: bool = False

    @property
    def subjects(self) -> tuple[str, ...]:
        """Each once, the most severe first."""
        return tuple(dict.fromkeys(finding.subject for finding in self.findings))


@dataclass(frozen=True)
class KnownCause:
    """The cause of an incident: its name in the store, and all subjects that it has had."""

    name: str
    subjects: frozenset[str]


def causes_of(check: Check, alarming: Sequence[Finding]) -> list[Cause]:
    """The causes that a check's alarming findings have.

    A check is one cause, but that drifted features which moved together (`driftline.drift.grouping`) are one of their
    own: a broken join is another matter than the pipeline that stopped, other people mend it, and it ends at another
    hour. Features that moved alone stay one cause together: an incident for each would tell nobody more than their
    names in one, and a night in which thirty move by themselves would open thirty. What the features show together
    (subject ``multivariate``) belongs to the group with most of the features that it says moved by themselves.
    """
    groups = _groups(alarming)
    members: dict[int, list[Finding]] = {}
    for finding in alarming:
        members.setdefault(_group_of(finding, groups), []).append(finding)
    return [_cause(check, findings, moved_together=group >= 0) for group, findings in members.items()]


def placed(causes: Iterable[Cause], known: Sequence[KnownCause]) -> dict[str, Cause]:
    """The causes of a window by the names of the incidents that they belong to; several may belong to one.

    Features group otherwise from window to window: a beginning is dated anew, a member falls below its limit. So a
    group belongs to the known cause that it shares most subjects with (of several the first), and a feature that moved
    alone to the first that it is a subject of. Only what shares nothing with any is a new one: a group is named after
    its first feature by the alphabet, which therefore no other open incident has.
    """
    found: dict[str, list[tuple[Cause, Finding]]] = {}
    for cause in causes:
        of_group = _nearest(cause, known) if cause.moved_together else ""
        for finding in cause.findings:
            found.setdefault(of_group or _owner(finding, known), []).append((cause, finding))
    return {
        name: _cause(
            parts[0][0].check, [finding for _, finding in parts], moved_together=any(c.moved_together for c, _ in parts)
        )
        for name, parts in found.items()
    }


def recovered(
    known: Iterable[KnownCause], alarming: Collection[str], evaluated: Collection[str], unevaluated: Collection[str]
) -> set[str]:
    """The names of the known causes that are over: none of their subjects alarms, and none could not be looked at.

    Parameters
    ----------
    alarming, evaluated, unevaluated:
        Subjects of the check in a window: that alarm; that it could judge; that it could not judge at all. A subject in
        none of them is not watched any more, and holds nothing open. Without any that it could judge nothing is over.
    """
    if not evaluated:
        return set()
    holding = {*alarming, *(set(unevaluated) - set(evaluated))}
    return {each.name for each in known if not each.subjects & holding}


def _groups(findings: Iterable[Finding]) -> list[set[str]]:
    """The sets of subjects that moved together, in one version or another; no subject is in two."""
    groups: list[set[str]] = []
    for finding in findings:
        company = finding.details.get("localization", {}).get("together_with", ())
        if company:
            group = {finding.subject, *company}
            for other in [other for other in groups if other & group]:
                group |= other
                groups.remove(other)
            groups.append(group)
    return groups


def _group_of(finding: Finding, groups: Sequence[set[str]]) -> int:
    """The number of the finding's group; -1 where it has none."""
    moved = {finding.subject, *finding.details.get("moved_by_themselves", ())}
    shared = [len(moved & group) for group in groups]
    return shared.index(max(shared)) if any(shared) else -1


def _nearest(cause: Cause, known: Sequence[KnownCause]) -> str:
    subjects = set(cause.subjects)
    nearest = max(known, key=lambda each: len(subjects & each.subjects), default=None)
    if nearest is not None and subjects & nearest.subjects:
        return nearest.name
    return f"{cause.check.value}/{min(subjects)}"


def _owner(finding: Finding, known: Iterable[KnownCause]) -> str:
    return next((each.name for each in known if finding.subject in each.subjects), finding.check.value)


def _cause(check: Check, findings: Sequence[Finding], *, moved_together: bool) -> Cause:
    ranked = tuple(by_severity(findings))
    return Cause(check, worst(ranked), _title(check, ranked, moved_together=moved_together), ranked, moved_together)


def _title(check: Check, findings: Sequence[Finding], *, moved_together: bool) -> str:
    title = check.value.capitalize()
    if moved_together:
        pipelines = {finding.details.get("localization", {}).get("pipeline", "") for finding in findings}
        pipeline = pipelines.pop() if len(pipelines) == 1 else ""
        title += f" of pipeline {pipeline}" if pipeline else " of features together"
    return f"{title}: {named_subjects(findings)}"


def named_subjects(findings: Iterable[Finding]) -> str:
    """``a, b and 3 more``."""
    subjects = list(dict.fromkeys(finding.subject for finding in findings))
    more = f" and {len(subjects) - _NAMED_SUBJECTS} more" if len(subjects) > _NAMED_SUBJECTS else ""
    return ", ".join(subjects[:_NAMED_SUBJECTS]) + more
