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
Table = dict[str, tuple[Tally[str], int]]
"""Per change the windows in which each rule finds it, and the windows."""
Tables = dict[tuple[str, int], Table]
"""By data kind and rows a window."""

NEW_LEVEL = 99
SIZES = (10_000,)


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


def detections_of(kind: str, size: int, seed: int, windows: int, changes: Sequence[str]) -> dict[str, Tally[str]]:
    """Per change the windows in which each rule finds it, after one baseline."""
    log = Log.of(1_000 + seed, 24 * DAYS + STEP_HOURS * windows, size, seasonal=kind == "seasonal")
    baseline = Baseline.of(log, DAYS)
    rules = Rules.of(baseline)
    found: dict[str, Tally[str]] = {change: Tally() for change in changes}
    for index in range(windows):
        first = 24 * DAYS + STEP_HOURS * index
        columns = log.columns(first, 24)
        clean = rules.judged(baseline.counter.profiles(columns), window_at(first))
        for change, (names, alter) in ((change, CHANGES[change]) for change in changes):
            altered = baseline.counter.profiles({name: alter(columns[name]) for name in names})
            called = drifted(clean | rules.judged(altered, window_at(first)))
            found[change].update(rule for rule, features in called.items() if features & set(names))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baselines", type=int, default=4)
    parser.add_argument("--windows", type=int, default=15)
    parser.add_argument("--kinds", nargs="*", default=["iid", "seasonal"])
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="rows a window")
    parser.add_argument("--changes", default="", help="only the changes whose name has this in it")
    parser.add_argument("--keep", action="store_true", help="keep the figures of earlier runs for all other lines")
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    started = time.monotonic()
    tables = _known(arguments.output) if arguments.keep else {}
    changes = [change for change in CHANGES if arguments.changes in change]
    for kind, size in ((kind, size) for kind in arguments.kinds for size in arguments.sizes):
        found: Table = {change: (Tally(), 0) for change in changes}
        for seed in range(arguments.baselines):
            for change, tally in detections_of(kind, size, seed, arguments.windows, changes).items():
                found[change] = found[change][0] + tally, found[change][1] + arguments.windows
            tables[kind, size] = tables.get((kind, size), {}) | found
            _write(arguments.output, tables)
            sys.stdout.write(f"{kind} n={size} baseline {seed + 1}/{arguments.baselines}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{time.monotonic() - started:.0f} s\n")


def _write(path: Path, tables: Tables) -> None:
    lines = [
        "# Detection: changed windows in which the changed feature is called drifted",
        "",
        "Made by `python tests/benchmarks/detection.py` (in several runs: `--kinds`, `--sizes`,",
        "`--changes`, `--keep`; the column *windows* says how many a line rests on); data as in false_alarms.md; in",
        "brackets the 95 % Wilson interval. A rule that alarms on everything finds everything: read this beside its",
        "false alarms. By default Driftline calls no shift below 0.1 sd (Wasserstein), however certain, a drift.",
    ]
    for (kind, size), table in sorted(tables.items()):
        lines += ["", f"## {kind}, {size:,} rows per window", ""]
        lines += ["| change | windows | " + " | ".join(RULES) + " |", "|---|---:|" + "---:|" * len(RULES)]
        for change, (tally, windows) in table.items():
            shares = " | ".join(share_in_words(tally[rule], windows) for rule in RULES)
            lines.append(f"| {change} | {windows} | {shares} |")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    figures = [
        [kind, size, {change: [dict(tally), windows] for change, (tally, windows) in table.items()}]
        for (kind, size), table in tables.items()
    ]
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _known(path: Path) -> Tables:
    figures = path.with_suffix(".json")
    entries = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else []
    return {
        (kind, size): {change: (Tally(tally), windows) for change, (tally, windows) in table.items()}
        for kind, size, table in entries
    }


if __name__ == "__main__":
    main()
