"""Which part of a model's traffic goes to which version: ranges of positions that change as little as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from driftline.errors import InputError

POSITIONS = 1_000_000
"""Positions on the line of traffic: a share is told to a millionth."""


@dataclass(frozen=True)
class Allocation:
    """The versions' ranges on the line of positions from 0 to `POSITIONS`.

    Attributes
    ----------
    bounds:
        Where each range ends (excluded), rising; the last is `POSITIONS`. Empty where nothing is routed.
    versions:
        Whose range it is, one for each bound.
    """

    bounds: tuple[int, ...] = ()
    versions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rises = all(low < high for low, high in pairwise((0, *self.bounds)))
        if len(self.bounds) != len(self.versions) or not rises or (self.bounds and self.bounds[-1] != POSITIONS):
            raise InputError(
                f"The allocation has the bounds {list(self.bounds)[:20]} for {len(self.versions)} ranges; give each "
                f"range one, rising from above 0 to {POSITIONS}."
            )

    @property
    def positions(self) -> dict[str, int]:
        """Positions per version: its share in millionths."""
        held: dict[str, int] = {}
        for version, start, end in self.ranges:
            held[version] = held.get(version, 0) + end - start
        return held

    @property
    def ranges(self) -> tuple[tuple[str, int, int], ...]:
        """Version, first position and end (excluded) of each range."""
        return tuple(
            (version, start, end)
            for version, (start, end) in zip(self.versions, pairwise((0, *self.bounds)), strict=True)
        )

    def to_json(self) -> list[list[str | int]]:
        """As JSON: ``[[bound, version], …]``."""
        return [[bound, version] for bound, version in zip(self.bounds, self.versions, strict=True)]

    @classmethod
    def from_json(cls, document: list[list[str | int]]) -> Allocation:
        return cls(tuple(int(bound) for bound, _ in document), tuple(str(version) for _, version in document))


def reallocated(before: Allocation, shares: Mapping[str, Decimal]) -> Allocation:
    """The allocation with other shares, in which only the positions move that must.

    A version that loses traffic gives up the ends of its ranges, the last first; those that gain take what was given
    up, in the order of their names. So an entity changes its version only where its version lost it: raising one
    version's share from 5 % to 20 % moves 15 % of the entities, all to that version, and nobody between the others.

    Parameters
    ----------
    shares
        Of `driftline.serving.exact_shares`: multiples of a millionth that add up to 1.
    """
    wanted = {version: int(share * POSITIONS) for version, share in shares.items() if share}
    if sum(wanted.values()) != POSITIONS:
        raise InputError(f"The shares {dict(shares)} do not add up to 1 in millionths.")
    missing = {version: wanted.get(version, 0) for version in sorted({*wanted, *before.versions})}
    kept: list[tuple[str, int, int]] = []
    free: list[tuple[int, int]] = [] if before.bounds else [(0, POSITIONS)]
    for version, start, end in before.ranges:
        stays = min(end - start, missing[version])
        missing[version] -= stays
        if stays:
            kept.append((version, start, start + stays))
        if start + stays < end:
            free.append((start + stays, end))
    return _joined(sorted([*kept, *_taken(free, missing)], key=lambda each: each[1]))


def _taken(free: list[tuple[int, int]], missing: dict[str, int]) -> list[tuple[str, int, int]]:
    taken: list[tuple[str, int, int]] = []
    waiting = [(version, count) for version, count in missing.items() if count]
    for start, end in free:
        at = start
        while at < end:
            version, count = waiting[0]
            upto = min(at + count, end)
            taken.append((version, at, upto))
            waiting[0] = (version, count - (upto - at))
            if waiting[0][1] == 0:
                waiting.pop(0)
            at = upto
    return taken


def _joined(ranges: list[tuple[str, int, int]]) -> Allocation:
    """Neighbouring ranges of one version as one."""
    bounds: list[int] = []
    versions: list[str] = []
    for version, _, end in ranges:
        if versions and versions[-1] == version:
            bounds[-1] = end
        else:
            bounds.append(end)
            versions.append(version)
    return Allocation(tuple(bounds), tuple(versions))
