"""Which minutes a pass counts again: pure.

A pass never adds to a minute, it counts whole minutes anew. So whatever the watermark says, nothing is counted twice;
a wrong one only changes how soon a minute is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MINUTE = timedelta(minutes=1)
OVERLAP = timedelta(minutes=5)
"""A row may arrive so much later than its own time says (a long transaction, a slow clock) and be live."""
LIVE_SPAN = timedelta(hours=1)
"""The most that one pass catches up at once; what is older waits for the rescan, so that the newest comes first."""
RESCAN_CHUNK = timedelta(minutes=10)
RESCAN_DEPTH = timedelta(hours=24)
"""Older rows that arrived late, or were changed or deleted, are found by going back over a day in small steps."""
AHEAD = timedelta(minutes=1)
"""Rows that are so much ahead of the log's clock are counted; others when their time has come."""


class Feed(StrEnum):
    """The two streams of a model's log."""

    PREDICTIONS = "predictions"
    LABELS = "labels"


@dataclass(frozen=True)
class MinuteSpan:
    """The half-open span ``[start, end)`` of whole minutes."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Watermark:
    """How far a feed has been counted.

    Attributes
    ----------
    counted_until:
        The log's clock at the last pass.
    rescanned_from:
        The rescan, which goes back in time, has come down to here.
    """

    counted_until: datetime
    rescanned_from: datetime


@dataclass(frozen=True)
class SpanPlan:
    """What one pass counts, and the watermark that is true afterwards."""

    live: MinuteSpan
    rescan: MinuteSpan
    after: Watermark


def plan_spans(watermark: Watermark | None, newest_counted: datetime | None, now: datetime) -> SpanPlan:
    """The minutes to count at ``now`` (the log's clock).

    Parameters
    ----------
    newest_counted:
        The newest minute that has figures; a watermark that is ahead of them is not believed.
    """
    believed = watermark if watermark is not None and watermark.counted_until <= now + AHEAD else None
    live = MinuteSpan(_live_start(believed, newest_counted, now), _floor(now) + AHEAD + MINUTE)
    was_away = believed is None or believed.counted_until < now - LIVE_SPAN
    cursor = live.start if believed is None or was_away else min(believed.rescanned_from, live.start)
    oldest = _floor(now) - RESCAN_DEPTH
    if cursor <= oldest:
        cursor = live.start
    rescan = MinuteSpan(max(_floor(cursor) - RESCAN_CHUNK, oldest), _floor(cursor))
    return SpanPlan(live, rescan, Watermark(now, rescan.start))


def _live_start(believed: Watermark | None, newest_counted: datetime | None, now: datetime) -> datetime:
    earliest = _floor(now) - LIVE_SPAN
    if believed is None or newest_counted is None:
        return earliest
    return max(_floor(min(believed.counted_until, newest_counted + MINUTE, now) - OVERLAP), earliest)


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
