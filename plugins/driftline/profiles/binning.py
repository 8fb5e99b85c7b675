"""Binnings: the fixed cells that the values of one column are counted into.

A binning is made once, from the baseline; only profiles in one binning can be merged or compared cell by cell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.profiles.lookup import CellLookup, count_by_sorting

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

MAXIMUM_CELLS = 1_000
MAXIMUM_LEVELS = 1_000
MAXIMUM_POOLED_LEVELS = 20_000

MANY_VALUES = 2_000
"""From so many values on, a table of cells is worth its making."""


@dataclass(frozen=True, eq=False)
class NumericBinning:
    """Right-closed cells on the real line, with open ends.

    ``k`` strictly rising `edges` make ``k + 1`` cells: ``(-inf, e0], (e0, e1], …, (e(k-1), inf)``. An *atom*, a value
    that holds a cell's mass or more by itself, has a cell of its own: the cell between the largest number below it
    and itself. Without it a spike that moves by 0.001 would look like nothing, or like everything.
    """

    edges: Floats

    def __post_init__(self) -> None:
        # Adding 0 copies, so that the caller's array stays writable, and makes the two zeros one.
        edges = np.asarray(self.edges, dtype=np.float64) + 0.0
        if edges.ndim != 1 or not np.all(np.isfinite(edges)) or np.any(edges[1:] <= edges[:-1]):
            raise InputError("The edges of a binning must be one row of finite, strictly rising numbers.")
        edges.setflags(write=False)
        object.__setattr__(self, "edges", edges)

    @classmethod
    def from_values(cls, values: Floats, maximum_cells: int = MAXIMUM_CELLS) -> NumericBinning:
        """The binning that a baseline's ``values`` (finite and not, any order) ask for.

        Few distinct values get a cell each; otherwise the edges are quantiles, ``maximum_cells`` of them, and each
        atom gets a cell of its own on top.
        """
        finite = np.asarray(values, dtype=np.float64)
        return cls.from_sorted(np.sort(finite[np.isfinite(finite)]), maximum_cells)

    @classmethod
    def from_sorted(cls, finite: Floats, maximum_cells: int = MAXIMUM_CELLS) -> NumericBinning:
        """The same as `from_values`, of finite values in rising order."""
        is_last = np.ones(finite.size, dtype=np.bool_)
        is_last[:-1] = finite[1:] != finite[:-1]
        if np.count_nonzero(is_last) <= maximum_cells // 2:
            return cls(_atom_edges(finite[is_last]))
        quantiles = finite[(np.arange(1, maximum_cells) * finite.size) // maximum_cells - 1]
        further = -(-finite.size // maximum_cells) - 1
        atoms = finite[: finite.size - further][finite[further:] == finite[: finite.size - further]]
        return cls(np.unique(np.concatenate([quantiles, _atom_edges(atoms)])))

    @property
    def cells(self) -> int:
        return self.edges.size + 1

    @cached_property
    def atoms(self) -> NDArray[np.bool_]:
        """Per cell, whether it can hold a single value only."""
        is_atom = np.zeros(self.cells, dtype=np.bool_)
        if self.edges.size:
            is_atom[1:-1] = np.nextafter(self.edges[:-1], np.inf) == self.edges[1:]
        return is_atom

    def count(self, finite_values: Floats) -> Counts:
        """Values per cell."""
        if finite_values.size >= MANY_VALUES and self._lookup is not None:
            return self._lookup.count(finite_values)
        return count_by_sorting(finite_values, self.edges)

    @cached_property
    def _lookup(self) -> CellLookup | None:
        return CellLookup(self.edges) if CellLookup.worth_making(self.edges) else None

    def locate(self, finite_values: Floats) -> NDArray[np.intp]:
        """Per value, the index of its cell."""
        return np.searchsorted(self.edges, finite_values, side="left")

    @cached_property
    def digest(self) -> str:
        """Same digest, same cells."""
        return hashlib.sha256(b"numeric" + self.edges.astype("<f8").tobytes()).hexdigest()


@dataclass(frozen=True)
class CategoricalBinning:
    """A cell per baseline level for the largest; the rest of the baseline's levels share the cell "other".

    Levels in neither are *unseen*: they are counted apart, by name where they are common.
    """

    levels: tuple[str, ...]
    pooled_levels: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(set(self.levels)) != len(self.levels) or self.pooled_levels & set(self.levels):
            raise InputError("A binning names each level once.")

    @classmethod
    def from_counts(cls, counts: dict[str, int], maximum_levels: int = MAXIMUM_LEVELS) -> CategoricalBinning:
        """The binning that a baseline's levels, with their counts, ask for; ties by name, so that it is stable."""
        ranked = sorted(counts, key=lambda level: (-counts[level], level))
        pooled = ranked[maximum_levels : maximum_levels + MAXIMUM_POOLED_LEVELS]
        return cls(levels=tuple(ranked[:maximum_levels]), pooled_levels=frozenset(pooled))

    @cached_property
    def position(self) -> dict[str, int]:
        """Index of each level's cell."""
        return {level: index for index, level in enumerate(self.levels)}

    @cached_property
    def digest(self) -> str:
        content = json.dumps([self.levels, sorted(self.pooled_levels)])
        return hashlib.sha256(b"categorical" + content.encode()).hexdigest()


Binning = NumericBinning | CategoricalBinning


def pooled_binning(samples: Sequence[Floats]) -> NumericBinning:
    """Every value of the samples as an edge: statistics on cells are then the exact ones of the samples."""
    pooled = np.concatenate([np.asarray(sample, dtype=np.float64) for sample in samples])
    return NumericBinning(np.unique(pooled[np.isfinite(pooled)]))


def latency_binning() -> NumericBinning:
    """Log-spaced cells from 0.01 ms to 1,000 s, 2.3 % wide: percentiles come out within 1.2 %."""
    return NumericBinning(np.logspace(-2, 6, 801))


def _atom_edges(atoms: Floats) -> Floats:
    with np.errstate(over="ignore"):
        edges: Floats = np.unique(np.concatenate([np.nextafter(atoms, -np.inf), atoms]))
    return edges[np.isfinite(edges)]


def require_same_cells(left: Binning, right: Binning) -> None:
    """Refuses (`InputError`) two profiles whose cells differ."""
    if left is not right and left.digest != right.digest:
        raise InputError("Profiles counted in different binnings cannot be merged; count the slices again.")
