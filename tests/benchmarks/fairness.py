"""Does the fairness check alarm on nothing, and does it see a biased version at once?

`python tests/benchmarks/fairness.py` writes the evidence. Rows of a model with three protected attributes are drawn,
counted by group, and judged as the monitor does it: 28 baseline windows of 24 h, then windows after them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import fairlearn.metrics
import numpy as np
from sklearn.metrics import precision_score
from statsmodels.stats.proportion import proportion_confint

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))

from driftline.fairness import (
    BINARY_CRITERIA,
    FairnessThresholds,
    GroupCounts,
    Place,
    UsualGaps,
    binary_groups,
    disparities,
    gap_findings,
    group_gaps,
    level_findings,
    pooled,
    rates_of,
)
from driftline.findings import Finding, Status
from driftline.profiles import BinaryOutcomeProfile, NumericBinning

DAYS = 28
ATTRIBUTES: Mapping[str, Mapping[str, float]] = {
    "sex": {"F": 0.4, "M": 0.6},
    "age": {"18-29": 0.2, "30-49": 0.4, "50-64": 0.25, "65+": 0.15},
    "region": {"north": 0.3, "south": 0.25, "east": 0.2, "west": 0.15, "islands": 0.1},
}
BASE_LOGITS = {"F": -0.2, "18-29": -0.3, "65+": 0.3, "islands": -0.4}
"""Groups differ to begin with: a level that was accepted."""
UNSTEADY = 0.15
"""Standard deviation of a group's day on the logit scale: about 3 points of its share of positives."""
ONE_CELL = NumericBinning(np.empty(0))
PLAN = {200: (10, 60), 1_000: (10, 60), 10_000: (8, 50), 100_000: (4, 40)}
"""Rows per window: (baselines, windows after each)."""
DETECTION = (3, 10)
"""Baselines, and biased windows after each."""
GROUPS = ("sex=F", "region=islands")
POINTS = (0.1, 0.2, 0.3)
THRESHOLDS = FairnessThresholds(calls=len(ATTRIBUTES), criteria=BINARY_CRITERIA)
EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "fairness.md"


class Learned(Enum):
    """What of the baseline's windows is used."""

    ALL = "all"
    SPREAD = "how much gaps differ, and not what base rates explain of it"
    NOTHING = "nothing"


Groups = dict[str, GroupCounts]
Window = dict[str, Groups]


@dataclass(frozen=True)
class Model:
    """Draws windows of a model whose scores mean what they say.

    Attributes
    ----------
    unsteady:
        Whether groups have good and bad days.
    """

    random: np.random.Generator
    rows: int
    unsteady: bool

    def window(self, biased_group: str = "", points: float = 0.0) -> Window:
        """Every attribute's groups; positive predictions of the biased group are taken away: ``points`` of its rows."""
        codes = {
            name: self.random.choice(len(shares), self.rows, p=list(shares.values()))
            for name, shares in ATTRIBUTES.items()
        }
        logits = self.random.normal(-0.3, 1.5, self.rows)
        for name, shares in ATTRIBUTES.items():
            day = self.random.normal(0, UNSTEADY, len(shares)) if self.unsteady else np.zeros(len(shares))
            logits += (np.array([BASE_LOGITS.get(group, 0.0) for group in shares]) + day)[codes[name]]
        scores = 1 / (1 + np.exp(-logits))
        labels, predicted = self.random.random(self.rows) < scores, scores > 0.5
        if biased_group:
            attribute, _, group = biased_group.partition("=")
            of_group = codes[attribute] == list(ATTRIBUTES[attribute]).index(group)
            share = predicted[of_group].mean() if of_group.any() else 1.0
            predicted &= ~(of_group & (self.random.random(self.rows) < points / max(share, points)))
        return {
            name: {
                f"{name}={group}": _counts(labels, predicted, scores, codes[name] == code)
                for code, group in enumerate(shares)
            }
            for name, shares in ATTRIBUTES.items()
        }


def _counts(labels: np.ndarray, predicted: np.ndarray, scores: np.ndarray, rows: np.ndarray) -> GroupCounts:
    outcome = BinaryOutcomeProfile.of(labels[rows], predicted[rows], scores[rows], ONE_CELL)
    return GroupCounts(int(rows.sum()), int(predicted[rows].sum()), outcome)


