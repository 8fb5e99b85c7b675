"""The windows that `peers.py` has everyone judge, and what Driftline says of them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from driftline.drift import check_multivariate, learn_multivariate
from tests.benchmarks.drift_data import Baseline, Columns, Log, window_at
from tests.benchmarks.drift_rules import ANALYTIC, ANY_P, CALIBRATED, Rules, drifted
from tests.benchmarks.false_alarms import DAYS, STEP_HOURS

PEER_RULES = Path(__file__).with_name("peers_rules.py")
CHANGED_SIZE = 10_000
"""Rows of the windows that are changed in known ways, too."""

EVIDENTLY_COLUMN = "Evidently 0.7.23, any column"
EVIDENTLY_DATASET = "Evidently 0.7.23, data set (half of the columns)"
NANNYML = "NannyML 0.13.1, any feature"
NANNYML_JOINT = "NannyML 0.13.1, PCA reconstruction"
DRIFTLINE_JOINT = "Driftline, features together"
RULES = (CALIBRATED, DRIFTLINE_JOINT, ANALYTIC, ANY_P, EVIDENTLY_COLUMN, EVIDENTLY_DATASET, NANNYML, NANNYML_JOINT)
JOINT_RULES = (DRIFTLINE_JOINT, NANNYML_JOINT)
DATASET_SHARE = 0.5
"""Evidently's default `drift_share`."""

CORRELATED, CORRELATION = ("feature_05", "feature_06"), 0.6
JOINT_ROWS = 1_000
"""Rows of a window that the multivariate check looks at: a bounded sample, as in production."""

ALTERATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "shifted_25": lambda values: values + 0.25,
    "shifted_50": lambda values: values + 0.5,
    "nulls": lambda values: np.where(np.random.default_rng(2).random(values.size) < 0.0816, np.nan, values),
}


@dataclass(frozen=True)
class Change:
    """What is done to some features of a window; the alteration "" leaves them as they are."""

    features: tuple[str, ...]
    alteration: str

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"{name}@{self.alteration}" if self.alteration else name for name in self.features)


def _first(count: int) -> tuple[str, ...]:
    return tuple(f"feature_{index:02d}" for index in range(1, 1 + count))


FLIPPED = f"correlation of two features from {CORRELATION} to -{CORRELATION}"
CHANGES: Mapping[str, Change] = {
    "nothing: feature_01 called drifted all the same": Change(_first(1), ""),
    **{
        f"mean shifted by {by / 100} sd in {count} of 30": Change(_first(count), f"shifted_{by}")
        for by in (25, 50)
        for count in (1, 3, 10)
    },
    "nulls from 2 % to 10 % in one": Change(("feature_00",), "nulls"),
    FLIPPED: Change(CORRELATED[1:], "flipped"),
}


@dataclass(frozen=True)
class Job:
    """One baseline and the windows after it."""

    kind: str
    size: int
    seed: int
    windows: int


@dataclass(frozen=True, eq=False)
class CorrelatedLog:
    """A log in which two of the independent features are correlated, at unchanged margins."""

    log: Log

    def columns(self, first_hour: int, hours: int, correlation: float = CORRELATION) -> Columns:
        return self.correlated(self.log.columns(first_hour, hours), first_hour, hours, correlation)

    def correlated(self, columns: Columns, first_hour: int, hours: int, correlation: float) -> Columns:
        left, right = CORRELATED
        own = np.sqrt(1 - correlation**2) * self._noise(columns, right, first_hour, hours)
        shared = correlation * self._noise(columns, left, first_hour, hours)
        return columns | {right: self._locations(right, first_hour, hours) + shared + own}

    def _noise(self, columns: Columns, name: str, first_hour: int, hours: int) -> np.ndarray:
        return columns[name] - self._locations(name, first_hour, hours)

    def _locations(self, name: str, first_hour: int, hours: int) -> np.ndarray:
        span = slice(first_hour, first_hour + hours)
        rows = np.ceil(self.log.rows_per_hour[span]).astype(int)
        return np.repeat(self.log.locations[span, int(name[-2:])], rows)


@dataclass(frozen=True, eq=False)
class Recorded:
    """Hours of a log, kept: the baseline is counted by Driftline and read by the peers."""

    hourly: list[Columns]

    def columns(self, first_hour: int, hours: int) -> Columns:
        parts = self.hourly[first_hour : first_hour + hours]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def judged(job: Job, peers_python: Path) -> dict[str, Any]:
    """How many windows of the job each rule alarms on, and in how many it finds each change."""
    log = Log.of(2_000 + job.seed, 24 * DAYS + STEP_HOURS * job.windows, job.size, seasonal=job.kind == "seasonal")
    correlated = CorrelatedLog(log)
    recorded = Recorded([correlated.columns(hour, 1) for hour in range(24 * DAYS)])
    firsts = [24 * DAYS + STEP_HOURS * index for index in range(job.windows)]
    windows = [_with_changes(correlated, first, job.size >= CHANGED_SIZE) for first in firsts]
    called = _driftline_calls(Baseline.of(recorded, DAYS), windows, firsts)
    with tempfile.TemporaryDirectory(prefix="driftline-peers-") as folder:
        called |= _peer_calls(recorded.columns(0, 24 * DAYS), windows, Path(folder), peers_python)
    joint = _driftline_joint(recorded, windows) if job.size >= CHANGED_SIZE else {}
    joint[NANNYML_JOINT] = called.pop(NANNYML_JOINT)
    return {**job.__dict__, **_tallied(called, joint, windows)}


