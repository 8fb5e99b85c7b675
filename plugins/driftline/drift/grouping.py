"""Which features moved together, and so probably for one cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from driftline.drift.change_point import Onset, OnsetKind
from driftline.windows import SLICE_LENGTH

TOLERANCE = 2 * SLICE_LENGTH
"""Beginnings so near are taken to be one."""


@dataclass(frozen=True)
class FeatureMovement:
    """What the grouping looks at of one drifted feature.

    Attributes
    ----------
    carrying_segment:
        The segment that carries the drift; empty when it is spread over all alike or nothing is known.
    pipeline:
        What fills the feature upstream; empty when unknown.
    """

    feature: str
    onset: Onset
    carrying_segment: str = ""
    pipeline: str = ""


@dataclass(frozen=True)
class MovedTogether:
    """Features with one probable cause, in the order in which they were given; the first speaks for all.

    Attributes
    ----------
    carrying_segment, pipeline:
        What the features have in common; empty when they differ in it, or nothing is known.
    """

    features: tuple[str, ...]
    onset: Onset
    carrying_segment: str
    pipeline: str = ""


def group_movements(movements: Sequence[FeatureMovement]) -> tuple[MovedTogether, ...]:
    """Groups the features; every feature is in exactly one group, most are alone.

    A feature joins the first group whose *first* feature it moved together with. Two features moved together when

    1. both began with a step, at most `TOLERANCE` apart, in the same segment (or both in no particular one), or
    2. one pipeline fills both, and their beginnings do not contradict it: at most `TOLERANCE` apart, or one of them
       has no dated beginning.

    The rule holds members to the group's first feature, so that a chain of near beginnings does not grow into one
    group of everything. Undated features are not grouped for being undated: that says nothing of their cause.
    """
    groups: list[list[FeatureMovement]] = []
    for movement in movements:
        joined = next((group for group in groups if moved_together(group[0], movement)), None)
        if joined is None:
            groups.append([movement])
        else:
            joined.append(movement)
    return tuple(
        MovedTogether(
            features=tuple(each.feature for each in group),
            onset=_shared_onset(group),
            carrying_segment=_shared(each.carrying_segment for each in group),
            pipeline=_shared(each.pipeline for each in group),
        )
        for group in groups
    )


def moved_together(one: FeatureMovement, other: FeatureMovement) -> bool:
    """Whether the rule of `group_movements` takes the two for one cause."""
    if one.pipeline and one.pipeline == other.pipeline:
        return not (_is_step(one) and _is_step(other)) or _apart(one, other) <= TOLERANCE
    are_steps = _is_step(one) and _is_step(other)
    return are_steps and one.carrying_segment == other.carrying_segment and _apart(one, other) <= TOLERANCE


def groups_by_feature(groups: Sequence[MovedTogether]) -> Mapping[str, MovedTogether]:
    return {feature: group for group in groups for feature in group.features}


def _is_step(movement: FeatureMovement) -> bool:
    return movement.onset.kind is OnsetKind.STEP


def _apart(one: FeatureMovement, other: FeatureMovement) -> timedelta:
    assert one.onset.start is not None
    assert other.onset.start is not None
    return abs(one.onset.start - other.onset.start)


def _shared_onset(group: Sequence[FeatureMovement]) -> Onset:
    """The earliest dated one: the cause was there by then."""
    dated = [each.onset for each in group if each.onset.start is not None]
    return min(dated, key=lambda onset: (onset.start, onset.earliest), default=group[0].onset)


def _shared(names: Iterable[str]) -> str:
    different = set(names)
    return different.pop() if len(different) == 1 else ""
