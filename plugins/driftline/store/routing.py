"""The routes of the serving registry and every change of them, with its reason.

All that writes about a model first locks its row of route_revisions, so changes queue up and each sees the last.
A change is announced on the channel `driftline_routes` with the model's name, when (and only if) it is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, true, update

from driftline.errors import InputError
from driftline.serving import (
    Allocation,
    ModelVersion,
    RouteChange,
    Routes,
    RoutesChanged,
    TrafficSplitStrategy,
    VersionHealth,
    VersionStatus,
    exact_shares,
    reallocated,
)
from driftline.store.json_values import json_safe
from driftline.store.model_versions import lock_model, versions
from driftline.store.tables import model_versions, route_history, route_revisions, routes
from driftline.windows import as_utc

ROUTES_CHANNEL = "driftline_routes"


def current_routes(connection: Connection, model: str) -> Routes:
    """The model's routes now; revision 0 without shares where its traffic was never routed."""
    row = connection.execute(select(route_revisions).where(route_revisions.c.model == model)).one_or_none()
    if row is None:
        return Routes(model=model, revision=0, shares={}, salt=model)
    rows = connection.execute(select(routes).where(routes.c.model == model).order_by(routes.c.version))
    return Routes(
        model=model,
        revision=row.revision,
        shares={row.version: row.share.normalize() for row in rows},
        strategy=TrafficSplitStrategy(row.strategy),
        salt=row.salt,
        allocation=Allocation.from_json(row.allocation),
    )


def change_routes(
    connection: Connection,
    *,
    model: str,
    shares: Mapping[str, Decimal | float],
    expected_revision: int | None,
    actor: str,
    reason: str,
    cause_key: str,
    at: datetime,
    strategy: TrafficSplitStrategy | None = None,
    salt: str | None = None,
) -> RouteChange:
    """Gives the model's traffic to ``shares``, whole and at once, with a row of history.

    The same ``cause_key`` again changes nothing and returns the earlier change. Shares are kept in millionths. As few
    entities as can be change their version (`driftline.serving.reallocated`).

    Parameters
    ----------
    expected_revision:
        The revision that the change was decided on; None where it holds whatever the routes are.
    strategy, salt:
        How entities are placed from now on; None: as before. Another salt places all entities anew.

    Raises
    ------
    RoutesChanged
        When the routes are at another revision by now.
    InputError
        When the shares do not add up to 1, or a version with a share is unknown or quarantined.
    """
    exact = exact_shares(shares)
    lock_model(connection, model)
    earlier = change_by_cause(connection, model, cause_key)
    if earlier is not None:
        return earlier
    before = current_routes(connection, model)
    if expected_revision is not None and expected_revision != before.revision:
        raise RoutesChanged(_changed(model, before.revision, expected_revision))
    _refuse_unfit(versions(connection, model), model, exact)
    change = RouteChange(
        model=model,
        revision=before.revision + 1,
        changed_at=as_utc(at, "at"),
        actor=actor,
        reason=reason,
        cause_key=cause_key,
        shares_before=before.shares,
        shares_after=exact,
        is_new=True,
    )
    _write(connection, change, _placed(before, exact, strategy, salt))
    return change


def require_revision(connection: Connection, model: str, expected: int) -> Routes:
    """The routes, locked until the transaction ends: what is done next is done to these.

    Raises
    ------
    RoutesChanged
        When they are at another revision than ``expected``.
    """
    lock_model(connection, model)
    now = current_routes(connection, model)
    if now.revision != expected:
        raise RoutesChanged(_changed(model, now.revision, expected))
    return now


def change_by_cause(connection: Connection, model: str, cause_key: str) -> RouteChange | None:
    """The change that ``cause_key`` made, or None.

    Raises
    ------
    InputError
        When it changed another model's routes: a cause key names one cause of one model.
    """
    row = connection.execute(select(route_history).where(route_history.c.cause_key == cause_key)).one_or_none()
    if row is None:
        return None
    if row.model != model:
        raise InputError(
            f"The cause key {cause_key!r} has changed the routes of {row.model!r}. Put {model!r} into the key."
        )
    return _route_change(row)


