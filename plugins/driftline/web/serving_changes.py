"""Promoting and rolling back from the serving page: tried first and taken back, then done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from sqlalchemy import Connection, Engine

from driftline.errors import InputError
from driftline.serving import ModelVersion, RouteChange
from driftline.store.engine import store_transaction
from driftline.store.experiments import running_on
from driftline.store.promotion import promote
from driftline.store.registry import change_by_cause, roll_back, versions
from driftline.store.routing import require_revision


class Kind(StrEnum):
    """What is done to a model's routes."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants done.

    Attributes
    ----------
    version:
        Who is to get the share; of a rollback, who is to lose all.
    share:
        Of a promotion, 0 to 1.
    target:
        Of a rollback: where to; None for the last stable version.
    revision:
        Of the routes that this was decided on.
    """

    kind: Kind
    model: str
    version: str
    reason: str
    revision: int
    share: Decimal = Decimal(1)
    target: str | None = None

    @property
    def percent(self) -> str:
        return f"{(self.share * 100).normalize():f}"


@dataclass(frozen=True)
class Outcome:
    """What was done, or would be.

    Attributes
    ----------
    moved:
        Versions whose status changes, from and to.
    experiment:
        The one that has the model's traffic, and stops when somebody else changes its routes.
    """

    change: RouteChange
    moved: Mapping[str, tuple[str, str]]
    experiment: str | None


def try_out(store: Engine, wish: Wish, actor: str) -> Outcome:
    """What would be done, which is done and taken back. Raises as `do` does."""
    with store_transaction(store) as connection:
        outcome = _do(connection, wish, actor, cause_key=f"{wish.kind}/{wish.model}/dry-run/{datetime.now(UTC)}")
        connection.rollback()
    return outcome


def do(store: Engine, wish: Wish, actor: str, *, cause_key: str) -> Outcome:
    """Does it; the same ``cause_key`` again changes nothing.

    Raises
    ------
    RoutesChanged
        When the routes are at another revision than the wish was decided on.
    InputError
        When it cannot be done, for the reason that it names.
    """
    with store_transaction(store) as connection:
        return _do(connection, wish, actor, cause_key=cause_key)


def _do(connection: Connection, wish: Wish, actor: str, *, cause_key: str) -> Outcome:
    before = versions(connection, wish.model)
    if change_by_cause(connection, wish.model, cause_key) is None:
        require_revision(connection, wish.model, wish.revision)
    make = _promotion if wish.kind is Kind.PROMOTE else _rollback
    change = make(connection, wish, actor, cause_key)
    after = versions(connection, wish.model)
    return Outcome(change, _moved(before, after), running_on(connection, wish.model))


def _promotion(connection: Connection, wish: Wish, actor: str, cause_key: str) -> RouteChange:
    return promote(
        connection,
        model=wish.model,
        version=wish.version,
        share=wish.share,
        expected_revision=wish.revision,
        actor=actor,
        reason=wish.reason,
        cause_key=cause_key,
        at=datetime.now(UTC),
    )


def _rollback(connection: Connection, wish: Wish, actor: str, cause_key: str) -> RouteChange:
    outcome = roll_back(
        connection,
        model=wish.model,
        bad_version=wish.version,
        reason=wish.reason,
        actor=actor,
        cause_key=cause_key,
        at=datetime.now(UTC),
        target_version=wish.target,
    )
    if outcome.change is None:
        raise InputError(outcome.explanation)
    return outcome.change


def _moved(before: Mapping[str, ModelVersion], after: Mapping[str, ModelVersion]) -> dict[str, tuple[str, str]]:
    return {
        name: (before[name].status.value, version.status.value)
        for name, version in after.items()
        if name in before and before[name].status is not version.status
    }


def share_of(percent: str) -> Decimal:
    """The share that somebody wrote in percent.

    Raises
    ------
    InputError
        When it is no number above 0 and at most 100.
    """
    try:
        share = Decimal(percent.removesuffix("%").strip().replace(",", ".")) / 100
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or not 0 < share <= 1:
        raise InputError(f"The share is {percent!r}. Write percent of the traffic, above 0 and at most 100.")
    return share
