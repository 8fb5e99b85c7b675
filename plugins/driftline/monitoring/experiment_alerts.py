"""What people are told of experiments: through the outbox, in the transaction of what it is about."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from driftline.alerts import AlertMessage
from driftline.experiments.verdict import Verdict
from driftline.findings import Severity
from driftline.monitoring.decision import SLACK_CONNECTION
from driftline.store.experiment_verdicts import VerdictRecord
from driftline.store.experiments import ExperimentRecord
from driftline.store.outbox import enqueue
from driftline.windows import SLICE_LENGTH, Window, floor_to_slice

QUIET_AFTER_START = timedelta(hours=1)
"""So long nobody is told that an experiment is held: its first rows are only on their way."""

_SEVERITIES = {
    Verdict.HOLD: Severity.MEDIUM,
    Verdict.PROMOTE: Severity.LOW,
    Verdict.ROLL_BACK: Severity.HIGH,
    Verdict.INCONCLUSIVE: Severity.LOW,
}


def tell_verdict(connection: Connection, record: ExperimentRecord, verdict: VerdictRecord, at: datetime) -> bool:
    """Tells of a verdict that is final, once, and of one that holds the experiment, once a day."""
    severity = _SEVERITIES.get(verdict.verdict)
    if severity is None:
        return False
    if verdict.verdict is Verdict.HOLD:
        if record.started_at is None or at - record.started_at < QUIET_AFTER_START:
            return False
        key = f"experiment/{record.experiment}/{record.phase}/hold/{at:%Y-%m-%d}"
    else:
        key = verdict.cause_key
    named = verdict.verdict.value.replace("_", " ")
    title = f"{record.model}: experiment {record.experiment}, {named}"
    return _tell(connection, record, key, title, severity, verdict.ruling.reason, verdict.ruling.recommendation, at)


def tell_stop(connection: Connection, record: ExperimentRecord, reason: str, at: datetime) -> bool:
    """Tells that an experiment ended without a verdict."""
    key = f"experiment/{record.experiment}/{record.phase}/stopped"
    title = f"{record.model}: experiment {record.experiment} stopped"
    mend = "When that is mended: driftline experiments start, which counts from nothing."
    return _tell(connection, record, key, title, Severity.MEDIUM, reason, mend, at)


def _tell(  # noqa: PLR0917 - the parts of one message
    connection: Connection,
    record: ExperimentRecord,
    key: str,
    title: str,
    severity: Severity,
    verdict: str,
    recommendation: str,
    at: datetime,
) -> bool:
    hour = floor_to_slice(at)
    message = AlertMessage(
        model=record.model,
        owner=record.config.owner,
        channel="",
        title=title,
        severity=severity,
        window=Window(hour, hour + SLICE_LENGTH),
        verdict=verdict,
        recommendation=recommendation,
    )
    return enqueue(
        connection,
        incident_id=None,
        model=record.model,
        deduplication_key=key,
        destination=SLACK_CONNECTION,
        message=message.to_json(),
        at=at,
    )
