"""How often is a drift found? `python tests/benchmarks/detection.py` writes the evidence.

Clean windows (as in `false_alarms.py`) are changed in a known way; a rule detects if it calls a changed feature
drifted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.drift_data import Baseline, Log, window_at
from tests.benchmarks.drift_rules import RULES, Rules, drifted
from tests.benchmarks.false_alarms import DAYS, STEP_HOURS, share_in_words

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "detection.md"
Tables = dict[str, tuple[dict[str, Tally[str]], int]]
"""By data kind: per change the windows in which each rule finds it, and the windows."""

NEW_LEVEL = 99
SIZE = 10_000


def _names(indices: Sequence[int]) -> list[str]:
    return [f"feature_{index:02d}" for index in indices]


def _shifted(values: np.ndarray, by: float) -> np.ndarray:
    return values + by


def _widened(values: np.ndarray, factor: float) -> np.ndarray:
    mean = np.nanmean(values)
    return mean + (values - mean) * np.sqrt(factor)


def _replaced(values: np.ndarray, share: float, level: int) -> np.ndarray:
    changed = values.copy()
    changed[np.random.default_rng(1).random(values.size) < share] = level
    return changed


def _with_nulls(values: np.ndarray, share: float) -> np.ndarray:
    changed = values.copy()
    changed[np.random.default_rng(2).random(values.size) < share] = np.nan
    return changed


def _frozen(values: np.ndarray) -> np.ndarray:
    return np.full_like(values, values[0])


CHANGES: dict[str, tuple[list[str], Callable[[np.ndarray], np.ndarray]]] = {
    **{
        f"mean shifted by {by} sd in {count} of 30": (
            _names(range(1, 1 + count)),
            lambda values, by=by: _shifted(values, by),
        )
        for by in (0.1, 0.25, 0.5)
        for count in (1, 3, 10)
    },
    "mean shifted by 1 sd in 1 of 30": (_names([1]), lambda values: _shifted(values, 1.0)),
    "variance x 1.5 in 1": (_names([1]), lambda values: _widened(values, 1.5)),
    "a never-seen level in 5 % of rows": (_names([26]), lambda values: _replaced(values, 0.05, NEW_LEVEL)),
    "a known level in 5 % of rows": (_names([26]), lambda values: _replaced(values, 0.05, 0)),
    "nulls from 2 % to 10 %": (_names([0]), lambda values: _with_nulls(values, 0.0816)),
    "nulls from 0 to 10 %": (_names([1]), lambda values: _with_nulls(values, 0.1)),
    "frozen feature": (_names([1]), _frozen),
}


def detections_of(kind: str, seed: int, windows: int) -> dict[str, Tally[str]]:
    """Per change the windows in which each rule finds it, after one baseline."""
    log = Log.of(1_000 + seed, 24 * DAYS + STEP_HOURS * windows, SIZE, seasonal=kind == "seasonal")
    baseline = Baseline.of(log, DAYS)
    rules = Rules.of(baseline)
    found: dict[str, Tally[str]] = {change: Tally() for change in CHANGES}
    for index in range(windows):
        first = 24 * DAYS + STEP_HOURS * index
        columns = log.columns(first, 24)
        clean = rules.judged(baseline.counter.profiles(columns), window_at(first))
        for change, (names, alter) in CHANGES.items():
            altered = baseline.counter.profiles({name: alter(columns[name]) for name in names})
            called = drifted(clean | rules.judged(altered, window_at(first)))
            found[change].update(rule for rule, features in called.items() if features & set(names))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baselines", type=int, default=4)
    parser.add_argument("--windows", type=int, default=15)
    parser.add_argument("--kinds", nargs="*", default=["iid", "seasonal"])
    parser.add_argument("--keep", action="store_true", help="keep the figures of earlier runs for other kinds")
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    started = time.monotonic()
    tables = _known(arguments.output) if arguments.keep else {}
    for kind in arguments.kinds:
        found: dict[str, Tally[str]] = {change: Tally() for change in CHANGES}
        for seed in range(arguments.baselines):
            for change, tally in detections_of(kind, seed, arguments.windows).items():
                found[change] += tally
            tables[kind] = found, (seed + 1) * arguments.windows
            _write(arguments.output, tables)
            sys.stdout.write(f"{kind} baseline {seed + 1}/{arguments.baselines}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{time.monotonic() - started:.0f} s\n")


def _write(path: Path, tables: Tables) -> None:
    lines = [
        "# Detection: changed windows in which the changed feature is called drifted",
        "",
        f"Made by `python tests/benchmarks/detection.py`; data as in false_alarms.md, {SIZE:,} rows per window;",
        "in brackets the 95 % Wilson interval. A rule that alarms on everything finds everything: read this beside its",
        "false alarms. By default Driftline calls no shift below 0.1 sd (Wasserstein), however certain, a drift.",
    ]
    for kind, (table, windows) in tables.items():
        lines += ["", f"## {kind} ({windows} windows per line)", ""]
        lines += ["| change | " + " | ".join(RULES) + " |", "|---|" + "---:|" * len(RULES)]
        for change, tally in table.items():
            lines.append(f"| {change} | " + " | ".join(share_in_words(tally[rule], windows) for rule in RULES) + " |")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    figures = {
        kind: [{change: dict(tally) for change, tally in table.items()}, count]
        for kind, (table, count) in tables.items()
    }
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _known(path: Path) -> Tables:
    figures = path.with_suffix(".json")
    entries = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {}
    return {
        kind: ({change: Tally(tally) for change, tally in table.items()}, windows)
        for kind, (table, windows) in entries.items()
    }


if __name__ == "__main__":
    main()
