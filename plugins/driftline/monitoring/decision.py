"""The last judgment of a window: findings in, a decision with its incidents and alerts written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from driftline.alerts import AlertMessage, IncidentChange, Link, compose_alert
from driftline.decisions import (
    Cause,
    Decision,
    EarlierWindow,
    KnownCause,
    Policy,
    Verdict,
    decide,
    is_news,
    placed,
    recovered,
)
from driftline.findings import Check, Comparison, Finding, Severity, Status, by_severity
from driftline.monitoring.checks import check_test, enabled_checks
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.telling import Audience, News, tell_news, tell_resolved
from driftline.store.decisions import DecisionRecord, earlier_windows, record_decision, window_decision
from driftline.store.engine import store_transaction
from driftline.store.incidents import known_causes, open_or_update_incident, resolve_incidents
from driftline.store.verdicts import record_verdict, verdict_versions
from driftline.store.windows import replace_findings, window_findings
from driftline.windows import Window

FindingLinks = Callable[[Window, Finding], tuple[Link, ...]]
"""Where an alert about a window leads, given the finding that leads the alert."""


@dataclass(frozen=True)
class Context:
    """How a window came to be judged.

    Attributes
    ----------
    acts:
        Whether incidents and alerts follow from the decision at all.
    acts_on_history:
        Whether a historical window may alert and roll back all the same, because somebody asked.
    links:
        Where the alert leads.
    finding_links:
        Where it leads instead, given the window and the finding that leads the alert: to that very finding.
    revised:
        The checks that were made anew because labels arrived: incidents and alerts follow from these alone. Empty:
        the window is judged as a whole.
    """

    run_id: str = ""
    acts: bool = True
    acts_on_history: bool = False
    links: tuple[Link, ...] = ()
    finding_links: FindingLinks | None = None
    now: datetime | None = None
    revised: frozenset[Check] = frozenset()


def is_historical(monitor: Monitor, window: Window, now: datetime) -> bool:
    """Whether the window ended longer ago than the model's alert horizon, however its run came about."""
    return now - window.end > monitor.config.schedule.alert_horizon


def decide_window(monitor: Monitor, window: Window, context: Context) -> DecisionRecord:
    """Decides what the window's findings lead to, and writes it with its incidents and alert, or nothing.

    A historical window gets its decision written, marked as suppressed, and leads to no incident and no alert. The
    same window again changes nothing twice. An enabled check that left no findings did not complete, and that is a
    finding; findings of a check that is no longer enabled are dropped. A verdict that differs from the one before is
    kept beside it (`driftline.store.verdicts`).
    """
    now = context.now or datetime.now(UTC)
    with store_transaction(monitor.store) as connection:
        findings = _complete_findings(connection, monitor, window)
        policy = _policy(monitor)
        earlier = _earlier(connection, monitor, window, policy)
        decision = decide(policy, findings, earlier)
        suppressed = not context.acts or not (context.acts_on_history or _is_told(connection, monitor, window, context))
        record = DecisionRecord(
            model=monitor.model,
            window=window,
            verdict=decision.verdict,
            severity=decision.severity,
            reason=decision.reason,
            is_suppressed=suppressed,
            summary=_summary(decision, findings),
            run_id=context.run_id,
        )
        record_decision(connection, record, now, is_look=not context.acts)
        record_verdict(connection, record, findings, now)
        if not suppressed:
            acting = [finding for finding in findings if not context.revised or finding.check in context.revised]
            followed = decide(policy, acting, earlier) if context.revised else decision
            _follow_up(connection, _Judged(monitor, window, acting, followed, context, now))
    return record


def _is_told(connection: Connection, monitor: Monitor, window: Window, context: Context) -> bool:
    """Whether anybody is told: a new window's verdict by its age, a revised one's by whether it is news."""
    now = context.now or datetime.now(UTC)
    if not context.revised or not is_historical(monitor, window, now):
        return not is_historical(monitor, window, now)
    versions = verdict_versions(connection, monitor.model, window)
    if not versions:
        earlier = window_decision(connection, monitor.model, window)
        return earlier is not None and not earlier.is_suppressed
    return is_news(versions, now, monitor.config.schedule.alert_horizon)


def _complete_findings(connection: Connection, monitor: Monitor, window: Window) -> list[Finding]:
    found = {finding.check for finding in window_findings(connection, monitor.model, window)}
    enabled = set(enabled_checks(monitor))
    for check in enabled - found:
        replace_findings(connection, monitor.model, window, check, [_did_not_complete(check)])
    for check in found - enabled:
        replace_findings(connection, monitor.model, window, check, [])
    return window_findings(connection, monitor.model, window)


def _did_not_complete(check: Check) -> Finding:
    return Finding(
        check=check,
        version="",
        subject="rows",
        test=check_test(check),
        comparison=Comparison.BASELINE,
        status=Status.DETECTED,
        severity=Severity.HIGH,
        description=f"The {check.value} check did not complete.",
        recommendation=f"See the log of the task check_{check.value}, mend the cause and run the window again.",
    )


@dataclass(frozen=True)
class _Judged:
    monitor: Monitor
    window: Window
    findings: Sequence[Finding]
    decision: Decision
    context: Context
    now: datetime

    def alert(self, causes: Mapping[str, Cause], news: Sequence[News]) -> AlertMessage:
        """One message about all that is new in the window, or about some of it; ``causes`` by their incidents."""
        config = self.monitor.config
        findings = [finding for each in news for finding in causes[each.cause].findings]
        return compose_alert(
            model=config.model,
            owner=config.owner,
            channel=config.slack_channel,
            window=self.window,
            findings=findings,
            decision=_sentence(self.decision) + _widening([each.change for each in news]),
            links=self._links(findings),
        )

    def _links(self, findings: Sequence[Finding]) -> tuple[Link, ...]:
        if self.context.finding_links is None or not findings:
            return self.context.links
        return self.context.finding_links(self.window, by_severity(findings)[0])