def _with_changes(log: CorrelatedLog, first: int, changed: bool) -> Columns:
    """A clean window, and beside its features the changed ones as ``feature@alteration``."""
    independent = log.log.columns(first, 24)
    clean = log.correlated(independent, first, 24, CORRELATION)
    if not changed:
        return clean
    flipped = log.correlated(independent, first, 24, -CORRELATION)
    altered = {
        f"{name}@{change.alteration}": (
            flipped[name] if change.alteration == "flipped" else ALTERATIONS[change.alteration](clean[name])
        )
        for change in CHANGES.values()
        if change.alteration
        for name in change.features
    }
    return clean | altered


def _driftline_calls(baseline: Baseline, windows: list[Columns], firsts: list[int]) -> dict[str, list[set[str]]]:
    """Per rule and window the columns called drifted, the changed ones among them."""
    rules = Rules.of(baseline)
    called: dict[str, list[set[str]]] = {CALIBRATED: [], ANALYTIC: [], ANY_P: []}
    for columns, first in zip(windows, firsts, strict=True):
        found: dict[str, set[str]] = {rule: set() for rule in called}
        for alteration in dict.fromkeys(name.partition("@")[2] for name in columns):
            part = {name.split("@")[0]: columns[name] for name in columns if name.partition("@")[2] == alteration}
            judged_part = rules.judged(baseline.counter.profiles(part), window_at(first))
            suffix = f"@{alteration}" if alteration else ""
            for rule, names in drifted(judged_part).items():
                if rule in found:
                    found[rule] |= {name + suffix for name in names}
        for rule, names in found.items():
            called[rule].append(names)
    return called


def _peer_calls(reference: Columns, windows: list[Columns], folder: Path, python: Path) -> dict[str, Any]:
    _frame(reference).to_parquet(folder / "reference.parquet")
    for index, columns in enumerate(windows):
        _frame(columns).to_parquet(folder / f"window_{index:03d}.parquet")
    one_thread = dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [str(python), str(PEER_RULES), "verdicts", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=one_thread)
    if done.returncode:
        raise RuntimeError(f"{PEER_RULES.name} failed:\n{done.stderr[-4_000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return {
        EVIDENTLY_COLUMN: [set(names) for names in answer["evidently"]],
        NANNYML: [set(names) for names in answer["nannyml"]],
        NANNYML_JOINT: answer["nannyml_joint"],
    }


def _driftline_joint(recorded: Recorded, windows: list[Columns]) -> dict[str, dict[str, list[bool]]]:
    """Whether the tests on all features together alarm, on clean windows and on flipped ones."""
    rng = np.random.default_rng(3)
    days = [_sampled(recorded.columns(24 * day, 24), rng) for day in range(DAYS)]
    reference = pd.concat(days, ignore_index=True)
    calibration = learn_multivariate(reference, np.repeat(np.arange(DAYS), [len(day) for day in days]))
    found: dict[str, list[bool]] = {"": [], "flipped": []}
    for columns in windows:
        clean = {name: values for name, values in columns.items() if "@" not in name}
        flipped = clean | {CORRELATED[1]: columns[f"{CORRELATED[1]}@flipped"]}
        for name, table in (("", clean), ("flipped", flipped)):
            found[name].append(check_multivariate(calibration, reference, _sampled(table, rng)).detected)
    return {DRIFTLINE_JOINT: found}


def _sampled(columns: Columns, rng: np.random.Generator) -> pd.DataFrame:
    rows = rng.choice(len(columns["feature_00"]), JOINT_ROWS, replace=False)
    return _frame({name: values[rows] for name, values in columns.items()})


def _frame(columns: Columns) -> pd.DataFrame:
    """Codes of levels become text, as a prediction log has them."""
    return pd.DataFrame(
        {name: values.astype(str) if values.dtype.kind == "i" else values for name, values in columns.items()}
    )


def _tallied(
    called: Mapping[str, list[set[str]]], joint: Mapping[str, Mapping[str, list[bool]]], windows: list[Columns]
) -> dict[str, Any]:
    features = [name for name in windows[0] if "@" not in name]
    alarms: Tally[str] = Tally()
    for rule, per_window in called.items():
        alarms[rule] += sum(bool(names & set(features)) for names in per_window)
    alarms[EVIDENTLY_DATASET] += sum(_is_dataset_drift(names, features) for names in called[EVIDENTLY_COLUMN])
    for rule, sets in joint.items():
        alarms[rule] += sum(sets[""])
    found = {}
    if any("@" in name for name in windows[0]):
        found = {title: _found(change, called, features) for title, change in CHANGES.items()}
        found[FLIPPED] |= {rule: sum(sets["flipped"]) for rule, sets in joint.items()}
    return {"alarms": dict(alarms), "found": found}


def _found(change: Change, called: Mapping[str, list[set[str]]], features: list[str]) -> dict[str, int]:
    replaced = [dict(zip(change.features, change.columns, strict=True)).get(name, name) for name in features]
    found = {
        rule: sum(bool(names & set(change.columns)) for names in per_window) for rule, per_window in called.items()
    }
    return found | {EVIDENTLY_DATASET: sum(_is_dataset_drift(names, replaced) for names in called[EVIDENTLY_COLUMN])}


def _is_dataset_drift(names: set[str], columns: list[str]) -> bool:
    return len(names & set(columns)) >= DATASET_SHARE * len(columns)
