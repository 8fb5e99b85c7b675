"""Windows, decisions, verdicts, incidents and alerts of one model, as they follow from its findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driftline.decisions import Verdict
from driftline.findings import Check, Severity
from tests.fleet.course import Course
from tests.fleet.findings import SEVERITIES, Line, Seen, detected
from tests.fleet.plan import LABEL_DELAY, TICK

DECIDED_AFTER = timedelta(minutes=10)
_KEPT_SUBJECTS = 3


@dataclass(frozen=True)
class Outcome:
    """What one window came to.

    Attributes
    ----------
    causes:
        By check what alarms, the worst first.
    """

    number: int
    end: datetime
    severity: Severity
    reason: str
    seen: tuple[Seen, ...]
    causes: Mapping[Check, tuple[Seen, ...]]

    @property
    def verdict(self) -> Verdict:
        return Verdict.ALERT if self.severity.rank >= Severity.MEDIUM.rank else Verdict.NOTHING

    @property
    def decided_at(self) -> datetime:
        return self.end + DECIDED_AFTER


def outcomes(course: Course, lines: Sequence[Line]) -> list[Outcome]:
    """Of each window."""
    found = []
    for number, seen in enumerate(detected(course, lines)):
        severity = max((each.severity for each in seen), key=lambda each: each.rank, default=Severity.NONE)
        alarming = [each for each in seen if each.severity.rank >= Severity.MEDIUM.rank]
        by_check = {check: [each for each in alarming if each.check is check] for check in Check}
        causes = {
            check: tuple(sorted(each, key=lambda one: -one.severity.rank)) for check, each in by_check.items() if each
        }
        reason = "; ".join(_cause(check, each) for check, each in causes.items()) or "Nothing found"
        found.append(Outcome(number, course.model.windows[number].end, severity, reason, tuple(seen), causes))
    return found


def window_rows(course: Course, baseline_id: int) -> Iterator[dict[str, Any]]:
    for number, window in enumerate(course.model.windows):
        rows = int(course.rows[number])
        yield {
            "model": course.model.name,
            "window_start": window.start,
            "window_end": window.end,
            "baseline_id": baseline_id,
            "rows": rows,
            "labeled_rows": int(rows * (0.97 if course.is_mature[number] else 0.3)),
            "slices_counted": 6 if number else 24,
            "run_id": _run_id(window.end),
            "extracted_at": window.end + timedelta(minutes=8),
        }


def decision_rows(course: Course, found: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    for outcome in found:
        window = course.model.windows[outcome.number]
        yield {
            "model": course.model.name,
            "window_start": window.start,
            "window_end": window.end,
            "verdict": outcome.verdict.value,
            "severity": outcome.severity.value,
            "reason": outcome.reason,
            "is_suppressed": False,
            "summary": _summary(outcome),
            "run_id": _run_id(window.end),
            "decided_at": outcome.decided_at,
            "extracted_at": window.end + timedelta(minutes=8),
        }


def verdict_rows(course: Course, lines: Sequence[Line], found: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    """A provisional verdict of each window, and a final one once its labels had their time."""
    judged = [line for line in lines if not line.segment and line.example["test"] in {"degradation", "label_coverage"}]
    for outcome in found:
        window = course.model.windows[outcome.number]
        versions = course.model.versions_in(window)
        for revision in (1, 2) if course.is_mature[outcome.number] else (1,):
            is_final = revision == 2
            yield {
                "model": course.model.name,
                "window_start": window.start,
                "window_end": window.end,
                "revision": revision,
                "verdict": outcome.verdict.value,
                "severity": outcome.severity.value,
                "reason": outcome.reason,
                "is_suppressed": False,
                "is_provisional": not is_final,
                "performance": [
                    _judged(line, outcome.number, is_final=is_final)
                    for line in judged
                    if line.version in versions and line.example["comparison"] != "version"
                ],
                "run_id": _run_id(window.end),
                "decided_at": outcome.decided_at + (LABEL_DELAY if is_final else timedelta(0)),
            }


def incident_rows(course: Course, found: Sequence[Outcome], first_id: int) -> list[dict[str, Any]]:
    """One for each run of windows in which a check alarms; it is open where the newest window still does."""
    rows: list[dict[str, Any]] = []
    for check in Check:
        for run in _runs([outcome for outcome in found if check in outcome.causes]):
            is_open = run[-1].number == len(found) - 1
            worst = max((outcome.causes[check][0] for outcome in run), key=lambda seen: seen.severity.rank)
            newest = run[-1].causes[check]
            over = None if is_open else run[-1].decided_at + TICK
            rows.append(
                {
                    "incident_id": first_id + len(rows),
                    "model": course.model.name,
                    "cause": check.value,
                    "status": "open" if is_open else "resolved",
                    "severity": worst.severity.value,
                    "title": f"{check.value.capitalize()}: {_named(newest)}",
                    "findings": [[s.version, s.comparison, "", s.subject, s.test] for s in newest],
                    "opened_at": run[0].decided_at,
                    "updated_at": over or run[-1].decided_at,
                    "resolved_at": over,
                    "first_window_end": run[0].end,
                    "last_window_end": run[-1].end,
                    "told_at": run[0].decided_at,
                }
            )
    return rows


def alert_rows(incidents: Iterable[dict[str, Any]], until: datetime) -> Iterator[dict[str, Any]]:
    """One message for each incident, sent a minute later; of those that opened last it waits: the receiver is down."""
    for incident in incidents:
        at = incident["opened_at"]
        is_sent = incident["status"] == "resolved" or at < until - LABEL_DELAY
        yield {
            "incident_id": incident["incident_id"],
            "model": incident["model"],
            "deduplication_key": f"incident/{incident['incident_id']}/{incident['severity']}",
            "destination": "slack_alerts",
            "message": {
                "event": "news", "model": incident["model"], "title": incident["title"], "items": [], "links": [],
                "owner": "unowned", "window": None, "channel": "", "verdict": incident["title"],
                "severity": incident["severity"], "incidents": [incident["incident_id"]], "recommendation": "",
            },
            "status": "sent" if is_sent else "pending",
            "attempts": 1 if is_sent else 3,
            "next_attempt_at": at,
            "created_at": at,
            "sent_at": at + timedelta(minutes=1) if is_sent else None,
            "last_error": "" if is_sent else "503 Service Unavailable",
            "kind": "message",
            "incident_ids": [incident["incident_id"]],
            "subjects": sorted({finding[3] for finding in incident["findings"]}),
        }  # fmt: skip


def _run_id(end: datetime) -> str:
    return f"scheduled__{end.isoformat()}"


def _cause(check: Check, alarming: Sequence[Seen]) -> str:
    return f"{check.value.capitalize()}: {_named(alarming)} ({alarming[0].severity})"


def _named(alarming: Sequence[Seen]) -> str:
    return ", ".join(list(dict.fromkeys(seen.subject for seen in alarming))[:_KEPT_SUBJECTS])


def _summary(outcome: Outcome) -> dict[str, Any]:
    counted: dict[str, int] = defaultdict(int)
    for seen in outcome.seen:
        counted[seen.check.value] += 1
    return {
        "verdict": outcome.verdict.value,
        "severity": outcome.severity.value,
        "reason": outcome.reason,
        "bad_version": None,
        "checks": {check.value: {"ok": 10, "detected": counted[check.value], "not_evaluated": 0} for check in Check},
        "causes": [
            {
                "check": check.value,
                "severity": outcome.causes[check][0].severity.value,
                "subjects": list(dict.fromkeys(seen.subject for seen in outcome.causes[check])),
                "moved_together": False,
            }
            for check in outcome.causes
        ],
    }


def _judged(line: Line, number: int, *, is_final: bool) -> dict[str, Any]:
    example = line.example
    value = float(line.values[number]) if is_final else None
    severity = SEVERITIES[line.severities[number]] if is_final else Severity.NONE
    status = "not_evaluated" if not is_final else "ok" if severity is Severity.NONE else "detected"
    low, high = example["interval_low"], example["interval_high"]
    half = (high - low) / 2 if low is not None and high is not None else 0.0
    return {
        "version": line.version,
        "segment": "",
        "subject": line.subject,
        "test": example["test"],
        "comparison": example["comparison"],
        "status": status,
        "severity": severity.value,
        "statistic": value,
        "interval_low": None if value is None else value - half,
        "interval_high": None if value is None else value + half,
        "threshold": example["threshold"],
        "current_size": line.sizes[number] if is_final else 0,
        "coverage": 0.97 if is_final else 0.0,
    }


def _runs(alarming: Sequence[Outcome]) -> Iterator[list[Outcome]]:
    """Windows that follow on each other."""
    run: list[Outcome] = []
    for outcome in alarming:
        if run and outcome.number != run[-1].number + 1:
            yield run
            run = []
        run.append(outcome)
    if run:
        yield run
