"""Evidence that a share has changed: exact two-sample tests on counts.

References
----------
.. [1] Fisher (1935), "The logic of inductive inference", Journal of the Royal Statistical Society 98.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtri

TAIL = 40
"""Standard deviations beyond which the hypergeometric distribution holds nothing that a float can show."""


@dataclass(frozen=True)
class ShareChange:
    """``hits`` out of ``size`` rows, on the baseline and now. Both sizes are at least 1."""

    reference_hits: int
    reference_size: int
    current_hits: int
    current_size: int

    @property
    def expected(self) -> float:
        """The share on the baseline, 0 to 1."""
        return self.reference_hits / self.reference_size

    @property
    def seen(self) -> float:
        """The share in the window, 0 to 1."""
        return self.current_hits / self.current_size

    @property
    def rise(self) -> float:
        """Seen minus expected."""
        return self.seen - self.expected

    @property
    def ratio(self) -> float:
        """Seen over expected, with half a hit added to each, so that none at all has a ratio too."""
        expected = (self.reference_hits + 0.5) / (self.reference_size + 1)
        return (self.current_hits + 0.5) / (self.current_size + 1) / expected

    @property
    def complement(self) -> ShareChange:
        """The rows that are no hits."""
        return ShareChange(
            self.reference_size - self.reference_hits,
            self.reference_size,
            self.current_size - self.current_hits,
            self.current_size,
        )

    def chance_of_rise(self) -> float:
        """One-sided p-value of a share this high or higher, if nothing changed (Fisher's exact test [1]_)."""
        return _upper_tail(
            drawn=self.current_size,
            hits=self.current_hits + self.reference_hits,
            rows=self.current_size + self.reference_size,
            at_least=self.current_hits,
        )

    def chance_of_fall(self) -> float:
        """One-sided p-value of a share this low or lower, if nothing changed."""
        return self.complement.chance_of_rise()

    def chance_of_change(self) -> float:
        """Two-sided p-value: twice the smaller of both sides."""
        return min(1.0, 2 * min(self.chance_of_rise(), self.chance_of_fall()))

    def detectable(self, significance: float) -> float:
        """The change of the share that is seen with a power of 80 % at these sizes (normal approximation)."""
        pooled = (self.reference_hits + self.current_hits + 1) / (self.reference_size + self.current_size + 2)
        error = math.sqrt(pooled * (1 - pooled) * (1 / self.reference_size + 1 / self.current_size))
        return float(-ndtri(significance / 2) - ndtri(0.2)) * error


def _upper_tail(*, drawn: int, hits: int, rows: int, at_least: int) -> float:
    """P(X >= at_least) of X hits among ``drawn`` of ``rows`` rows, ``hits`` of which are hits."""
    lowest, highest = max(0, drawn - (rows - hits)), min(drawn, hits)
    if at_least <= lowest:
        return 1.0
    share = hits / rows
    mean = drawn * share
    spread = math.sqrt(max(mean * (1 - share) * (rows - drawn) / max(rows - 1, 1), 1.0))
    start = max(at_least, math.floor(mean - TAIL * spread))
    stop = min(highest, math.ceil(max(at_least, mean) + TAIL * spread))
    values = np.arange(start, stop + 1, dtype=np.float64)
    logs = (
        _log_choose(float(hits), values)
        + _log_choose(float(rows - hits), drawn - values)
        - _log_choose(float(rows), np.array([float(drawn)]))
    )
    return float(min(1.0, np.exp(logs).sum()))


def _log_choose(total: float, chosen: np.ndarray) -> np.ndarray:
    combinations: np.ndarray = gammaln(total + 1) - gammaln(chosen + 1) - gammaln(total - chosen + 1)
    return combinations
