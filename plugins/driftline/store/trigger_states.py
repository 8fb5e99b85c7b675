"""What the guard's last looks at each serving version saw."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from driftline.findings import Status
from driftline.rollback import Reading, Trigger, TriggerState
from driftline.store.json_values import json_safe
from driftline.store.tables import trigger_states


def take_guard_turn(connection: Connection, model: str) -> bool:
    """Whether this transaction may judge the model's serving: False while another guard does."""
    key = func.hashtextextended(f"driftline.guard/{model}", 0)
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one())


def states_of(connection: Connection, model: str) -> dict[tuple[str, Trigger], TriggerState]:
    """The states by version and trigger."""
    rows = connection.execute(select(trigger_states).where(trigger_states.c.model == model))
    states = [_state(row) for row in rows]
    return {(state.version, state.trigger): state for state in states}


def keep_states(connection: Connection, model: str, states: Iterable[TriggerState]) -> None:
    """Makes ``states`` all that is known of the model's versions: those that serve no more are forgotten."""
    kept = list(states)
    _forget_others(connection, model, {(state.version, state.trigger.value) for state in kept})
    for state in kept:
        values = _row(state)
        insertion = insert(trigger_states).values(values)
        changed = {name: insertion.excluded[name] for name in values if name not in {"model", "version", "trigger"}}
        connection.execute(
            insertion.on_conflict_do_update(index_elements=["model", "version", "trigger"], set_=changed)
        )


def _forget_others(connection: Connection, model: str, kept: Collection[tuple[str, str]]) -> None:
    known = connection.execute(
        select(trigger_states.c.version, trigger_states.c.trigger).where(trigger_states.c.model == model)
    )
    for version, trigger in {(row.version, row.trigger) for row in known} - set(kept):
        connection.execute(
            delete(trigger_states).where(
                trigger_states.c.model == model,
                trigger_states.c.version == version,
                trigger_states.c.trigger == trigger,
            )
        )


def _row(state: TriggerState) -> dict[str, Any]:
    return {
        "model": state.model,
        "version": state.version,
        "trigger": state.trigger.value,
        "looks": list(state.looks),
        "looked_at": state.looked_at,
        "exceeded_since": state.exceeded_since,
        "reading": None if state.reading is None else json_safe(asdict(state.reading)),
    }


def _state(row: Row[Any]) -> TriggerState:
    return TriggerState(
        model=row.model,
        version=row.version,
        trigger=Trigger(row.trigger),
        looks=tuple(row.looks),
        looked_at=row.looked_at,
        exceeded_since=row.exceeded_since,
        reading=None if row.reading is None else _reading(row.reading),
    )


def _reading(fields: dict[str, Any]) -> Reading:
    return Reading(**{**fields, "trigger": Trigger(fields["trigger"]), "status": Status(fields["status"])})
