"""How long labels take: a curve learned from labels that have come, and what it says of a window that waits."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driftline.errors import InputError

HOUR = timedelta(hours=1)
_HOURS = (*range(1, 24 * 7), *(24 * day for day in range(7, 121)))
DELAY_EDGES: tuple[float, ...] = (0.0, 60.0, 300.0, 900.0, 1800.0, *(3600.0 * hours for hours in _HOURS))
"""Upper ends of the delay's cells in seconds: by the hour for a week, by the day for 120 days, then one more."""

LEAST_LABELS = 200
"""From fewer labels no curve is told."""

MATURE_SHARE = 0.95
"""A window's labels are taken to be in once so many of those that ever come usually are."""


@dataclass(frozen=True)
class DelayCurve:
    """The delays (first arrival minus prediction) of labels, counted.

    Attributes
    ----------
    predictions:
        Predictions that the labels were counted of, labeled or not, all old enough for their labels to be there.
    arrivals:
        Labels per cell of `DELAY_EDGES`; the first cell holds delays below 0 (a clock runs wrong), the last one all
        beyond 120 days.
    longest_silence:
        Longest time without any label while they arrived; ``None`` where that is not known.
    """

    predictions: int
    arrivals: tuple[int, ...]
    longest_silence: timedelta | None = None

    def __post_init__(self) -> None:
        if len(self.arrivals) != len(DELAY_EDGES) + 1 or min(self.arrivals) < 0 or self.predictions < 0:
            raise InputError(f"A delay curve has {len(DELAY_EDGES) + 1} counts of at least 0.")

    @classmethod
    def of(cls, counts: Mapping[int, int], predictions: int, longest_silence: timedelta | None = None) -> DelayCurve:
        """From labels by cell (0: below 0 seconds)."""
        cells = tuple(counts.get(cell, 0) for cell in range(len(DELAY_EDGES) + 1))
        return cls(predictions, cells, longest_silence)

    @property
    def labels(self) -> int:
        return sum(self.arrivals)

    @property
    def early(self) -> int:
        """Labels that say they arrived before their prediction was made."""
        return self.arrivals[0]

    @property
    def is_known(self) -> bool:
        return self.labels >= LEAST_LABELS

    @property
    def final_share(self) -> float | None:
        """Share of predictions that ever get a label; ``None`` without predictions."""
        return min(self.labels / self.predictions, 1.0) if self.predictions else None

    def arrived_share(self, age: timedelta) -> float:
        """Of the labels that ever come, the share that is there when predictions are of this ``age``; 0 to 1.

        Delays within a cell are taken to be spread evenly.
        """
        seconds = age.total_seconds()
        if not self.labels or seconds < 0:
            return 0.0
        cell = bisect_right(DELAY_EDGES, seconds)
        before = sum(self.arrivals[:cell])
        if cell >= len(DELAY_EDGES):
            return before / self.labels
        low, high = DELAY_EDGES[cell - 1], DELAY_EDGES[cell]
        return (before + self.arrivals[cell] * (seconds - low) / (high - low)) / self.labels

    def quantile(self, share: float) -> timedelta | None:
        """The delay within which ``share`` of the labels came, to the upper end of its cell; ``None`` if unknown."""
        if not self.labels:
            return None
        reached = 0
        for cell, count in enumerate(self.arrivals[:-1]):
            reached += count
            if reached >= share * self.labels:
                return timedelta(seconds=DELAY_EDGES[cell])
        return None

    def to_json(self) -> dict[str, Any]:
        silence = None if self.longest_silence is None else self.longest_silence.total_seconds()
        counts = {str(cell): count for cell, count in enumerate(self.arrivals) if count}
        return {"predictions": self.predictions, "arrivals": counts, "longest_silence_seconds": silence}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> DelayCurve:
        silence = document["longest_silence_seconds"]
        return cls.of(
            {int(cell): count for cell, count in document["arrivals"].items()},
            document["predictions"],
            None if silence is None else timedelta(seconds=silence),
        )


NO_CURVE = DelayCurve.of({}, 0)


@dataclass(frozen=True)
class LabelOutlook:
    """What may be expected of a window's labels.

    Attributes
    ----------
    matures_at:
        When the verdict becomes final, as far as it waits for labels.
    arrived_share:
        Of the labels that will ever come, the share that should be there by now; ``None`` where it is not known.
    final_share:
        Share of predictions that usually get a label in the end; ``None`` where it is not known.
    """

    now: datetime
    matures_at: datetime
    arrived_share: float | None = None
    final_share: float | None = None

    @property
    def is_mature(self) -> bool:
        return self.now >= self.matures_at

    @property
    def usual_coverage(self) -> float | None:
        """The coverage that windows of this age usually have; ``None`` where it is not known."""
        if self.arrived_share is None or self.final_share is None:
            return None
        return self.arrived_share * self.final_share


def label_outlook(
    curve: DelayCurve,
    predictions: Sequence[tuple[datetime, int]],
    *,
    window_end: datetime,
    expected_delay: timedelta,
    now: datetime,
) -> LabelOutlook:
    """What ``curve`` says of a window.

    The window is mature once ``expected_delay`` has passed since its end *and*, where the curve is known, so much time
    that `MATURE_SHARE` of the labels are usually there.

    Parameters
    ----------
    predictions : sequence of (slice start, predictions)
        The window's hours.
    """
    if not curve.is_known:
        return LabelOutlook(now, window_end + expected_delay)
    usual = curve.quantile(MATURE_SHARE)
    wait = expected_delay if usual is None else max(expected_delay, usual)
    total = sum(rows for _, rows in predictions)
    arrived = math.fsum(rows * curve.arrived_share(now - (start + HOUR / 2)) for start, rows in predictions)
    return LabelOutlook(
        now=now,
        matures_at=window_end + wait,
        arrived_share=arrived / total if total else None,
        final_share=curve.final_share,
    )
