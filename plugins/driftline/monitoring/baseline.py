"""Building a baseline: the reference period is counted into binnings made for it, and what is normal is learned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from driftline.errors import NoBaseline
from driftline.monitoring.binnings import make_binnings
from driftline.monitoring.calibration import calibrate
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.slices import fingerprints, read_slices, runs_of
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.profiles.sample import Sample, merge_samples
from driftline.store.baselines import (
    StoredBaseline,
    activate_baseline,
    active_baseline,
    add_baseline,
    lock_baseline,
    write_baseline_profiles,
)
from driftline.store.engine import store_transaction
from driftline.store.samples import write_baseline_sample
from driftline.store.slices import ensure_profile_partitions, replace_slices, window_profiles
from driftline.windows import SLICE_LENGTH, Window, floor_to_slice

MINIMUM_ROWS = 100


def ensure_baseline(monitor: Monitor) -> StoredBaseline:
    """The model's baseline in force; built when there is none yet.

    Raises
    ------
    NoBaseline
        When there is none and its period is not in the log yet.
    """
    with store_transaction(monitor.store) as connection:
        baseline = active_baseline(connection, monitor.model)
    if baseline is not None:
        return baseline
    with store_transaction(monitor.store) as connection:
        lock_baseline(connection, monitor.model)
        # Somebody else may have built it while this one waited for the lock.
        return active_baseline(connection, monitor.model) or _build(monitor, connection)


def build_baseline(monitor: Monitor) -> StoredBaseline:
    """Builds the baseline anew and puts it in force; the earlier one stays in the store for its windows.

    All in one transaction: a build that breaks off leaves the earlier baseline in force.

    Raises
    ------
    NoBaseline
        When the period is not wholly in the log, or holds fewer than `MINIMUM_ROWS` predictions.
    """
    with store_transaction(monitor.store) as connection:
        lock_baseline(connection, monitor.model)
        return _build(monitor, connection)


def resolve_period(monitor: Monitor) -> Window:
    """The reference period that the configuration means, as the log stands.

    Raises
    ------
    NoBaseline
        When it is not wholly in the past of the log.
    """
    configured = monitor.config.baseline
    bounds = monitor.log.bounds()
    if bounds is None:
        raise NoBaseline(f"{monitor.model}: the prediction log is empty, so there is nothing to learn a baseline from.")
    earliest, latest = bounds
    if configured.first is not None:
        start = floor_to_slice(earliest)
        period = Window(start, start + configured.first)
    else:
        assert configured.start is not None
        assert configured.end is not None
        period = Window(configured.start, configured.end)
    last_closed = min(floor_to_slice(latest) + SLICE_LENGTH, floor_to_slice(datetime.now(UTC)))
    if period.end > last_closed:
        raise NoBaseline(
            f"{monitor.model}: the baseline period is {period}, but the prediction log reaches only from "
            f"{earliest:%Y-%m-%d %H:%M} to {latest:%Y-%m-%d %H:%M} UTC. Wait until it is complete, or choose a shorter "
            "or earlier `baseline` in the model's file."
        )
    return period


def _build(monitor: Monitor, connection: Connection) -> StoredBaseline:
    monitor.log.require_fit()
    period = resolve_period(monitor)
    found = fingerprints(monitor, period)
    rows = sum(fingerprint.rows for fingerprint in next(iter(found.values())).values())
    if rows < MINIMUM_ROWS:
        raise NoBaseline(
            f"{monitor.model}: the baseline period {period} holds {rows} predictions; at least {MINIMUM_ROWS} are "
            "needed. Choose a longer `baseline` in the model's file."
        )
    binnings = make_binnings(monitor, period, rows)
    with store_transaction(monitor.store) as apart:
        # Apart, because making one locks all profiles: two models that are built at once must not wait for each other.
        ensure_profile_partitions(apart, period.slices)
    baseline = add_baseline(connection, monitor.model, period, binnings)
    sample = Sample.empty()
    for part, slices in found.items():
        for run in runs_of(sorted(slices)):
            read = read_slices(monitor, baseline.binnings, part, run)
            replace_slices(connection, baseline, part, {start: slices[start] for start in run.slices}, read)
            sample = merge_samples([sample, *read.samples.values()])
    merged = _over_versions(window_profiles(connection, baseline, period))
    write_baseline_profiles(connection, baseline, merged)
    write_baseline_sample(connection, baseline, sample)
    counted = merged[""][Role.PREDICTION].rows
    activate_baseline(connection, baseline, counted, calibrate(monitor, connection, baseline, merged))
    built = active_baseline(connection, monitor.model)
    assert built is not None
    return built


def _over_versions(by_version: Mapping[tuple[str, str], Mapping[str, Profile]]) -> dict[str, dict[str, Profile]]:
    merged: dict[str, dict[str, Any]] = {}
    for (_, segment), subjects in by_version.items():
        into = merged.setdefault(segment, {})
        for subject, profile in subjects.items():
            into[subject] = into[subject].merged(profile) if subject in into else profile
    return merged
