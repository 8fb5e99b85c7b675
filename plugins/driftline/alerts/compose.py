"""From a window's findings to one alert that a person reads in ten seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from driftline.alerts.message import AlertItem, AlertMessage, Link
from driftline.findings import Check, Finding, Severity, Status, by_severity, worst
from driftline.windows import Window

_NAMED = 2
"""Subjects that a title names; the others are counted."""

_TITLES = {
    Check.QUALITY: "Data quality",
    Check.DRIFT: "Drift",
    Check.PERFORMANCE: "Performance",
    Check.PREDICTIONS: "Predictions",
    Check.FAIRNESS: "Fairness",
}


def compose_alert(
    *,
    model: str,
    owner: str,
    channel: str,
    window: Window,
    findings: Sequence[Finding],
    decision: str,
    links: Sequence[Link],
) -> AlertMessage:
    """The alert about a window: one item per subject, led by its worst finding.

    Tests and segments that say the same of a subject are counted behind its leading finding. What could not be
    evaluated is told too, once per reason, behind what was found. Findings that are ok are left out.

    Parameters
    ----------
    decision:
        What was decided and why, in a sentence: the alert's verdict.
    """
    detected = [finding for finding in findings if finding.status is Status.DETECTED]
    unevaluated = [finding for finding in findings if finding.status is Status.NOT_EVALUATED]
    found = _found_items(detected)
    return AlertMessage(
        model=model,
        owner=owner,
        channel=channel,
        title=_title(model, detected, unevaluated),
        severity=worst(findings),
        window=window,
        verdict=decision,
        items=(*found, *_unevaluated_items(unevaluated)),
        links=tuple(links),
    )


def _found_items(detected: Iterable[Finding]) -> list[AlertItem]:
    by_subject = sorted(detected, key=lambda finding: finding.subject)
    groups = [_led(list(group)) for _, group in groupby(by_subject, key=lambda finding: finding.subject)]
    return [_item(group) for group in sorted(groups, key=_precedence)]


def _led(group: list[Finding]) -> list[Finding]:
    """The worst finding first; among equals the whole before a segment, what decides before what supports it."""
    return sorted(
        by_severity(group),
        key=lambda each: (
            -each.severity.rank,
            each.segment != "",
            each.details.get("decides") is False,
            not each.description,
        ),
    )


def _precedence(group: list[Finding]) -> tuple[int, float, int, str]:
    harm = max(finding.harm for finding in group)
    return (-group[0].severity.rank, -harm, -len(group), group[0].subject)


def _item(group: list[Finding]) -> AlertItem:
    lead = group[0]
    place = f" in {lead.segment}" if lead.segment else ""
    told = lead.description or f"{lead.test} detected"
    recommendation = next((finding.recommendation for finding in group if finding.recommendation), "")
    return AlertItem(lead.severity, f"{lead.subject}{place}", f"{told}{_also(group)}", recommendation)


def _also(group: list[Finding]) -> str:
    lead = group[0]
    tests = sorted({finding.test for finding in group} - {lead.test})
    segments = sorted({finding.segment for finding in group} - {lead.segment, ""})
    parts = []
    if tests:
        parts.append(f"also by {_some(tests)}")
    if segments:
        parts.append(f"also in {_some(segments)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _unevaluated_items(unevaluated: Iterable[Finding]) -> list[AlertItem]:
    subjects: dict[str, dict[str, None]] = {}
    for finding in unevaluated:
        subjects.setdefault(finding.reason, {})[finding.subject] = None
    return [
        AlertItem(Severity.NONE, _some(list(named)), f"not evaluated: {reason or 'no reason was given'}")
        for reason, named in sorted(subjects.items(), key=lambda entry: -len(entry[1]))
    ]


def _title(model: str, detected: Sequence[Finding], unevaluated: Sequence[Finding]) -> str:
    if not detected:
        return f"{model}: not evaluated" if unevaluated else f"{model}: nothing found"
    subjects = list(dict.fromkeys(finding.subject for finding in by_severity(detected)))
    checks = [_TITLES[check] for check in Check if any(finding.check is check for finding in detected)]
    return f"{model}: {_sentence(checks)} in {_some(subjects)}"


def _sentence(checks: Sequence[str]) -> str:
    first, *others = checks
    return ", ".join([first, *(other.lower() for other in others)])


def _some(names: Sequence[str]) -> str:
    shown = list(names[:_NAMED])
    if more := len(names) - len(shown):
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
