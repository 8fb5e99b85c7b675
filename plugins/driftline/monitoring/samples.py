"""Samples of whole rows for the checks that need more than counts."""

from __future__ import annotations

from collections.abc import Mapping

from driftline.monitoring.monitor import Monitor
from driftline.profiles.sample import MERGED_CAPACITY, Sample
from driftline.store.baselines import StoredBaseline
from driftline.store.engine import store_transaction
from driftline.store.samples import reference_sample, window_samples
from driftline.windows import Window


def window_sample(
    monitor: Monitor, baseline: StoredBaseline, window: Window, capacity: int = MERGED_CAPACITY
) -> Mapping[str, Sample]:
    """Per version the sample of an extracted ``window``: at most ``capacity`` rows, uniform over the version's rows.

    Versions without a sample are absent: they predicted nothing, or their slices were counted before samples were
    drawn. Where only some slices were, `Sample.population` falls short of the window's rows. Works for windows within
    the baseline's period too, by whose samples a check can learn what is normal.

    Raises
    ------
    StoreError
        When the store is unreachable, not migrated, or holds a damaged sample.
    """
    with store_transaction(monitor.store) as connection:
        return window_samples(connection, baseline, window, capacity)


def baseline_sample(monitor: Monitor, baseline: StoredBaseline) -> Sample:
    """The sample of the baseline's period, over all versions: at most `MERGED_CAPACITY` rows.

    Kept with the baseline, also when the period's slices have been dropped. Empty for a baseline that was built before
    samples were drawn: built anew it has one.

    Raises
    ------
    StoreError
        When the store is unreachable, not migrated, or holds a damaged sample.
    """
    with store_transaction(monitor.store) as connection:
        return reference_sample(connection, baseline)
