"""How often the guard rolls back what serves as well as ever.

``python tests/benchmarks/false_rollbacks.py [--days 30] [--models 2]`` simulates serving that stays within its limits,
at the guard's cadence (a look every 20 seconds), and counts how often an excess is held. The errors' rate and the
latency's level wander: by the hour of the day, and by a first-order autoregression with a half-life of 20 minutes. The
looks are made by the code that `guard_serving` runs. Beside it, on the same numbers, what a team would write first:
alarm when the share of failed predictions of the last 5 minutes is above its limit, or P95 is. Writes
docs/evidence/false_rollbacks.md.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from driftline.live import MinuteFigures, PredictionCounts
from driftline.live.latency import GROWTH
from driftline.rollback import Limits, Trigger, TriggerState, looked
from driftline.rollback.live_triggers import PREDICTION_SPANS, PredictingVersion, error_rate, latency

OUTPUT = Path(__file__).parents[2] / "docs" / "evidence" / "false_rollbacks.md"
EVERY = timedelta(seconds=20)
LOOKS_A_DAY = 4_320
HALF_LIFE_LOOKS = 60
START = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits()
LATENCY_SPREAD = 0.5
P95_OF_STANDARD = math.exp(1.6449 * LATENCY_SPREAD)


@dataclass(frozen=True)
class World:
    """How a model serves.

    Attributes
    ----------
    rate:
        Predictions a second.
    errors, p95_ms:
        Mean share of failed predictions, and the middle of P95 over time.
    wander:
        Standard deviation of the logarithm of both levels, over time.
    """

    name: str
    rate: float
    errors: float
    p95_ms: float
    wander: float


WORLDS = (
    World("calm, 4 a second", 4, 0.002, 200, 0.1),
    World("calm, 60 a second", 60, 0.002, 200, 0.1),
    World("calm, 1 in 5 seconds", 0.2, 0.002, 200, 0.1),
    World("half of its limits, wandering, 4 a second", 4, 0.005, 250, 0.2),
    World("half of its limits, wandering, 60 a second", 60, 0.005, 250, 0.2),
    World("close to its limits, 4 a second", 4, 0.008, 400, 0.05),
)


@dataclass
class Tally:
    """What a simulated model came to."""

    looks: int = 0
    held: int = 0
    naive: int = 0
    states: dict[Trigger, TriggerState] = field(default_factory=dict)
    was_held: set[Trigger] = field(default_factory=set)
    was_naive: bool = False

    def look(self, judged: PredictingVersion) -> None:
        """An excess that lasts is counted once."""
        self.looks += 1
        for reading in (error_rate(judged, LIMITS), latency(judged, LIMITS)):
            if reading is None:
                continue
            new = TriggerState(model="m", version="v", trigger=reading.trigger)
            state = looked(self.states.get(reading.trigger, new), reading, judged.now, LIMITS)
            self.states[reading.trigger] = state
            if not state.is_held(LIMITS):
                self.was_held.discard(reading.trigger)
            elif reading.trigger not in self.was_held:
                self.held += 1
                self.was_held.add(reading.trigger)
        is_naive = _is_naive(judged)
        self.naive += is_naive and not self.was_naive
        self.was_naive = is_naive

    @property
    def since(self) -> dict[Trigger, str]:
        return {trigger: state.reading.latest for trigger, state in self.states.items() if state.reading is not None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--models", type=int, default=2, help="Models simulated of each sort.")
    asked = parser.parse_args()
    lines = [_row(world, asked.days, [_simulate(world, asked.days, seed) for seed in range(asked.models)])
             for world in WORLDS]  # fmt: skip
    page = "\n".join([*_head(asked), *lines, ""])
    OUTPUT.write_text(page)
    print(page)  # noqa: T201


def _simulate(world: World, days: int, seed: int) -> Tally:
    tally, minutes = Tally(), deque[MinuteFigures](maxlen=max(PREDICTION_SPANS))
    for number, counts in enumerate(_looks(world, days * LOOKS_A_DAY, np.random.default_rng(seed))):
        now = START + number * EVERY
        minute = now.replace(second=0, microsecond=0)
        running = minutes.pop().counts if minutes and minutes[-1].minute == minute else PredictionCounts()
        minutes.append(MinuteFigures(minute, "v", running + counts))
        tally.look(PredictingVersion(version="v", minutes=tuple(minutes), now=now, since=tally.since))
    return tally


def _looks(world: World, looks: int, chance: np.random.Generator) -> Iterator[PredictionCounts]:
    """What is predicted between two looks."""
    keep = 0.5 ** (1 / HALF_LIFE_LOOKS)
    seconds, level = EVERY.total_seconds(), 0.0
    for number in range(looks):
        level = keep * level + chance.normal(0, world.wander * math.sqrt(1 - keep**2))
        day = 0.5 * world.wander * math.sin(2 * math.pi * number / LOOKS_A_DAY)
        factor = math.exp(level + day - world.wander**2 / 2)
        size = int(chance.poisson(world.rate * seconds))
        median = world.p95_ms * factor / P95_OF_STANDARD
        logs = chance.normal(math.log(median), LATENCY_SPREAD, size)
        cells, counts = np.unique(np.ceil(logs / math.log(GROWTH)).astype(int), return_counts=True)
        latencies = dict(zip(cells.tolist(), counts.tolist(), strict=True))
        yield PredictionCounts(size, int(chance.binomial(size, min(world.errors * factor, 1))), latencies)


def _is_naive(judged: PredictingVersion) -> bool:
    last = sum((each.counts for each in tuple(judged.minutes)[-5:]), PredictionCounts())
    share, p95 = last.error_rate, last.latency_ms(0.95)
    return (share is not None and share > 0.01) or (p95 is not None and p95 > 500)


def _head(asked: argparse.Namespace) -> list[str]:
    return [
        "# False rollbacks",
        "",
        f"`python tests/benchmarks/false_rollbacks.py --days {asked.days} --models {asked.models}`, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores.",
        "",
        f"Serving that stays within its limits (1 % errors, P95 of 500 ms), {asked.models} models of each sort over "
        f"{asked.days} days, a look every 20 seconds by the guard's own code. *Rule of thumb*: an alarm whenever the "
        "last 5 minutes exceed a limit, on the same numbers. A model-year has 1.6 million looks; with no event in y "
        "model-years the rate is below 3/y at 95 % confidence.",
        "",
        "| serving | mean errors | P95 | level wanders by | model-days | looks | excesses held | per model-year | rule "
        "of thumb: alarms | per model-year |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]


def _row(world: World, days: int, tallies: list[Tally]) -> str:
    model_days = days * len(tallies)
    held, naive = sum(tally.held for tally in tallies), sum(tally.naive for tally in tallies)
    return (
        f"| {world.name} | {world.errors:.1%} | {world.p95_ms:g} ms | {world.wander:.0%} | {model_days} | "
        f"{sum(tally.looks for tally in tallies):,} | {held} | {held * 365 / model_days:.1f} | {naive:,} | "
        f"{naive * 365 / model_days:,.0f} |"
    )


if __name__ == "__main__":
    main()
