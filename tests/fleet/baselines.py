"""Baselines, binnings and hourly profiles: real counts of drawn values, a few of which all models share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np

from driftline.profiles.binning import Binning, CategoricalBinning, NumericBinning, latency_binning
from driftline.profiles.categorical import CategoricalProfile
from driftline.profiles.numeric import NumericProfile
from driftline.profiles.outcomes import BinaryOutcomeProfile, RegressionOutcomeProfile
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.profiles.serialization import binning_kind, pack_binning, pack_profile, profile_kind
from driftline.store.slices import Part
from tests.fleet.plan import HOUR, FleetModel, Story, Task

BASELINE_DAYS = 30
_CELLS = 100
_ROWS = 4_000
_HOURS = 6
"""Different hours of one shape."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What a column looks like: its cells, the baseline's profile, hours like it and hours that have drifted."""

    binning: Binning
    reference: Profile
    calm: tuple[Profile, ...]
    drifted: tuple[Profile, ...]


@dataclass(frozen=True)
class Subject:
    """A counted column of a model."""

    name: str
    role: Role
    shape: str


def subjects_of(model: FleetModel) -> list[Subject]:
    features = [
        Subject(name, Role.FEATURE, f"numeric_{place % 4}" if model.is_numeric(name) else f"levels_{place % 2}")
        for place, name in enumerate(model.features)
    ]
    if model.task is Task.REGRESSION:
        outputs = [
            Subject(Role.PREDICTION, Role.PREDICTION, "numeric_0"),
            Subject(Role.OUTCOME, Role.OUTCOME, "residual"),
        ]
    else:
        outputs = [
            Subject(Role.PREDICTION, Role.PREDICTION, "answer"),
            Subject(Role.SCORE, Role.SCORE, "score"),
            Subject(Role.OUTCOME, Role.OUTCOME, "labeled_score"),
        ]
    serving = [Subject(Role.LATENCY, Role.LATENCY, "latency"), Subject(Role.ERROR, Role.ERROR, "error")]
    return [*features, *outputs, *serving]


def baseline_row(model: FleetModel, baseline_id: int) -> dict[str, Any]:
    start = model.windows[0].start - BASELINE_DAYS * 24 * HOUR
    return {
        "baseline_id": baseline_id,
        "model": model.name,
        "period_start": start,
        "period_end": model.windows[0].start,
        "rows": BASELINE_DAYS * model.daily_rows,
        "built_at": model.windows[0].start + HOUR,
        "is_active": True,
        "calibration": {},
    }


def binning_rows(model: FleetModel, baseline_id: int, first_id: int) -> dict[str, list[dict[str, Any]]]:
    """Rows of binnings, baseline_binnings and baseline_profiles."""
    binnings, placed, references = [], [], []
    for number, subject in enumerate(subjects_of(model), start=first_id):
        packed = _packed(subject.shape)
        key = {"model": model.name, "subject": subject.name}
        binnings.append({"binning_id": number, **key, **packed.binning})
        placed.append(
            {"baseline_id": baseline_id, "subject": subject.name, "role": subject.role.value, "binning_id": number}
        )
        references += [
            {"baseline_id": baseline_id, "segment": segment, "subject": subject.name, **packed.reference}
            for segment in ("", *model.segments)
        ]
    return {"binnings": binnings, "baseline_binnings": placed, "baseline_profiles": references}


def slice_rows(model: FleetModel, baseline_id: int, hours: list[datetime]) -> Iterator[dict[str, Any]]:
    for part in Part:
        for hour in hours:
            yield {
                "model": model.name,
                "baseline_id": baseline_id,
                "part": part.value,
                "slice_start": hour,
                "log_rows": model.daily_rows // 24,
                "log_newest": hour + HOUR,
                "counted_at": hour + 2 * HOUR,
            }


def profile_rows(model: FleetModel, baseline_id: int, hours: list[datetime]) -> Iterator[dict[str, Any]]:
    """The newest hours' profiles of the version that serves; features drift where the story says so."""
    drifting = {
        name
        for place, name in enumerate(model.features)
        if (model.story is Story.DRIFT and place % 5 == 0) or (model.story is Story.DEGRADATION and place == 1)
    }
    for place, hour in enumerate(hours):
        for subject in subjects_of(model):
            packed = _packed(subject.shape)
            kept = packed.drifted if subject.name in drifting else packed.calm
            part = Part.OUTCOMES if subject.role is Role.OUTCOME else Part.PREDICTIONS
            for segment in ("", *model.segments):
                yield {
                    "model": model.name,
                    "baseline_id": baseline_id,
                    "part": part.value,
                    "slice_start": hour,
                    "version": model.versions[1],
                    "segment": segment,
                    "subject": subject.name,
                    **kept[place % len(kept)],
                }


