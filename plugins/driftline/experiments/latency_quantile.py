"""A quantile of latencies and its error, from counted cells, on the logarithmic scale.

The error comes from the order statistics between which the quantile lies with a known chance, so that no density need
be estimated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from driftline.live.latency import GROWTH

_SPREAD = 2.0
"""Standard errors of the rank to each side from which the standard error of the quantile is read."""
_CELL = math.log(GROWTH)


@dataclass(frozen=True)
class LatencyQuantile:
    """The logarithm of a quantile in milliseconds, and the variance of that."""

    logarithm: float
    variance: float
    size: int

    @property
    def milliseconds(self) -> float:
        return math.exp(self.logarithm)


def latency_quantile(cells: Mapping[int, int], share: float, design_effect: float = 1.0) -> LatencyQuantile | None:
    """The quantile ``share`` of latencies counted by `driftline.live.latency`.

    ``design_effect`` is by how much entities that return enlarge the variance of the share that is below it.

    None where there are too few for it: fewer than ten values beyond the quantile on its shorter side.
    """
    size = sum(cells.values())
    if size * min(share, 1 - share) < 10:
        return None
    ordered = sorted((cell, count) for cell, count in cells.items() if count)
    rank_error = math.sqrt(design_effect * share * (1 - share) / size)
    low, middle, high = (
        _logarithm(ordered, size * min(max(share + side * _SPREAD * rank_error, 0.0), 1.0)) for side in (-1, 0, 1)
    )
    error = (high - low) / (2 * _SPREAD)
    # Within its cell a value is not known: an error of a uniform distribution over the cell.
    return LatencyQuantile(middle, error * error + _CELL * _CELL / 12 / size, size)


def _logarithm(ordered: list[tuple[int, int]], rank: float) -> float:
    reached = 0
    for cell, count in ordered:
        if reached + count >= rank:
            return _CELL * (cell - 1 + (rank - reached) / count)
        reached += count
    return _CELL * ordered[-1][0]