def route_changes(connection: Connection, model: str, *, limit: int = 100) -> tuple[RouteChange, ...]:
    """The model's last route changes, the newest first."""
    query = select(route_history).where(route_history.c.model == model).order_by(route_history.c.revision.desc())
    return tuple(_route_change(row) for row in connection.execute(query.limit(limit)))


def last_stable_version(connection: Connection, model: str, bad_version: str) -> str | None:
    """The version, other than ``bad_version``, that had all the traffic most recently and is still fit for it.

    Fit is what is registered, neither quarantined nor unhealthy.
    """
    share = func.jsonb_each_text(route_history.c.shares_after).table_valued("key", "value").render_derived()
    query = (
        select(share.c.key)
        .select_from(route_history)
        .join(share, true())
        .join(model_versions, (model_versions.c.model == model) & (model_versions.c.version == share.c.key))
        .where(
            route_history.c.model == model,
            share.c.value.cast(routes.c.share.type) == 1,
            share.c.key != bad_version,
            model_versions.c.status != VersionStatus.QUARANTINED.value,
            model_versions.c.health != VersionHealth.UNHEALTHY.value,
        )
        .order_by(route_history.c.revision.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def _changed(model: str, now: int, expected: int) -> str:
    return (
        f"The routes of {model!r} are at revision {now}, and the change was decided on revision {expected}. "
        "Read the routes again and decide anew."
    )


def _placed(
    before: Routes, shares: Mapping[str, Decimal], strategy: TrafficSplitStrategy | None, salt: str | None
) -> Routes:
    """The routes with other shares, and their entities where they can stay."""
    is_same_salt = salt is None or salt == before.salt
    return Routes(
        model=before.model,
        revision=before.revision + 1,
        shares=shares,
        strategy=strategy or before.strategy,
        salt=before.salt if salt is None else salt,
        allocation=reallocated(before.allocation if is_same_salt else Allocation(), shares),
    )


def _write(connection: Connection, change: RouteChange, placed: Routes) -> None:
    model = change.model
    connection.execute(delete(routes).where(routes.c.model == model))
    connection.execute(
        insert(routes),
        [{"model": model, "version": version, "share": share} for version, share in change.shares_after.items()],
    )
    connection.execute(
        update(route_revisions)
        .where(route_revisions.c.model == model)
        .values(
            revision=placed.revision,
            strategy=placed.strategy.value,
            salt=placed.salt,
            allocation=placed.allocation.to_json(),
        )
    )
    connection.execute(
        insert(route_history).values(
            model=model,
            revision=change.revision,
            changed_at=change.changed_at,
            actor=json_safe(change.actor),
            reason=json_safe(change.reason),
            cause_key=change.cause_key,
            shares_before=_written(change.shares_before),
            shares_after=_written(change.shares_after),
        )
    )
    connection.execute(select(func.pg_notify(ROUTES_CHANNEL, model)))


def _refuse_unfit(known: Mapping[str, ModelVersion], model: str, shares: Mapping[str, Decimal]) -> None:
    for version in shares:
        if version not in known:
            raise InputError(f"Version {version!r} of {model!r} is not registered. Register it, then route to it.")
        if known[version].status is VersionStatus.QUARANTINED:
            raise InputError(
                f"Version {version!r} of {model!r} is quarantined and gets no traffic. "
                "Set another status first if it was found good."
            )


def _written(shares: Mapping[str, Decimal]) -> dict[str, str]:
    """As text: JSON's numbers would come back as binary floats."""
    return {version: format(share, "f") for version, share in shares.items()}


def _route_change(row: Row[Any]) -> RouteChange:
    return RouteChange(
        model=row.model,
        revision=row.revision,
        changed_at=row.changed_at,
        actor=row.actor,
        reason=row.reason,
        cause_key=row.cause_key,
        shares_before=_read(row.shares_before),
        shares_after=_read(row.shares_after),
        is_new=False,
    )


def _read(shares: Mapping[str, Any]) -> dict[str, Decimal]:
    return {version: Decimal(str(share)) for version, share in shares.items()}