@dataclass(frozen=True)
class _Packed:
    binning: dict[str, Any]
    reference: dict[str, Any]
    calm: list[dict[str, Any]]
    drifted: list[dict[str, Any]]


@cache
def _packed(name: str) -> _Packed:
    shape = _shape(name)
    binning = {
        "kind": binning_kind(shape.binning),
        "digest": shape.binning.digest,
        "payload": pack_binning(shape.binning),
    }
    return _Packed(
        binning, _row(shape.reference), [_row(each) for each in shape.calm], [_row(each) for each in shape.drifted]
    )


def _row(profile: Profile) -> dict[str, Any]:
    return {"kind": profile_kind(profile), "rows": profile.rows, "payload": pack_profile(profile)}


def _shape(name: str) -> Shape:
    random = np.random.default_rng(sum(map(ord, name)))
    if name in {"answer", "error"} or name.startswith("levels"):
        return _levels(name, random)
    if name == "labeled_score":
        return _labeled(random)
    values = _values(name, random, _ROWS)
    binning = latency_binning() if name == "latency" else NumericBinning.from_values(values, _CELLS)
    if name == "residual":
        truth = random.normal(50, 10, _ROWS)
        made = [RegressionOutcomeProfile.of(truth + values, truth, binning)] * _HOURS
        return Shape(binning, made[0], tuple(made), tuple(made))
    hours = [_values(name, random, _ROWS // 20) for _ in range(_HOURS)]
    return Shape(
        binning,
        NumericProfile.of(values, binning),
        tuple(NumericProfile.of(hour, binning) for hour in hours),
        tuple(NumericProfile.of(hour * 1.3 + hour.std(), binning) for hour in hours),
    )


def _values(name: str, random: np.random.Generator, count: int) -> Any:
    draws = {
        "numeric_0": lambda: random.normal(50, 10, count),
        "numeric_1": lambda: random.lognormal(3, 0.6, count),
        "numeric_2": lambda: random.poisson(4, count).astype(np.float64),
        "numeric_3": lambda: np.where(random.random(count) < 0.2, 0.0, random.gamma(2, 30, count)),
        "score": lambda: random.beta(2, 5, count),
        "latency": lambda: random.lognormal(np.log(40), 0.4, count),
        "residual": lambda: random.normal(0, 3, count),
    }
    return draws[name]()


def _levels(name: str, random: np.random.Generator) -> Shape:
    levels = {
        "answer": {"false": 80, "true": 20},
        "error": {"false": 995, "true": 5},
        "levels_0": {"DE": 50, "FR": 25, "NL": 15, "<b>US</b>": 10},
        "levels_1": {f"level {number}": 60 - 2 * number for number in range(25)},
    }[name]
    binning = CategoricalBinning.from_counts(levels)
    shares = np.array(list(levels.values())) / sum(levels.values())

    def counted(rows: int, shares: Any, nulls: int = 0) -> CategoricalProfile:
        drawn = dict(zip(levels, random.multinomial(rows, shares).tolist(), strict=True))
        return CategoricalProfile.of(drawn, binning, nulls)

    moved = shares[::-1]
    return Shape(
        binning,
        counted(_ROWS, shares),
        tuple(counted(_ROWS // 20, shares) for _ in range(_HOURS)),
        tuple(counted(_ROWS // 20, moved, nulls=8) for _ in range(_HOURS)),
    )


def _labeled(random: np.random.Generator) -> Shape:
    binning = NumericBinning.from_values(random.beta(2, 5, _ROWS), _CELLS)

    def counted(rows: int) -> BinaryOutcomeProfile:
        scores = random.beta(2, 5, rows)
        return BinaryOutcomeProfile.of(random.random(rows) < scores, scores > 0.5, scores, binning)

    hours = tuple(counted(_ROWS // 20) for _ in range(_HOURS))
    return Shape(binning, counted(_ROWS), hours, hours)
