"""Which version of a model answers: what a serving application imports. Standard library and psycopg only."""

from __future__ import annotations

import os
import random
import weakref
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from driftline.errors import DriftlineError
from driftline.serving.allocation import POSITIONS
from driftline.serving.route_feed import RouteFeed, RouteTable
from driftline.serving.strategy import EntityId


class RoutesUnknown(DriftlineError):
    """The router knows no routes of the model."""


@dataclass(frozen=True, kw_only=True)
class RouterStatus:
    """How far the routes can be relied on.

    Attributes
    ----------
    is_connected:
        Whether changes are heard of at once. When not, the last known routes serve on.
    since:
        Since when it is as it is.
    confirmed_at:
        When the database last said what the routes are; ``None``: never.
    error:
        Why there is no connection; empty when there is one.
    revisions:
        The revision of the routes in use, by model.
    """

    is_connected: bool
    since: datetime
    confirmed_at: datetime | None
    error: str
    revisions: Mapping[str, int]


class Router:
    """Routes predictions to versions as the serving registry says.

    One per process is enough: `route` may be called from any thread or coroutine, takes about a microsecond and never
    waits for the database. Changes of the routes arrive by LISTEN within a second, and by a poll where a notification
    is lost. While the database is away the last known routes serve on. A forked process listens for itself.

    Example
    -------
    >>> router = Router("postgresql://driftline_router:…@db/driftline")  # doctest: +SKIP
    >>> version = router.route("flight_delay", entity_id=request.flight)  # doctest: +SKIP
    """

    def __init__(self, dsn: str, *, poll_seconds: float = 5.0, startup_seconds: float = 10.0) -> None:
        """Starts listening, and waits until the routes are known, for at most ``startup_seconds``.

        Parameters
        ----------
        dsn
            Of the store, for a role that may SELECT from ``driftline.route_revisions``; nothing else is asked of it.
        poll_seconds
            How often the routes are asked for, notifications or not.
        startup_seconds
            When the database has not answered by then the router stands all the same, without routes, and goes on
            trying: `status` says why.
        """
        self._dsn = dsn
        self._poll_seconds = poll_seconds
        self._tables: dict[str, RouteTable] = {}
        self._began = datetime.now(UTC)
        self._random = random.Random()  # noqa: S311 - splits traffic, guards nothing
        self._listen()
        self._feed.first_answer.wait(startup_seconds)
        _ROUTERS.add(self)

    def route(self, model: str, entity_id: EntityId = "") -> str:
        """The version that answers for ``entity_id``.

        Parameters
        ----------
        entity_id
            Whom the prediction is about: the same entity gets the same version. Not needed where the model's strategy
            is ``random``.

        Raises
        ------
        RoutesUnknown
            When the model has no routes, or the database has never answered.
        InputError
            When the entity id is empty (and the model's strategy needs one), or of a type with several spellings.
        """
        table = self._tables.get(model)
        if table is None or not table.bounds:
            raise RoutesUnknown(self._unknown(model))
        if len(table.bounds) == 1:
            return table.versions[0]
        if table.is_sticky:
            return table.versions[bisect_right(table.bounds, table.placement.position_of(entity_id))]
        return table.versions[bisect_right(table.bounds, self._random.random() * POSITIONS)]

    @property
    def status(self) -> RouterStatus:
        """How far the routes can be relied on, now."""
        feed = self._feed
        return RouterStatus(
            is_connected=not feed.error,
            since=feed.since,
            confirmed_at=feed.confirmed_at,
            error=feed.error,
            revisions={model: table.revision for model, table in self._tables.items()},
        )

    def close(self) -> None:
        """Stops listening; the last known routes go on being served."""
        self._feed.stop()
        _ROUTERS.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        # The feed holds no reference to the router, so that one that is dropped without `close` can go.
        self._feed = RouteFeed(self._dsn, self._tables, self._poll_seconds)
        weakref.finalize(self, self._feed.stop, join=False)
        self._feed.start()

    def _listen_after_fork(self) -> None:
        """The parent's thread is not in the child, and its connection is the parent's."""
        self._random.seed()
        self._listen()

    def _unknown(self, model: str) -> str:
        feed = self._feed
        if feed.confirmed_at is None:
            return (
                f"The routes of {model!r} are not known: the database has not answered ({feed.error or 'no try yet'})."
            )
        known = ", ".join(sorted(self._tables)) or "none"
        return f"The serving registry has no routes of {model!r}; models with routes: {known}. Promote a version first."


_ROUTERS: weakref.WeakSet[Router] = weakref.WeakSet()


def _after_fork() -> None:
    for router in list(_ROUTERS):
        router._listen_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

__all__ = ["Router", "RouterStatus", "RoutesUnknown"]
