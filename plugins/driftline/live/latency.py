"""Latencies in log-spaced cells: counts that add up, from which percentiles are read within 2 %.

The cells are those of DDSketch (Masson, Rim and Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12): cell i holds the values in (GROWTH^(i-1), GROWTH^i].
"""

from __future__ import annotations

import math
from collections.abc import Mapping

RELATIVE_ERROR = 0.02
"""How far off a percentile may be, as a share of itself."""
GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
SHORTEST_MS = 0.001
LONGEST_MS = 1e8
"""A day and more. Latencies beyond the two ends are counted at the ends, negative ones too."""


def cell_of(latency_ms: float) -> int:
    """The cell of a finite latency."""
    return math.ceil(math.log(min(max(latency_ms, SHORTEST_MS), LONGEST_MS)) / math.log(GROWTH))


def percentile(cells: Mapping[int, int], share: float) -> float | None:
    """The latency (ms) that ``share`` (0 to 1) of the values do not exceed; None without values."""
    wanted = share * sum(cells.values())
    reached = 0
    for cell in sorted(cells):
        reached += cells[cell]
        if reached >= wanted and cells[cell]:
            # The middle, from which neither end is further away than the relative error.
            return 2 * GROWTH**cell / (GROWTH + 1)
    return None
