"""When is a slow drift seen? `python tests/benchmarks/slow_drift.py` writes docs/evidence/slow_drift.md.

The silent-degradation incident: five of 30 features move linearly by up to 1 sd over 90 days. Windows of 24 h every
6 h, 14 clean days first. A drift is *material* from the day on which it is beyond an effect floor, computed on the true
distributions. Everyone judges the same rows; the peers run in the environment of `peers.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.profiles import Profile, merge
from tests.benchmarks.drift_data import FEATURES, Baseline, Columns, Log, window_at
from tests.benchmarks.drift_rules import ANALYTIC, ANY_P, CALIBRATED, Rules, drifted
from tests.benchmarks.peers import peers_environment
from tests.benchmarks.peers_windows import EVIDENTLY_COLUMN, NANNYML, PEER_RULES, Recorded, _frame
from tests.benchmarks.slow_drift_report import document

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "slow_drift.md"
BASELINE_DAYS, CLEAN_DAYS, DRIFT_DAYS = 28, 14, 90
STEP_HOURS, WINDOW_HOURS = 6, 24
PEER_STEP_HOURS = 24
"""The peers judge one window in four: Evidently takes seconds for each."""
ROWS_PER_DAY = 10_000
DRIFTING = tuple(range(1, 6))
LARGEST_SHIFT = 1.0
"""Standard deviations of the rows' own noise, reached on the last day."""
OWN_RULES = (CALIBRATED, ANALYTIC, ANY_P)
BEGIN = 24 * (BASELINE_DAYS + CLEAN_DAYS)
"""Hour in which the drift begins."""

Called = list[set[str]]


def shift_at(hour: np.ndarray) -> np.ndarray:
    """How far the drifting features have moved."""
    return np.clip((hour - BEGIN) / (24 * DRIFT_DAYS), 0, 1) * LARGEST_SHIFT


def world_of(kind: str, seed: int) -> Log:
    hours = BEGIN + 24 * DRIFT_DAYS
    log = Log.of(3_000 + seed, hours, ROWS_PER_DAY, seasonal=kind == "seasonal")
    drift = np.zeros((hours, FEATURES))
    drift[:, DRIFTING] = shift_at(np.arange(hours))[:, None]
    return replace(log, locations=log.locations + drift)


def window_starts() -> list[int]:
    """First hours of the windows; the first lies just after the baseline."""
    return list(range(24 * BASELINE_DAYS, BEGIN + 24 * DRIFT_DAYS - WINDOW_HOURS + 1, STEP_HOURS))


@dataclass(frozen=True, eq=False)
class GrowingLog:
    """A world's hours, drawn as far as they are asked for, and kept: everyone judges the same rows."""

    world: Log
    recorded: Recorded = field(default_factory=lambda: Recorded([]))

    def hour(self, index: int) -> Columns:
        hourly = self.recorded.hourly
        while len(hourly) <= index:
            hourly.append(self.world.columns(len(hourly), 1))
        return hourly[index]

    def columns(self, first_hour: int, hours: int) -> Columns:
        self.hour(first_hour + hours - 1)
        return self.recorded.columns(first_hour, hours)


def own_calls(log: GrowingLog, starts: list[int]) -> dict[str, Called]:
    """Per rule and window the features called drifted, up to the window in which every rule has found the drift.

    Windows are merged from hourly profiles, as in production.
    """
    names, first = {name_of(index) for index in DRIFTING}, first_drifting(starts)
    baseline = Baseline.of(log, BASELINE_DAYS)
    rules = Rules.of(baseline)
    hourly: list[dict[str, Profile]] = []
    called: dict[str, Called] = {rule: [] for rule in OWN_RULES}
    for start in starts:
        while len(hourly) < start - starts[0] + WINDOW_HOURS:
            hourly.append(baseline.counter.profiles(log.hour(starts[0] + len(hourly))))
        part = hourly[-WINDOW_HOURS:]
        current = {name: merge([profiles[name] for profiles in part]) for name in part[0]}
        found = drifted(rules.judged(current, window_at(start)))
        for rule in OWN_RULES:
            called[rule].append(found[rule])
        if all(any(window & names for window in windows[first:]) for windows in called.values()):
            break
    return called