@dataclass(frozen=True)
class Baseline:
    """What the monitor learns: the period's counts, and how much its windows differ."""

    groups: Window
    usual: Mapping[str, UsualGaps]

    @classmethod
    def of(cls, model: Model) -> Baseline:
        days = [model.window() for _ in range(DAYS)]
        rates, minimum = rates_of(BINARY_CRITERIA), THRESHOLDS.minimum_rows
        return cls(
            {name: {group: pooled(day[name][group] for day in days) for group in days[0][name]} for name in ATTRIBUTES},
            {name: UsualGaps.of([group_gaps(day[name], rates, minimum) for day in days]) for name in ATTRIBUTES},
        )

    def judge(self, window: Window, *, learned: Learned = Learned.ALL) -> list[Finding]:
        return [
            finding
            for name in ATTRIBUTES
            for finding in gap_findings(
                self.groups[name],
                window[name],
                thresholds=THRESHOLDS,
                place=Place(attribute=name, version="v3.2"),
                usual=self._known(name, learned),
            )
            if finding.status is Status.DETECTED
        ]

    def _known(self, name: str, learned: Learned) -> UsualGaps:
        if learned is Learned.NOTHING:
            return UsualGaps()
        return self.usual[name] if learned is Learned.ALL else UsualGaps(self.usual[name].spread)

    def has_grown(self, window: Window) -> bool:
        """The usual rule: a difference (fairlearn's) is larger than the baseline's by the allowed increase."""
        return any(
            (finding.effect or 0.0) >= THRESHOLDS.maximum_increase
            for name in ATTRIBUTES
            for finding in level_findings(
                self.groups[name], window[name], thresholds=THRESHOLDS, place=Place(attribute=name, version="v3.2")
            )
            if finding.test.endswith("difference")
        )


def false_alarms(rows: int, unsteady: bool, scale: float) -> tuple[Tally[str], int]:
    """Alarms by rule, and windows."""
    baselines, windows = max(round(PLAN[rows][0] * scale), 1), PLAN[rows][1]
    alarms: Tally[str] = Tally()
    for seed in range(baselines):
        model = Model(np.random.default_rng([seed, rows, unsteady]), rows, unsteady)
        baseline = Baseline.of(model)
        for _ in range(windows):
            window = model.window()
            alarms["Driftline"] += bool(baseline.judge(window))
            alarms["without base rates"] += bool(baseline.judge(window, learned=Learned.SPREAD))
            alarms["without the days' spread"] += bool(baseline.judge(window, learned=Learned.NOTHING))
            alarms["a difference grew by 5 points"] += baseline.has_grown(window)
    return alarms, baselines * windows


def detections(rows: int, group: str, points: float, unsteady: bool) -> tuple[int, int, int]:
    """First windows after a biased version goes live that alarm, that name its group alone, and how many there were."""
    baselines, windows = DETECTION
    seen = named = 0
    for seed in range(baselines):
        model, baseline = _learned(seed, rows, unsteady)
        for _ in range(windows):
            subjects = {finding.subject for finding in baseline.judge(model.window(group, points))}
            seen += group in subjects
            named += subjects == {group}
    return seen, named, baselines * windows


@lru_cache
def _learned(seed: int, rows: int, unsteady: bool) -> tuple[Model, Baseline]:
    model = Model(np.random.default_rng([seed, rows, unsteady, 7]), rows, unsteady)
    return model, Baseline.of(model)


def in_words(hits: int, total: int) -> str:
    low, high = proportion_confint(hits, total, method="wilson")
    return f"{hits / total:.1%} ({low:.1%} to {high:.1%})"


NOT_MEASURED = "–"
RULES = ("Driftline", "without base rates", "without the days' spread", "a difference grew by 5 points")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the planned baselines to run")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(PLAN))
    parser.add_argument("--keep", action="store_true", help="keep the figures of earlier runs for other sizes")
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    figures = arguments.output.with_suffix(".json")
    known = (
        json.loads(figures.read_text(encoding="utf-8")) if arguments.keep else {"seconds": 0, "calm": {}, "found": {}}
    )
    started = time.process_time()
    for unsteady, rows in product((False, True), arguments.sizes):
        known["calm"][f"{_kind(unsteady)}/{rows}"] = false_alarms(rows, unsteady, arguments.scale)
        sys.stdout.write(f"{_kind(unsteady)} n={rows}: {known['calm'][f'{_kind(unsteady)}/{rows}']}\n")
        sys.stdout.flush()
    for group, points, unsteady, rows in product(GROUPS, POINTS, (False, True), arguments.sizes):
        name = f"{group}, {points * 100:.0f} points, {_kind(unsteady)}/{rows}"
        known["found"][name] = detections(rows, group, points, unsteady)
        sys.stdout.write(f"{name}: {known['found'][name]}\n")
        sys.stdout.flush()
    known["seconds"] += round(time.process_time() - started)
    figures.write_text(json.dumps(known, indent=1), encoding="utf-8")
    arguments.output.write_text(_report(known), encoding="utf-8")


def _kind(unsteady: bool) -> str:
    return "unsteady" if unsteady else "iid"


