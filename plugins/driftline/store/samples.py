"""Samples of whole rows: of slices, beside their profiles, and of baselines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from driftline.profiles.sample import MERGED_CAPACITY, Sample, merge_samples
from driftline.profiles.sample_counting import SliceSamples
from driftline.profiles.sample_serialization import pack_sample, unpack_sample
from driftline.profiles.slices import SliceKey
from driftline.store.baselines import StoredBaseline
from driftline.store.tables import baseline_samples, samples
from driftline.windows import Window

_SAMPLES_PER_MERGE = 48
"""Of so many slices the rows are in memory at once."""


def replace_samples(
    connection: Connection, baseline: StoredBaseline, starts: Collection[datetime], drawn: SliceSamples
) -> None:
    """Writes the samples of the slices at ``starts`` instead of what stood there; they hold all of ``drawn``.

    Part of `driftline.store.slices.replace_slices`, whose lock and partitions it relies on.
    """
    connection.execute(
        delete(samples).where(
            samples.c.model == baseline.model,
            samples.c.baseline_id == baseline.baseline_id,
            samples.c.slice_start.in_(list(starts)),
        )
    )
    rows = [_row(baseline, key, sample) for key, sample in drawn.items() if sample.population]
    if rows:
        connection.execute(insert(samples), rows)


def window_samples(
    connection: Connection, baseline: StoredBaseline, window: Window, capacity: int = MERGED_CAPACITY
) -> dict[str, Sample]:
    """Per version the sample of its slices in ``window``: at most ``capacity`` rows.

    Slices that were counted before samples were drawn have none, and versions without a sample are absent. A sample
    whose `population` falls short of the window's rows stands for a part of the window only.
    """
    merged: dict[str, Sample] = {}
    waiting: dict[str, list[Sample]] = {}
    for version, sample in _stored(connection, baseline, window):
        waiting.setdefault(version, []).append(sample)
        if len(waiting[version]) == _SAMPLES_PER_MERGE:
            merged[version] = _merged(merged, version, waiting.pop(version), capacity)
    for version, rest in waiting.items():
        merged[version] = _merged(merged, version, rest, capacity)
    return merged


def write_baseline_sample(connection: Connection, baseline: StoredBaseline, sample: Sample) -> None:
    """Keeps the period's sample with the baseline, for as long as there is the baseline."""
    values = {"rows": len(sample), "population": sample.population, "payload": pack_sample(sample)}
    connection.execute(insert(baseline_samples).values(baseline_id=baseline.baseline_id, **values))


def reference_sample(connection: Connection, baseline: StoredBaseline) -> Sample:
    """The sample of the baseline's period, over all versions; empty for a baseline built before there were samples."""
    payload = connection.execute(
        select(baseline_samples.c.payload).where(baseline_samples.c.baseline_id == baseline.baseline_id)
    ).scalar_one_or_none()
    return Sample.empty(MERGED_CAPACITY) if payload is None else unpack_sample(payload)


def _row(baseline: StoredBaseline, key: SliceKey, sample: Sample) -> dict[str, object]:
    return {
        "model": baseline.model,
        "baseline_id": baseline.baseline_id,
        "slice_start": key.slice_start,
        "version": key.version,
        "rows": len(sample),
        "population": sample.population,
        "payload": pack_sample(sample),
    }


def _merged(earlier: Mapping[str, Sample], version: str, further: list[Sample], capacity: int) -> Sample:
    return merge_samples([earlier[version], *further] if version in earlier else further, capacity)


def _stored(connection: Connection, baseline: StoredBaseline, window: Window) -> Iterator[tuple[str, Sample]]:
    wanted = (
        select(samples.c.version, samples.c.payload)
        .where(
            samples.c.model == baseline.model,
            samples.c.baseline_id == baseline.baseline_id,
            samples.c.slice_start >= window.start,
            samples.c.slice_start < window.end,
        )
        .order_by(samples.c.slice_start, samples.c.version)
    )
    for version, payload in connection.execute(wanted, execution_options={"yield_per": 100}):
        yield version, unpack_sample(payload)
