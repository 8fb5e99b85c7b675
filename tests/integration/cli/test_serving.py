"""``driftline routes``, ``versions``, ``promote``, ``rollback``."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from driftline.serving import VersionHealth, VersionStatus
from driftline.store import registry
from driftline.store.engine import store_transaction
from tests.integration.cli.conftest import Command

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = "fraud"


@pytest.fixture(autouse=True)
def registered(store_engine: Engine) -> None:
    """Versions v1 to v3, none of which serves."""
    with store_transaction(store_engine) as connection:
        for version in ("v1", "v2", "v3"):
            registry.register_version(
                connection, model=MODEL, version=version, artifact_uri=f"s3://models/{version}", at=NOON
            )


def statuses(engine: Engine) -> dict[str, VersionStatus]:
    with store_transaction(engine) as connection:
        return {name: version.status for name, version in registry.versions(connection, MODEL).items()}


def test_a_version_is_promoted_by_a_share_and_then_whole(driftline: Command, store_engine: Engine) -> None:
    assert driftline("promote", MODEL, "v1", "--reason", "first release").code == 0
    ran = driftline("promote", MODEL, "v2", "--share", "0.05", "--reason", "canary")
    assert (ran.code, ran.out) == (0, "Routed fraud: v1 100 % -> v1 95 %, v2 5 % (revision 2)\n")
    assert statuses(store_engine)["v2"] is VersionStatus.CANARY
    assert driftline("promote", MODEL, "v2", "--reason", "held").code == 0
    assert statuses(store_engine) == {
        "v1": VersionStatus.RETIRED,
        "v2": VersionStatus.PRODUCTION,
        "v3": VersionStatus.REGISTERED,
    }


def test_the_others_keep_their_ratio(driftline: Command) -> None:
    driftline("promote", MODEL, "v1", "--reason", "first")
    driftline("promote", MODEL, "v2", "--share", "0.25", "--reason", "second")
    driftline("promote", MODEL, "v3", "--share", "0.2", "--reason", "third")
    shares = json.loads(driftline("routes", MODEL, "--json").out)["shares"]
    assert shares == {"v1": 0.6, "v2": 0.2, "v3": 0.2}


def test_routes_and_their_history_are_shown(driftline: Command) -> None:
    driftline("promote", MODEL, "v1", "--reason", "first [red]release[/red]")
    driftline("promote", MODEL, "v2", "--share", "0.5", "--reason", "half")
    ran = driftline("routes", MODEL)
    assert "fraud: revision 2, v1 50 %, v2 50 % (hash_based)" in ran.out
    assert "first [red]release[/red]" in ran.out
    document = json.loads(driftline("routes", MODEL, "--last", "1", "--json").out)
    assert [change["reason"] for change in document["history"]] == ["half"]


def test_versions_are_shown_with_what_they_serve(driftline: Command) -> None:
    driftline("promote", MODEL, "v1", "--reason", "first")
    driftline("promote", MODEL, "v2", "--share", "0.125", "--reason", "canary")
    found = {version["version"]: version for version in json.loads(driftline("versions", MODEL, "--json").out)}
    assert {name: version["share"] for name, version in found.items()} == {"v1": 0.875, "v2": 0.125, "v3": 0}
    assert "12.5 %" in driftline("versions", MODEL).out
    assert driftline("versions", "nobody").out == "nobody has no registered version.\n"


def test_a_rollback_takes_the_traffic_off_the_newest_that_serves(driftline: Command, store_engine: Engine) -> None:
    driftline("promote", MODEL, "v1", "--reason", "first")
    driftline("promote", MODEL, "v2", "--share", "0.5", "--reason", "half")
    ran = driftline("rollback", MODEL, "--reason", "errors")
    assert (ran.code, ran.out) == (0, "Rolled back fraud from v2 to v1, all traffic.\n")
    assert statuses(store_engine)["v2"] is VersionStatus.QUARANTINED
    assert json.loads(driftline("routes", MODEL, "--json").out)["shares"] == {"v1": 1}


@pytest.mark.parametrize(
    "arguments",
    [("promote", MODEL, "v2", "--reason", "try"), ("rollback", MODEL, "--reason", "try", "--version", "v1")],
)
def test_a_dry_run_says_it_and_changes_nothing(
    driftline: Command, store_engine: Engine, arguments: tuple[str, ...]
) -> None:
    driftline("promote", MODEL, "v2", "--reason", "first")
    driftline("promote", MODEL, "v1", "--reason", "second")
    before = driftline("routes", MODEL, "--json").out, statuses(store_engine)
    ran = driftline(*arguments, "--dry-run")
    assert ran.code == 0
    assert "Would route" in ran.out or "Dry run, nothing was changed. Rolled back" in ran.out
    assert json.loads(driftline(*arguments, "--dry-run", "--json").out)["is_dry_run"]
    assert (driftline("routes", MODEL, "--json").out, statuses(store_engine)) == before


def test_a_stale_promotion_is_refused(driftline: Command) -> None:
    driftline("promote", MODEL, "v1", "--reason", "first")
    driftline("promote", MODEL, "v2", "--share", "0.5", "--reason", "half")
    ran = driftline("promote", MODEL, "v3", "--reason", "late", "--expected-revision", "1")
    assert ran.code == 2
    assert "at revision 2, and the change was decided on revision 1" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("promote", MODEL, "v9", "--reason", "x"), "'v9' of 'fraud' is not registered"),
        (("promote", "spam", "v1", "--reason", "x"), "'v1' of 'spam' is not registered"),
        (("promote", MODEL, "v1", "--reason", " "), "--reason is empty"),
        (("promote", MODEL, "v1", "--reason", "x", "--share", "half"), "--share is 'half'"),
        (("promote", MODEL, "v1", "--reason", "x", "--share", "NaN"), "must be above 0 and at most 1"),
        (("promote", MODEL, "v1", "--reason", "x", "--share", "-0.1"), "must be above 0 and at most 1"),
        (("promote", MODEL, "v1", "--reason", "x", "--share", "1.1"), "must be above 0 and at most 1"),
        (("promote", MODEL, "v1", "--reason", "x", "--share", "0.5"), "nobody can take the other 0.5"),
        (("rollback", MODEL, "--reason", "x"), "there is nothing to roll back"),
    ],
)
def test_what_makes_no_sense_is_refused_with_2(driftline: Command, arguments: tuple[str, ...], said: str) -> None:
    ran = driftline(*arguments)
    assert ran.code == 2
    assert said in ran.err


def test_a_refused_rollback_exits_with_2_and_says_why(driftline: Command) -> None:
    driftline("promote", MODEL, "v1", "--reason", "first")
    ran = driftline("rollback", MODEL, "--reason", "errors", "--json")
    assert ran.code == 2
    assert json.loads(ran.out)["refusal"] == "no_earlier_version"


def test_an_unhealthy_version_gets_no_more_traffic(driftline: Command, store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        registry.set_health(connection, model=MODEL, version="v2", health=VersionHealth.UNHEALTHY, at=NOON)
    ran = driftline("promote", MODEL, "v2", "--reason", "x")
    assert ran.code == 2
    assert "unhealthy" in ran.err


def test_a_version_is_registered_once_and_for_one_artefact(driftline: Command) -> None:
    ran = driftline("register", "churn", "v1", "--artifact-uri", "s3://churn/1")
    assert (ran.code, ran.out) == (0, "Registered v1 of churn.\n")
    assert "is registered already" in driftline("register", "churn", "v1", "--artifact-uri", "s3://churn/1").out
    other = driftline("register", "churn", "v1", "--artifact-uri", "s3://churn/2")
    assert (other.code, "Register another artefact as another version" in other.err) == (2, True)
    assert driftline("register", "churn", " ", "--artifact-uri", "s3://churn/1").code == 2
    (shown,) = json.loads(driftline("versions", "churn", "--json").out)
    assert (shown["version"], shown["status"], shown["share"]) == ("v1", "registered", 0.0)


def test_a_quarantined_version_that_was_found_good_is_marked_so(driftline: Command, store_engine: Engine) -> None:
    assert driftline("mark", MODEL, "v1", "--status", "quarantined").code == 0
    assert driftline("promote", MODEL, "v1", "--reason", "again").code == 2
    ran = driftline("mark", MODEL, "v1", "--status", "registered", "--health", "healthy")
    assert (ran.code, ran.out) == (0, "v1 of fraud: registered, healthy.\n")
    assert driftline("promote", MODEL, "v1", "--reason", "again").code == 0
    refused = driftline("mark", MODEL, "v1", "--status", "quarantined")
    assert (refused.code, "gets traffic" in refused.err) == (2, True)


def test_nothing_to_mark_and_unknown_versions_are_refused(driftline: Command) -> None:
    assert "Give --status" in driftline("mark", MODEL, "v1").err
    assert "is not registered" in driftline("mark", MODEL, "v9", "--health", "healthy").err
