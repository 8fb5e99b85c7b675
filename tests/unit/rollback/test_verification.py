"""Did it help? Yes, no, or not to be told yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from driftline.findings import Status
from driftline.rollback import Reading, Recovery, Rollback, RollbackStatus, Trigger, verify
from driftline.rollback.verification import PATIENCE

DONE = datetime(2026, 3, 1, 12, tzinfo=UTC)
DUE = DONE + timedelta(minutes=2)
ROLLBACK = Rollback(
    rollback_id=1, model="fraud", bad_version="v2", target_version="v1", trigger=Trigger.ERROR_RATE,
    status=RollbackStatus.DONE, reason="", explanation="", cause_key="", actor="guard", evidence={},
    first_seen_at=DONE, created_at=DONE, updated_at=DONE, done_at=DONE, verify_at=DUE, ended_at=None, incident_id=None,
)  # fmt: skip


def seen(status: Status, told: str = "") -> Reading:
    return Reading(trigger=Trigger.ERROR_RATE, version="v1", status=status, description=told)


def test_a_target_within_its_limits_is_a_recovery() -> None:
    found = verify(ROLLBACK, [seen(Status.OK, "0 of 300 failed.")], 0, DUE)
    assert found.recovery is Recovery.YES
    assert found.explanation == "v2 answers no more, and v1 is within its limits. 0 of 300 failed."


def test_a_target_beyond_its_limits_is_none() -> None:
    found = verify(ROLLBACK, [seen(Status.DETECTED, "90 of 300 failed."), seen(Status.OK)], 0, DUE)
    assert found.recovery is Recovery.NO
    assert "90 of 300 failed. The cause is not v2 alone." in found.explanation


def test_a_bad_version_that_goes_on_answering_is_none() -> None:
    found = verify(ROLLBACK, [seen(Status.OK)], 7, DUE)
    assert found.recovery is Recovery.NO
    assert found.explanation.startswith("v2 still answers: 7 predictions")


def test_too_little_to_tell_is_waited_for_and_then_told() -> None:
    nothing = [seen(Status.NOT_EVALUATED)]
    assert verify(ROLLBACK, nothing, 0, DUE).recovery is Recovery.WAIT
    assert verify(ROLLBACK, [], 0, DUE + PATIENCE - timedelta(seconds=1)).recovery is Recovery.WAIT
    given_up = verify(ROLLBACK, nothing, 0, DUE + PATIENCE)
    assert given_up.recovery is Recovery.NO
    assert "cannot be told" in given_up.explanation
