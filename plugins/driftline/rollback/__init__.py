"""When a version is rolled back: triggers, persistence, what stands in the way, and whether it helped. Pure."""

from driftline.rollback.gate import RollbackMode, RollbackPolicy, why_not_now, why_upstream
from driftline.rollback.limits import Limits
from driftline.rollback.persistence import TriggerState, looked
from driftline.rollback.rollback import Rollback, RollbackRequest, RollbackStatus
from driftline.rollback.trigger import LIVE_TRIGGERS, Reading, Trigger
from driftline.rollback.verification import Recovery, Verification, verify

__all__ = [
    "LIVE_TRIGGERS",
    "Limits",
    "Reading",
    "Recovery",
    "Rollback",
    "RollbackMode",
    "RollbackPolicy",
    "RollbackRequest",
    "RollbackStatus",
    "Trigger",
    "TriggerState",
    "Verification",
    "looked",
    "verify",
    "why_not_now",
    "why_upstream",
]
