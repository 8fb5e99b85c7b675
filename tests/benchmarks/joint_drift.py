"""What the tests on all features together are worth: `python tests/benchmarks/joint_drift.py` writes the evidence.

Clean windows that alarm at a quarter of the 1 % budget, what is found of changes that no feature shows by itself, and
what learning and checking cost. As in production: a day's sample of at most 1,000 rows against the baseline's of 5,000.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.drift import MultivariateCalibration, check_multivariate, learn_multivariate
from driftline.drift.multivariate_learning import SIZES
from tests.benchmarks.drift_data import Columns, Log
from tests.benchmarks.false_alarms import DAYS, STEP_HOURS, share_in_words

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "joint_drift.md"
BUDGET = 0.0025
REFERENCE = 5_000
PLAN = {200: (2, 60, 10), 1_000: (1, 60, 10), 10_000: (1, 60, 10)}
"""Rows a day: (baselines, windows after each, of which changed ones)."""
PAIRS = {("feature_05", "feature_06"): 0.6, ("feature_07", "feature_08"): 0.5}
"""Features that are correlated, at unchanged margins."""
P_LEVELS = (0.0025, 0.01, 0.05)
UNSTEADY = {12: (6, 20), 28: (2, 20)}
"""Days of the baseline: (baselines, windows after each); `UNSTEADY_ROWS` a day."""
UNSTEADY_ROWS = 1_000


@dataclass(frozen=True, eq=False)
class World:
    """A log with correlated pairs and a score that follows from four features."""

    log: Log

    def frame(self, first_hour: int, hours: int, flipped: tuple[str, str] | None = None) -> pd.DataFrame:
        return self.correlated(self.log.columns(first_hour, hours), first_hour, hours, flipped)

    def correlated(
        self, columns: Columns, first_hour: int, hours: int, flipped: tuple[str, str] | None = None
    ) -> pd.DataFrame:
        """The independent ``columns`` with the pairs tied; the ``flipped`` one with the other sign."""
        rows = np.ceil(self.log.rows_per_hour[first_hour : first_hour + hours]).astype(int)
        places = np.repeat(self.log.locations[first_hour : first_hour + hours], rows, axis=0)
        tied = dict(columns)
        for (left, right), size in PAIRS.items():
            correlation = -size if (left, right) == flipped else size
            noise = [columns[name] - places[:, int(name[-2:])] for name in (left, right)]
            tied[right] = places[:, int(right[-2:])] + correlation * noise[0] + np.sqrt(1 - size**2) * noise[1]
        logit = sum(columns[f"feature_{index:02d}"] for index in (1, 2, 3, 4)) / 2
        frame = {name: values.astype(str) if values.dtype.kind == "i" else values for name, values in tied.items()}
        return pd.DataFrame({**frame, "score": 1 / (1 + np.exp(-logit))})


def _shifted(frame: pd.DataFrame) -> pd.DataFrame:
    names = [f"feature_{index:02d}" for index in range(1, 11)]
    return frame.assign(**{name: frame[name] + 0.25 for name in names})


def _score_shifted(frame: pd.DataFrame) -> pd.DataFrame:
    logit = np.log(frame["score"] / (1 - frame["score"])) + 0.5
    return frame.assign(score=1 / (1 + np.exp(-logit)))


FLIPS = {f"correlation from {size} to -{size}": pair for pair, size in PAIRS.items()}
ALTERATIONS: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "mean shifted by 0.25 sd in 10 of 30": _shifted,
    "the model's score shifted by 0.5 sd": _score_shifted,
}


def measured(kind: str, seed: int, size: int, scale: float) -> dict[str, Any]:
    """One baseline and the windows after it."""
    windows, changed = (round(count * scale) for count in PLAN[size][1:])
    world = World(Log.of(7_000 + seed, 24 * DAYS + STEP_HOURS * windows, size, seasonal=kind == "seasonal"))
    rng = np.random.default_rng(seed)
    judge = learned(world, DAYS, rng)
    for index in range(windows):
        first = 24 * DAYS + STEP_HOURS * index
        independent = world.log.columns(first, 24)
        clean = world.correlated(independent, first, 24)
        judge.look("clean", clean)
        if index < changed:
            for title, pair in FLIPS.items():
                judge.look(title, world.correlated(independent, first, 24, pair))
            for title, alter in ALTERATIONS.items():
                judge.look(title, alter(clean))
    return {"kind": kind, "size": size, **judge.figures()}


def unsteady(days: int, seed: int, scale: float) -> dict[str, Any]:
    """A short baseline of days that differ by themselves, and as many such days after it: none of them drifts."""
    windows = round(UNSTEADY[days][1] * scale)
    world = World(Log.unsteady(9_000 + seed, 24 * (days + windows), UNSTEADY_ROWS))
    rng = np.random.default_rng(seed)
    judge = learned(world, days, rng)
    for index in range(windows):
        judge.look("clean", world.frame(24 * (days + index), 24))
    return {"kind": "unsteady", "size": days, **judge.figures()}


def learned(world: World, days: int, rng: np.random.Generator) -> Judge:
    """Learns the baseline that the world begins with."""
    frames = [world.frame(24 * day, 24) for day in range(days)]
    reference = pd.concat([_sampled(frame, -(-REFERENCE // days), rng) for frame in frames], ignore_index=True)
    samples = [_sampled(frame, SIZES[-1], rng) for frame in frames]
    began = time.process_time()
    blocks = np.repeat(np.arange(days), [len(sample) for sample in samples])
    calibration = learn_multivariate(pd.concat(samples, ignore_index=True), blocks, score="score")
    return Judge(calibration, reference, rng, time.process_time() - began)


class Judge:
    """Checks windows and keeps what came of them."""

    def __init__(
        self,
        calibration: MultivariateCalibration,
        reference: pd.DataFrame,
        rng: np.random.Generator,
        learning: float,
    ) -> None:
        self._calibration, self._reference, self._rng, self._learning = calibration, reference, rng, learning
        self._looked: Tally[str] = Tally()
        self._found: dict[str, Tally[str]] = {}
        self._least: list[float] = []
        self._seconds: list[float] = []

    def look(self, title: str, frame: pd.DataFrame) -> None:
        sample = _sampled(frame, SIZES[-1], self._rng)
        began = time.process_time()
        verdict = check_multivariate(
            self._calibration, self._reference, sample, false_alarm_rate=BUDGET, only_calibrated=True
        )
        self._seconds.append(time.process_time() - began)
        self._looked[title] += 1
        found = self._found.setdefault(title, Tally())
        found["any"] += verdict.detected
        found.update(result.test for result in verdict.results if result.detected)
        if title == "clean":
            self._least.append(min(result.p_value for result in verdict.results) * len(verdict.results))

    def figures(self) -> dict[str, Any]:
        return {
            "learning": self._learning,
            "sizes": sorted(self._calibration.nulls),
            "looked": dict(self._looked),
            "found": {title: dict(tally) for title, tally in self._found.items()},
            "below": {str(level): sum(each <= level for each in self._least) for level in P_LEVELS},
            "seconds": [float(np.median(self._seconds)), float(np.max(self._seconds))],
        }


def _sampled(frame: pd.DataFrame, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    return frame.iloc[np.sort(rng.choice(len(frame), min(rows, len(frame)), replace=False))].reset_index(drop=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(PLAN))
    parser.add_argument("--kinds", nargs="*", default=["iid", "seasonal", "unsteady"])
    parser.add_argument("--days", type=int, nargs="*", default=list(UNSTEADY), help="baselines of unsteady days")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the planned windows to judge")
    parser.add_argument(
        "--keep", action="store_true", help="keep the figures of earlier runs for other sizes and kinds"
    )
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    known = json.loads(arguments.output.with_suffix(".json").read_text(encoding="utf-8")) if arguments.keep else []
    plan = [
        *((kind, size) for size in arguments.sizes for kind in arguments.kinds if kind != "unsteady"),
        *(("unsteady", days) for days in arguments.days if "unsteady" in arguments.kinds),
    ]
    runs = [run for run in known if (run["kind"], run["size"]) not in plan]
    for kind, size in plan:
        for seed in range(UNSTEADY[size][0] if kind == "unsteady" else PLAN[size][0]):
            of_unsteady = kind == "unsteady"
            runs.append(
                unsteady(size, seed, arguments.scale) if of_unsteady else measured(kind, seed, size, arguments.scale)
            )
            sys.stdout.write(f"{json.dumps(runs[-1])}\n")
            sys.stdout.flush()
            write(arguments.output, runs)


def write(path: Path, runs: list[dict[str, Any]]) -> None:
    """The figures, and the page made of them."""
    steady = [run for run in runs if run["kind"] != "unsteady"]
    restless = [run for run in runs if run["kind"] == "unsteady"]
    lines = [*_introduction()]
    if steady:
        lines += [*_false_alarms(steady), *_detection(steady), *_cost(steady)]
    lines += [*(_unsteady(restless) if restless else ()), ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


def _introduction() -> list[str]:
    return [
        "# Drift of all features together",
        "",
        f"Made by `OMP_NUM_THREADS=1 python tests/benchmarks/joint_drift.py`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC,",
        f"{platform.machine()}, {os.cpu_count()} cores shared with other work, Python {platform.python_version()}.",
        "Worlds as in false_alarms.md (30 features, *seasonal* with daily and weekly cycles and AR(1) noise), with two",
        "pairs of features correlated by 0.6 and 0.5, and a score made of four features. Baselines of",
        f"{DAYS} days, then windows of 24 h every {STEP_HOURS} h. Judged on samples, as in production: at most",
        f"{SIZES[-1]:,} rows of a window against the baseline's. Budget {BUDGET:.2%} per window, a quarter of 1 %.",
        "In brackets: 95 % Wilson interval, as if windows were independent (those after one baseline share its luck).",
        "It can be run in parts (`--sizes`, `--kinds`, `--scale`, `--keep`): the columns *windows* say on how many a",
        "line rests.",
    ]


def _false_alarms(runs: list[dict[str, Any]]) -> list[str]:
    lines = ["", "## False alarms: clean windows", ""]
    lines.append("| world, rows a day | windows | alarms | smallest p, corrected, <= 0.25 % | <= 1 % | <= 5 % |")
    lines.append("|---|---:|---:|---:|---:|---:|")
    groups = _groups(runs) | {(kind, "all sizes"): _of_kind(runs, kind) for kind in dict.fromkeys(_kinds(runs))}
    for (kind, size), group in groups.items():
        windows = sum(run["looked"]["clean"] for run in group)
        alarms = sum(run["found"]["clean"]["any"] for run in group)
        below = [f"{sum(run['below'][str(level)] for run in group) / windows:.1%}" for level in P_LEVELS]
        label = f"{size:,}" if isinstance(size, int) else size
        lines.append(f"| {kind}, {label} | {windows} | {share_in_words(alarms, windows)} | {' | '.join(below)} |")
    lines += ["", "An alarm needs an effect above its floor, too: that is why alarms are fewer than small p-values."]
    return lines


def _detection(runs: list[dict[str, Any]]) -> list[str]:
    tests = ("any", "domain_classifier", "pca_reconstruction", "correlation_change", "score_drift")
    lines = ["", "## Detection: changed windows that alarm, by the test that found it", ""]
    lines += ["| world, rows a day | change | windows | " + " | ".join(tests) + " |", "|---|---|---:|" + "---:|" * 5]
    for (kind, size), group in _groups(runs).items():
        for title in [*FLIPS, *ALTERATIONS]:
            looked = sum(run["looked"].get(title, 0) for run in group)
            if looked:
                found = [sum(run["found"][title].get(test, 0) for run in group) / looked for test in tests]
                shares = " | ".join(f"{share:.0%}" for share in found)
                lines.append(f"| {kind}, {size:,} | {title} | {looked} | {shares} |")
    return lines


def _unsteady(runs: list[dict[str, Any]]) -> list[str]:
    tests = ("domain_classifier", "pca_reconstruction", "correlation_change", "score_drift")
    lines = ["", "## Days that differ by themselves: clean windows that alarm", ""]
    lines += [
        f"Every feature's level is another one each day (sd 0.3, independent), {UNSTEADY_ROWS:,} rows a day; windows",
        "are the days after the baseline. What a short baseline says of how much days differ is uncertain: the budget",
        "is kept on the average of baselines, and an unlucky one has more than its share (*worst*).",
        "",
        "| days of the baseline | baselines | windows | alarms | " + " | ".join(tests) + " | worst baseline |",
        "|---:|---:|---:|---:|" + "---:|" * (len(tests) + 1),
    ]
    for (_, days), group in sorted(_groups(runs).items()):
        windows = sum(run["looked"]["clean"] for run in group)
        found = [run["found"]["clean"] for run in group]
        by_test = " | ".join(str(sum(tally.get(test, 0) for tally in found)) for test in tests)
        alarms, worst = sum(tally["any"] for tally in found), max(tally["any"] for tally in found)
        shares = share_in_words(alarms, windows)
        of_one = group[0]["looked"]["clean"]
        lines.append(f"| {days} | {len(group)} | {windows} | {shares} | {by_test} | {worst} of {of_one} |")
    below = [f"{sum(run['below'][str(level)] for run in runs)}" for level in P_LEVELS]
    lines += ["", f"Smallest p-value, corrected, <= 0.25 %, 1 %, 5 %: {', '.join(below)} windows."]
    return lines


def _cost(runs: list[dict[str, Any]]) -> list[str]:
    lines = ["", "## Cost, seconds of one core", ""]
    lines += [
        "| world, rows a day | sizes learned | learning | a window, median | largest |",
        "|---|---|---:|---:|---:|",
    ]
    for (kind, size), group in _groups(runs).items():
        learning = np.median([run["learning"] for run in group])
        median, most = (f([run["seconds"][at] for run in group]) for at, f in ((0, np.median), (1, np.max)))
        learned = ", ".join(str(each) for each in group[0]["sizes"])
        lines.append(f"| {kind}, {size:,} | {learned} | {learning:.1f} | {median:.2f} | {most:.2f} |")
    return lines


def _groups(runs: list[dict[str, Any]]) -> dict[tuple[str, Any], list[dict[str, Any]]]:
    groups: dict[tuple[str, Any], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["kind"], run["size"]), []).append(run)
    return groups


def _of_kind(runs: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [run for run in runs if run["kind"] == kind]


def _kinds(runs: list[dict[str, Any]]) -> list[str]:
    return [run["kind"] for run in runs]


if __name__ == "__main__":
    main()