def peer_calls(log: GrowingLog, starts: list[int], python: Path) -> dict[str, Called]:
    """The same of the peers, of windows up to the one in which each first calls a drifting feature after the drift."""
    whole = log.columns(0, starts[-1] + WINDOW_HOURS)
    rows = np.cumsum([0, *(len(hour["feature_00"]) for hour in log.recorded.hourly)])
    plan = {
        "reference_rows": int(rows[24 * BASELINE_DAYS]),
        "windows": [[int(rows[start]), int(rows[start + WINDOW_HOURS])] for start in starts],
        "first_drifting": first_drifting(starts),
        "drifting": [name_of(index) for index in DRIFTING],
    }
    with tempfile.TemporaryDirectory(prefix="driftline-slow-") as folder:
        _frame(whole).to_parquet(Path(folder) / "log.parquet")
        (Path(folder) / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        environment = dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [str(python), str(PEER_RULES), "slow", folder]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{PEER_RULES.name} failed:\n{done.stderr[-4_000:]}")
    answer: dict[str, list[list[str]]] = json.loads(done.stdout.splitlines()[-1])
    names = {"evidently": EVIDENTLY_COLUMN, "nannyml": NANNYML}
    return {names[peer]: [set(window) for window in windows] for peer, windows in answer.items()}


def first_drifting(starts: list[int]) -> int:
    """Index of the first window that ends after the drift began."""
    return next(index for index, start in enumerate(starts) if start + WINDOW_HOURS > BEGIN)


def name_of(index: int) -> str:
    return f"feature_{index:02d}"


def told(called: Mapping[str, Called], starts: list[int]) -> dict[str, Any]:
    """Per rule the alarms among clean windows, and the day of the drift on which the first window to find it ends."""
    names, first = {name_of(index) for index in DRIFTING}, first_drifting(starts)
    return {rule: _told(windows, starts, names, first) for rule, windows in called.items()}


def _told(windows: Called, starts: list[int], names: set[str], first: int) -> dict[str, Any]:
    found = next((index for index in range(first, len(windows)) if windows[index] & names), None)
    return {
        "clean": first,
        "alarms": sum(bool(window) for window in windows[:first]),
        "found_day": None if found is None else (starts[found] + WINDOW_HOURS - BEGIN) / 24,
    }


def run_of(kind: str, seed: int, python: Path | None) -> dict[str, Any]:
    world, starts = world_of(kind, seed), window_starts()
    log = GrowingLog(world)
    rules = told(own_calls(log, starts), starts)
    days = starts[:: PEER_STEP_HOURS // STEP_HOURS]
    if python is not None:
        rules |= told(peer_calls(log, days, python), days)
    return {"kind": kind, "seed": seed, "rules": rules, "material": material_days(world)}


def material_days(world: Log) -> dict[str, float]:
    """Per effect floor the day on which the drift's true distribution is beyond it (the first of the features).

    The distribution is the baseline's own (its hours' normal distributions, weighted by their rows), and the same moved
    by the shift: exact, without sampling noise and without what days differ by anyway.
    """
    hours = slice(0, 24 * BASELINE_DAYS)
    weights = world.rows_per_hour[hours] / world.rows_per_hour[hours].sum()
    days: dict[str, float] = {}
    for index in DRIFTING:
        shifts = _shifts_to_floors(world.locations[hours, index], weights)
        for floor, shift in shifts.items():
            day = DRIFT_DAYS * shift / LARGEST_SHIFT
            days[floor] = min(days.get(floor, np.inf), day)
    return days


def _shifts_to_floors(locations: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    from scipy import optimize, stats

    grid = np.linspace(-6, 6, 2_401)

    def cdf(x: np.ndarray) -> np.ndarray:
        values: np.ndarray = stats.norm.cdf(x[:, None] - locations[None, :]) @ weights
        return values

    mean = float(weights @ locations)
    deviation = float(np.sqrt(1 + weights @ (locations - mean) ** 2))
    whole = cdf(grid)
    deciles = np.interp(np.arange(1, 10) / 10, whole, grid)

    def ks(shift: float) -> float:
        return float(np.max(whole - np.interp(grid - shift, grid, whole, left=0.0)))

    def psi(shift: float) -> float:
        q = np.diff(np.interp(deciles - shift, grid, whole), prepend=0.0, append=1.0)
        return float(np.sum((q - 0.1) * np.log(q / 0.1)))

    def root(effect: Any, floor: float) -> float:
        return float(optimize.brentq(lambda shift: effect(shift) - floor, 1e-4, 1.5))

    return {
        "Wasserstein 0.1 sd": 0.1 * deviation,
        "Kolmogorov-Smirnov 0.1": root(ks, 0.1),
        "PSI 0.1": root(psi, 0.1),
        "PSI 0.2": root(psi, 0.2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--peer-seeds", type=int, default=3, help="of the seeds so many are judged by the peers, too")
    parser.add_argument("--kinds", nargs="*", default=["iid", "seasonal"], choices=["iid", "seasonal"])
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    python = peers_environment() if arguments.peer_seeds else None
    began, runs = time.monotonic(), []
    for seed in range(arguments.seeds):
        for kind in arguments.kinds:
            runs.append(run_of(kind, seed, python if seed < arguments.peer_seeds else None))
            _write(arguments.output, runs)
            sys.stdout.write(f"{time.monotonic() - began:4.0f} s: {json.dumps(runs[-1])}\n")
            sys.stdout.flush()


def _write(path: Path, runs: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(runs), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
