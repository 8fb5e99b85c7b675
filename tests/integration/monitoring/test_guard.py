"""The guard on real tables: an excess that holds rolls back once, is told once, and is looked at afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from driftline.alerts import AlertMessage, IncidentStatus
from driftline.config import ModelConfig
from driftline.errors import InputError
from driftline.live import Feed, MinuteSpan, OutcomeCounts, PredictionCounts, Watermark
from driftline.live.latency import cell_of
from driftline.live.spans import MINUTE
from driftline.local.provisioning import Urls
from driftline.monitoring.guard import Guarded, guard
from driftline.monitoring.live import count_live
from driftline.monitoring.rollback_engine import AutoRollbackEngine, rollback_policy
from driftline.rollback import RollbackStatus, Trigger
from driftline.serving import VersionHealth, VersionStatus
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.live import record_count, replace_minutes
from driftline.store.registry import (
    change_routes,
    current_routes,
    register_version,
    route_changes,
    set_health,
    set_status,
    versions,
)
from driftline.store.rollback_log import rollbacks_of
from driftline.store.tables import alert_outbox, incidents
from tests.integration.shop_log import ShopLog

MODEL = "fraud"
START = datetime(2026, 3, 10, 12, 0, 5, tzinfo=UTC)
LOOK = timedelta(seconds=20)
FINE, FAILING, SLOW = "fine", "failing", "slow"


def config(**changes: Any) -> ModelConfig:
    described: dict[str, Any] = {
        "model": MODEL,
        "task": "binary_classification",
        "connection": "prediction_log",
        "predictions": {"table": "t", "id": "i", "time": "t", "version": "v", "prediction": "p"},
        "labels": {"table": "l", "id": "i", "label": "y", "time": "t", "expected_delay": "1h"},
        "features": "discover",
        "baseline": {"first": "7d"},
        "rollback": {"enabled": True},
    }
    return ModelConfig.model_validate({**described, **changes})


@dataclass
class Serving:
    """A model that is served, and the guard beside it, on a clock of their own."""

    store: Engine
    config: ModelConfig = field(default_factory=config)
    now: datetime = START
    made: dict[tuple[datetime, str], PredictionCounts] = field(default_factory=dict)

    def register(self, *names: str, shares: dict[str, float] | None = None) -> None:
        """Each had all the traffic in its turn; then comes ``shares``."""
        for name in names:
            with store_transaction(self.store) as connection:
                register_version(connection, model=MODEL, version=name, artifact_uri=f"s3://{name}", at=self.now)
            self.route({name: 1.0})
        if shares is not None:
            self.route(shares)

    def route(self, shares: dict[str, float]) -> None:
        with store_transaction(self.store) as connection:
            revision = current_routes(connection, MODEL).revision
            change_routes(
                connection, model=MODEL, shares=shares, expected_revision=None, actor="deploy", reason="release",
                cause_key=f"{MODEL}/release/{revision}", at=self.now - timedelta(days=1),
            )  # fmt: skip

    def serve(self, **how: str) -> None:
        """Twenty seconds at 4 predictions a second of each version, all of one sort."""
        minute = self.now.replace(second=0, microsecond=0)
        for version, sort in how.items():
            added = PredictionCounts(80, 40 if sort == FAILING else 0, {cell_of(5000.0 if sort == SLOW else 40.0): 80})
            key = (minute, version)
            self.made[key] = self.made[key] + added if key in self.made else added
        self._count(Feed.PREDICTIONS, self.made)
        self.now += LOOK

    def label(self, **correct_of_1000: int) -> None:
        minute = self.now.replace(second=0, microsecond=0)
        self._count(
            Feed.LABELS,
            {
                (minute, version): OutcomeCounts(labeled=1000, true_positives=right, false_positives=1000 - right)
                for version, right in correct_of_1000.items()
            },
        )

    def _count(self, feed: Feed, counts: dict[tuple[datetime, str], Any]) -> None:
        span = MinuteSpan(min(minute for minute, _ in counts), self.now + MINUTE)
        with store_transaction(self.store) as connection:
            replace_minutes(connection, MODEL, feed, span, counts)
            record_count(
                connection, MODEL, feed, watermark=Watermark(self.now, self.now), newest_row=self.now, rows_ahead=0
            )

    def guard(self) -> Guarded:
        # How fresh the figures are is told by the database's clock, which runs on in a test.
        return guard(self.store, [self.config], now=self.now)[0]

    def serve_and_guard(self, looks: int, **how: str) -> list[Guarded]:
        found = []
        for _ in range(looks):
            self.serve(**how)
            found.append(self.guard())
        return found

    def shares(self) -> dict[str, Decimal]:
        with store_transaction(self.store) as connection:
            return dict(current_routes(connection, MODEL).shares)

    def rollbacks(self) -> list[Any]:
        with store_transaction(self.store) as connection:
            return rollbacks_of(connection, MODEL)

    def titles(self) -> list[str]:
        with self.store.connect() as connection:
            found = connection.execute(select(alert_outbox.c.message).order_by(alert_outbox.c.alert_id)).scalars()
            return [AlertMessage.from_json(message).title for message in found]

    def verdicts(self) -> list[str]:
        with self.store.connect() as connection:
            found = connection.execute(select(alert_outbox.c.message).order_by(alert_outbox.c.alert_id)).scalars()
            return [AlertMessage.from_json(message).verdict for message in found]

    def incidents(self) -> dict[str, str]:
        with self.store.connect() as connection:
            return {row.cause: row.status for row in connection.execute(select(incidents))}


@pytest.fixture
def serving(store_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Serving:
    # The tests' clock stands in March.
    monkeypatch.setattr("driftline.monitoring.guard.STALE_AFTER", timedelta(days=36_500))
    found = Serving(store_engine)
    found.register("v1", "v2")
    return found


@pytest.mark.parametrize(("fault", "cause"), [(FAILING, "error_rate"), (SLOW, "latency")])
def test_an_excess_that_holds_is_rolled_back_and_told_in_one_message(serving: Serving, fault: str, cause: str) -> None:
    serving.serve_and_guard(3, v2=FINE)
    first, second = serving.serve_and_guard(2, v2=fault)
    assert (first.told, second.told) == (0, 1)
    assert serving.shares() == {"v1": Decimal(1)}
    (rollback,) = serving.rollbacks()
    assert (rollback.trigger, rollback.status) == (Trigger(cause), RollbackStatus.DONE)
    assert rollback.first_seen_at == serving.now - LOOK
    with store_transaction(serving.store) as connection:
        assert versions(connection, MODEL)["v2"].status is VersionStatus.QUARANTINED
        assert route_changes(connection, MODEL)[0].actor == "guard"
    assert serving.titles() == ["fraud: rolled back"]
    assert serving.incidents() == {cause: IncidentStatus.OPEN}


def test_a_rollback_that_helped_is_verified_and_its_incident_resolved(serving: Serving) -> None:
    serving.serve_and_guard(3, v2=FAILING)
    serving.serve_and_guard(9, v1=FINE)
    (rollback,) = serving.rollbacks()
    assert rollback.status is RollbackStatus.VERIFIED
    assert rollback.ended_at - rollback.done_at < timedelta(minutes=3)
    assert serving.titles() == ["fraud: rolled back", "fraud: rollback verified, resolved"]
    assert serving.incidents() == {"error_rate": IncidentStatus.RESOLVED}


def test_a_rollback_that_did_not_help_is_escalated(serving: Serving) -> None:
    serving.serve_and_guard(3, v2=SLOW)
    serving.serve_and_guard(9, v1=SLOW)
    assert [each.status for each in serving.rollbacks()] == [RollbackStatus.HELD, RollbackStatus.ESCALATED]
    assert serving.incidents()["rollback_failed"] == IncidentStatus.OPEN
    assert "the rollback did not help" in serving.titles()[-1]
    assert serving.shares() == {"v1": Decimal(1)}


def test_a_bad_version_that_goes_on_answering_is_escalated(serving: Serving) -> None:
    serving.serve_and_guard(3, v2=FAILING)
    serving.serve_and_guard(9, v1=FINE, v2=FAILING)
    assert "v2 still answers" in serving.rollbacks()[0].explanation
    assert serving.rollbacks()[0].status is RollbackStatus.ESCALATED


def test_nothing_served_afterwards_is_no_recovery(serving: Serving) -> None:
    serving.serve_and_guard(3, v2=FAILING)
    serving.now += timedelta(minutes=5)
    serving.guard()
    assert serving.rollbacks()[0].status is RollbackStatus.DONE
    serving.now += timedelta(minutes=6)
    serving.guard()
    assert serving.rollbacks()[0].status is RollbackStatus.ESCALATED
    assert "cannot be told" in serving.rollbacks()[0].explanation


def test_a_moments_excess_is_none(serving: Serving) -> None:
    serving.serve_and_guard(6, v2=FINE)
    serving.serve_and_guard(1, v2=FAILING)
    serving.serve_and_guard(8, v2=FINE)
    assert serving.rollbacks() == []
    assert serving.shares() == {"v2": Decimal(1)}


def test_the_same_figures_again_are_no_further_evidence(serving: Serving) -> None:
    serving.serve_and_guard(2, v2=FINE)
    serving.serve(v2=FAILING)
    for _ in range(5):
        serving.guard()
    assert serving.rollbacks() == []


def test_a_fault_of_every_version_lies_upstream_and_rolls_nothing_back(serving: Serving) -> None:
    serving.route({"v1": 0.5, "v2": 0.5})
    serving.serve_and_guard(6, v1=SLOW, v2=SLOW)
    assert serving.shares() == {"v1": Decimal("0.5"), "v2": Decimal("0.5")}
    (rollback,) = serving.rollbacks()
    assert rollback.status is RollbackStatus.REFUSED
    assert "the fault lies upstream" in rollback.explanation
    assert serving.titles() == ["fraud: rollback not done"]


def test_the_bad_one_of_two_versions_loses_its_traffic(serving: Serving) -> None:
    serving.route({"v1": 0.9, "v2": 0.1})
    serving.serve_and_guard(3, v1=FINE, v2=FAILING)
    assert serving.shares() == {"v1": Decimal(1)}


def test_a_version_with_worse_labels_than_the_stable_one_is_rolled_back(serving: Serving) -> None:
    serving.route({"v1": 0.5, "v2": 0.5})
    for _ in range(2):
        serving.label(v1=930, v2=760)
        serving.now += MINUTE
        serving.guard()
    assert serving.shares() == {"v1": Decimal(1)}
    assert serving.rollbacks()[0].trigger is Trigger.LIVE_PERFORMANCE
    assert "Accuracy of v2 is 0.76" in serving.rollbacks()[0].reason


def test_without_leave_to_roll_back_the_excess_is_told_once(serving: Serving) -> None:
    serving.config = config(rollback={"enabled": False})
    serving.serve_and_guard(6, v2=FAILING)
    assert serving.rollbacks() == []
    assert serving.titles() == ["fraud: error rate"]
    serving.serve_and_guard(20, v2=FINE)
    assert serving.incidents() == {"error_rate": IncidentStatus.RESOLVED}


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(serving: Serving) -> None:
    serving.config = config(rollback={"enabled": True, "mode": "dry_run"})
    serving.serve_and_guard(5, v2=FAILING)
    assert serving.shares() == {"v2": Decimal(1)}
    assert [each.status for each in serving.rollbacks()] == [RollbackStatus.WOULD_DO]
    assert serving.titles() == ["fraud: rollback (dry run)"]
    assert serving.verdicts()[0].startswith("Dry run: would have rolled back fraud from v2 to v1")
    with store_transaction(serving.store) as connection:
        assert len(route_changes(connection, MODEL)) == 2


class TestApproval:
    @pytest.fixture
    def waiting(self, serving: Serving) -> Serving:
        serving.config = config(rollback={"enabled": True, "mode": "approval"})
        serving.serve_and_guard(4, v2=FAILING)
        assert [each.status for each in serving.rollbacks()] == [RollbackStatus.AWAITING_APPROVAL]
        assert serving.shares() == {"v2": Decimal(1)}
        return serving

    def engine(self, serving: Serving) -> AutoRollbackEngine:
        return AutoRollbackEngine(MODEL, rollback_policy(serving.config))

    def test_a_person_approves(self, waiting: Serving) -> None:
        with store_transaction(waiting.store) as connection:
            done = self.engine(waiting).approve(connection, waiting.rollbacks()[0].rollback_id, "ada", waiting.now)
        assert done.status is RollbackStatus.DONE
        assert waiting.shares() == {"v1": Decimal(1)}
        with store_transaction(waiting.store) as connection:
            assert route_changes(connection, MODEL)[0].actor == "guard, approved by ada"
        waiting.serve_and_guard(9, v1=FINE)
        assert waiting.rollbacks()[0].status is RollbackStatus.VERIFIED

    def test_a_person_holds_and_the_same_cause_asks_no_more(self, waiting: Serving) -> None:
        with store_transaction(waiting.store) as connection:
            self.engine(waiting).decline(connection, waiting.rollbacks()[0].rollback_id, "ada", waiting.now)
        waiting.serve_and_guard(3, v2=FAILING)
        assert [each.status for each in waiting.rollbacks()] == [RollbackStatus.DECLINED]
        assert waiting.shares() == {"v2": Decimal(1)}
        assert len(waiting.titles()) == 1

    def test_what_does_not_wait_needs_no_word(self, waiting: Serving) -> None:
        with (
            pytest.raises(InputError, match="Rollback 99 is not known"),
            store_transaction(waiting.store) as connection,
        ):
            self.engine(waiting).approve(connection, 99, "ada", waiting.now)


def test_after_a_rollback_the_next_one_is_held_until_the_cooldown_is_over(serving: Serving) -> None:
    serving.register("v3")
    serving.serve_and_guard(3, v3=FAILING)
    assert serving.shares() == {"v2": Decimal(1)}
    serving.serve_and_guard(4, v2=FAILING)
    assert serving.shares() == {"v2": Decimal(1)}
    assert serving.rollbacks()[0].status is RollbackStatus.HELD
    assert len([title for title in serving.titles() if title == "fraud: rollback held"]) == 1
    serving.now += timedelta(hours=1)
    serving.serve_and_guard(3, v2=FAILING)
    assert serving.shares() == {"v1": Decimal(1)}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda c: set_health(c, model=MODEL, version="v1", health=VersionHealth.UNHEALTHY, at=START), "no earlier"),
        (lambda c: set_status(c, model=MODEL, version="v1", status=VersionStatus.QUARANTINED, at=START), "no earlier"),
    ],
    ids=["unhealthy", "quarantined"],
)
def test_without_a_fit_target_nothing_is_done_and_the_alert_says_why(
    serving: Serving, spoil: Callable[[Any], None], why: str
) -> None:
    with store_transaction(serving.store) as connection:
        spoil(connection)
    serving.serve_and_guard(5, v2=FAILING)
    assert serving.shares() == {"v2": Decimal(1)}
    assert serving.titles() == ["fraud: rollback not done"]
    assert why in serving.verdicts()[0]


def test_a_model_that_was_never_routed_is_told_and_not_rolled_back(store_engine: Engine, serving: Serving) -> None:
    serving.config = config(model="other")
    other = Serving(store_engine, serving.config)
    assert guard(other.store, [other.config], now=other.now)[0].told == 0


def test_stale_figures_are_no_verdict(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftline.monitoring.guard.STALE_AFTER", timedelta(seconds=90))
    serving.now = datetime.now(UTC) + timedelta(minutes=30)
    serving.serve_and_guard(5, v2=FAILING)
    assert serving.rollbacks() == []


def test_two_guards_at_once_roll_back_once(serving: Serving) -> None:
    serving.serve_and_guard(1, v2=FAILING)
    serving.serve(v2=FAILING)
    threads = [threading.Thread(target=serving.guard) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    serving.serve_and_guard(1, v2=FAILING)
    assert len(serving.rollbacks()) == 1
    assert serving.titles() == ["fraud: rolled back"]
    with store_transaction(serving.store) as connection:
        assert len(route_changes(connection, MODEL)) == 3


class _KilledError(BaseException):
    """What a task sees that is killed: no handler may catch it."""


def test_a_guard_killed_between_any_two_statements_leaves_all_or_nothing(serving: Serving) -> None:
    """Cut off after each statement in turn; the next pass does the whole of it, once."""
    serving.serve_and_guard(2, v2=FINE)
    serving.serve_and_guard(1, v2=FAILING)
    serving.serve(v2=FAILING)
    cut = 0
    while True:
        cut += 1
        engine = create_store_engine(serving.store.url.render_as_string(hide_password=False))
        if not _cut_off_after(engine, cut, lambda engine=engine: guard(engine, [serving.config], now=serving.now)):
            break
        assert serving.shares() == {"v2": Decimal(1)}
        assert serving.rollbacks() == []
        assert serving.titles() == []
    assert cut > 20
    serving.serve_and_guard(1, v1=FINE)
    assert serving.shares() == {"v1": Decimal(1)}
    assert [each.status for each in serving.rollbacks()] == [RollbackStatus.DONE]
    assert serving.titles() == ["fraud: rolled back"]
    with store_transaction(serving.store) as connection:
        assert [change.revision for change in route_changes(connection, MODEL)] == [3, 2, 1]


@pytest.mark.parametrize("statement", ["route_history", "rollbacks", "alert_outbox"])
def test_a_database_that_goes_away_in_the_middle_of_a_rollback_has_kept_nothing_of_it(
    serving: Serving, statement: str
) -> None:
    serving.serve_and_guard(2, v2=FINE)
    serving.serve_and_guard(1, v2=FAILING)
    serving.serve(v2=FAILING)
    engine = create_store_engine(serving.store.url.render_as_string(hide_password=False))
    ended: list[str] = []

    def end_session(connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if not ended and sql.startswith(f"INSERT INTO driftline.{statement}"):
            ended.append(sql)
            process = connection.connection.dbapi_connection.info.backend_pid
            with serving.store.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({process})")

    event.listen(engine, "before_cursor_execute", end_session)
    (found,) = guard(engine, [serving.config], now=serving.now)
    assert ended
    assert found.error
    assert (serving.shares(), serving.rollbacks(), serving.titles()) == ({"v2": Decimal(1)}, [], [])
    serving.serve_and_guard(1, v2=FAILING)
    assert serving.shares() == {"v1": Decimal(1)}
    assert serving.titles() == ["fraud: rolled back"]


def _cut_off_after(engine: Engine, statements: int, do: Callable[[], Any]) -> bool:
    """Whether it came to that: False where ``do`` was through before."""
    done = 0

    def count(*_: Any) -> None:
        nonlocal done
        done += 1
        if done > statements:
            raise _KilledError

    event.listen(engine, "before_cursor_execute", count)
    try:
        do()
    except _KilledError:
        return True
    finally:
        engine.dispose()
    return False


def test_one_broken_model_stops_no_other(serving: Serving) -> None:
    with store_transaction(serving.store) as connection:
        connection.exec_driver_sql(
            "INSERT INTO driftline.trigger_states VALUES ('broken', 'v1', 'no such trigger', '[]', NULL, NULL, NULL)"
        )
    serving.serve(v2=FAILING)
    broken, fine = config(model="broken", criticality="high"), serving.config
    for _ in range(3):
        found = {each.model: each for each in guard(serving.store, [broken, fine], now=serving.now)}
        serving.serve(v2=FAILING)
    assert "no such trigger" in found["broken"].error
    assert serving.shares() == {"v1": Decimal(1)}


def test_the_models_in_trouble_come_first_and_of_those_the_most_critical(serving: Serving) -> None:
    serving.serve(v2=FAILING)
    serving.serve(v2=FAILING)
    calm, critical = config(model="calm", criticality="high"), config(criticality="low")
    assert [each.model for each in guard(serving.store, [calm, critical], now=serving.now)] == [MODEL, "calm"]


@pytest.fixture
def shop_serving(serving: Serving, shop: ShopLog) -> Iterator[Serving]:
    serving.config = shop.config(rollback={"enabled": True})
    yield serving


def test_from_the_log_to_the_rollback(shop_serving: Serving, shop: ShopLog, urls: Urls) -> None:
    """The user's own table, counted and guarded as `guard_serving` does it."""
    for number in range(2):
        now = datetime.now(UTC)
        for _ in range(110):
            shop.predict(now - timedelta(seconds=1), model_version="v2", failure="timeout", latency=9000.0)
        assert count_live(shop_serving.store, [shop_serving.config], lambda _: urls.log_reader) == []
        found = guard(shop_serving.store, [shop_serving.config], now=now + number * LOOK)
        assert found[0].error == ""
    assert shop_serving.shares() == {"v1": Decimal(1)}
    assert shop_serving.rollbacks()[0].trigger is Trigger.ERROR_RATE
    assert "220 of 220 predictions of v2 failed" in shop_serving.rollbacks()[0].reason
