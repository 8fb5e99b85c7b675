"""Judging windows anew when their labels arrive.

The slices are found by the time at which labels *arrived* since the last look, not by reading predictions again. What
that cannot show (a label that was deleted, corrected without a new time, or written with an old one; a watermark that
was lost or runs ahead) a comparison of all counted slices shows, once a day.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from driftline.alerts import Link
from driftline.decisions import Verdict, VerdictVersion
from driftline.errors import DriftlineError
from driftline.findings import Check, Severity
from driftline.monitoring.action import roll_back_window
from driftline.monitoring.checks import enabled_checks, run_check
from driftline.monitoring.decision import Context, FindingLinks, decide_window
from driftline.monitoring.extract import record_extraction
from driftline.monitoring.label_delays import learn_recent_delays
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.slices import count_slices, runs_of, stale_outcomes
from driftline.store.baselines import StoredBaseline, active_baseline, stored_baseline
from driftline.store.decisions import DecisionRecord
from driftline.store.engine import store_transaction
from driftline.store.label_watermarks import LabelWatermark, label_watermark, write_label_watermark
from driftline.store.routing import current_routes
from driftline.store.slices import Part, counted_baselines, counted_starts
from driftline.store.verdicts import verdict_versions, windows_to_revise
from driftline.store.windows import window_record
from driftline.windows import Window

log = logging.getLogger(__name__)


class NotRevised(DriftlineError):
    """Some windows could not be judged anew; the others were."""

    def __init__(self, model: str, failures: Sequence[tuple[Window, str]]) -> None:
        window, reason = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        super().__init__(f"{model}: the window {window} could not be judged anew{more}: {reason}")


OVERLAP = timedelta(hours=2)
"""Labels are looked for again from so long before the watermark: clocks differ, and transactions end late."""

COMPARED_EVERY = timedelta(days=1)
LONGEST_DELAY = timedelta(days=90)
"""Slices of older predictions are compared only when asked for (labels that arrive later are found by arrival)."""

OLDEST = timedelta(days=200)
"""Slices of older predictions are not looked for by arrival."""

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RevisedWindow:
    """A window that was judged anew; ``before`` is the last verdict until then."""

    window: Window
    before: VerdictVersion | None
    after: VerdictVersion
    is_suppressed: bool

    @property
    def is_changed(self) -> bool:
        return self.before is None or self.before.revision != self.after.revision


@dataclass(frozen=True)
class Revision:
    """What a look at a model's labels came to.

    Attributes
    ----------
    slices_counted:
        Hours of predictions whose labels had changed.
    windows:
        Those judged anew, the oldest first.
    failures:
        Windows that could not be, with the reason: one never stops the others.
    is_comparison:
        Every counted slice was compared, not only those whose labels arrived since the last look.
    """

    slices_counted: int
    windows: tuple[RevisedWindow, ...]
    failures: tuple[tuple[Window, str], ...]
    is_comparison: bool

    def __str__(self) -> str:
        changed = sum(one.is_changed for one in self.windows)
        return (
            f"{self.slices_counted} hours with new labels counted, {len(self.windows)} windows judged anew, "
            f"{changed} verdicts changed, {len(self.failures)} windows failed"
        )


def revise_model(
    monitor: Monitor,
    *,
    compare_all: bool = False,
    now: datetime | None = None,
    run_id: str = "",
    links: tuple[Link, ...] = (),
    finding_links: FindingLinks | None = None,
) -> Revision:
    """Counts the labels that arrived since the last look, and judges the windows anew that they are of.

    Incidents and alerts follow from the performance check alone, once, and as long as the verdict is news
    (`driftline.decisions.is_news`). Broken off and run again, it goes on where it was.

    Raises
    ------
    SourceError, StoreError
        When the log or the store cannot serve.
    """
    moment = now or datetime.now(UTC)
    if monitor.config.labels is None or Check.PERFORMANCE not in enabled_checks(monitor):
        return Revision(0, (), (), is_comparison=False)
    monitor.log.require_fit()
    look = _next_look(monitor, moment, compare_all)
    candidates = _candidates(monitor, look)
    counted = sum(_count_changed(monitor, baseline, candidates, look) for baseline in _baselines(monitor))
    context = Context(
        run_id=run_id,
        links=links,
        finding_links=finding_links,
        now=moment,
        revised=frozenset({Check.PERFORMANCE}),
    )
    revised, failures = _judge(monitor, context)
    _finish(monitor, look)
    return Revision(counted, tuple(revised), tuple(failures), look.compares_all)


@dataclass(frozen=True)
class _Look:
    """Where a look at the labels begins and ends, and the earliest slices that it is about."""

    since: datetime | None
    newest: datetime | None
    now: datetime
    compares_all: bool
    earliest: datetime
    earlier: LabelWatermark | None


def _next_look(monitor: Monitor, now: datetime, compare_all: bool) -> _Look:
    newest, log_time = monitor.log.newest_arrival()
    with store_transaction(monitor.store) as connection:
        earlier = label_watermark(connection, monitor.model)
    since = None if earlier is None else earlier.arrived_until
    is_lost = since is None or since > log_time
    is_due = earlier is None or earlier.compared_at is None or now - earlier.compared_at >= COMPARED_EVERY
    compares_all = compare_all or is_lost or is_due
    earliest = BEGINNING if compare_all else now - (LONGEST_DELAY if compares_all else OLDEST)
    return _Look(since, newest, now, compares_all, earliest, earlier)


def _baselines(monitor: Monitor) -> list[StoredBaseline]:
    """All whose slices are still kept: a window stays with the baseline that it was judged by."""
    with store_transaction(monitor.store) as connection:
        return [stored_baseline(connection, found) for found in counted_baselines(connection, monitor.model)]


def _candidates(monitor: Monitor, look: _Look) -> list[datetime] | None:
    """Starts of the slices that labels arrived of; ``None``: any may have changed."""
    if look.compares_all or look.since is None:
        return None
    return monitor.log.slices_of_arrivals(look.since - OVERLAP, look.earliest)


def _count_changed(monitor: Monitor, baseline: StoredBaseline, candidates: list[datetime] | None, look: _Look) -> int:
    """Counts those of the candidates anew that are counted already and have changed; returns how many."""
    counted = 0
    with store_transaction(monitor.store) as connection:
        kept = counted_starts(connection, baseline, Part.OUTCOMES, look.earliest)
    starts = kept if candidates is None else sorted(set(kept) & set(candidates))
    for run in runs_of(starts):
        counted += count_slices(monitor, baseline, stale_outcomes(monitor, baseline, run))
    return counted


def _judge(monitor: Monitor, context: Context) -> tuple[list[RevisedWindow], list[tuple[Window, str]]]:
    assert context.now is not None
    with store_transaction(monitor.store) as connection:
        windows = windows_to_revise(connection, monitor.model, context.now)
    revised: list[RevisedWindow] = []
    failures: list[tuple[Window, str]] = []
    for window in windows:
        try:
            revised.append(_judge_anew(monitor, window, context))
        except DriftlineError as error:
            failures.append((window, str(error)))
        except Exception as error:
            log.exception("Revising %s of %s broke", window, monitor.model)
            failures.append((window, f"{type(error).__name__}: {error}"))
    return revised, failures


def _judge_anew(monitor: Monitor, window: Window, context: Context) -> RevisedWindow:
    with store_transaction(monitor.store) as connection:
        versions = verdict_versions(connection, monitor.model, window)
        record = window_record(connection, monitor.model, window)
        assert record is not None
        baseline = stored_baseline(connection, record.baseline_id)
    record_extraction(monitor, window, record.slices_counted, record.run_id, baseline)
    run_check(monitor, window, Check.PERFORMANCE, context.now)
    decision = decide_window(monitor, window, replace(context, run_id=context.run_id or record.run_id))
    _roll_back(monitor, window, decision, context)
    with store_transaction(monitor.store) as connection:
        after = verdict_versions(connection, monitor.model, window)[-1]
    return RevisedWindow(window, versions[-1] if versions else None, after, decision.is_suppressed)


def _roll_back(monitor: Monitor, window: Window, decision: DecisionRecord, context: Context) -> None:
    """Takes the traffic off a version that labels have shown to be bad, as long as it has any."""
    bad_version = decision.summary["bad_version"]
    is_shown = Check.PERFORMANCE in monitor.config.rollback.on and any(
        cause["check"] == Check.PERFORMANCE.value and cause["severity"] == Severity.CRITICAL.value
        for cause in decision.summary["causes"]
    )
    if decision.verdict is not Verdict.ROLL_BACK or decision.is_suppressed or not is_shown:
        return
    with store_transaction(monitor.store) as connection:
        is_serving = bad_version in current_routes(connection, monitor.model).shares
    if is_serving:
        roll_back_window(monitor, window, context)


def _finish(monitor: Monitor, look: _Look) -> None:
    """Moves the watermark to the newest label that was there when the look began."""
    earlier = look.earlier
    delays = {} if earlier is None else earlier.delays
    with store_transaction(monitor.store) as connection:
        baseline = active_baseline(connection, monitor.model)
    if look.compares_all and baseline is not None:
        delays = learn_recent_delays(monitor, baseline, look.now)
    compared_at = look.now if look.compares_all else earlier.compared_at if earlier is not None else None
    with store_transaction(monitor.store) as connection:
        write_label_watermark(connection, monitor.model, LabelWatermark(look.newest, look.now, compared_at, delays))
