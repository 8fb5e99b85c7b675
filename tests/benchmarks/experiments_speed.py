"""One look at 1,000 experiments: `python tests/benchmarks/experiments_speed.py` writes docs/evidence/."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import fill

import numpy as np
import pytest
from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.config.experiment_config import ABTestConfig
from driftline.experiments import group_sequential
from driftline.experiments.analysis import analyse
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.moments import UnitMoments
from driftline.experiments.result import Look
from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import provision
from driftline.monitoring import ab_tests
from driftline.monitoring.ab_tests import ABTestController
from driftline.store import registry
from driftline.store.engine import create_store_engine, store_transaction
from driftline.store.experiment_statistics import keep_arm_statistics
from driftline.store.experiments import move_experiment
from driftline.store.migrate import migrate

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "experiments_speed.md"
LOOKS, SAMPLES = 28, 28_000
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def config(number: int) -> ABTestConfig:
    """With what an experiment usually has: four metrics, one of them ROC-AUC, one a latency."""
    return ABTestConfig.model_validate(
        {
            "experiment": f"experiment-{number}",
            "model": f"model-{number}",
            "control": "a",
            "arms": {"a": 50, "b": 50},
            "source": "application",
            "samples": SAMPLES,
            "looks": LOOKS,
            "metrics": [
                {"metric": "accuracy", "role": "primary"},
                {"metric": "error_rate", "role": "guardrail", "maximum_loss": 0.01},
                {"metric": "latency_p95", "role": "guardrail", "maximum_loss": 0.2},
                {"metric": "roc_auc", "role": "signal", "maximum_loss": 0.01},
            ],
        }
    )


def arm(rng: np.random.Generator, size: int) -> ArmStatistics:
    cells = rng.multinomial(size, np.full(60, 1 / 60))
    negatives, positives = (
        rng.multinomial(size // 2, np.full(200, 1 / 200)),
        rng.multinomial(size // 2, np.full(200, 1 / 200)),
    )
    return ArmStatistics(
        units=size,
        predictions=size,
        moments={
            "accuracy": UnitMoments.of_proportion(int(rng.binomial(size, 0.9)), size),
            "error_rate": UnitMoments.of_proportion(int(rng.binomial(size, 0.005)), size),
        },
        latencies={cell + 60: int(count) for cell, count in enumerate(cells)},
        scores={
            cell * 5: (int(low), int(high)) for cell, (low, high) in enumerate(zip(negatives, positives, strict=True))
        },
    )


def earlier(number: int, looks: int) -> tuple[Look, ...]:
    """Looks of an experiment, each at a fraction of its own, so that no boundary serves two experiments."""
    fractions = [(step + 1) / LOOKS + number * 1e-6 for step in range(looks)]
    plan = config(number)
    bounds = group_sequential.boundaries(plan.alpha, fractions, plan.spending)
    return tuple(
        Look(fraction, round(fraction * SAMPLES), NOON, False, {"b/accuracy": 0.1}, {}, plan.alpha, bound)
        for fraction, bound in zip(fractions, bounds, strict=True)
    )


Spent = tuple[float, float]
"""Seconds by the clock, and of this process's processor time."""


def seconds(call: Callable[[], object]) -> Spent:
    began, worked = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - worked


def set_up(engine: Engine, count: int) -> ABTestController:
    controller = ABTestController(engine, {}, lambda name: name)
    for number in range(count):
        plan = config(number)
        with store_transaction(engine) as connection:
            for version in ("a", "b"):
                registry.register_version(
                    connection, model=plan.model, version=version, artifact_uri=f"s3://{version}", at=NOON
                )
        controller.create_ab_test(plan, actor="benchmark", at=NOON)
        controller.start_ab_test(plan.experiment, actor="benchmark", at=NOON)
    return controller


def fill_arms(engine: Engine, count: int, size: int, looks: int) -> None:
    rng = np.random.default_rng(size)
    with store_transaction(engine) as connection:
        for number in range(count):
            arms = {name: arm(rng, size) for name in "ab"}
            keep_arm_statistics(connection, f"experiment-{number}", 1, arms)
            move_experiment(connection, f"experiment-{number}", looks=earlier(number, looks))
    group_sequential._boundaries.cache_clear()


def pure(count: int, size: int, looks: int) -> Spent:
    rng = np.random.default_rng(1)
    given = [
        (config(number).design(), {name: arm(rng, size) for name in "ab"}, earlier(number, looks))
        for number in range(count)
    ]
    group_sequential._boundaries.cache_clear()

    def look_at_all() -> None:
        for design, arms, before in given:
            analyse(design, arms, before, at=NOON, elapsed=timedelta(days=3))

    return seconds(look_at_all)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1_000)
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    count = arguments.experiments
    analyse(
        config(0).design(),
        {name: arm(np.random.default_rng(0), 500) for name in "ab"},
        (),
        at=NOON,
        elapsed=timedelta(0),
    )
    rows = [
        ("analysis alone, between two planned looks", pure(count, 7_250, 14)),
        ("analysis alone, each at its 15th planned look", pure(count, 7_600, 14)),
        ("analysis alone, each at its last planned look", pure(count, 14_000, 27)),
    ]
    with tempfile.TemporaryDirectory(prefix="driftline-experiments-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        try:
            urls = provision(server.admin_url, Path(folder) / "secrets.json")
            engine = create_store_engine(urls.store)
            migrate(engine)
            controller = set_up(engine, count)
            for told, size, looks, are_together in (
                ("the first look, which records a verdict each", 7_250, 14, True),
                ("between two planned looks: the usual one", 7_260, 14, True),
                ("each at its 15th planned look", 7_600, 14, True),
                ("between two planned looks, each by a look of its own", 7_260, 14, False),
                ("each at its 15th planned look, by a look of its own", 7_600, 14, False),
            ):
                fill_arms(engine, count, size, looks)
                steps = []
                moment = NOON + timedelta(days=3, minutes=5 * len(rows))
                with pytest.MonkeyPatch.context() as patched:
                    if not are_together:
                        patched.setattr(ab_tests, "_look_at_some", lambda *_: [])
                    spent = seconds(lambda at=moment, into=steps: into.extend(controller.run_all(at)))  # type: ignore[misc]
                assert len(steps) == count, len(steps)
                assert not any(step.error for step in steps), next(step.error for step in steps if step.error)
                rows.append((f"`run_all` on Postgres, {told}", spent))
        finally:
            server.stop()
    report = "\n".join(
        [
            f"# One look at {count:,} experiments",
            "",
            fill(
                f"Made by `python tests/benchmarks/experiments_speed.py --experiments {count}` on "
                f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
                f"Python {platform.python_version()}. Each has two arms and four metrics (accuracy, error rate, "
                "latency P95, ROC-AUC) and looks at times of its own, so that no boundary is found twice. `run_all` "
                "reads the state of each, judges it, and writes the analysis and the verdict: fifty in a transaction "
                "where they only go on, and each in its own where anything follows from the look (the last two rows do "
                "so with all of them, as it was before). The prediction logs are not read in it: that is one query per "
                "model.",
                120,
            ),
            "",
            "| what | seconds | of them of the processor, in this process | ms each |",
            "|---|---:|---:|---:|",
            *(f"| {told} | {spent:.2f} | {cpu:.2f} | {spent / count * 1e3:.2f} |" for told, (spent, cpu) in rows),
            "",
        ]
    )
    arguments.output.write_text(report, encoding="utf-8")
    sys.stdout.write(report)


if __name__ == "__main__":
    main()
