"""Samples needed to see +1, +2, +5 points of accuracy: `python tests/benchmarks/power.py` writes docs/evidence/."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.experiments.confidence_sequence import critical_multiple
from driftline.experiments.design import Spending
from driftline.experiments.group_sequential import boundaries
from driftline.experiments.planning import proportion_samples, sequential_inflation

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "power.md"
ALPHA, POWER, LOOKS = 0.05, 0.8, 28
STEPS = 400
"""Looks of the confidence sequence, up to four times the fixed horizon."""
CHUNK = 500
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """Per test, samples of both arms at the decision; infinite where there was none."""

    planned: int
    samples: Floats

    @property
    def power(self) -> float:
        return float(np.isfinite(self.samples).mean())

    @property
    def mean(self) -> float:
        """Of all tests; one without a decision goes to its horizon."""
        return float(np.where(np.isfinite(self.samples), self.samples, self.planned).mean())

    def reached_by(self, share: float) -> float:
        """Samples by which such a share of the tests have decided."""
        return float(np.quantile(self.samples, share, method="higher"))


def z_paths(rng: np.random.Generator, shares: tuple[float, float], per_step: int, steps: int, tests: int) -> Floats:
    sizes = np.arange(1, steps + 1) * float(per_step)
    left, right = (np.cumsum(rng.binomial(per_step, share, (tests, steps)), axis=1) / sizes for share in shares)
    variance = (left * (1 - left) + right * (1 - right)) / (sizes - 1)
    return np.divide(right - left, np.sqrt(variance), out=np.zeros_like(left), where=variance > 0)


def first_crossing(z: Floats, bounds: Floats, per_step: int) -> Floats:
    crossed = z >= bounds
    first = crossed.argmax(axis=1)
    return np.where(crossed.any(axis=1), 2.0 * per_step * (first + 1), np.inf)


def fixed(rng: np.random.Generator, shares: tuple[float, float], per_arm: int, tests: int) -> Found:
    z = z_paths(rng, shares, per_arm, 1, tests)
    return Found(2 * per_arm, first_crossing(z, np.array([1.959964]), per_arm))


def sequential(
    rng: np.random.Generator, shares: tuple[float, float], per_arm: int, tests: int, spending: Spending
) -> Found:
    per_step = math.ceil(per_arm * sequential_inflation(ALPHA, POWER, LOOKS, spending) / LOOKS)
    bounds = np.array(boundaries(ALPHA, [step / LOOKS for step in range(1, LOOKS + 1)], spending, is_last=True))
    found = [
        first_crossing(z_paths(rng, shares, per_step, LOOKS, CHUNK), bounds, per_step) for _ in range(tests // CHUNK)
    ]
    return Found(2 * per_step * LOOKS, np.concatenate(found))


def open_ended(rng: np.random.Generator, shares: tuple[float, float], per_arm: int, tests: int) -> Found:
    """Looked at every hundredth of the fixed horizon, tuned for it."""
    per_step = math.ceil(per_arm * 4 / STEPS)
    bounds = np.array(
        [
            critical_multiple(2.0 * per_step * step, ALPHA, 2.0 * per_arm) if per_step * step >= 200 else np.inf
            for step in range(1, STEPS + 1)
        ]
    )
    found = [
        first_crossing(z_paths(rng, shares, per_step, STEPS, CHUNK), bounds, per_step) for _ in range(tests // CHUNK)
    ]
    return Found(2 * per_step * STEPS, np.concatenate(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    tests, rng = arguments.tests // CHUNK * CHUNK, np.random.default_rng(11)
    error = 1.96 * math.sqrt(POWER * (1 - POWER) / tests)
    lines = [
        "# Power: samples needed to see a better version",
        "",
        fill(
            f"Made by `python tests/benchmarks/power.py --tests {arguments.tests}`: {tests:,} simulated tests for each "
            f"row (a power of {POWER:.0%} is told within {error:.1%}), accuracy of the control 0.85, two arms of one "
            f"size, alpha {ALPHA:g} two-sided. Samples are those of both arms together. *Planned* is the horizon that "
            f"gives a power of {POWER:.0%}; *mean* is where the tests end on average where the treatment is as much "
            "better as planned for. The group sequential test plans for a little more than a fixed horizon and mostly "
            "ends long before; the confidence sequence has no horizon (it is followed to 4 fixed ones) and is looked "
            f"at {STEPS // 4} times per fixed horizon.",
            120,
        ),
        "",
        "| effect | rule | planned | power | mean at the decision | half have decided by |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for effect in (0.01, 0.02, 0.05):
        shares = (0.85, 0.85 + effect)
        per_arm = proportion_samples(0.85, effect, ALPHA, POWER)
        rows = {
            "fixed horizon, one look": fixed(rng, shares, per_arm, tests),
            **{
                f"group sequential, {spending}": sequential(rng, shares, per_arm, tests, spending)
                for spending in Spending
            },
            "confidence sequence": open_ended(rng, shares, per_arm, tests),
        }
        for name, found in rows.items():
            by = found.reached_by(0.5)
            planned = "none" if name.startswith("confidence") else f"{found.planned:,}"
            reached = f"{by:,.0f}" if math.isfinite(by) else "–"
            lines.append(
                f"| +{effect * 100:g} points | {name} | {planned} | {found.power:.1%} | {found.mean:,.0f} | {reached} |"
            )
    lines += [""]
    arguments.output.write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
