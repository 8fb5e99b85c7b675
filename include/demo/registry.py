"""The serving registry of the demo: which version answered from when on, as the prediction log has it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy import Connection

from driftline.local.provisioning import DASHBOARDS, ROUTER, Urls
from driftline.serving import VersionStatus
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.grants import Reader, grant_reading
from driftline.store.registry import change_routes, current_routes, register_version, set_status
from include.demo.log import PREDICTIONS, replay_of_log
from include.demo.training import TAKEOVER

ACTOR = "demo"


def register_versions(urls: Urls, models_folder: Path) -> None:
    """Makes v1 and v2 of every model known, with the takeover as a change of routes; again, it changes nothing."""
    now = datetime.now(UTC)
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        replay = replay_of_log(connection, now)
    with store_transaction(create_store_engine(urls.store)) as connection:
        for model in PREDICTIONS:
            _put_into_production(connection, model, "v1", models_folder, replay.log_start)
            _put_into_production(connection, model, "v2", models_folder, TAKEOVER + replay.shift)


def grant_readers(urls: Urls) -> None:
    """Lets serving applications read the routes and Grafana the results, each by a role that sees nothing else."""
    with store_transaction(create_store_engine(urls.store)) as connection:
        grant_reading(connection, ROUTER, Reader.ROUTING)
        grant_reading(connection, DASHBOARDS, Reader.DASHBOARDS)


def _put_into_production(connection: Connection, model: str, version: str, folder: Path, start: datetime) -> None:
    artifact = next(folder.glob(f"{model}-{version}-*")).as_uri()
    if not register_version(connection, model=model, version=version, artifact_uri=artifact, at=start):
        return
    for earlier in current_routes(connection, model).shares:
        set_status(connection, model=model, version=earlier, status=VersionStatus.REGISTERED, at=start)
    change_routes(
        connection,
        model=model,
        shares={version: 1},
        expected_revision=None,
        actor=ACTOR,
        reason=f"{version} goes into production",
        cause_key=f"demo/{model}/{version}",
        at=start,
    )
    set_status(connection, model=model, version=version, status=VersionStatus.PRODUCTION, at=start)
