"""Pooling of the features' variances."""

from dataclasses import replace

import numpy as np

from driftline.drift.pooling import pooled
from driftline.drift.residuals import Residuals
from driftline.drift.season import Season


def _residuals(rng, scale, blocks=28, cells=10):
    return Residuals(
        season=Season((0,), (), (), ()),
        shares=np.full(cells, 1 / cells),
        deviations=rng.normal(0, scale, (blocks, 1)) * np.linspace(-1, 1, cells),
        missing_share=0.0,
        missing_deviations=np.zeros(blocks),
        new_level_shares=np.zeros(blocks),
        size=1_000.0,
        degrees_of_freedom=blocks - 1.0,
    )


def _size(residuals):
    return float(np.sqrt(np.square(residuals.deviations).mean()))


def test_equal_features_are_drawn_together_and_gain_degrees_of_freedom():
    rng = np.random.default_rng(0)
    before = [_residuals(rng, 0.01) for _ in range(40)]
    after = pooled(before)
    assert np.std([_size(each) for each in after]) < 0.5 * np.std([_size(each) for each in before])
    assert all(2 * 27 < each.degrees_of_freedom <= 27 * 5 for each in after)


def test_features_that_differ_widely_keep_their_own_size():
    rng = np.random.default_rng(0)
    before = [_residuals(rng, scale) for scale in np.geomspace(0.0001, 1, 40)]
    after = pooled(before)
    spread = [np.ptp(np.log([_size(each) for each in side])) for side in (before, after)]
    assert spread[1] > 0.9 * spread[0]
    assert all(
        right.degrees_of_freedom < 1.2 * left.degrees_of_freedom for left, right in zip(before, after, strict=True)
    )


def test_few_features_and_features_without_any_variation_are_left_alone():
    rng = np.random.default_rng(0)
    few = [_residuals(rng, 0.01) for _ in range(3)]
    assert pooled(few) == few
    still = replace(few[0], deviations=np.zeros((28, 10)))
    assert pooled([*(_residuals(rng, 0.01) for _ in range(6)), still])[-1] is still
