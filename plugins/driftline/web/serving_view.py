"""What the serving page of a model says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from driftline.rollback import Rollback, RollbackStatus
from driftline.serving import ModelVersion, RouteChange, Routes, VersionHealth, VersionStatus
from driftline.store.experiments import running_on
from driftline.store.registry import current_routes, last_stable_version, route_changes, versions
from driftline.store.rollback_log import rollbacks_of

SHOWN_CHANGES = 50
SHOWN_ROLLBACKS = 20


@dataclass(frozen=True)
class ServingView:
    """Attributes
    ----------
    versions:
        The registered ones, those with traffic first, then the newest first.
    last_change:
        The one that made the routes what they are.
    newest_serving:
        What a rollback takes the traffic from unless told otherwise; None where nobody serves.
    fallback:
        Where to; None where no earlier version is fit.
    waiting:
        Rollbacks that wait for a person's word, the newest first.
    rollbacks:
        The last that were asked for and wait for nobody.
    """

    model: str
    routes: Routes
    versions: tuple[ModelVersion, ...]
    history: tuple[RouteChange, ...]
    newest_serving: str | None
    fallback: str | None
    waiting: tuple[Rollback, ...]
    rollbacks: tuple[Rollback, ...]
    experiment: str | None

    @property
    def is_known(self) -> bool:
        return bool(self.versions or self.history)

    @property
    def last_change(self) -> RouteChange | None:
        return self.history[0] if self.history else None

    @property
    def promotable(self) -> tuple[ModelVersion, ...]:
        """Versions that may get traffic."""
        return tuple(
            version
            for version in self.versions
            if version.status is not VersionStatus.QUARANTINED and version.health is not VersionHealth.UNHEALTHY
        )

    def share(self, version: str) -> Decimal:
        return self.routes.shares.get(version, Decimal(0))

    def change(self, revision: str) -> RouteChange | None:
        """The change that made ``revision``, among those shown."""
        return next((change for change in self.history if str(change.revision) == revision), None)


def view_serving(connection: Connection, model: str) -> ServingView:
    known, routes = versions(connection, model), current_routes(connection, model)
    serving = [name for name in known if name in routes.shares]
    newest = serving[-1] if serving else None
    asked_for = rollbacks_of(connection, model, limit=SHOWN_ROLLBACKS)
    waiting = rollbacks_of(connection, model, statuses=[RollbackStatus.AWAITING_APPROVAL])
    return ServingView(
        model=model,
        routes=routes,
        versions=_ranked(known, routes),
        history=route_changes(connection, model, limit=SHOWN_CHANGES),
        newest_serving=newest,
        fallback=None if newest is None else last_stable_version(connection, model, newest),
        waiting=tuple(waiting),
        rollbacks=tuple(each for each in asked_for if each.status is not RollbackStatus.AWAITING_APPROVAL),
        experiment=running_on(connection, model),
    )


def _ranked(known: Mapping[str, ModelVersion], routes: Routes) -> tuple[ModelVersion, ...]:
    newest_first = reversed(list(known.values()))
    return tuple(sorted(newest_first, key=lambda version: -routes.shares.get(version.version, Decimal(0))))
