"""The assets that finished windows emit: ``driftline://<model>/<outcome>``."""

from __future__ import annotations


def outcome_asset(model: str, outcome: str) -> str:
    """URI of an outcome: a check (``drift``, ``performance``, …) or ``all_clear``."""
    return f"driftline://{model}/{outcome}"


def outcome_alias(model: str) -> str:
    """The alias under which a monitor emits whichever outcomes its window has."""
    return f"driftline_{model}_outcomes"


ALERTS_WAITING = "driftline://alerts"
"""Emitted when alerts were put into the outbox that nobody else is about to send."""

APPROVAL_WANTED = "driftline://approvals"
"""Emitted, with the number of the rollback, when one waits for a person's word."""
