"""What people are told of experiments: through the outbox, in the transaction of what it is about."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from driftline.alerts import AlertMessage
from driftline.experiments.verdict import Verdict
from driftline.findings import Severity
from driftline.monitoring.telling import Audience, tell
from driftline.store.experiment_verdicts import VerdictRecord, latest_verdict
from driftline.store.experiments import ExperimentRecord, ExperimentStatus

QUIET_AFTER_START = timedelta(hours=1)
"""So long nobody is told that an experiment is held: its first rows are only on their way."""

_SEVERITIES = {
    Verdict.HOLD: Severity.MEDIUM,
    Verdict.PROMOTE: Severity.LOW,
    Verdict.ROLL_BACK: Severity.HIGH,
    Verdict.INCONCLUSIVE: Severity.LOW,
}


def tell_of(connection: Connection, audience: Audience, record: ExperimentRecord, at: datetime) -> bool:
    """Tells how an experiment stands, where people should hear of it: of an end once, of a hold once a day."""
    if record.status is ExperimentStatus.STOPPED:
        return _tell_stop(connection, audience, record, at)
    verdict = latest_verdict(connection, record.experiment, record.phase)
    if verdict is None or verdict.is_override:
        return False
    return _tell_verdict(connection, audience, record, verdict, at)


def _tell_verdict(
    connection: Connection, audience: Audience, record: ExperimentRecord, verdict: VerdictRecord, at: datetime
) -> bool:
    severity, key = _SEVERITIES.get(verdict.verdict), verdict.cause_key
    if severity is None:
        return False
    if verdict.verdict is Verdict.HOLD:
        if record.started_at is None or at - record.started_at < QUIET_AFTER_START:
            return False
        key = f"experiment/{record.experiment}/{record.phase}/hold/{at:%Y-%m-%d}"
    message = AlertMessage(
        model=record.model,
        owner=audience.owner,
        channel=audience.channel,
        title=f"{record.model}: experiment {record.experiment}, {verdict.verdict.value.replace('_', ' ')}",
        severity=severity,
        window=None,
        verdict=verdict.ruling.reason,
        recommendation=verdict.ruling.recommendation,
    )
    return tell(connection, audience, message, key=key, at=at)


def _tell_stop(connection: Connection, audience: Audience, record: ExperimentRecord, at: datetime) -> bool:
    message = AlertMessage(
        model=record.model,
        owner=audience.owner,
        channel=audience.channel,
        title=f"{record.model}: experiment {record.experiment} stopped",
        severity=Severity.MEDIUM,
        window=None,
        verdict=record.end_reason,
        recommendation="When that is mended: driftline experiments start, which counts from nothing.",
    )
    return tell(connection, audience, message, key=f"experiment/{record.experiment}/{record.phase}/stopped", at=at)
