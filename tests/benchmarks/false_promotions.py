"""A/A tests looked at every 5 minutes: `python tests/benchmarks/false_promotions.py` writes docs/evidence/.

Both arms are the same version, so that every winner is a false one. Looked at by Driftline's own rules, with the
classical z test under the same looks beside it.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import fill

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.experiments.analysis import analyse
from driftline.experiments.arm import ArmStatistics
from driftline.experiments.clustering import Reference
from driftline.experiments.comparison import differences
from driftline.experiments.confidence_sequence import DEFAULT_TUNING, critical_multiple
from driftline.experiments.design import ExperimentDesign, MeasuredMetric, Spending
from driftline.experiments.group_sequential import boundaries
from driftline.experiments.metric import MetricKind, MetricRole
from driftline.experiments.moments import UnitMoments
from driftline.experiments.sample_ratio import ALARM_BELOW
from tests.unit.experiments.returning_entities import METRICS, arm_of, rows_of

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "false_promotions.md"
DAYS, EVERY_MINUTES, LOOKS = 14, 5, 28
STEPS = DAYS * 24 * 60 // EVERY_MINUTES
PER_STEP = 60
"""Predictions per arm and look: 0.4 predictions a second for the model."""
ALPHA, MINIMUM = 0.05, 200
CHUNK = 250
CELL_METRICS = [
    MeasuredMetric(name="roc_auc", kind=MetricKind.ROC_AUC, role=MetricRole.PRIMARY, higher_is_better=True),
    MeasuredMetric(
        name="latency_p95",
        kind=MetricKind.LATENCY_QUANTILE,
        role=MetricRole.GUARDRAIL,
        higher_is_better=False,
        quantile=0.95,
    ),
    MeasuredMetric(name="fairness_gap", kind=MetricKind.FAIRNESS_GAP, role=MetricRole.SIGNAL, higher_is_better=False),
]
Floats = NDArray[np.float64]


def z_of_shares(totals: tuple[Floats, Floats], sizes: Floats) -> Floats:
    """Treatment minus control in standard errors, at every look (0 where nothing has happened yet)."""
    left, right = totals[0] / sizes, totals[1] / sizes
    variance = (left * (1 - left) + right * (1 - right)) / (sizes - 1)
    return np.divide(right - left, np.sqrt(variance), out=np.zeros_like(left), where=variance > 0)


def cumulated(rng: np.random.Generator, share: float, tests: int) -> Floats:
    return np.cumsum(rng.binomial(PER_STEP, share, (tests, STEPS)), axis=1).astype(np.float64)


def rates(tests: int, share: float, seed: int) -> dict[str, int]:
    """Of so many A/A tests, those in which a rule ever finds a difference."""
    rng = np.random.default_rng(seed)
    sizes = np.arange(1, STEPS + 1) * float(PER_STEP)
    may = sizes >= MINIMUM
    sequence = np.array([critical_multiple(2 * size, ALPHA, DEFAULT_TUNING) for size in sizes])
    every = STEPS // LOOKS
    at_looks = np.arange(every - 1, STEPS, every)
    fractions = [(step + 1) / STEPS for step in at_looks]
    bounds = {spending: np.array(boundaries(ALPHA, fractions, spending, is_last=True)) for spending in Spending}
    found = dict.fromkeys(
        ["z, every look", "z, 28 looks", "z, the last look", *(f"group sequential, {each}" for each in Spending),
         "confidence sequence"], 0
    )  # fmt: skip
    for _ in range(tests // CHUNK):
        z = np.abs(z_of_shares((cumulated(rng, share, CHUNK), cumulated(rng, share, CHUNK)), sizes))
        found["z, every look"] += int((z[:, may] > 1.959964).any(axis=1).sum())
        found["z, 28 looks"] += int((z[:, at_looks] > 1.959964).any(axis=1).sum())
        found["z, the last look"] += int((z[:, -1] > 1.959964).sum())
        for spending, bound in bounds.items():
            found[f"group sequential, {spending}"] += int((z[:, at_looks] >= bound).any(axis=1).sum())
        found["confidence sequence"] += int((z[:, may] > sequence[may]).any(axis=1).sum())
    return found


def false_stops(tests: int, error_rate: float, seed: int) -> dict[str, int]:
    """Of so many A/A tests, those that a guardrail on the error rate ends, and those whose split is ever doubted."""
    rng = np.random.default_rng(seed)
    sizes = np.arange(1, STEPS + 1) * float(PER_STEP)
    may = sizes >= MINIMUM
    sequence = np.array([critical_multiple(2 * size, ALPHA, DEFAULT_TUNING) for size in sizes])
    found = {"guardrail": 0, "split doubted at some look": 0, "split doubted at the last look": 0}
    for _ in range(tests // CHUNK):
        z = z_of_shares((cumulated(rng, error_rate, CHUNK), cumulated(rng, error_rate, CHUNK)), sizes)
        found["guardrail"] += int((z[:, may] > sequence[may]).any(axis=1).sum())
        first = np.cumsum(rng.binomial(2 * PER_STEP, 0.5, (CHUNK, STEPS)), axis=1)
        doubted = chdtrc(1, (2 * first - 2 * sizes) ** 2 / (2 * sizes)) < ALARM_BELOW
        found["split doubted at some look"] += int(doubted.any(axis=1).sum())
        found["split doubted at the last look"] += int(doubted[:, -1].sum())
    return found


def returning(tests: int, seed: int) -> dict[str, int]:
    """A/A tests of entities that come again and again and differ: by entity, and as if each row were one."""
    rng = np.random.default_rng(seed)
    entities, daily = 400, 0.5
    fractions = [step / LOOKS for step in range(1, LOOKS + 1)]
    bounds = boundaries(ALPHA, fractions, Spending.OBRIEN_FLEMING, is_last=True)
    found = {"by entity (delta method)": 0, "each prediction a unit": 0}
    for _ in range(tests):
        joined = rng.integers(0, LOOKS, (2, entities))
        chance = rng.beta(4, 1, (2, entities))
        activity = rng.gamma(1.0, 3.0, (2, entities))
        n, s = np.zeros((2, entities)), np.zeros((2, entities))
        crossed = dict.fromkeys(found, False)
        for look, bound in enumerate(bounds):
            here = joined <= look
            new = rng.poisson(activity * daily) * here
            n, s = n + new, s + rng.binomial(new, chance)
            for name, z in zip(found, _both(n, s), strict=True):
                crossed[name] |= abs(z) >= bound
        for name in found:
            found[name] += crossed[name]
    return found


def _both(n: Floats, s: Floats) -> tuple[float, float]:
    sides = [
        UnitMoments(float((rows > 0).sum()), rows.sum(), totals.sum(), rows @ rows, totals @ totals, rows @ totals)
        for rows, totals in zip(n, s, strict=True)
    ]
    values = [side.value or 0.0 for side in sides]
    clustered = math.sqrt(sum(side.share_variance or 1.0 for side in sides))
    plain = math.sqrt(sum(value * (1 - value) / max(side.n, 1) for value, side in zip(values, sides, strict=True)))
    effect = values[1] - values[0]
    return effect / clustered, effect / plain if plain else 0.0


def returning_cells(tests: int, seed: int) -> dict[str, int]:
    """The same for metrics that are read from counted cells: 20 predictions of each of 400 entities an arm."""
    rng = np.random.default_rng(seed)
    entities, visits = 400, 20
    fractions = [step / LOOKS for step in range(1, LOOKS + 1)]
    bounds = boundaries(ALPHA, fractions, Spending.OBRIEN_FLEMING, is_last=True)
    found = {f"{each.name}, {told}": 0 for each in CELL_METRICS for told in ("by entity", "each prediction a unit")}
    for _ in range(tests):
        whole = [rows_of(rng, entities, visits) for _ in range(2)]
        # Fixed by the rows of the first of 28 looks, as an experiment fixes it by its first 400.
        first = [arm_of(rows.upto(entities * visits // LOOKS), None) for rows in whole]
        reference = Reference.of(first, METRICS)
        assert reference is not None
        crossed = dict.fromkeys(found, False)
        for look, bound in enumerate(bounds, start=1):
            seen = [rows.upto(entities * visits * look // LOOKS) for rows in whole]
            for told, by in (("by entity", reference), ("each prediction a unit", None)):
                control, treatment = (arm_of(rows, by) for rows in seen)
                for metric in CELL_METRICS:
                    z = [each.z for each in differences(metric, "b", control, treatment, 2) if not each.missing]
                    crossed[f"{metric.name}, {told}"] |= any(abs(each) >= bound for each in z)
        for name in found:
            found[name] += crossed[name]
    return found


def agreement(tests: int, seed: int) -> tuple[int, int]:
    """Simulated tests in which `analyse`, called at every look of 4 hours, decides as the arrays above do; and all."""
    rng = np.random.default_rng(seed)
    every = STEPS // LOOKS
    fractions = [(step + 1) / LOOKS for step in range(LOOKS)]
    bounds = boundaries(ALPHA, fractions, Spending.OBRIEN_FLEMING, is_last=True)
    metric = MeasuredMetric(name="accuracy", kind=MetricKind.PROPORTION, role=MetricRole.PRIMARY, higher_is_better=True)
    design = ExperimentDesign(
        control="a", percents={"a": 50, "b": 50}, metrics=(metric,), samples=2 * PER_STEP * STEPS, looks=LOOKS
    )
    same = 0
    for test in range(tests):
        # Half of them with a difference, so that there is something to decide.
        shares = (0.9, 0.9 + 0.004 * (test % 2))
        totals = [cumulated(rng, share, 1)[0] for share in shares]
        looks: list = []  # type: ignore[type-arg]
        expected = actual = None
        for step in range(every // 3 - 1, STEPS, every // 3):
            size = (step + 1) * PER_STEP
            arms = {
                name: ArmStatistics(
                    units=size, predictions=size, moments={"accuracy": UnitMoments.of_proportion(total[step], size)}
                )
                for name, total in zip("ab", totals, strict=True)
            }
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=EVERY_MINUTES * step)
            look = analyse(design, arms, looks, at=at, elapsed=timedelta(0)).look
            if look is not None:
                looks.append(look)
                z = z_of_shares((totals[0][step : step + 1], totals[1][step : step + 1]), np.array([float(size)]))[0]
                if expected is None and abs(z) >= bounds[len(looks) - 1]:
                    expected = step
                if actual is None and look.rejected:
                    actual = step
        same += expected == actual and len(looks) == LOOKS
    return same, tests


def told(found: int, tests: int) -> str:
    share, z = found / tests, 1.959964
    middle = (share + z**2 / (2 * tests)) / (1 + z**2 / tests)
    half = z / (1 + z**2 / tests) * math.sqrt(share * (1 - share) / tests + z**2 / (4 * tests**2))
    return f"{share:.2%} | {max(middle - half, 0):.2%} to {middle + half:.2%}"


def table(title: str, what: str, found: dict[str, int], tests: int) -> list[str]:
    lines = ["", f"## {title}", "", fill(what, 120), "", "| rule | share | 95 % interval |", "|---|---:|---:|"]
    return lines + [f"| {name} | {told(count, tests)} |" for name, count in found.items()]


def timed(call: Callable[[], dict[str, int]]) -> dict[str, int]:
    began = time.perf_counter()
    found = call()
    sys.stdout.write(f"{time.perf_counter() - began:.0f} s: {found}\n")
    sys.stdout.flush()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=4_000)
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    tests, returning_tests = arguments.tests // CHUNK * CHUNK, arguments.tests // 4
    shares = timed(lambda: rates(tests, 0.9, 1))
    stops = timed(lambda: false_stops(tests, 0.005, 2))
    entities = timed(lambda: returning(returning_tests, 3))
    cell_tests = max(arguments.tests // 20, 1)
    cells = timed(lambda: returning_cells(cell_tests, 5))
    same, compared = agreement(40, 4)
    lines = [
        "# False promotions: A/A tests under peeking",
        "",
        fill(
            f"Made by `python tests/benchmarks/false_promotions.py --tests {arguments.tests}`. Both arms are the same: "
            f"every decision is false. {DAYS} days, looked at every {EVERY_MINUTES} minutes ({STEPS:,} looks), "
            f"{PER_STEP} predictions per arm and look, alpha {ALPHA:g}, at least {MINIMUM} samples per arm. Intervals "
            "are Wilson's, over the simulated tests.",
            120,
        ),
        *table(
            "Share of tests that ever find a winner",
            f"Accuracy 0.9, {tests:,} tests. The group sequential test may decide at {LOOKS} points of its horizon "
            "and is otherwise only shown; the confidence sequence may decide at every look.",
            shares,
            tests,
        ),
        *table(
            "Share of tests that a guardrail ends, or whose split is doubted",
            f"Error rate 0.5 % in both arms, `maximum_loss` 0, {tests:,} tests; a split is doubted at p < "
            f"{ALARM_BELOW:g} (it holds the test while it lasts, and decides nothing).",
            stops,
            tests,
        ),
        *table(
            "Entities that return",
            f"{returning_tests:,} tests, 400 entities per arm that join over time, differ in how often they come and "
            f"in how well they are predicted; group sequential, {LOOKS} looks, O'Brien-Fleming.",
            entities,
            returning_tests,
        ),
        *table(
            "Entities that return, and metrics that are read from counted cells",
            f"{cell_tests:,} tests, 400 entities per arm with 20 predictions each, alike within an entity (labels, "
            f"scores, latencies, predictions); {LOOKS} looks, O'Brien-Fleming. By entity: the variance is "
            "multiplied by the design effect, which is measured by what the first look's rows fix.",
            cells,
            cell_tests,
        ),
        "",
        f"The arrays of this simulation and `driftline.experiments.analysis.analyse`, called three times per planned "
        f"look, decided alike in {same} of {compared} simulated tests.",
        "",
    ]
    arguments.output.write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
