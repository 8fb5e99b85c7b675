"""The first step of a window: its slices are counted, and what it holds is written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from driftline.monitoring.baseline import ensure_baseline
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.slices import count_slices, stale_slices
from driftline.profiles.roles import Role
from driftline.store.baselines import StoredBaseline
from driftline.store.engine import store_transaction
from driftline.store.slices import Part, counted_slices, window_profiles
from driftline.store.windows import WindowRecord, record_window
from driftline.windows import SLICE_LENGTH, Window


def extract_window(monitor: Monitor, window: Window, run_id: str = "") -> WindowRecord:
    """Counts the missing and stale slices of ``window`` and records it; again, it reads only what has changed.

    Raises
    ------
    SourceError, StoreError, NoBaseline
        When the log, the store or the baseline cannot serve.
    """
    monitor.log.require_fit()
    baseline = ensure_baseline(monitor)
    counted = count_slices(monitor, baseline, stale_slices(monitor, baseline, window))
    return record_extraction(monitor, window, counted, run_id)


def plan_extraction(monitor: Monitor, window: Window, workers: int) -> list[Window]:
    """Splits ``window`` into at most ``workers`` runs of slices that need counting, for as many mapped tasks."""
    monitor.log.require_fit()
    stale = stale_slices(monitor, ensure_baseline(monitor), window)
    starts = sorted({start for found in stale.values() for start in found})
    return [_span(chunk) for chunk in _chunks(starts, workers)]


def extract_chunk(monitor: Monitor, chunk: Window) -> int:
    """Counts one of the runs that `plan_extraction` planned; returns the slices counted."""
    baseline = ensure_baseline(monitor)
    return count_slices(monitor, baseline, stale_slices(monitor, baseline, chunk))


def record_extraction(
    monitor: Monitor, window: Window, counted: int, run_id: str, baseline: StoredBaseline | None = None
) -> WindowRecord:
    """Writes down what the window holds once its slices are counted, for the baseline in force or the one given.

    Counts what is missing, which is all where a new baseline was built since the slices were counted.
    """
    baseline = baseline or ensure_baseline(monitor)
    if not _is_counted(monitor, baseline, window):
        counted += count_slices(monitor, baseline, stale_slices(monitor, baseline, window))
    with store_transaction(monitor.store) as connection:
        profiles = window_profiles(connection, baseline, window, (Role.PREDICTION, Role.OUTCOME))
        whole = [subjects for (_, segment), subjects in profiles.items() if segment == ""]
        record = WindowRecord(
            model=monitor.model,
            window=window,
            baseline_id=baseline.baseline_id,
            rows=sum(subjects[Role.PREDICTION].rows for subjects in whole if Role.PREDICTION in subjects),
            labeled_rows=sum(subjects[Role.OUTCOME].rows for subjects in whole if Role.OUTCOME in subjects),
            slices_counted=counted,
            run_id=run_id,
        )
        record_window(connection, record)
    return record


def _is_counted(monitor: Monitor, baseline: StoredBaseline, window: Window) -> bool:
    parts = tuple(Part) if monitor.config.labels is not None else (Part.PREDICTIONS,)
    with store_transaction(monitor.store) as connection:
        counted = [counted_slices(connection, baseline, part, window) for part in parts]
    return all(len(slices) == len(window.slices) for slices in counted)


def _chunks(starts: Sequence[datetime], workers: int) -> list[Sequence[datetime]]:
    size = max(1, -(-len(starts) // workers))
    return [starts[first : first + size] for first in range(0, len(starts), size)]


def _span(starts: Sequence[datetime]) -> Window:
    return Window(starts[0], starts[-1] + SLICE_LENGTH)
