"""How much windows differ from each other while nothing is wrong: learned from the baseline's own windows.

Rows of one window are not independent: a stormy day delays all its flights. What chance alone would do to so many rows
is then too narrow a yardstick; what the baseline's windows did is the honest one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy.special import stdtr, stdtrit

LEAST_WINDOWS = 7
"""From fewer windows no spread is told."""


@dataclass(frozen=True)
class WindowSpread:
    """The standard deviation, over the baseline's windows, of what was measured on each.

    Attributes
    ----------
    windows:
        Windows that it was learned from.
    deviations:
        By what was measured (a metric's name, or ``subject/test``), in its unit; it includes what chance does to a
        window of that size.
    counts:
        Windows that each was learned from, where they are not all: a rate may be undefined in some.
    """

    windows: int
    deviations: Mapping[str, float]
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, measured: Sequence[Mapping[str, float]]) -> WindowSpread:
        """The spread of what was measured on each window; what fewer than `LEAST_WINDOWS` have is left out."""
        names = dict.fromkeys(name for window in measured for name in window)
        values = {name: [window[name] for window in measured if name in window] for name in names}
        values = {name: found for name, found in values.items() if len(found) >= LEAST_WINDOWS}
        return cls(
            windows=len(measured),
            deviations={name: _deviation(found) for name, found in values.items()},
            counts={name: len(found) for name, found in values.items() if len(found) < len(measured)},
        )

    def windows_of(self, name: str) -> int:
        """Windows that the spread of ``name`` was learned from."""
        return self.counts.get(name, self.windows)

    def margin(self, name: str, confidence: float) -> float:
        """How far a further window may lie from the baseline's mean with ``confidence`` (two-sided); 0 if unknown.

        The prediction interval of one more normal observation, Student's t with a degree of freedom
        less than the windows that it was measured on.
        """
        deviation = self.deviations.get(name, 0.0)
        if deviation == 0:
            return 0.0
        windows = self.windows_of(name)
        quantile = float(stdtrit(windows - 1, 1 - (1 - confidence) / 2))
        return quantile * deviation * math.sqrt(1 + 1 / windows)

    def p_value(self, name: str, distance: float) -> float:
        """Chance that a further window lies at least ``distance`` from the baseline's mean; 0 if unknown."""
        deviation = self.deviations.get(name, 0.0)
        if deviation == 0:
            return 0.0
        windows = self.windows_of(name)
        scaled = abs(distance) / (deviation * math.sqrt(1 + 1 / windows))
        return float(2 * stdtr(windows - 1, -scaled))

    def to_json(self) -> dict[str, Any]:
        return {"windows": self.windows, "deviations": dict(self.deviations), "counts": dict(self.counts)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> WindowSpread:
        return cls(int(document["windows"]), dict(document["deviations"]), dict(document.get("counts", {})))


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
