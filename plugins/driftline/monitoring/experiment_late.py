"""Rows that arrive in the log after an experiment has read their time: found by digests, counted once.

The log does not say when a prediction arrived, only when it was made. So the last day's hours are held against what was
counted of them: the last two hours at every look, all of them when an hour has begun.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import xor

from sqlalchemy import Connection

from driftline.live import Feed
from driftline.sources.experiment_log import HourDigest, Hours
from driftline.sources.experiment_queries import RowSpan
from driftline.store.experiment_seen import first_seen_hour, keep_seen, seen_digests
from driftline.store.experiments import ExperimentRecord

HOUR = timedelta(hours=1)
LATEST = timedelta(hours=24)
"""What arrives later than that is not counted."""
_EVERY_LOOK = timedelta(hours=1)


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


@dataclass
class SeenRows:
    """What an experiment has counted of one feed of its log.

    Attributes
    ----------
    read_until:
        How far the feed had been read before this look; None where it had not.
    hours:
        Digests of the hours that this look is about.
    """

    record: ExperimentRecord
    feed: Feed
    read_until: datetime | None
    hours: dict[datetime, set[int]] = field(default_factory=dict)
    read: set[datetime] = field(default_factory=set)
    """Those of them that rows were read of."""

    def span_to_check(self, connection: Connection, upto: datetime) -> RowSpan | None:
        """What has been read before and is to be looked at again; None where there is nothing.

        The first hour that is kept may be known in part only, unless the counting began in it.
        """
        if self.read_until is None:
            return None
        first = first_seen_hour(connection, self.record.experiment, self.record.counting, self.feed)
        since = self.record.counted_since
        if first is None or since is None:
            return None
        is_new_hour = hour_of(self.read_until) != hour_of(upto)
        start = hour_of(self.read_until - (LATEST if is_new_hour else _EVERY_LOOK))
        start = max(start, first if first <= hour_of(since) else first + HOUR)
        start = max(start, since)
        known = seen_digests(connection, self.record.experiment, self.record.counting, self.feed, hour_of(start))
        self.hours |= known
        return RowSpan(start, self.read_until) if start < self.read_until else None

    def changed(self, span: RowSpan, now: Hours) -> list[RowSpan]:
        """The hours of ``span`` of which the log has other rows ``now`` than were counted."""
        nothing = HourDigest(0, 0)
        return [
            RowSpan(max(hour, span.start), min(hour + HOUR, span.end))
            for hour, found in sorted(now.items())
            if found != self._digest(hour, nothing)
        ]

    def begin(self, span: RowSpan, connection: Connection) -> None:
        """Before rows of ``span`` (of one hour) are read: what is known of it; that it was read, even if empty."""
        hour = hour_of(span.start)
        if hour not in self.hours:
            self.hours |= seen_digests(connection, self.record.experiment, self.record.counting, self.feed, hour)
        self.note(hour, ())

    def has(self, hour: datetime, digest: int | None) -> bool:
        return digest is not None and digest in self.hours.get(hour, ())

    def note(self, hour: datetime, digests: Iterable[int]) -> None:
        self.read.add(hour)
        self.hours.setdefault(hour, set()).update(digests)

    def keep(self, connection: Connection, upto: datetime) -> None:
        read, oldest = {hour: self.hours[hour] for hour in self.read}, hour_of(upto - LATEST)
        keep_seen(connection, self.record.experiment, self.record.counting, self.feed, read, oldest=oldest)

    def _digest(self, hour: datetime, nothing: HourDigest) -> HourDigest:
        known = self.hours.get(hour)
        return nothing if not known else HourDigest(len(known), reduce(xor, known))
