"""Where incidents are played: the serving application with its faults, its versions, and the flights it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import psycopg
from psycopg import sql
from sqlalchemy import Engine, select

from driftline.local.errors import LocalSetupError
from driftline.local.provisioning import Urls
from driftline.rollback import Rollback
from driftline.serving import RouteChange
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.promotion import promote
from driftline.store.reading import store_reading
from driftline.store.registry import current_routes, register_version, versions
from driftline.store.rollback_log import rollbacks_of
from driftline.store.tables import alert_outbox
from include.demo.log import LABELS, PREDICTIONS, SCHEMA
from include.demo.serving_program import start_serving
from include.demo.stack import Stack

MODEL = "flight_delay"


@dataclass(frozen=True)
class IncidentStage:
    """The serving application while it runs, and the store.

    Attributes
    ----------
    url:
        Of the serving application.
    prefix:
        Begins the ids of all predictions of this incident, so that they can be told from the others.
    """

    urls: Urls
    store: Engine
    url: str
    prefix: str
    faults_file: Path

    def break_version(self, version: str, fault: Mapping[str, Any]) -> None:
        """From now on the serving application answers so for this version."""
        self.faults_file.write_text(json.dumps({version: dict(fault)}), encoding="utf-8")

    def mend(self) -> None:
        self.faults_file.unlink(missing_ok=True)

    def serving_version(self) -> str:
        """The version with the most traffic."""
        with store_reading(self.store) as connection:
            shares = current_routes(connection, MODEL).shares
        return max(shares, key=lambda version: shares[version])

    def next_version(self) -> str:
        with store_reading(self.store) as connection:
            known = versions(connection, MODEL)
        numbers = [int(name[1:]) for name in known if name.startswith("v") and name[1:].isdigit()]
        return f"v{max(numbers, default=0) + 1}"

    def release(self, version: str, reason: str) -> RouteChange:
        """Gives a new version all the traffic."""
        now = datetime.now(UTC)
        artifact = f"{self.faults_file.parent.as_uri()}/{MODEL}-{version}"
        with store_transaction(self.store) as connection:
            before = current_routes(connection, MODEL)
            register_version(connection, model=MODEL, version=version, artifact_uri=artifact, at=now)
            return promote(
                connection, model=MODEL, version=version, share=Decimal(1), expected_revision=before.revision,
                actor="demo", reason=reason, cause_key=f"demo/{MODEL}/{version}", at=now,
            )  # fmt: skip

    def rollback_of(self, version: str) -> Rollback | None:
        with store_reading(self.store) as connection:
            found = [each for each in rollbacks_of(connection, MODEL, limit=20) if each.bad_version == version]
        return found[0] if found else None

    def sent_at(self, deduplication_key: str) -> datetime | None:
        """When the first alert whose key holds this was delivered."""
        key = alert_outbox.c.deduplication_key.contains(deduplication_key, autoescape=True)
        query = select(alert_outbox.c.sent_at).where(key, alert_outbox.c.sent_at.is_not(None))
        with store_reading(self.store) as connection:
            return connection.execute(query.order_by(alert_outbox.c.sent_at).limit(1)).scalar_one_or_none()

    def logged(self, prefix: str) -> int:
        """Predictions in the log whose ids begin with ``prefix``."""
        statement = sql.SQL("SELECT count(*) FROM {} WHERE starts_with(prediction_id, %s)")
        with psycopg.connect(self.urls.log_owner) as connection:
            row = connection.execute(statement.format(sql.Identifier(SCHEMA, PREDICTIONS[MODEL])), [prefix]).fetchone()
        return int(row[0]) if row else 0

    def take_away(self) -> None:
        """Takes what the incident logged out of the prediction log."""
        with psycopg.connect(self.urls.log_owner, autocommit=True) as connection:
            for table in (PREDICTIONS[MODEL], LABELS[MODEL]):
                statement = sql.SQL("DELETE FROM {} WHERE starts_with(prediction_id, %s)")
                connection.execute(statement.format(sql.Identifier(SCHEMA, table)), [self.prefix])


@contextmanager
def set_stage(stack: Stack, urls: Urls) -> Iterator[IncidentStage]:
    """The serving application, whole at first; in the end it is mended, and what the incident logged is taken away.

    Raises
    ------
    LocalSetupError
        When the application does not come up.
    """
    stack.faults_file.unlink(missing_ok=True)
    url, prefix = start_serving(stack, urls), f"incident-{uuid4().hex[:8]}-"
    stage = IncidentStage(urls, create_store_engine(urls.store), url, prefix, stack.faults_file)
    try:
        yield stage
    finally:
        stage.mend()
        stage.take_away()


def flights_of_now() -> pd.DataFrame:
    """Of the month that it is: what the models are usually asked about now, with what became of it."""
    from include.demo.flights import load_flights

    flights, now = load_flights(), datetime.now(UTC)
    near = flights["predicted_at"].dt.month.eq(now.month) & flights["label_at"].notna()
    return flights[near].reset_index(drop=True)


def require_running(stack: Stack) -> None:
    """Refuses (`LocalSetupError`) while the demo is not running."""
    if not stack.running().get("airflow-scheduler"):
        raise LocalSetupError("The demo is not running. `make demo` starts it.")
