"""The versions of the serving registry: what they are, how they are, what they are used for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, select, update
from sqlalchemy.dialects.postgresql import insert

from driftline.errors import InputError
from driftline.serving import ModelVersion, TrafficSplitStrategy, VersionHealth, VersionStatus
from driftline.store.tables import model_versions, route_revisions, routes
from driftline.windows import as_utc


def register_version(
    connection: Connection,
    *,
    model: str,
    version: str,
    artifact_uri: str,
    at: datetime,
    status: VersionStatus = VersionStatus.REGISTERED,
) -> bool:
    """Makes a version known; False where it was known already (its status is left as it is).

    Raises
    ------
    InputError
        When the version is registered with another artefact: a version is one artefact, for good.
    """
    moment = as_utc(at, "at")
    added = connection.execute(
        insert(model_versions)
        .values(
            model=model,
            version=version,
            artifact_uri=artifact_uri,
            status=status.value,
            health=VersionHealth.UNKNOWN.value,
            registered_at=moment,
            updated_at=moment,
        )
        .on_conflict_do_nothing()
        .returning(model_versions.c.version)
    ).scalar_one_or_none()
    if added is None:
        _refuse_other_artifact(connection, model, version, artifact_uri)
    return added is not None


def versions(connection: Connection, model: str) -> dict[str, ModelVersion]:
    """The model's versions by name, in the order of their registration."""
    query = (
        select(model_versions)
        .where(model_versions.c.model == model)
        .order_by(model_versions.c.registered_at, model_versions.c.version)
    )
    return {row.version: _model_version(row) for row in connection.execute(query)}


def set_status(connection: Connection, *, model: str, version: str, status: VersionStatus, at: datetime) -> None:
    """Gives a version another status.

    Raises
    ------
    InputError
        When the version is not registered, or is to be quarantined while it gets traffic.
    """
    lock_model(connection, model)
    if status is VersionStatus.QUARANTINED and _has_traffic(connection, model, version):
        raise InputError(
            f"Version {version!r} of {model!r} gets traffic and cannot be quarantined. Roll it back, which does both."
        )
    _update_version(connection, model, version, status=status.value, updated_at=as_utc(at, "at"))


def set_health(connection: Connection, *, model: str, version: str, health: VersionHealth, at: datetime) -> None:
    """Keeps what the last look at a version's serving said.

    Raises
    ------
    InputError
        When the version is not registered.
    """
    _update_version(connection, model, version, health=health.value, updated_at=as_utc(at, "at"))


def move_statuses(connection: Connection, *, model: str, bad_version: str, target_version: str, at: datetime) -> None:
    """After all traffic went to ``target_version``: it is production, the bad one quarantined, other users idle."""
    bad, target, quarantined = (
        model_versions.c.version == bad_version,
        model_versions.c.version == target_version,
        VersionStatus.QUARANTINED.value,
    )
    serving = [VersionStatus.PRODUCTION.value, VersionStatus.CANARY.value]
    connection.execute(
        update(model_versions)
        .where(model_versions.c.model == model, bad | target | model_versions.c.status.in_(serving))
        .values(
            status=case(
                (bad, quarantined), (target, VersionStatus.PRODUCTION.value), else_=VersionStatus.REGISTERED.value
            ),
            updated_at=as_utc(at, "at"),
        )
    )


def lock_model(connection: Connection, model: str) -> None:
    """Makes every other writer of the model's routes and statuses wait until this transaction ends."""
    connection.execute(
        insert(route_revisions)
        .values(model=model, revision=0, strategy=TrafficSplitStrategy.HASH_BASED.value, salt=model, allocation=[])
        .on_conflict_do_nothing()
    )
    connection.execute(
        select(route_revisions.c.revision).where(route_revisions.c.model == model).with_for_update()
    ).scalar_one()


def _has_traffic(connection: Connection, model: str, version: str) -> bool:
    share = select(routes.c.share).where(routes.c.model == model, routes.c.version == version, routes.c.share > 0)
    return connection.execute(share).one_or_none() is not None


def _refuse_other_artifact(connection: Connection, model: str, version: str, artifact_uri: str) -> None:
    known = versions(connection, model)[version].artifact_uri
    if known != artifact_uri:
        raise InputError(
            f"Version {version!r} of {model!r} is registered with the artefact {known}, not {artifact_uri}. "
            "Register another artefact as another version."
        )


def _update_version(connection: Connection, model: str, version: str, **values: Any) -> None:
    updated = connection.execute(
        update(model_versions)
        .where(model_versions.c.model == model, model_versions.c.version == version)
        .values(**values)
    )
    if updated.rowcount == 0:
        raise InputError(f"Version {version!r} of {model!r} is not registered. Register it first.")


def _model_version(row: Row[Any]) -> ModelVersion:
    values = dict(row._mapping)
    return ModelVersion(**{**values, "status": VersionStatus(row.status), "health": VersionHealth(row.health)})
