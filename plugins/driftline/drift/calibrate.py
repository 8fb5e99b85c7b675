"""Learns a calibration from a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from driftline.drift.blocks import Block, FeatureBlocks, SliceProfiles, cut_into_blocks, feature_blocks
from driftline.drift.calibration import TAIL_SHARE, Calibration, FeatureCalibration, NullTable, tail_unit
from driftline.drift.pooling import pooled
from driftline.drift.residuals import Residuals, residuals_of
from driftline.drift.season import harmonics_for, harmonics_of
from driftline.drift.simulation import SimulatedFeature
from driftline.errors import InputError
from driftline.profiles import CategoricalProfile, NumericProfile
from driftline.profiles.binning import Floats
from driftline.windows import SLICE_LENGTH

LEAST_BLOCKS = 10
"""From fewer windows nothing can be said about how windows differ."""

SIMULATED_WINDOWS = 4_000
SIZES = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
SEED = 20_260_101
"""Fixed: the same baseline gives the same thresholds."""


def build_calibration(
    slices: Sequence[SliceProfiles], window_hours: int, false_alarm_rate: float = 0.01
) -> Calibration:
    """The thresholds that a baseline's own windows set.

    Parameters
    ----------
    slices
        Start (aware) and profiles by feature of each hour of the baseline, in any order; hours may be missing.
    window_hours
        Length of the windows that will be judged.
    false_alarm_rate
        Share of clean windows that may alarm, over all features and deciding tests together.

    Returns
    -------
    Calibration
        Without features, and with the `reason`, when the baseline has fewer than 10 windows of this length.
    """
    if window_hours < 1 or not 0 < false_alarm_rate < 1:
        raise InputError(
            f"Windows of {window_hours} h at a false-alarm rate of {false_alarm_rate} cannot be calibrated."
        )
    blocks = cut_into_blocks(slices, window_hours)
    if len(blocks) < LEAST_BLOCKS:
        reason = (
            f"the baseline holds {len(blocks)} windows of {window_hours} h; at least {LEAST_BLOCKS} are needed to "
            "learn how windows differ"
        )
        return Calibration(window_hours, false_alarm_rate, len(blocks), reason=reason)
    simulated = _simulated_features(blocks, window_hours)
    if not simulated:
        return Calibration(window_hours, false_alarm_rate, len(blocks), reason="no feature has values in the baseline")
    sizes = _sizes_below(max(each.residuals.size for each in simulated.values()))
    return Calibration(
        window_hours=window_hours,
        false_alarm_rate=false_alarm_rate,
        blocks=len(blocks),
        sizes=sizes,
        features=_tables(simulated, sizes, false_alarm_rate),
    )


def _simulated_features(blocks: Sequence[Block], window_hours: int) -> dict[str, SimulatedFeature]:
    span = (blocks[-1].hours[-1] - blocks[0].hours[0]) // SLICE_LENGTH + 1
    harmonics = harmonics_for(window_hours, span)
    basis = harmonics_of([block.hours for block in blocks], harmonics)
    rng = np.random.default_rng(SEED)
    weights = rng.standard_normal((SIMULATED_WINDOWS, len(blocks)), dtype=np.float32)
    names = dict.fromkeys(name for block in blocks for profiles in block.profiles for name in profiles)
    features = {name: feature_blocks(blocks, name) for name in names}
    usable = {name: each for name, each in features.items() if each is not None and each.rows.size >= LEAST_BLOCKS}
    residuals = _pooled_by_kind(
        usable,
        {name: residuals_of(each, basis[each.is_used], harmonics, window_hours) for name, each in usable.items()},
    )
    return {
        name: SimulatedFeature.of(each, residuals[name], weights[:, each.is_used], rng) for name, each in usable.items()
    }


def _pooled_by_kind(features: Mapping[str, FeatureBlocks], residuals: Mapping[str, Residuals]) -> dict[str, Residuals]:
    by_name: dict[str, Residuals] = {}
    for kind in (NumericProfile, CategoricalProfile):
        names = [name for name, feature in features.items() if isinstance(feature.whole, kind)]
        by_name |= dict(zip(names, pooled([residuals[name] for name in names]), strict=True))
    return {name: by_name[name] for name in features}


def _sizes_below(largest: float) -> tuple[int, ...]:
    """Beyond the baseline's own windows nothing is known that would lower a threshold."""
    return (*(size for size in SIZES if size < largest), math.ceil(largest))


def _tables(
    simulated: dict[str, SimulatedFeature], sizes: tuple[int, ...], false_alarm_rate: float
) -> dict[str, FeatureCalibration]:
    rows: dict[str, dict[str, list[tuple[float, ...]]]] = {name: {} for name in simulated}
    for size in sizes:
        tails, surprises = _tails_and_surprises(simulated, size)
        budget = _Tail.of(surprises).beyond(false_alarm_rate)
        for (name, test), (median, tail) in tails.items():
            critical = tail.at_surprise(budget) ** (1 / tail_unit(test))
            rows[name].setdefault(test, []).append((critical, median, tail.start, tail.scale))
    return {
        name: FeatureCalibration(
            tables={test: _table(entries) for test, entries in tests.items()},
            season=simulated[name].residuals.season,
            overdispersion=_overdispersion(simulated[name].residuals),
        )
        for name, tests in rows.items()
    }


@dataclass(frozen=True)
class _Tail:
    """An exponential tail beyond the 95 % quantile."""

    start: float
    scale: float

    @classmethod
    def of(cls, values: Floats) -> _Tail:
        start = float(np.quantile(values, 1 - TAIL_SHARE))
        excess = values[values > start] - start
        return cls(start, float(excess.mean()) if excess.size else 0.0)

    def surprise(self, values: Floats) -> Floats:
        """``-ln`` of the tail probability, 0 before the tail begins."""
        if self.scale == 0:
            return np.zeros_like(values)
        surprise: Floats = np.where(values > self.start, (values - self.start) / self.scale - math.log(TAIL_SHARE), 0.0)
        return surprise

    def at_surprise(self, surprise: float) -> float:
        return self.start + self.scale * max(surprise + math.log(TAIL_SHARE), 0.0)

    def beyond(self, share: float) -> float:
        """The value that ``share`` (at most 5 %) of the distribution exceeds."""
        return self.at_surprise(-math.log(share))


def _tails_and_surprises(
    simulated: dict[str, SimulatedFeature], size: int
) -> tuple[dict[tuple[str, str], tuple[float, _Tail]], Floats]:
    """Per statistic its median and tail; per window the largest surprise of all statistics."""
    tails: dict[tuple[str, str], tuple[float, _Tail]] = {}
    largest = np.zeros(SIMULATED_WINDOWS)
    for name, feature in simulated.items():
        for test, values in feature.statistics(size):
            in_unit = values.astype(np.float64) ** tail_unit(test)
            tail = _Tail.of(in_unit)
            tails[name, test] = (float(np.median(values)), tail)
            np.maximum(largest, tail.surprise(in_unit), out=largest)
    return tails, largest


def _table(entries: list[tuple[float, ...]]) -> NullTable:
    columns = [tuple(float(f"{value:.6g}") for value in column) for column in zip(*entries, strict=True)]
    return NullTable(*columns)


def _overdispersion(residuals: Residuals) -> float:
    """Variance of the deviations over that of sampling alone (mean over the cells, weighted as chi-square does)."""
    used = residuals.shares > 0
    squares = np.square(residuals.deviations[:, used]) / residuals.shares[used]
    cells = max(int(np.count_nonzero(used)) - 1, 1)
    return float(round(squares.sum(axis=1).mean() * residuals.size / cells, 3))
