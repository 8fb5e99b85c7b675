from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from driftline.errors import InputError
from driftline.serving import (
    Allocation,
    RollbackOutcome,
    RollbackRefusal,
    RouteChange,
    Routes,
    RoutesChanged,
    VersionHealth,
    VersionStatus,
)
from driftline.store import registry
from driftline.store.engine import store_transaction

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = "flight_delay"


def _register(engine: Engine, *versions: str, model: str = MODEL) -> None:
    with store_transaction(engine) as connection:
        for version in versions:
            registry.register_version(
                connection, model=model, version=version, artifact_uri=f"s3://models/{version}", at=NOON
            )


def _route(engine: Engine, shares: dict[str, Any], cause_key: str, **others: Any) -> RouteChange:
    values: dict[str, Any] = {"model": MODEL, "expected_revision": None, "actor": "ops", "reason": "rollout"}
    with store_transaction(engine) as connection:
        return registry.change_routes(
            connection, **{**values, **others, "shares": shares, "cause_key": cause_key, "at": NOON}
        )


def _roll_back(engine: Engine, bad_version: str, cause_key: str = "rollback", **others: Any) -> RollbackOutcome:
    values: dict[str, Any] = {"model": MODEL, "reason": "error rate", "actor": "monitor"}
    with store_transaction(engine) as connection:
        return registry.roll_back(
            connection, **{**values, **others, "bad_version": bad_version, "cause_key": cause_key, "at": NOON}
        )


def _set_status(engine: Engine, version: str, status: VersionStatus) -> None:
    with store_transaction(engine) as connection:
        registry.set_status(connection, model=MODEL, version=version, status=status, at=NOON)


def _routes(engine: Engine, model: str = MODEL) -> Routes:
    with store_transaction(engine) as connection:
        return registry.current_routes(connection, model)


def _statuses(engine: Engine) -> dict[str, VersionStatus]:
    with store_transaction(engine) as connection:
        return {name: version.status for name, version in registry.versions(connection, MODEL).items()}


def _history(engine: Engine) -> tuple[RouteChange, ...]:
    with store_transaction(engine) as connection:
        return registry.route_changes(connection, MODEL)


