"""Giving a version traffic because somebody says so: routes and statuses, in the caller's one transaction."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from driftline.errors import InputError
from driftline.serving import RouteChange, Routes, TrafficSplitStrategy, VersionHealth, VersionStatus
from driftline.store.model_versions import lock_model, set_status, versions
from driftline.store.routing import change_routes, current_routes


def promote(
    connection: Connection,
    *,
    model: str,
    version: str,
    share: Decimal,
    expected_revision: int | None,
    actor: str,
    reason: str,
    cause_key: str,
    at: datetime,
    strategy: TrafficSplitStrategy | None = None,
    salt: str | None = None,
) -> RouteChange:
    """Gives ``version`` its ``share``; the others keep their ratio in the rest.

    With all the traffic the version is in production and those that served before are retired; with less it is a
    canary (or production, where it is that already).

    Parameters
    ----------
    strategy, salt
        As `change_routes` has them.

    Raises
    ------
    RoutesChanged
        When the routes are at another revision than ``expected_revision`` by now.
    InputError
        When the version is not registered, quarantined or unhealthy, or no other version serves to take the rest.
    """
    lock_model(connection, model)
    before = current_routes(connection, model)
    _refuse_unhealthy(connection, model, version)
    change = change_routes(
        connection,
        model=model,
        shares=shares_with(before, version, share),
        expected_revision=expected_revision,
        actor=actor,
        reason=reason,
        cause_key=cause_key,
        at=at,
        strategy=strategy,
        salt=salt,
    )
    if change.is_new:
        _move_statuses(connection, change, version, at)
    return change


def shares_with(routes: Routes, version: str, share: Decimal) -> dict[str, Decimal]:
    """The shares when ``version`` has ``share`` (above 0, at most 1) and the others keep their ratio in the rest.

    Raises
    ------
    InputError
        When the share is out of range, or nobody else serves to take the rest.
    """
    if not share.is_finite() or not 0 < share <= 1:
        raise InputError(f"The share is {share}; it must be above 0 and at most 1 (1 is all the traffic).")
    if share == 1:
        return {version: share}
    others = {name: held for name, held in routes.shares.items() if name != version}
    total = sum(others.values(), Decimal(0))
    if not total:
        raise InputError(
            f"No version of {routes.model!r} but {version!r} serves, so that nobody can take the other {1 - share}. "
            "Give it all the traffic (share 1), or route to another version first."
        )
    rest = 1 - share
    return {version: share, **{name: rest * held / total for name, held in others.items()}}


def _refuse_unhealthy(connection: Connection, model: str, version: str) -> None:
    known = versions(connection, model).get(version)
    if known is not None and known.health is VersionHealth.UNHEALTHY:
        raise InputError(
            f"Version {version!r} of {model!r} is unhealthy and gets no more traffic. Mend it, and set its health."
        )


def _move_statuses(connection: Connection, change: RouteChange, version: str, at: datetime) -> None:
    has_all = change.shares_after == {version: 1}
    known = versions(connection, change.model)
    if has_all or known[version].status is not VersionStatus.PRODUCTION:
        status = VersionStatus.PRODUCTION if has_all else VersionStatus.CANARY
        set_status(connection, model=change.model, version=version, status=status, at=at)
    for name in change.shares_before:
        if name != version and name not in change.shares_after:
            set_status(connection, model=change.model, version=name, status=VersionStatus.RETIRED, at=at)
