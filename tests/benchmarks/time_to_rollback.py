"""From the first bad prediction to the rollback, under the real scheduler, with a router that follows it.

``python tests/benchmarks/time_to_rollback.py [--rounds 2] [--rate 4]`` starts a Postgres and an Airflow of its own in a
temporary folder, switches `guard_serving` on, and serves twelve models at ``--rate`` predictions a second each, each
prediction by the version that `driftline.serving.router.Router` names. In every round each model gets a new version
that serves well for a while (at random 10 to 50 seconds) and then goes bad: four of the models fail, four are slow,
four answer wrongly (their labels come at once). Measured, from the first bad prediction: until the route was changed,
and until the last prediction of the bad version. Writes docs/evidence/time_to_rollback.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import Engine, select

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.local.provisioning import Urls
from driftline.local.slack_receiver import SlackReceiver, start_receiver
from driftline.serving.router import Router
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.registry import register_version
from driftline.store.routing import change_routes
from driftline.store.tables import rollbacks, route_history
from tests.benchmarks.live_lag import description, installation, wait_for_guard

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "docs" / "evidence" / "time_to_rollback.md"
FAULTS = ("errors", "latency", "performance")
MODELS_A_FAULT = 4
FAILING_SHARE, SLOW_MS, RIGHT_BEFORE, RIGHT_AFTER = 0.3, 5_000.0, 0.93, 0.6
GIVE_UP_SECONDS = 300.0
TELL_SECONDS = 15.0
"""A route change leads to a message within."""


@dataclass
class Run:
    """One version that went bad."""

    model: str
    fault: str
    version: str
    bad_from: float = 0.0
    """When it begins to go bad."""
    first_bad: float | None = None
    last_served: float | None = None
    changed: float | None = None
    verified: str = ""


@dataclass
class Traffic:
    """Predictions of all models at a steady rate, until stopped."""

    urls: Urls
    rate: float
    runs: dict[str, Run] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None

    def serve(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            self.failure = error

    def _serve(self) -> None:
        chance, number = random.Random(1), 0
        with (
            psycopg.connect(self.urls.log_owner, autocommit=True) as connection,
            Router(self.urls.store) as router,
        ):
            due = time.time()
            while not self.stopped.is_set():
                for run in list(self.runs.values()):
                    number += 1
                    self._predict(connection, router, chance, number, run)
                due += 1 / self.rate
                time.sleep(max(0.0, due - time.time()))

    def _predict(self, connection: Any, router: Router, chance: random.Random, number: int, run: Run) -> None:
        model, now = run.model, time.time()
        version = router.route(model, str(chance.random()))
        is_bad = version == run.version and now >= run.bad_from
        fails = is_bad and run.fault == "errors" and chance.random() < FAILING_SHARE
        slow = is_bad and run.fault == "latency"
        right = chance.random() < (RIGHT_AFTER if is_bad and run.fault == "performance" else RIGHT_BEFORE)
        truth = float(chance.random() < 0.3)
        answer = None if fails else truth if right else 1 - truth
        connection.execute(
            f"INSERT INTO live.{model} VALUES (%s, clock_timestamp(), %s, %s, %s, %s)",
            (number, version, answer, SLOW_MS if slow else chance.lognormvariate(3, 0.5), "boom" if fails else None),
        )
        if not fails:
            connection.execute(f"INSERT INTO live.{model}_labels VALUES (%s, %s, clock_timestamp())", (number, truth))
        if version == run.version:
            run.last_served = time.time()
            if is_bad and run.first_bad is None and (fails or slow or (run.fault == "performance" and not right)):
                run.first_bad = time.time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=4.0, help="Predictions per second of each model.")
    asked = parser.parse_args()
    models = {f"{fault}_{n}": fault for fault in FAULTS for n in range(MODELS_A_FAULT)}
    described = {model: _description(model) for model in models}
    load = [os.getloadavg()[0]]
    with (
        tempfile.TemporaryDirectory(prefix="driftline-rollback-") as folder,
        start_receiver(log=Path(folder) / "alerts.jsonl") as receiver,
        installation(Path(folder), described, _slack(receiver)) as (airflow, urls, _),
    ):
        store = create_store_engine(urls.store)
        _make_stable(store, models)
        wait_for_guard(airflow, urls, seconds=30)
        airflow.api("PATCH", "/api/v2/dags/send_alerts", {"is_paused": False})
        runs = _rounds(store, Traffic(urls, asked.rate), models, asked.rounds)
        time.sleep(TELL_SECONDS)
        told = len(receiver.requests)
        checks = _consistency(store)
    load.append(os.getloadavg()[0])
    page = report(asked, runs, told, checks, load)
    OUTPUT.write_text(page)
    print(page)  # noqa: T201


def _description(model: str) -> dict[str, Any]:
    described = description(model, 1)
    described["labels"]["expected_delay"] = "1s"
    described["rollback"] = {"enabled": True, "cooldown": "1s", "most_a_day": 100}
    return described


def _slack(receiver: SlackReceiver) -> str:
    return f'{{"conn_type": "slackwebhook", "password": "{receiver.webhook_url}"}}'


def _make_stable(store: Engine, models: dict[str, str]) -> None:
    for model in models:
        _release(store, model, "v1")


def _release(store: Engine, model: str, version: str) -> None:
    now = datetime.now(UTC)
    with store_transaction(store) as connection:
        register_version(connection, model=model, version=version, artifact_uri=f"file:{model}-{version}", at=now)
        change_routes(
            connection, model=model, shares={version: 1}, expected_revision=None, actor="benchmark", reason="release",
            cause_key=f"{model}/{version}", at=now,
        )  # fmt: skip


def _rounds(store: Engine, traffic: Traffic, models: dict[str, str], rounds: int) -> list[Run]:
    done: list[Run] = []
    chance = random.Random(2)
    traffic.runs = {model: Run(model, fault, "v1", bad_from=float("inf")) for model, fault in models.items()}
    thread = threading.Thread(target=traffic.serve)
    thread.start()
    try:
        # The stable version is remembered by its labels.
        time.sleep(90)
        for number in range(rounds):
            runs = [Run(model, fault, f"v{number + 2}") for model, fault in models.items()]
            for run in runs:
                _release(store, run.model, run.version)
                run.bad_from = time.time() + chance.uniform(10, 50)
                traffic.runs[run.model] = run
            _wait(store, traffic, runs)
            done += runs
            # Until the rollbacks are verified: two minutes after they were made.
            time.sleep(150)
        _read_ends(store, done)
    finally:
        traffic.stopped.set()
        thread.join()
    if traffic.failure is not None:
        raise traffic.failure
    return done


def _wait(store: Engine, traffic: Traffic, runs: Sequence[Run]) -> None:
    deadline = time.time() + GIVE_UP_SECONDS
    while any(run.changed is None for run in runs) and time.time() < deadline and traffic.failure is None:
        time.sleep(0.5)
        with store.connect() as connection:
            query = select(route_history.c.model, route_history.c.changed_at, route_history.c.shares_before)
            for row in connection.execute(query.where(route_history.c.actor == "guard")):
                for run in runs:
                    if run.model == row.model and run.version in row.shares_before and run.changed is None:
                        run.changed = time.time()


def _read_ends(store: Engine, runs: Sequence[Run]) -> None:
    with store.connect() as connection:
        ends = {(row.model, row.bad_version): row.status for row in connection.execute(select(rollbacks))}
    for run in runs:
        run.verified = ends.get((run.model, run.version), "none")


def _consistency(store: Engine) -> dict[str, int]:
    with store.connect() as connection:
        ask = connection.exec_driver_sql
        return {
            "models whose routes do not sum to 100 %": ask(
                "SELECT count(*) FROM (SELECT model FROM driftline.routes GROUP BY 1 HAVING sum(share) <> 1) AS wrong"
            ).scalar_one(),
            "rollbacks": ask("SELECT count(*) FROM driftline.rollbacks").scalar_one(),
            "route changes by the guard": ask(
                "SELECT count(*) FROM driftline.route_history WHERE actor = 'guard'"
            ).scalar_one(),
            "messages about a rollback that was made": ask(
                "SELECT count(*) FROM driftline.alert_outbox WHERE message ->> 'title' LIKE '%%: rolled back'"
            ).scalar_one(),
            "messages not sent": ask("SELECT count(*) FROM driftline.alert_outbox WHERE status <> 'sent'").scalar_one(),
        }


def report(
    asked: argparse.Namespace, runs: Sequence[Run], told: int, checks: dict[str, int], load: Sequence[float]
) -> str:
    lines = [
        "# Time to rollback",
        "",
        f"`python tests/benchmarks/time_to_rollback.py --rounds {asked.rounds} --rate {asked.rate:g}`, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores, load "
        f"{load[0]:.1f} before and {load[1]:.1f} after ({sys.platform}).",
        "",
        f"Real Airflow with its scheduler, `guard_serving` every 20 s, {len({run.model for run in runs})} models at "
        f"{asked.rate:g} predictions a second each, each prediction by the version that the router names. Seconds from "
        f"the first bad prediction. Faults: {FAILING_SHARE:.0%} of the predictions fail; every prediction takes "
        f"{SLOW_MS / 1000:g} s; {RIGHT_AFTER:.0%} of the answers are right instead of {RIGHT_BEFORE:.0%} (labels at "
        "once).",
        "",
        "| trigger | runs | rolled back | route changed: P50 | P95 | longest | last bad prediction: P50 | P95 "
        "| longest | verified |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_row(fault, [run for run in runs if run.fault == fault]) for fault in FAULTS),
        _row("all", runs),
        "",
        *(f"- {what}: {count}" for what, count in checks.items()),
        f"- requests at the receiver of alerts: {told}",
        "",
    ]
    return "\n".join(lines)


def _row(name: str, runs: Sequence[Run]) -> str:
    changed = [run.changed - run.first_bad for run in runs if run.changed is not None and run.first_bad is not None]
    last = [
        run.last_served - run.first_bad
        for run in runs
        if run.changed is not None and run.last_served is not None and run.first_bad is not None
    ]
    verified = sum(run.verified == "verified" for run in runs)
    return f"| {name} | {len(runs)} | {len(changed)} | {_spread(changed)} | {_spread(last)} | {verified} |"


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "| |"
    return f"{np.quantile(seconds, 0.5):.1f} | {np.quantile(seconds, 0.95):.1f} | {max(seconds):.1f}"


if __name__ == "__main__":
    main()
