"""A person's word on a rollback that waits for it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from driftline.errors import InputError
from driftline.monitoring.rollback_engine import AutoRollbackEngine
from driftline.rollback import Rollback, RollbackPolicy, RollbackStatus
from driftline.store.engine import store_transaction
from driftline.store.reading import store_reading
from driftline.store.rollback_log import rollback_by_id


def waiting_rollback(store: Engine, rollback_id: int) -> Rollback | None:
    """The rollback, where it still waits for a person's word."""
    with store_reading(store) as connection:
        found = rollback_by_id(connection, rollback_id)
    return found if found is not None and found.status is RollbackStatus.AWAITING_APPROVAL else None


def answer(
    store: Engine, rollback_id: int, *, approved: bool, person: str, policy: RollbackPolicy | None = None
) -> str:
    """Does as the person says; what came of it, in a sentence.

    Parameters
    ----------
    policy:
        Of the model's file; None: the default.
    """
    waiting = waiting_rollback(store, rollback_id)
    if waiting is None:
        return f"Rollback {rollback_id} does not wait for approval any more: nothing is changed."
    engine, now = AutoRollbackEngine(waiting.model, policy or RollbackPolicy()), datetime.now(UTC)
    with store_transaction(store) as connection:
        act = engine.approve if approved else engine.decline
        try:
            return act(connection, rollback_id, person, now).explanation
        except InputError as error:
            return str(error)
