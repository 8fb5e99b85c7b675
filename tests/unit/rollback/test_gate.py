"""What stands between a cause and its rollback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from driftline.findings import Status
from driftline.rollback import Reading, RollbackPolicy, Trigger, why_not_now, why_upstream

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = RollbackPolicy()


def seen(version: str, status: Status) -> Reading:
    return Reading(trigger=Trigger.LATENCY, version=version, status=status)


def test_the_first_rollback_may_be_made() -> None:
    assert why_not_now(POLICY, [], NOW) == ""


def test_after_a_rollback_the_next_one_waits() -> None:
    assert "waits until 12:30 UTC" in why_not_now(POLICY, [NOW - HOUR / 2], NOW)
    assert why_not_now(POLICY, [NOW - HOUR], NOW) == ""


def test_after_too_many_a_person_has_to_look() -> None:
    assert "something flaps" in why_not_now(POLICY, [NOW - 20 * HOUR, NOW - 3 * HOUR], NOW)
    assert why_not_now(POLICY, [NOW - 24 * HOUR, NOW - 3 * HOUR], NOW) == ""


def test_a_fault_of_every_version_lies_upstream() -> None:
    both = {"v1": seen("v1", Status.DETECTED), "v2": seen("v2", Status.DETECTED)}
    assert why_upstream("v2", both).startswith("v1 exceeds the same limit: the fault lies upstream")


def test_a_fault_of_one_version_does_not() -> None:
    assert why_upstream("v2", {"v1": seen("v1", Status.OK), "v2": seen("v2", Status.DETECTED)}) == ""
    assert why_upstream("v2", {"v2": seen("v2", Status.DETECTED)}) == ""