def _report(known: Mapping[str, Any]) -> str:
    calm, found, seconds = known["calm"], known["found"], known["seconds"]
    header = ["| | " + " | ".join(f"n = {rows:,}" for rows in PLAN) + " |", "|---|" + "---:|" * len(PLAN)]
    lines = [
        "# Fairness: false alarms and detection",
        "",
        f"Made by `python tests/benchmarks/fairness.py` ({seconds} s of CPU; in several runs: `--sizes`, `--keep`).",
        "A binary classifier with calibrated scores, all labels there, and three protected attributes (2, 4 and 5",
        f"groups, the smallest 10 % of the rows) whose groups differ to begin with. Baselines of {DAYS} windows, then",
        "windows of the same size; all criteria (demographic parity, equal opportunity, equalized odds, predictive",
        "parity, calibration within groups): 11 groups times 5 rates; allowed increase 5 points, budget 1 % per",
        "window, at least 50 rows behind a rate. In brackets: 95 % Wilson interval.",
        "",
        "## False alarms: windows in which no group fares otherwise, and any finding alarms",
        "",
        "- *iid*: rows are independent.",
        f"- *unsteady*: each group has good and bad days (sd {UNSTEADY} on the logit scale, about 3 points).",
        "- *without base rates*: the whole of a gap's day-to-day spread, as before 2026-11-26.",
        "- *without the days' spread*: Driftline's tests, as if rows of one day were independent.",
        "- *a difference grew by 5 points*: the usual rule, any of fairlearn's differences against the baseline's.",
    ]
    for unsteady in (False, True):
        cells = [calm.get(f"{_kind(unsteady)}/{rows}") for rows in PLAN]
        lines += ["", f"### {_kind(unsteady)}", "", *header]
        for rule in RULES:
            shown = (NOT_MEASURED if cell is None else in_words(cell[0].get(rule, 0), cell[1]) for cell in cells)
            lines.append(f"| {rule} | " + " | ".join(shown) + " |")
        lines.append("| *windows* | " + " | ".join("" if cell is None else f"{cell[1]:,}" for cell in cells) + " |")
    lines += [
        "",
        "## Detection: the first window after a biased version went live",
        "",
        "The new version takes so many points of positive predictions away from one group. First the windows that name",
        "the group, then those that name it and no other.",
        "",
        *header,
    ]
    for group, points, unsteady in product(GROUPS, POINTS, (False, True)):
        name = f"{group}, {points * 100:.0f} points, {_kind(unsteady)}"
        counts = [found.get(f"{name}/{rows}") for rows in PLAN]
        told = (NOT_MEASURED if one is None else f"{one[0] / one[2]:.0%} / {one[1] / one[2]:.0%}" for one in counts)
        lines.append(f"| {name} | " + " | ".join(told) + " |")
    lines += [
        "",
        f"{DETECTION[0] * DETECTION[1]} windows each. {NOT_MEASURED}: not measured with this version.",
        "",
        *_beside_fairlearn(),
    ]
    return "\n".join([*lines, ""])


def _beside_fairlearn() -> list[str]:
    """Every figure that fairlearn has too, on the same rows."""
    random = np.random.default_rng(20)
    region = random.choice(list(ATTRIBUTES["region"]), 5_000, p=list(ATTRIBUTES["region"].values()))
    scores = random.random(5_000)
    labels, predicted = random.random(5_000) < scores, scores > np.where(region == "islands", 0.6, 0.5)
    ours = disparities(binary_groups(labels, predicted, region, scores, positive_label=True))
    rows = []
    for name, found in ours.items():
        theirs = _of_fairlearn(name, labels, predicted, scores, region)
        assert found.value is not None
        rows.append(f"| {name} | {found.value:.12f} | {theirs:.12f} | {abs(found.value - theirs):.0e} |")
    return [
        "## Values beside fairlearn's",
        "",
        f"5,000 rows, five groups, fairlearn {fairlearn.__version__}. Predictive parity and calibration are the",
        "`difference` of its `MetricFrame` of scikit-learn's `precision_score` and of mean score minus mean label.",
        "",
        "| figure | Driftline | fairlearn | apart by |",
        "|---|---:|---:|---:|",
        *rows,
    ]


def _of_fairlearn(
    name: str, labels: np.ndarray, predicted: np.ndarray, scores: np.ndarray, region: np.ndarray
) -> float:
    if hasattr(fairlearn.metrics, name):
        return float(getattr(fairlearn.metrics, name)(labels, predicted, sensitive_features=region))
    metric, made = (
        (precision_score, predicted)
        if name.startswith("predictive")
        else (lambda truth, score: float(np.mean(score) - np.mean(truth)), scores)
    )
    frame = fairlearn.metrics.MetricFrame(metrics=metric, y_true=labels, y_pred=made, sensitive_features=region)
    return float(frame.difference())


if __name__ == "__main__":
    main()
