"""The router against a real registry: changes arrive, an absent database is survived, threads and forks are safe."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from driftline.errors import InputError
from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import Urls, provision
from driftline.serving import TrafficSplitStrategy
from driftline.serving.router import Router, RoutesUnknown
from driftline.store import registry
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.migrate import migrate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = "fraud"


def routed(engine: Engine, shares: dict[str, float], cause: str, model: str = MODEL, **others: Any) -> None:
    with store_transaction(engine) as connection:
        for version in shares:
            registry.register_version(connection, model=model, version=version, artifact_uri=f"s3://{version}", at=NOON)
        registry.change_routes(
            connection,
            model=model,
            shares=shares,
            expected_revision=None,
            actor="test",
            reason="test",
            cause_key=f"{model}/{cause}",
            at=NOON,
            **others,
        )


def until(condition: Callable[[], bool], seconds: float = 10.0) -> float:
    """Seconds until ``condition`` holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it never came true"
        time.sleep(0.005)
    return time.monotonic() - began


@pytest.fixture
def router(store_engine: Engine, urls: Urls) -> Iterator[Router]:
    routed(store_engine, {"v1": 1.0}, "first")
    with Router(urls.store) as opened:
        yield opened


def test_a_change_reaches_the_router_in_less_than_a_second(router: Router, store_engine: Engine) -> None:
    assert router.route(MODEL, "alice") == "v1"
    routed(store_engine, {"v2": 1.0}, "second")
    assert until(lambda: router.route(MODEL, "alice") == "v2") < 1.0
    assert router.status.is_connected
    assert router.status.revisions == {MODEL: 2}


def test_raising_a_share_moves_only_entities_to_that_version(router: Router, store_engine: Engine) -> None:
    everyone = [f"user-{each}" for each in range(20_000)]
    seen = []
    for revision, share in enumerate((0.05, 0.2, 0.5), start=2):
        routed(store_engine, {"v1": 1 - share, "v2": share}, f"to {share}")
        until(lambda revision=revision: router.status.revisions[MODEL] == revision)  # type: ignore[misc]
        seen.append([router.route(MODEL, each) for each in everyone])
        assert abs(Counter(seen[-1])["v2"] / len(everyone) - share) < 0.02
    for before, after in pairwise(seen):
        assert all(now == "v2" for was, now in zip(before, after, strict=True) if was != now)


def test_a_new_salt_places_everyone_anew(router: Router, store_engine: Engine) -> None:
    everyone = [f"user-{each}" for each in range(4_000)]
    answers = []
    for revision, salt in enumerate(("phase 1", "phase 2"), start=2):
        routed(store_engine, {"v1": 0.5, "v2": 0.5}, salt, salt=salt)
        until(lambda revision=revision: router.status.revisions[MODEL] == revision)  # type: ignore[misc]
        answers.append([router.route(MODEL, each) for each in everyone])
    alike = sum(one == other for one, other in zip(*answers, strict=True)) / len(everyone)
    assert 0.45 < alike < 0.55


def test_random_needs_no_entity_and_keeps_the_shares(router: Router, store_engine: Engine) -> None:
    routed(store_engine, {"v1": 0.7, "v2": 0.3}, "random", strategy=TrafficSplitStrategy.RANDOM)
    until(lambda: router.status.revisions[MODEL] == 2)
    share = Counter(router.route(MODEL) for _ in range(20_000))["v2"] / 20_000
    assert abs(share - 0.3) < 0.02


def test_where_entities_matter_an_empty_one_is_refused(router: Router, store_engine: Engine) -> None:
    routed(store_engine, {"v1": 0.7, "v2": 0.3}, "split")
    until(lambda: router.status.revisions[MODEL] == 2)
    with pytest.raises(InputError, match="entity id is empty"):
        router.route(MODEL, "")


def test_an_unknown_model_names_those_there_are(router: Router) -> None:
    with pytest.raises(RoutesUnknown, match=r"no routes of 'spam'; models with routes: fraud"):
        router.route("spam", "alice")


def test_routes_of_another_release_stay_as_they_were(router: Router, store_engine: Engine) -> None:
    with store_transaction(store_engine) as connection:
        connection.execute(text("UPDATE driftline.route_revisions SET strategy = 'psychic', revision = 9"))
    routed(store_engine, {"v1": 1.0}, "other", model="other")
    until(lambda: "other" in router.status.revisions)
    assert router.route(MODEL, "alice") == "v1"
    assert "the routes of fraud are of another release" in router.status.error


def test_a_lost_notification_is_made_up_for_by_the_poll(store_engine: Engine, urls: Urls) -> None:
    routed(store_engine, {"v1": 1.0}, "first")
    with Router(urls.store, poll_seconds=0.5) as router:
        with store_transaction(store_engine) as connection:
            connection.execute(text("""UPDATE driftline.route_revisions SET allocation = '[[1000000, "v7"]]'"""))
        until(lambda: router.route(MODEL, "alice") == "v7", 5)


def test_threads_and_coroutines_see_one_answer(router: Router, store_engine: Engine) -> None:
    routed(store_engine, {"v1": 0.5, "v2": 0.5}, "split")
    until(lambda: router.status.revisions[MODEL] == 2)
    everyone = [f"user-{each}" for each in range(2_000)]
    alone = [router.route(MODEL, each) for each in everyone]
    with ThreadPoolExecutor(8) as pool:
        assert all(found == alone for found in pool.map(lambda _: [router.route(MODEL, e) for e in everyone], range(8)))

    async def ask(entity: str) -> str:
        return router.route(MODEL, entity)

    async def ask_all() -> list[str]:
        return list(await asyncio.gather(*(ask(each) for each in everyone)))

    assert asyncio.run(ask_all()) == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_hears_of_changes_itself(router: Router, store_engine: Engine) -> None:
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        answer = b"late"
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if router.route(MODEL, "alice") == "v2":
                answer = b"v2"
                break
            time.sleep(0.01)
        os.write(told, answer)
        os._exit(0)
    routed(store_engine, {"v2": 1.0}, "second")
    assert os.read(heard, 16) == b"v2"
    os.waitpid(child, 0)
    os.close(heard)
    os.close(told)
    routed(store_engine, {"v1": 1.0}, "third")
    until(lambda: router.route(MODEL, "alice") == "v1", 5)


def test_without_its_database_the_last_known_routes_serve_on(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", SCRATCH)
    server.start()
    try:
        urls = provision(server.admin_url, tmp_path / "secrets.json")
        engine = create_store_engine(urls.store)
        migrate(engine)
        routed(engine, {"v1": 0.5, "v2": 0.5}, "first")
        with Router(urls.store, poll_seconds=0.5) as router:
            before = [router.route(MODEL, f"user-{each}") for each in range(500)]
            server.stop()
            until(lambda: not router.status.is_connected)
            lost = router.status
            assert lost.error
            assert lost.confirmed_at is not None
            assert [router.route(MODEL, f"user-{each}") for each in range(500)] == before
            server.start()
            until(lambda: router.status.is_connected, 20)
            assert router.status.since > lost.since
            routed(engine, {"v2": 1.0}, "second")
            until(lambda: router.route(MODEL, "user-1") == "v2")
    finally:
        server.stop()


def test_a_database_that_never_answered_is_named(urls: Urls) -> None:
    with Router("postgresql://nobody@127.0.0.1:1/none", startup_seconds=0.3) as router:
        assert not router.status.is_connected
        with pytest.raises(RoutesUnknown, match="the database has not answered"):
            router.route(MODEL, "alice")
