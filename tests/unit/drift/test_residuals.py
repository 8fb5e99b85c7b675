"""Leave-one-out deviations and the windows simulated from them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftline.drift.blocks import cut_into_blocks, feature_blocks
from driftline.drift.distances import population_stability_index
from driftline.drift.pairs import group_ends
from driftline.drift.residuals import residuals_of
from driftline.drift.season import harmonics_for, harmonics_of
from driftline.drift.simulation import SimulatedFeature
from driftline.profiles import NumericBinning, NumericProfile

START = datetime(2026, 3, 1, tzinfo=UTC)
BINNING = NumericBinning.from_values(np.random.default_rng(0).normal(size=20_000), maximum_cells=100)


def _slices(seed, days, location=lambda hour: 0.0, rows=50):
    rng = np.random.default_rng(seed)
    return [
        (START + timedelta(hours=hour), {"x": NumericProfile.of(rng.normal(location(hour), 1, rows), BINNING)})
        for hour in range(24 * days)
    ]


def _residuals(slices, window_hours=24):
    blocks = cut_into_blocks(slices, window_hours)
    harmonics = harmonics_for(window_hours, len(slices))
    feature = feature_blocks(blocks, "x")
    return feature, residuals_of(
        feature, harmonics_of([block.hours for block in blocks], harmonics), harmonics, window_hours
    )


def test_blocks_tile_the_baseline_and_an_incomplete_one_is_left_out():
    slices = _slices(0, 12)
    assert [len(block.hours) for block in cut_into_blocks(slices[:-15], 24)] == [24] * 11
    assert [len(block.hours) for block in cut_into_blocks(slices[:-5], 24)][-1] == 19
    assert cut_into_blocks(slices[::-1], 24) == cut_into_blocks(slices, 24)


def test_blocks_count_every_row_once():
    slices = _slices(0, 12)
    feature = feature_blocks(cut_into_blocks(slices, 24), "x")
    assert feature.counts.sum() == feature.rows.sum() == 12 * 24 * 50
    assert feature.whole.rows == 12 * 24 * 50


def test_deviations_sum_to_nothing_and_hold_the_sampling_noise_of_a_block():
    _, residuals = _residuals(_slices(1, 40))
    np.testing.assert_allclose(residuals.deviations.sum(axis=1), 0, atol=1e-9)
    expected = residuals.shares * (1 - residuals.shares) / residuals.size
    assert np.square(residuals.deviations).mean(axis=0).sum() == pytest.approx(expected.sum(), rel=0.15)


def test_a_weekly_cycle_is_taken_off_the_deviations():
    cycle = _slices(2, 42, location=lambda hour: 0.5 * np.cos(2 * np.pi * hour / 168))
    _, with_cycle = _residuals(cycle)
    _, without = _residuals(_slices(2, 42))
    assert with_cycle.season.harmonics
    assert np.square(with_cycle.deviations).sum() < 1.3 * np.square(without.deviations).sum()


def test_one_odd_day_is_not_excused_by_itself():
    odd = _slices(3, 28, location=lambda hour: 1.0 if hour // 24 == 14 else 0.0)
    _, residuals = _residuals(odd)
    sizes = np.abs(np.cumsum(residuals.deviations, axis=1)).max(axis=1)
    assert int(sizes.argmax()) == 14
    assert sizes[14] > 0.3


def test_simulated_windows_have_the_spread_of_real_ones():
    feature, residuals = _residuals(_slices(4, 28))
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((4_000, 28), dtype=np.float32)
    simulated = SimulatedFeature.of(feature, residuals, weights, rng)
    distances = dict(simulated.statistics(300))["kolmogorov_smirnov"]
    whole = feature.counts.sum(axis=0)
    shares = whole / whole.sum()
    drawn = rng.multinomial(300, shares, size=4_000) / 300
    real = np.abs(np.cumsum(drawn - shares, axis=1)).max(axis=1)
    for level in (0.5, 0.9, 0.99):
        assert np.quantile(distances, level) == pytest.approx(np.quantile(real, level), rel=0.12)


def test_simulated_windows_are_as_the_baselines_own_thinned_to_the_size():
    # The other way to the same thing: each block thinned hypergeometrically on its counts, against the other blocks.
    feature, residuals = _residuals(_slices(5, 40))
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((4_000, 40), dtype=np.float32)
    statistics = dict(SimulatedFeature.of(feature, residuals, weights, rng).statistics(200))
    ends = group_ends(feature.counts.sum(axis=0))
    starts = np.append(0, ends[:-1] + 1)
    thinned = []
    for block in feature.counts.astype(np.int64):
        others = np.add.reduceat(feature.counts.sum(axis=0) - block, starts)
        draws = rng.multivariate_hypergeometric(block, 200, size=50, method="marginals")
        grouped = np.add.reduceat(draws, starts, axis=1).astype(float)
        thinned += [population_stability_index(others, row) for row in grouped]
    for level in (0.5, 0.9, 0.99):
        simulated = np.quantile(statistics["population_stability_index"], level)
        assert simulated == pytest.approx(np.quantile(thinned, level), rel=0.15)
