"""Finding the cells of many values at once by a table instead of by sorting.

The span of a binning's edges is cut into equal buckets. A bucket without an edge lies in one cell, so that a value's
cell is read from a table; only the few values that share a bucket with an edge are compared. Exact, because the
bucket of a value never falls where the value rises: a value in a lower bucket than an edge is below it.

Measured (AMD EPYC 9000, numpy 2.4, 11,000 normal values, 1,000 cells): 5 ns a value, where sorting takes 28 ns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BUCKETS = 65_536
"""128 KiB a table: it stays in the processor's cache."""

MAXIMUM_CELLS = BUCKETS // 8
"""With more cells most buckets would hold an edge."""

_SHARED = 0


class CellLookup:
    """The buckets of one binning's edges (finite, strictly rising).

    Use `worth_making` first.
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self._edges = edges
        self._lowest = edges[0]
        self._scale = (BUCKETS - 2) / (edges[-1] - edges[0])
        edges_per_bucket = np.bincount(self._bucket(edges), minlength=BUCKETS)
        cells = np.cumsum(edges_per_bucket) - edges_per_bucket
        self._cell_plus_one = np.where(edges_per_bucket, _SHARED, cells + 1).astype(np.int16)

    @staticmethod
    def worth_making(edges: NDArray[np.float64]) -> bool:
        """Whether the edges are neither so many nor so close together that a table is no help."""
        if not 2 <= edges.size < MAXIMUM_CELLS:
            return False
        with np.errstate(over="ignore"):
            width = edges[-1] - edges[0]
        return bool(np.isfinite(width) and width > np.finfo(np.float64).tiny * BUCKETS)

    def count(self, finite_values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Values per cell."""
        found = self._cell_plus_one[self._bucket(finite_values)]
        counts = np.bincount(found, minlength=self._edges.size + 2)[1:]
        counts += count_by_sorting(finite_values[found == _SHARED], self._edges)
        return counts.astype(np.int64)

    def _bucket(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        with np.errstate(over="ignore"):
            position = values - self._lowest
            position *= self._scale
        position += 1
        np.clip(position, 0, BUCKETS - 1, out=position)
        buckets: NDArray[np.intp] = position.astype(np.intp)
        return buckets


def count_by_sorting(finite_values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Values per cell. Sorting and looking the edges up is faster than looking the values up in the edges."""
    return count_in_sorted(np.sort(finite_values), edges)


def count_in_sorted(finite_values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Values per cell, of values in rising order."""
    below = np.searchsorted(finite_values, edges, side="right")
    return np.diff(below, prepend=0, append=finite_values.size).astype(np.int64)
