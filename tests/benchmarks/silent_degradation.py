"""How soon is a slow degradation told, and how often a stable model? Writes the evidence.

    python tests/benchmarks/silent_degradation.py

The silent-degradation incident: 94 % to 76 % accuracy over three months, labels 24 to 72 hours late. Hourly profiles go
through the same pure rooms as in production: windows of 24 hours every 6 hours, judged anew every 6 hours as their
labels come in.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.findings import Finding, Severity, Status
from driftline.performance import (
    EstimatedWindow,
    PerformanceThresholds,
    ScoreCalibration,
    ScoredPredictions,
    estimate_binary_metrics,
    estimate_error,
    estimate_findings,
    outcome_metrics,
    performance_findings,
    usual_metrics,
)
from driftline.predictions import PredictionTask, PredictionThresholds, prediction_findings
from driftline.profiles import BinaryOutcomeProfile, NumericBinning, Profile
from driftline.spread import WindowSpread
from tests.benchmarks.false_alarms import share_in_words
from tests.benchmarks.silent_degradation_data import BUCKETS, DELAY_HOURS, Rows, day_luck, draw

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "silent_degradation.md"
BASELINE_DAYS, DAYS = 28, 90
GOOD, BAD = 0.94, 0.76
STEP = 6
"""Hours between windows, and between looks at their labels."""
MATERIAL = 0.02
SEEDS = 5
RATES = (40, 400)
"""Predictions an hour."""
STABLE = {200: (20, 100), 1_000: (20, 100), 10_000: (15, 80), 100_000: (8, 60)}
"""Window size: (baselines, windows after each)."""
REVISED = {1_000: (8, 30), 10_000: (8, 30)}
"""Window size: (baselines, days after each) of windows that are judged at every look at their labels."""
THRESHOLDS = PerformanceThresholds()
OUTPUTS = PredictionThresholds()


@dataclass(frozen=True, eq=False)
class Learned:
    """What the baseline teaches."""

    binning: NumericBinning
    outcome: BinaryOutcomeProfile
    outputs: dict[str, Profile]
    spread: WindowSpread
    calibration: ScoreCalibration
    errors: WindowSpread
    output_spread: WindowSpread

    @classmethod
    def of(cls, days: list[Rows]) -> Learned:
        binning = NumericBinning.from_values(np.concatenate([day.scores for day in days]))
        outcomes = [day.outcome(binning) for day in days]
        outputs = [day.outputs(binning) for day in days]
        whole = reduce(lambda left, right: left.merged(right), outcomes)
        said = {name: reduce(lambda a, b: a.merged(b), [one[name] for one in outputs]) for name in outputs[0]}
        calibration = ScoreCalibration.learned(whole)
        return cls(
            binning,
            whole,
            said,
            WindowSpread.of([_values(one) for one in outcomes]),
            calibration,
            WindowSpread.of([_errors(calibration, one) for one in outcomes]),
            WindowSpread.of([_seen(said, one) for one in outputs]),
        )

    def by_labels(self, current: BinaryOutcomeProfile | None, predictions: int, *, is_mature: bool) -> list[Finding]:
        return performance_findings(
            self.outcome,
            current,
            predictions=predictions,
            thresholds=THRESHOLDS,
            is_mature=is_mature,
            version="v1",
            spread=self.spread,
        )

    def by_estimate(self, outputs: dict[str, Profile]) -> list[Finding]:
        positives = int(outputs["prediction"].counts[1])
        scored = ScoredPredictions.from_profile(outputs["score"], positives)
        names = usual_metrics(self.outcome)
        window = EstimatedWindow(
            version="v1",
            segment="",
            estimate=partial(estimate_binary_metrics, self.calibration, scored),
            unjudged=set(names),
            differences=self.spread,
            errors=self.errors,
        )
        return estimate_findings(window, self.outcome, names, THRESHOLDS)

    def by_outputs(self, outputs: dict[str, Profile]) -> list[Finding]:
        return _prediction_findings(self.outputs, outputs, self.output_spread)


def _values(outcome: BinaryOutcomeProfile) -> dict[str, float]:
    return {name: one.value for name, one in outcome_metrics(outcome).items() if one.value is not None}


def _errors(calibration: ScoreCalibration, outcome: BinaryOutcomeProfile) -> dict[str, float]:
    realised = outcome_metrics(outcome)
    estimated = estimate_binary_metrics(calibration, ScoredPredictions.from_outcomes(outcome), 0.95)
    found = {name: estimate_error(one, realised[name]) for name, one in estimated.items()}
    return {name: error.error for name, error in found.items() if error is not None}


def _seen(reference: dict[str, Profile], outputs: dict[str, Profile]) -> dict[str, float]:
    found = _prediction_findings(reference, outputs, None)
    return {
        f"{one.subject}/{one.test}": one.details["seen"] for one in found if isinstance(one.details.get("seen"), float)
    }


def _prediction_findings(
    reference: dict[str, Profile], current: dict[str, Profile], spread: WindowSpread | None
) -> list[Finding]:
    return prediction_findings(
        reference,
        current,
        task=PredictionTask.BINARY_CLASSIFICATION,
        positive_level="true",
        thresholds=OUTPUTS,
        version="v1",
        spread=spread,
    )


def alarms(findings: list[Finding], least: Severity = Severity.MEDIUM, subject: str = "") -> bool:
    return any(
        one.status is Status.DETECTED and one.severity.rank >= least.rank and subject in {"", one.subject}
        for one in findings
    )


def accuracy_at(hour: int, *, is_sudden: bool) -> float:
    """The true accuracy, ``hour`` hours after the baseline."""
    return BAD if is_sudden else GOOD + (BAD - GOOD) * min(max(hour, 0) / (24 * DAYS), 1)


@dataclass(frozen=True)
class Replay:
    """Hours after the decay began, at the end of the window or of the look at its labels; ``None``: never.

    `material` is when the true accuracy had lost two points, `labels_there` when the labels of the first window were
    complete that has truly lost what an alert takes (three points); the others are the first alerts.
    """

    material: float
    labels_there: float
    labels: float | None
    accuracy: float | None
    estimate: float | None


Hours = list[tuple[list[BinaryOutcomeProfile], dict[str, Profile], int]]
"""Per hour the labels by the step in which they arrive, the outputs, and the predictions."""


def replay(seed: int, rate: int, *, is_sudden: bool) -> Replay:
    generator = np.random.default_rng(seed)
    learned = Learned.of([draw(generator, 24 * rate, GOOD, day_luck(generator)) for _ in range(BASELINE_DAYS)])
    hours: Hours = []
    first: dict[str, float] = {}
    luck = day_luck(generator)
    for hour in range(24 * DAYS):
        luck = day_luck(generator) if hour % 24 == 0 else luck
        rows = draw(generator, rate, accuracy_at(hour, is_sudden=is_sudden), luck)
        steps = [rows.outcome(learned.binning, step) for step in range(BUCKETS)]
        hours.append((steps, rows.outputs(learned.binning), rows.scores.size))
        if (hour + 1) % STEP == 0 and hour + 1 >= 24:
            for name in _alerting(learned, hours, hour + 1, first):
                first[name] = hour + 1
        if len(first) == 3:
            break
    return Replay(
        *_held_against(is_sudden=is_sudden), first.get("labels"), first.get("accuracy"), first.get("estimate")
    )


def _alerting(learned: Learned, hours: Hours, now: int, known: dict[str, float]) -> list[str]:
    """What alerts for the first time at ``now``."""
    found = []
    if "estimate" not in known and alarms(learned.by_estimate(_outputs(hours[now - 24 : now]))):
        found.append("estimate")
    if "labels" in known and "accuracy" in known:
        return found
    revised = [findings for _, findings in _revised(learned, hours, now)]
    found += ["labels"] if "labels" not in known and any(alarms(one) for one in revised) else []
    is_seen = any(alarms(one, subject="accuracy") for one in revised)
    return [*found, "accuracy"] if "accuracy" not in known and is_seen else found


def _outputs(hours: Hours) -> dict[str, Profile]:
    return {name: reduce(lambda a, b: a.merged(b), [one[1][name] for one in hours]) for name in hours[0][1]}


def _revised(learned: Learned, hours: Hours, now: int) -> Iterator[tuple[int, list[Finding]]]:
    """The windows (by their end) that got labels since the last look, judged anew."""
    for end in range(max(now - DELAY_HOURS[1] - STEP, 24), now + 1, STEP):
        arrived = [
            steps[step]
            for start, (steps, _, _) in enumerate(hours[end - 24 : end], end - 24)
            for step in range(BUCKETS)
            if start + 1 + DELAY_HOURS[0] + (step + 1) * STEP <= now
        ]
        if arrived:
            current = reduce(lambda left, right: left.merged(right), arrived)
            rows = sum(size for _, _, size in hours[end - 24 : end])
            yield end, learned.by_labels(current, rows, is_mature=now >= end + DELAY_HOURS[1])


def _held_against(*, is_sudden: bool) -> tuple[float, float]:
    if is_sudden:
        return 0.0, 24.0 + DELAY_HOURS[1]
    per_hour = (GOOD - BAD) / (24 * DAYS)
    window_end = STEP * np.ceil((1.5 * MATERIAL / per_hour + 12) / STEP)  # its middle has lost three points
    return MATERIAL / per_hour, float(window_end) + DELAY_HOURS[1]


def stable(size: int, baselines: int, windows: int) -> dict[str, tuple[int, int]]:
    """Windows of a stable model that alarm, by check and severity, of how many."""
    tally = dict.fromkeys(("labels, any severity", "labels, alerts", "estimate, alerts", "outputs, any severity"), 0)
    for seed in range(baselines):
        generator = np.random.default_rng(1_000 + seed)
        learned = Learned.of([draw(generator, size, GOOD, day_luck(generator)) for _ in range(BASELINE_DAYS)])
        for _ in range(windows):
            rows = draw(generator, size, GOOD, day_luck(generator))
            outputs = rows.outputs(learned.binning)
            judged = learned.by_labels(rows.outcome(learned.binning), size, is_mature=True)
            tally["labels, any severity"] += alarms(judged, Severity.LOW)
            tally["labels, alerts"] += alarms(judged)
            tally["estimate, alerts"] += alarms(learned.by_estimate(outputs))
            tally["outputs, any severity"] += alarms(learned.by_outputs(outputs), Severity.LOW)
    return {name: (count, baselines * windows) for name, count in tally.items()}


def revised(size: int, baselines: int, days: int) -> tuple[int, int]:
    """Windows of a stable model that alert at any of the looks at their labels, of how many."""
    alerting, windows = 0, 0
    for seed in range(baselines):
        generator = np.random.default_rng(5_000 + seed)
        learned = Learned.of([draw(generator, size, GOOD, day_luck(generator)) for _ in range(BASELINE_DAYS)])
        hours: Hours = []
        ends: set[int] = set()
        luck = day_luck(generator)
        for hour in range(24 * days):
            luck = day_luck(generator) if hour % 24 == 0 else luck
            rows = draw(generator, size // 24, GOOD, luck)
            steps = [rows.outcome(learned.binning, step) for step in range(BUCKETS)]
            hours.append((steps, {}, rows.scores.size))
            if (hour + 1) % STEP == 0 and hour + 1 >= 24:
                ends |= {end for end, found in _revised(learned, hours, hour + 1) if alarms(found)}
        alerting += len(ends)
        windows += (24 * days - 24) // STEP + 1
    return alerting, windows


_INTRODUCTION = f"""# Silent degradation: how soon it is told, and how often a stable model is

