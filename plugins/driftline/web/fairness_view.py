"""How the protected groups of a model fare in one window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from driftline.findings import Comparison, Finding, Severity, Status, by_severity, worst

SHOWN_GROUPS = 60
"""Rows of an attribute's table of groups, the gravest first."""


@dataclass(frozen=True)
class AttributeView:
    """One protected attribute (or several together), of one version.

    Attributes
    ----------
    criteria:
        How far the groups are apart by each criterion.
    groups:
        One finding per group and rate, held against the baseline; ``hidden`` more are left out.
    """

    attribute: str
    version: str
    severity: Severity
    criteria: tuple[Finding, ...]
    groups: tuple[Finding, ...]
    hidden: int


@dataclass(frozen=True)
class FairnessView:
    """Attributes, the gravest first; ``unevaluated`` says why nothing could be compared at all."""

    attributes: tuple[AttributeView, ...]
    unevaluated: tuple[str, ...]


NO_FAIRNESS = FairnessView((), ())


def view_fairness(findings: Sequence[Finding]) -> FairnessView:
    by_attribute: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if attribute := finding.details.get("attribute"):
            by_attribute.setdefault((str(attribute), finding.version), []).append(finding)
    views = [_attribute(attribute, version, found) for (attribute, version), found in by_attribute.items()]
    reasons = dict.fromkeys(one.reason for one in findings if one.status is Status.NOT_EVALUATED and one.reason)
    ranked = sorted(views, key=lambda view: (-view.severity.rank, view.attribute, view.version))
    return FairnessView(tuple(ranked), tuple(reasons)[:5])


def _attribute(attribute: str, version: str, findings: Iterable[Finding]) -> AttributeView:
    found = list(findings)
    criteria = [one for one in found if one.subject == attribute and one.statistic is not None]
    groups = by_severity(
        one for one in found
        if one.subject != attribute and one.comparison is Comparison.BASELINE and one.statistic is not None
    )  # fmt: skip
    return AttributeView(
        attribute,
        version,
        worst(found),
        tuple(criteria),
        tuple(groups[:SHOWN_GROUPS]),
        len(groups[SHOWN_GROUPS:]),
    )
