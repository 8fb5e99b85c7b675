"""Learns a calibration from a baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from driftline.drift.blocks import Block, SliceProfiles, cut_into_blocks, feature_blocks
from driftline.drift.calibration import Calibration, FeatureCalibration, NullTable
from driftline.drift.residuals import Residuals, residuals_of
from driftline.drift.season import harmonics_for, harmonics_of
from driftline.drift.simulation import SimulatedFeature
from driftline.errors import InputError
from driftline.profiles.binning import Floats
from driftline.windows import SLICE_LENGTH

LEAST_BLOCKS = 10
"""From fewer windows nothing can be said about how windows differ."""

SIMULATED_WINDOWS = 4_000
SIZES = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 300_000, 1_000_000)
SEED = 20_260_101
"""Fixed: the same baseline gives the same thresholds."""

TAIL_SHARE = 0.05
"""The largest simulated maxima: the family-wise threshold is read from an exponential fitted to them."""


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
            f"the baseline holds {len(blocks)} windows of {window_hours} h; at least {LEAST_BLOCKS} are needed to learn "
            "how windows differ"
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
    simulated = {}
    for name in names:
        feature = feature_blocks(blocks, name)
        if feature is not None and feature.rows.size >= LEAST_BLOCKS:
            residuals = residuals_of(feature, basis[feature.is_used], harmonics)
            simulated[name] = SimulatedFeature.of(feature, residuals, weights[:, feature.is_used], rng)
    return simulated


def _sizes_below(largest: float) -> tuple[int, ...]:
    """Beyond the baseline's own windows nothing is known that would lower a threshold."""
    return (*(size for size in SIZES if size < largest), math.ceil(largest))


def _tables(
    simulated: dict[str, SimulatedFeature], sizes: tuple[int, ...], false_alarm_rate: float
) -> dict[str, FeatureCalibration]:
    rows: dict[str, dict[str, list[tuple[float, ...]]]] = {name: {} for name in simulated}
    for size in sizes:
        quantiles, largest = _quantiles_and_maxima(simulated, size)
        multiple = _tail_quantile(largest, false_alarm_rate)
        for (name, test), (median, decile, percentile) in quantiles.items():
            rows[name].setdefault(test, []).append((multiple * percentile, median, decile, percentile))
    return {
        name: FeatureCalibration(
            tables={test: _table(entries) for test, entries in tests.items()},
            season=simulated[name].residuals.season,
            overdispersion=_overdispersion(simulated[name].residuals),
        )
        for name, tests in rows.items()
    }


def _quantiles_and_maxima(
    simulated: dict[str, SimulatedFeature], size: int
) -> tuple[dict[tuple[str, str], tuple[float, ...]], Floats]:
    """Per statistic its quantiles; per window the largest of all statistics, each in units of its 99 % quantile."""
    quantiles: dict[tuple[str, str], tuple[float, ...]] = {}
    largest = np.zeros(SIMULATED_WINDOWS)
    for name, feature in simulated.items():
        for test, values in feature.statistics(size):
            median, decile, percentile = (float(each) for each in np.quantile(values, (0.5, 0.9, 0.99)))
            quantiles[name, test] = (median, decile, percentile)
            if percentile > 0:
                np.maximum(largest, values / percentile, out=largest)
    return quantiles, largest


def _tail_quantile(values: Floats, share: float) -> float:
    """The value that ``share`` of the distribution exceeds, from an exponential tail where that is rarer than 5 %."""
    if share >= TAIL_SHARE:
        return float(np.quantile(values, 1 - share))
    start = float(np.quantile(values, 1 - TAIL_SHARE))
    excess = values[values > start] - start
    return start + float(excess.mean() if excess.size else 0.0) * math.log(TAIL_SHARE / share)


def _table(entries: list[tuple[float, ...]]) -> NullTable:
    columns = [tuple(float(f"{value:.6g}") for value in column) for column in zip(*entries, strict=True)]
    return NullTable(*columns)


def _overdispersion(residuals: Residuals) -> float:
    """Variance of the deviations over that of sampling alone (mean over the cells, weighted as chi-square does)."""
    used = residuals.shares > 0
    squares = np.square(residuals.deviations[:, used]) / residuals.shares[used]
    cells = max(int(np.count_nonzero(used)) - 1, 1)
    return float(round(squares.sum(axis=1).mean() * residuals.size / cells, 3))