def _policy(monitor: Monitor) -> Policy:
    rollback = monitor.config.rollback
    return Policy(
        alert_severity=monitor.config.checks.alert_severity,
        rollback_checks=frozenset(rollback.on) if rollback.enabled else frozenset(),
        persistence=rollback.window_persistence,
    )


def _earlier(connection: Connection, monitor: Monitor, window: Window, policy: Policy) -> list[EarlierWindow]:
    """As many windows as the longest persistence asks for, and some more for those that could not tell."""
    longest = max((policy.persistence[check].of for check in policy.rollback_checks), default=1)
    return earlier_windows(connection, monitor.model, window, 3 * longest) if longest > 1 else []


def _follow_up(connection: Connection, judged: _Judged) -> None:
    audience = Audience.of(judged.monitor.config)
    known = known_causes(connection, model=judged.monitor.model, check=Check.DRIFT, window=judged.window)
    causes = _by_incident(judged.decision.causes, known)
    news = [
        News(name, _count_in(connection, judged, cause, name), frozenset(cause.subjects))
        for name, cause in causes.items()
    ]
    resolved = resolve_incidents(
        connection,
        model=judged.monitor.model,
        causes_still_open={Check.DRIFT.value, *_not_recovered(judged.decision, judged.findings)},
        window=judged.window,
        at=judged.now,
        recovered=_recovered_drift(judged, known),
    )
    tell_news(connection, audience, news, partial(judged.alert, causes), judged.now)
    why = "This window looked for it and did not find it."
    links = judged.context.links
    tell_resolved(connection, audience, resolved, why=why, at=judged.now, window=judged.window, links=links)


def _by_incident(causes: Sequence[Cause], known: Sequence[KnownCause]) -> dict[str, Cause]:
    """The causes by the names of their incidents: drift may have several, each other check has one."""
    drift = [cause for cause in causes if cause.check is Check.DRIFT]
    of_drift = placed(drift, known)
    named: dict[str, Cause] = {}
    for cause in causes:
        named |= of_drift if cause.check is Check.DRIFT else {cause.check.value: cause}
    return named


def _recovered_drift(judged: _Judged, known: Sequence[KnownCause]) -> set[str]:
    found = [finding for finding in judged.findings if finding.check is Check.DRIFT]
    return recovered(
        known,
        alarming={name for cause in judged.decision.causes if cause.check is Check.DRIFT for name in cause.subjects},
        evaluated={finding.subject for finding in found if _shows_recovery(finding)},
        unevaluated={finding.subject for finding in found if finding.status is Status.NOT_EVALUATED},
    )


def _count_in(connection: Connection, judged: _Judged, cause: Cause, name: str) -> IncidentChange:
    return open_or_update_incident(
        connection,
        model=judged.monitor.model,
        cause=name,
        severity=cause.severity,
        title=cause.title,
        findings=[list(finding.key) for finding in cause.findings],
        window=judged.window,
        at=judged.now,
        subjects=cause.subjects,
        alert_severity=judged.monitor.config.checks.alert_severity,
        check=cause.check if cause.check is Check.DRIFT else None,
    )


def _not_recovered(decision: Decision, findings: Sequence[Finding]) -> Collection[str]:
    """Checks that found something, or nothing because they could not look: no data is no recovery.

    Nor is an estimate, or a verdict on the first of the labels: those of three days ago may just have shown the fault.
    """
    evaluated = {finding.check for finding in findings if _shows_recovery(finding)}
    return {cause.check.value for cause in decision.causes} | {check.value for check in Check if check not in evaluated}


_NO_RECOVERY = frozenset({"estimate_error", "label_silence"})
"""Tests that find nothing wrong without having looked at how good the window's predictions were."""


def _shows_recovery(finding: Finding) -> bool:
    is_final = not finding.details.get("is_provisional", False) and finding.test not in _NO_RECOVERY
    return finding.status is not Status.NOT_EVALUATED and not finding.is_information and is_final


def _sentence(decision: Decision) -> str:
    if decision.verdict is Verdict.ROLL_BACK:
        return f"Rolling back version {decision.bad_version}: {decision.reason}."
    return f"Alert: {decision.reason}."


def _widening(changes: Sequence[IncidentChange]) -> str:
    new = [subject for change in changes for subject in change.new_subjects]
    return f" New in an open incident: {', '.join(new)}." if new else ""


def _summary(decision: Decision, findings: Sequence[Finding]) -> dict[str, Any]:
    """What the window's asset events carry and the overview shows."""
    by_check = {
        check.value: {
            status.value: sum(1 for f in findings if f.check is check and f.status is status) for status in Status
        }
        for check in Check
        if any(finding.check is check for finding in findings)
    }
    return {
        "verdict": decision.verdict.value,
        "severity": decision.severity.value,
        "reason": decision.reason,
        "bad_version": decision.bad_version,
        "critical": sorted([check.value, version] for check, version in decision.critical),
        "checks": by_check,
        "causes": [
            {
                "check": cause.check.value,
                "severity": cause.severity.value,
                "subjects": list(cause.subjects[:50]),
                "moved_together": cause.moved_together,
            }
            for cause in decision.causes
        ],
    }
