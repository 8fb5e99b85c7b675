"""One look at the predictions of a version: are its limits exceeded beyond doubt?

Several spans of minutes are looked at: the short ones see an outage within a minute, the long ones see what is just
above its limit, for which a minute holds too few predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driftline.findings import Status
from driftline.live import MinuteFigures, PredictionCounts
from driftline.live.latency import GROWTH
from driftline.rollback.bounds import share_lower_bound
from driftline.rollback.limits import Limits
from driftline.rollback.trigger import Reading, Trigger, not_evaluated

PREDICTION_SPANS = (2, 5, 15, 60)
"""In minutes, the one that runs among them."""
SLOW_SHARE = 0.05
"""P95 exceeds a limit where more than this share of the predictions takes longer."""
FEWEST_NEW = 20
"""A look waits for so many predictions since the last one."""


@dataclass(frozen=True, kw_only=True)
class PredictingVersion:
    """A version and what it predicted, minute by minute, the oldest first.

    Attributes
    ----------
    since:
        What the last look ended with (`Reading.latest`), by trigger; empty at the first look.
    spans:
        The spans to look at, in minutes up to ``now``.
    """

    version: str
    minutes: Sequence[MinuteFigures]
    now: datetime
    since: Mapping[Trigger, str] = field(default_factory=dict)
    spans: tuple[int, ...] = PREDICTION_SPANS


def error_rate(judged: PredictingVersion, limits: Limits) -> Reading | None:
    """Whether too many predictions fail; None where that is not watched."""
    limit = limits.error_rate
    if limit is None:
        return None
    tallies = [_Tally(each.minute, each.counts.predictions, each.counts.errors) for each in judged.minutes]
    look = _look(Trigger.ERROR_RATE, judged, tallies, limit, limits)
    if isinstance(look, Reading):
        return look
    share = look.hits / look.size
    surely = f", surely more than {look.bound:.1%}" if look.is_exceeded else ""
    description = (
        f"{look.hits} of {look.size} predictions of {judged.version} failed in {look.minutes} minutes "
        f"({share:.1%}{surely}; the limit is {limit:.1%})."
    )
    return look.reading(share, limit, description)


def latency(judged: PredictingVersion, limits: Limits) -> Reading | None:
    """Whether too many predictions are slow; None where that is not watched or the log has no latencies."""
    limit = limits.latency_p95_ms
    if limit is None or not any(each.counts.latencies for each in judged.minutes):
        return None
    tallies = [_Tally(each.minute, *_slow(each.counts, limit)) for each in judged.minutes]
    look = _look(Trigger.LATENCY, judged, tallies, SLOW_SHARE, limits)
    if isinstance(look, Reading):
        return look
    p95 = _sum_of(judged.minutes, look.first_minute).latency_ms(0.95) or 0.0
    description = f"P95 of {judged.version} is {p95:,.0f} ms in {look.minutes} minutes (the limit is {limit:,.0f} ms)"
    if look.is_exceeded:
        description += (
            f": {look.hits} of {look.size} predictions took longer than the limit, surely more than {look.bound:.1%} "
            "of all"
        )
    description += "."
    return look.reading(p95, limit, description)


@dataclass(frozen=True)
class _Tally:
    """Of ``size`` predictions of a minute, ``hits`` are bad."""

    minute: datetime
    size: int
    hits: int

    def __str__(self) -> str:
        return f"{self.minute.isoformat()}|{self.size}|{self.hits}"

    @classmethod
    def parse(cls, written: str) -> _Tally:
        minute, size, hits = written.split("|")
        return cls(datetime.fromisoformat(minute), int(size), int(hits))


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The span that decides: its predictions, and what it proves."""

    trigger: Trigger
    version: str
    first_minute: datetime
    minutes: int
    size: int
    hits: int
    bound: float
    is_exceeded: bool
    since: str
    latest: str

    def reading(self, value: float, limit: float, description: str) -> Reading:
        status = Status.DETECTED if self.is_exceeded else Status.OK
        return Reading(
            trigger=self.trigger, version=self.version, status=status, value=value, bound=self.bound, limit=limit,
            samples=self.size, minutes=self.minutes, since=self.since, latest=self.latest, description=description,
        )  # fmt: skip


def _look(
    trigger: Trigger, judged: PredictingVersion, tallies: Sequence[_Tally], limit: float, limits: Limits
) -> _Look | Reading:
    """The shortest span that is beyond the limit, else the shortest that can be judged; or why none can be.

    A span counts as exceeded only while the predictions since the last look are beyond the limit too: what is over
    rolls nothing back, however long it stays in the sums.
    """
    found = sum(tally.size for tally in tallies)
    if found < limits.minimum_predictions:
        too_few = f"{found} predictions of {judged.version} to judge; {limits.minimum_predictions} are needed."
        return not_evaluated(trigger, judged.version, too_few)
    since = judged.since.get(trigger, "")
    new = _since(tallies, since)
    if new.size < FEWEST_NEW:
        few = f"{new.size} predictions of {judged.version} since the last look; {FEWEST_NEW} are needed."
        return not_evaluated(trigger, judged.version, few)
    still = new.hits > limit * new.size
    looks = []
    for minutes in judged.spans:
        first = judged.now.replace(second=0, microsecond=0) - timedelta(minutes=minutes - 1)
        within = [tally for tally in tallies if tally.minute >= first]
        size, hits = sum(tally.size for tally in within), sum(tally.hits for tally in within)
        if size >= limits.minimum_predictions:
            bound = share_lower_bound(hits, size)
            looks.append(
                _Look(
                    trigger=trigger,
                    version=judged.version,
                    first_minute=first,
                    minutes=minutes,
                    size=size,
                    hits=hits,
                    bound=bound,
                    is_exceeded=still and bound > limit,
                    since=since,
                    latest=str(tallies[-1]),
                )
            )
    if not looks:
        return not_evaluated(trigger, judged.version, f"{judged.version} has predicted too little of late.")
    return next((look for look in looks if look.is_exceeded), looks[0])


def _since(tallies: Sequence[_Tally], since: str) -> _Tally:
    """What has come after the last look: at the first one, the newest minutes that hold enough."""
    if since:
        seen = _Tally.parse(since)
        before = next((tally for tally in tallies if tally.minute == seen.minute), seen)
        later = [tally for tally in tallies if tally.minute > seen.minute]
        size = before.size - seen.size + sum(tally.size for tally in later)
        return _Tally(seen.minute, size, before.hits - seen.hits + sum(tally.hits for tally in later))
    newest = tallies[-1]
    for tally in reversed(tallies[:-1]):
        if newest.size >= FEWEST_NEW:
            break
        newest = _Tally(tally.minute, newest.size + tally.size, newest.hits + tally.hits)
    return newest


def _slow(counts: PredictionCounts, limit: float) -> tuple[int, int]:
    """Timed and slow predictions. The cell that the limit lies in holds latencies on either side of it: not slow."""
    slow = sum(count for cell, count in counts.latencies.items() if GROWTH ** (cell - 1) >= limit)
    return sum(counts.latencies.values()), slow


def _sum_of(minutes: Sequence[MinuteFigures], first: datetime) -> PredictionCounts:
    return sum((each.counts for each in minutes if each.minute >= first), PredictionCounts())