Made by `python tests/benchmarks/silent_degradation.py` ({{seconds:.0f}} s of CPU). A simulated fraud model falls from
{GOOD:.0%} to {BAD:.0%} accuracy: *slow*, evenly over {DAYS} days, as more and more cases are hard; *sudden*, at once.
Labels arrive {DELAY_HOURS[0]} to {DELAY_HOURS[1]} hours after the prediction. Windows of 24 h every {STEP} h are judged
by the pure rooms as in production, anew every {STEP} h as labels come (the DAG does so hourly). Days differ in their
share of hard cases and of fraud (0.08 logits); the baseline has {BASELINE_DAYS} days. An alert is a finding of severity
medium or worse: a drop from 1.5 times the allowed one on, which is 2 points (of an error such as log loss: 2 %)."""

_DECAY = f"""
## From the first material loss to the first alert

*Material* is a true accuracy 2 points below the baseline's (slow: on day {MATERIAL / (GOOD - BAD) * DAYS:.0f};
sudden: at once). *After labels* are the hours from when all labels of the first window are in that has truly lost
what an alert takes (3 points of accuracy); below 0 is before. *Any metric* alerts on the first of eight: log loss and
Brier score rise by 3 % long before accuracy falls by 3 points. Medians of {SEEDS} seeds, with the range.

