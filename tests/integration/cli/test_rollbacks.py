"""``driftline rollbacks``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from driftline.monitoring.rollback_engine import AutoRollbackEngine
from driftline.rollback import RollbackMode, RollbackPolicy, RollbackRequest, Trigger
from driftline.store import registry
from driftline.store.engine import store_transaction
from tests.integration.cli.conftest import Command

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def waiting(store_engine: Engine) -> int:
    """A rollback that waits for a person's word; its number."""
    with store_transaction(store_engine) as connection:
        for version in ("v1", "v2"):
            registry.register_version(
                connection, model="fraud", version=version, artifact_uri=f"s3://{version}", at=NOW
            )
            registry.change_routes(
                connection, model="fraud", shares={version: 1}, expected_revision=None, actor="deploy",
                reason="release", cause_key=version, at=NOW,
            )  # fmt: skip
        step = AutoRollbackEngine("fraud", RollbackPolicy(mode=RollbackMode.APPROVAL)).execute_rollback(
            connection,
            RollbackRequest(
                model="fraud", bad_version="v2", trigger=Trigger.ERROR_RATE, reason="12 of 100 [bold]failed[/bold].",
                cause_key="fraud/v2", actor="guard", first_seen_at=NOW, evidence={"value": 0.12},
            ),
            at=NOW,
        )  # fmt: skip
    assert step.rollback is not None
    return step.rollback.rollback_id


def test_rollbacks_are_listed(driftline: Command, waiting: int) -> None:
    ran = driftline("rollbacks", "list")
    assert "awaiting_approval" in ran.out
    (shown,) = json.loads(driftline("rollbacks", "list", "fraud", "--json").out)
    assert (shown["rollback_id"], shown["status"], shown["evidence"]) == (waiting, "awaiting_approval", {"value": 0.12})
    assert json.loads(driftline("rollbacks", "list", "other", "--json").out) == []


def test_one_is_approved(driftline: Command, waiting: int, store_engine: Engine) -> None:
    ran = driftline("rollbacks", "approve", str(waiting))
    assert ran.code == 0
    assert ran.out.startswith("Rolled back fraud from v2 to v1, all traffic. Approved by ")
    with store_transaction(store_engine) as connection:
        assert dict(registry.current_routes(connection, "fraud").shares) == {"v1": 1}
    again = driftline("rollbacks", "approve", str(waiting))
    assert (again.code, "does not wait for approval" in again.err) == (2, True)


def test_one_is_declined(driftline: Command, waiting: int, store_engine: Engine) -> None:
    ran = driftline("rollbacks", "decline", str(waiting))
    assert (ran.code, "decided to hold. v2 serves on." in ran.out) == (0, True)
    with store_transaction(store_engine) as connection:
        assert dict(registry.current_routes(connection, "fraud").shares) == {"v2": 1}


def test_a_number_that_is_not_there_is_refused(driftline: Command) -> None:
    ran = driftline("rollbacks", "approve", "7")
    assert (ran.code, "Rollback 7 does not wait" in ran.err) == (2, True)


def test_the_demos_incident_needs_the_demo(driftline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = driftline("demo", "incident", "latency")
    assert (ran.code, "after `make demo`" in ran.err) == (2, True)