def test_a_version_is_registered_once_with_its_artefact(store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        answers = [
            registry.register_version(connection, model=MODEL, version="v1", artifact_uri="s3://a", at=NOON)
            for _ in range(2)
        ]
        version = registry.versions(connection, MODEL)["v1"]
    assert answers == [True, False]
    assert (version.status, version.health) == (VersionStatus.REGISTERED, VersionHealth.UNKNOWN)


def test_another_artefact_under_the_same_name_is_refused(store_engine: Engine) -> None:
    _register(store_engine, "v1")
    with pytest.raises(InputError, match="is registered with the artefact"), store_transaction(store_engine) as opened:
        registry.register_version(opened, model=MODEL, version="v1", artifact_uri="s3://other", at=NOON)


def test_a_model_that_was_never_routed_is_at_revision_zero(store_engine: Engine) -> None:
    assert _routes(store_engine) == Routes(model=MODEL, revision=0, shares={}, salt=MODEL)


def test_a_route_change_replaces_all_shares_and_leaves_history(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2")
    _route(store_engine, {"v1": 1}, "first")
    change = _route(store_engine, {"v1": 0.9, "v2": 0.1}, "canary", expected_revision=1)
    assert (change.revision, change.is_new) == (2, True)
    assert _routes(store_engine).shares == {"v1": Decimal("0.9"), "v2": Decimal("0.1")}
    newest, oldest = _history(store_engine)
    assert (newest.shares_before, newest.shares_after) == ({"v1": 1}, {"v1": Decimal("0.9"), "v2": Decimal("0.1")})
    assert (newest.actor, newest.reason, newest.cause_key, newest.changed_at) == ("ops", "rollout", "canary", NOON)
    assert (oldest.shares_before, oldest.shares_after) == ({}, {"v1": 1})


def test_the_same_cause_changes_routes_once_even_after_a_later_change(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2")
    first = _route(store_engine, {"v1": 1}, "first", expected_revision=0)
    _route(store_engine, {"v2": 1}, "second")
    again = _route(store_engine, {"v1": 1}, "first", expected_revision=0)
    assert (again.revision, again.is_new, again.shares_after) == (first.revision, False, first.shares_after)
    assert _routes(store_engine).shares == {"v2": 1}
    assert len(_history(store_engine)) == 2


def test_a_cause_key_of_another_model_is_refused(store_engine: Engine) -> None:
    _register(store_engine, "v1")
    _register(store_engine, "v1", model="other")
    _route(store_engine, {"v1": 1}, "first")
    with pytest.raises(InputError, match="has changed the routes of 'flight_delay'"):
        _route(store_engine, {"v1": 1}, "first", model="other")


def test_a_change_decided_on_old_routes_is_refused_and_changes_nothing(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2")
    _route(store_engine, {"v1": 1}, "first")
    with pytest.raises(RoutesChanged, match="are at revision 1, and the change was decided on revision 0"):
        _route(store_engine, {"v2": 1}, "second", expected_revision=0)
    assert _routes(store_engine).shares == {"v1": 1}


def test_of_two_changes_decided_on_the_same_revision_one_wins(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2")
    _route(store_engine, {"v1": 1}, "first")

    def attempt(number: int) -> bool:
        try:
            _route(store_engine, {"v2": 1}, f"attempt {number}", expected_revision=1)
        except RoutesChanged:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [False, False, False, True]
    assert _routes(store_engine).revision == 2


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"v1": 0.5, "v9": 0.5}, "'v9' of 'flight_delay' is not registered"),
        ({"v1": 0.5, "bad": 0.5}, "'bad' of 'flight_delay' is quarantined"),
        ({"v1": 0.5}, "add up to 0.5"),
    ],
)
def test_unfit_shares_are_refused_and_change_nothing(
    store_engine: Engine, shares: dict[str, float], message: str
) -> None:
    _register(store_engine, "v1", "bad")
    _set_status(store_engine, "bad", VersionStatus.QUARANTINED)
    with pytest.raises(InputError) as refused:
        _route(store_engine, shares, "first")
    assert message in str(refused.value)
    assert _routes(store_engine) == Routes(model=MODEL, revision=0, shares={}, salt=MODEL)
    assert _history(store_engine) == ()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(weights=st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_stored_shares_always_add_up_to_exactly_one(store_engine: Engine, weights: list[int]) -> None:
    versions = [f"v{number}" for number in range(len(weights))]
    _register(store_engine, *versions)
    shares = {version: weight / sum(weights) for version, weight in zip(versions, weights, strict=True)}
    _route(store_engine, shares, f"cause {_routes(store_engine).revision}")
    assert sum(_routes(store_engine).shares.values()) == 1
    assert _history(store_engine)[0].shares_after == _routes(store_engine).shares


def test_a_change_is_announced_when_it_is_committed_and_not_before(store_engine: Engine) -> None:
    _register(store_engine, "v1")
    address = store_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as listener:
        listener.execute(f"LISTEN {registry.ROUTES_CHANNEL}")
        with pytest.raises(RuntimeError), store_transaction(store_engine) as connection:
            registry.change_routes(
                connection, model=MODEL, shares={"v1": 1}, expected_revision=None, actor="ops", reason="rollout",
                cause_key="taken back", at=NOON,
            )  # fmt: skip
            raise RuntimeError("something after it failed")
        assert list(listener.notifies(timeout=0.2)) == []
        _route(store_engine, {"v1": 1}, "committed")
        assert [notice.payload for notice in listener.notifies(timeout=5, stop_after=1)] == [MODEL]


def test_a_version_with_traffic_cannot_be_quarantined_by_its_status(store_engine: Engine) -> None:
    _register(store_engine, "v1")
    _route(store_engine, {"v1": 1}, "first")
    with pytest.raises(InputError, match="gets traffic and cannot be quarantined"):
        _set_status(store_engine, "v1", VersionStatus.QUARANTINED)


def test_the_status_and_health_of_an_unknown_version_cannot_be_set(store_engine: Engine) -> None:
    with pytest.raises(InputError, match="is not registered"):
        _set_status(store_engine, "v9", VersionStatus.CANARY)
    with pytest.raises(InputError, match="is not registered"), store_transaction(store_engine) as connection:
        registry.set_health(connection, model=MODEL, version="v9", health=VersionHealth.HEALTHY, at=NOON)


def test_the_last_stable_version_is_the_last_other_one_that_had_all_the_traffic(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2", "v3")
    for number, shares in enumerate(({"v1": 1}, {"v1": 0.5, "v2": 0.5}, {"v2": 1}, {"v2": 0.9, "v3": 0.1})):
        _route(store_engine, shares, str(number))
    with store_transaction(store_engine) as connection:
        assert registry.last_stable_version(connection, MODEL, "v3") == "v2"
        assert registry.last_stable_version(connection, MODEL, "v2") == "v1"
        assert registry.last_stable_version(connection, "other", "v2") is None


def test_a_quarantined_or_unhealthy_version_is_not_stable(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2", "v3", "v4")
    for version in ("v1", "v2", "v3", "v4"):
        _route(store_engine, {version: 1}, version)
    _set_status(store_engine, "v3", VersionStatus.QUARANTINED)
    with store_transaction(store_engine) as connection:
        registry.set_health(connection, model=MODEL, version="v2", health=VersionHealth.UNHEALTHY, at=NOON)
        assert registry.last_stable_version(connection, MODEL, "v4") == "v1"


def test_a_rollback_moves_all_traffic_quarantines_the_bad_version_and_leaves_history(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2", "v3")
    _route(store_engine, {"v1": 1}, "first")
    _route(store_engine, {"v2": 1}, "second")
    _route(store_engine, {"v2": 0.8, "v3": 0.2}, "canary")
    _set_status(store_engine, "v2", VersionStatus.PRODUCTION)
    _set_status(store_engine, "v3", VersionStatus.CANARY)
    outcome = _roll_back(store_engine, "v2")
    assert outcome.is_done
    assert outcome.explanation == "Rolled back flight_delay from v2 to v1, all traffic."
    assert _routes(store_engine) == Routes(
        model=MODEL,
        revision=4,
        shares={"v1": Decimal(1)},
        salt=MODEL,
        allocation=Allocation((1_000_000,), ("v1",)),
    )
    assert _statuses(store_engine) == {
        "v1": VersionStatus.PRODUCTION,
        "v2": VersionStatus.QUARANTINED,
        "v3": VersionStatus.REGISTERED,
    }
    change = _history(store_engine)[0]
    assert (change.actor, change.reason, change.cause_key) == ("monitor", "error rate", "rollback")
    assert change.shares_before == {"v2": Decimal("0.8"), "v3": Decimal("0.2")}


def test_the_same_cause_rolls_back_once(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2")
    _route(store_engine, {"v1": 1}, "first")
    _route(store_engine, {"v2": 1}, "second")
    first, again = _roll_back(store_engine, "v2"), _roll_back(store_engine, "v2")
    assert again.is_done
    assert again.target_version == first.target_version == "v1"
    assert again.change is not None
    assert not again.change.is_new
    assert again.explanation.endswith("(by an earlier run of the same cause).")
    assert len(_history(store_engine)) == 3


def test_rollbacks_at_once_for_different_causes_move_the_traffic_once(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2", "v3")
    for version in ("v1", "v2", "v3"):
        _route(store_engine, {version: 1}, version)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda number: _roll_back(store_engine, "v3", f"cause {number}"), range(4)))
    assert [outcome.refusal for outcome in outcomes].count(RollbackRefusal.NOT_SERVING) == 3
    assert _routes(store_engine).shares == {"v2": 1}


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ({"model": "unheard_of", "bad_version": "v2"}, RollbackRefusal.MODEL_UNKNOWN),
        ({"bad_version": "v9"}, RollbackRefusal.VERSION_UNKNOWN),
        ({"bad_version": "v1"}, RollbackRefusal.NOT_SERVING),
        ({"bad_version": "v2", "target_version": "v2"}, RollbackRefusal.SAME_VERSION),
        ({"bad_version": "v2", "target_version": "v9"}, RollbackRefusal.TARGET_UNKNOWN),
        ({"bad_version": "v2", "target_version": "bad"}, RollbackRefusal.TARGET_QUARANTINED),
        ({"bad_version": "v2", "target_version": "sick"}, RollbackRefusal.TARGET_UNHEALTHY),
    ],
)
def test_a_rollback_that_cannot_be_made_is_refused_with_its_reason_and_changes_nothing(
    store_engine: Engine, request_: dict[str, str], refusal: RollbackRefusal
) -> None:
    _register(store_engine, "v1", "v2", "bad", "sick")
    _route(store_engine, {"v1": 1}, "first")
    _route(store_engine, {"v2": 1}, "second")
    _set_status(store_engine, "bad", VersionStatus.QUARANTINED)
    with store_transaction(store_engine) as connection:
        registry.set_health(connection, model=MODEL, version="sick", health=VersionHealth.UNHEALTHY, at=NOON)
    before = (_routes(store_engine), _statuses(store_engine), _history(store_engine))
    outcome = _roll_back(store_engine, **request_)
    assert (outcome.refusal, outcome.is_done, outcome.change) == (refusal, False, None)
    assert outcome.explanation.startswith("Not rolled back: ")
    assert (_routes(store_engine), _statuses(store_engine), _history(store_engine)) == before
    assert _routes(store_engine, "unheard_of").revision == 0


def test_the_first_version_has_nothing_to_roll_back_to(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2")
    _route(store_engine, {"v1": 1}, "first")
    outcome = _roll_back(store_engine, "v1")
    assert outcome.refusal is RollbackRefusal.NO_EARLIER_VERSION
    assert "has no earlier version than v1" in outcome.explanation
    assert _routes(store_engine).shares == {"v1": 1}


def test_a_version_that_was_rolled_back_is_not_rolled_back_to(store_engine: Engine) -> None:
    _register(store_engine, "v1", "v2")
    _route(store_engine, {"v1": 1}, "first")
    _route(store_engine, {"v2": 1}, "second")
    _roll_back(store_engine, "v2", "one")
    assert _roll_back(store_engine, "v1", "two").refusal is RollbackRefusal.NO_EARLIER_VERSION


def test_names_with_quotes_and_sql_in_them_are_names(store_engine: Engine) -> None:
    model, version = "m'\"; DROP TABLE driftline.routes; --", "v'1\"{}%s:x"
    _register(store_engine, version, "v2", model=model)
    _route(store_engine, {version: 1}, "first", model=model)
    _route(store_engine, {"v2": 1}, "second", model=model)
    assert _roll_back(store_engine, "v2", model=model).target_version == version
    with store_transaction(store_engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM driftline.routes")).scalar_one() == 1