| decay | rows an hour | any metric: days | after labels, h | accuracy: days | after labels, h | estimate: days |
|---|---:|---:|---:|---:|---:|---:|"""

_STABLE = """
## False alarms on a stable model

Windows that alarm, with a 95 % Wilson interval. *labels*: degradation of any of eight metrics (confidence 0.95 for the
window, all labels there). *outputs*: the prediction check, budget 1 % a window. *At any look*: windows every 6 h,
each judged about nine times as its labels come; a window counts if any of these verdicts alerts ({windows} windows).
"""


def main() -> None:
    started = time.process_time()
    replays = {
        (name, rate): [replay(seed, rate, is_sudden=name == "sudden") for seed in range(SEEDS)]
        for name in ("slow", "sudden")
        for rate in RATES
    }
    sys.stdout.write(f"replays: {time.process_time() - started:.0f} s of CPU\n")
    tallies = {}
    for size, plan in STABLE.items():
        tallies[size] = stable(size, *plan)
        sys.stdout.write(f"n = {size}: {tallies[size]} ({time.process_time() - started:.0f} s of CPU)\n")
        sys.stdout.flush()
    for size, plan in REVISED.items():
        tallies[size]["labels, alerts at any look"] = revised(size, *plan)
        sys.stdout.write(f"n = {size}: {tallies[size]} ({time.process_time() - started:.0f} s of CPU)\n")
        sys.stdout.flush()
    EVIDENCE.write_text(_report(replays, tallies, time.process_time() - started), encoding="utf-8")


def _report(
    replays: dict[tuple[str, int], list[Replay]], tallies: dict[int, dict[str, tuple[int, int]]], seconds: float
) -> str:
    lines = [_INTRODUCTION.format(seconds=seconds), _DECAY]
    for (name, rate), found in replays.items():
        days = [
            _spread([_days(one, one.labels) for one in found]),
            _spread([_days(one, one.accuracy) for one in found]),
        ]
        hours = [_spread([_after_labels(one, at) for one in found], 0) for at in ("labels", "accuracy")]
        guess = _spread([_days(one, one.estimate) for one in found])
        lines.append(f"| {name} | {rate} | {days[0]} | {hours[0]} | {days[1]} | {hours[1]} | {guess} |")
    windows = " and ".join(str(tallies[size]["labels, alerts at any look"][1]) for size in REVISED)
    lines += [_STABLE.format(windows=windows), "| check | " + " | ".join(f"n = {size:,}" for size in tallies) + " |"]
    lines.append("|---|" + "---:|" * len(tallies))
    for check in dict.fromkeys(name for tally in tallies.values() for name in tally):
        cells = [share_in_words(*tally[check]) if check in tally else "" for tally in tallies.values()]
        lines.append(f"| {check} | " + " | ".join(cells) + " |")
    lines.append("| *windows* | " + " | ".join(str(next(iter(one.values()))[1]) for one in tallies.values()) + " |")
    return "\n".join([*lines, ""])


def _days(one: Replay, at: float | None) -> float | None:
    return None if at is None else (at - one.material) / 24


def _after_labels(one: Replay, name: str) -> float | None:
    at = getattr(one, name)
    return None if at is None else at - one.labels_there


def _spread(values: list[float | None], digits: int = 1) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "never"
    missing = "" if len(known) == len(values) else f", {len(values) - len(known)} never"
    return f"{np.median(known):.{digits}f} ({min(known):.{digits}f} to {max(known):.{digits}f}{missing})"


if __name__ == "__main__":
    main()
