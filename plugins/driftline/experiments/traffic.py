"""Who is in an experiment, and in which arm.

The arms share the *covered* part of the traffic in a ratio that never changes; all that is not covered stays with the
version that served before. A ramp only enlarges the covered part. Where the control is that version, its traffic is
partly covered and partly not: covered are the first positions of its ranges, which it keeps while the ramp goes on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

from driftline.serving import Allocation
from driftline.serving.allocation import POSITIONS

_MILLION = Decimal(POSITIONS)


def arm_shares(percents: Mapping[str, float], coverage: float) -> dict[str, Decimal]:
    """Each arm's share of all traffic in whole millionths, where ``coverage`` percent of it is in the experiment."""
    covered = Decimal(str(coverage)) / 100
    return {
        version: (Decimal(str(percent)) / 100 * covered * _MILLION).to_integral_value() / _MILLION
        for version, percent in percents.items()
    }


def routed_shares(percents: Mapping[str, float], coverage: float, incumbent: str) -> dict[str, Decimal]:
    """The shares to route by: the arms', and the rest to the version that served before."""
    shares = arm_shares(percents, coverage)
    rest = 1 - sum(shares.values(), Decimal(0))
    shares[incumbent] = shares.get(incumbent, Decimal(0)) + rest
    return {version: share for version, share in shares.items() if share}


@dataclass(frozen=True)
class Assignment:
    """Since when which positions are in which arm; the arm ``""`` is not in the experiment."""

    since: datetime
    bounds: tuple[int, ...]
    arms: tuple[str, ...]

    @classmethod
    def of(cls, allocation: Allocation, shares: Mapping[str, Decimal], since: datetime) -> Self:
        """The first positions of each arm's ranges, as many as its share."""
        left = {version: int(share * _MILLION) for version, share in shares.items()}
        bounds: list[int] = []
        arms: list[str] = []
        for version, start, end in allocation.ranges:
            inside = min(end - start, left.get(version, 0))
            left[version] = left.get(version, 0) - inside
            for upto, arm in ((start + inside, version), (end, "")):
                if upto > (bounds[-1] if bounds else 0):
                    bounds.append(upto)
                    arms.append(arm)
        return cls(since, tuple(bounds), tuple(arms))

    def arm_at(self, position: int) -> str:
        """The arm of the entity that stands at ``position``."""
        return self.arms[bisect_right(self.bounds, position)]

    def positions(self, arm: str) -> int:
        starts = (0, *self.bounds[:-1])
        return sum(end - start for start, end, name in zip(starts, self.bounds, self.arms, strict=True) if name == arm)

    def to_json(self) -> dict[str, Any]:
        return {"since": self.since.isoformat(), "bounds": list(self.bounds), "arms": list(self.arms)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        since = datetime.fromisoformat(document["since"]).astimezone(UTC)
        return cls(since, tuple(document["bounds"]), tuple(document["arms"]))


def arm_of(assignments: Sequence[Assignment], position: int, at: datetime) -> str:
    """The arm of a position at a time: ``""`` where it was not in the experiment then."""
    index = bisect_right(assignments, at, key=lambda assignment: assignment.since) - 1
    return assignments[index].arm_at(position) if index >= 0 else ""
