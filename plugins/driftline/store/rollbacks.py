"""Rolling a model back: all traffic to an earlier version, the bad one quarantined, in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from driftline.serving import (
    ModelVersion,
    RollbackOutcome,
    RollbackRefusal,
    RouteChange,
    Routes,
    VersionHealth,
    VersionStatus,
)
from driftline.store.model_versions import lock_model, move_statuses, versions
from driftline.store.routing import change_by_cause, change_routes, current_routes, last_stable_version


def roll_back(
    connection: Connection,
    *,
    model: str,
    bad_version: str,
    reason: str,
    actor: str,
    cause_key: str,
    at: datetime,
    target_version: str | None = None,
) -> RollbackOutcome:
    """Takes all traffic to the target version and quarantines the bad one; or changes nothing and says why.

    The same ``cause_key`` again changes nothing and returns the earlier outcome.

    Parameters
    ----------
    target_version:
        Where to; by default the last other version that had all the traffic and is still fit for it.
    """
    request = _Request(model, bad_version)
    known = versions(connection, model)
    if not known:
        return request.refused(RollbackRefusal.MODEL_UNKNOWN, None)
    lock_model(connection, model)
    earlier = change_by_cause(connection, model, cause_key)
    if earlier is not None:
        return request.done(earlier)
    target = target_version or last_stable_version(connection, model, bad_version)
    refusal = _refusal(versions(connection, model), current_routes(connection, model), bad_version, target)
    if refusal is not None or target is None:
        return request.refused(refusal or RollbackRefusal.NO_EARLIER_VERSION, target)
    change = change_routes(
        connection,
        model=model,
        shares={target: 1},
        expected_revision=None,
        actor=actor,
        reason=reason,
        cause_key=cause_key,
        at=at,
    )
    move_statuses(connection, model=model, bad_version=bad_version, target_version=target, at=at)
    return request.done(change)


def _refusal(
    known: Mapping[str, ModelVersion], routes: Routes, bad_version: str, target: str | None
) -> RollbackRefusal | None:
    """The first reason, in this order, not to roll back."""
    if bad_version not in known:
        return RollbackRefusal.VERSION_UNKNOWN
    if target == bad_version:
        return RollbackRefusal.SAME_VERSION
    if bad_version not in routes.shares:
        return RollbackRefusal.NOT_SERVING
    if target is None:
        return RollbackRefusal.NO_EARLIER_VERSION
    return _unfit(known.get(target))


def _unfit(target: ModelVersion | None) -> RollbackRefusal | None:
    if target is None:
        return RollbackRefusal.TARGET_UNKNOWN
    if target.status is VersionStatus.QUARANTINED:
        return RollbackRefusal.TARGET_QUARANTINED
    if target.health is VersionHealth.UNHEALTHY:
        return RollbackRefusal.TARGET_UNHEALTHY
    return None


_EXPLANATIONS = {
    RollbackRefusal.MODEL_UNKNOWN: "{model} has no registered version. Register its versions first.",
    RollbackRefusal.VERSION_UNKNOWN: "{bad} of {model} is not registered.",
    RollbackRefusal.NOT_SERVING: "{bad} of {model} gets no traffic: there is nothing to roll back.",
    RollbackRefusal.NO_EARLIER_VERSION: "{model} has no earlier version than {bad} that had all the traffic and is "
    "still fit for it. Choose a version and route to it by hand.",
    RollbackRefusal.SAME_VERSION: "{bad} of {model} is both the bad version and the one to roll back to.",
    RollbackRefusal.TARGET_UNKNOWN: "{target} of {model}, to roll back to, is not registered.",
    RollbackRefusal.TARGET_QUARANTINED: "{target} of {model}, to roll back to, is quarantined.",
    RollbackRefusal.TARGET_UNHEALTHY: "{target} of {model}, to roll back to, is unhealthy.",
}


@dataclass(frozen=True)
class _Request:
    model: str
    bad_version: str

    def refused(self, refusal: RollbackRefusal, target: str | None) -> RollbackOutcome:
        explanation = _EXPLANATIONS[refusal].format(model=self.model, bad=self.bad_version, target=target)
        return RollbackOutcome(
            model=self.model,
            bad_version=self.bad_version,
            target_version=None,
            refusal=refusal,
            explanation=f"Not rolled back: {explanation}",
            change=None,
        )

    def done(self, change: RouteChange) -> RollbackOutcome:
        target = max(change.shares_after, key=lambda version: change.shares_after[version])
        again = "" if change.is_new else " (by an earlier run of the same cause)"
        return RollbackOutcome(
            model=self.model,
            bad_version=self.bad_version,
            target_version=target,
            refusal=None,
            explanation=f"Rolled back {self.model} from {self.bad_version} to {target}, all traffic{again}.",
            change=change,
        )
