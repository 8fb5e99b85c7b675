"""A schedule of stages: so long at such a percentage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from driftline.errors import InputError


@dataclass(frozen=True)
class Stage:
    """At least ``minutes`` at ``percent`` (above 0, at most 100) of the traffic; the last one has no end."""

    minutes: float
    percent: float

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)


def stages_of(schedule: Iterable[Sequence[float]]) -> tuple[Stage, ...]:
    """The stages of ``[(minutes, percent), …]``.

    Raises
    ------
    InputError
        When the schedule is empty, a number is out of its range, or the percentages do not rise.
    """
    stages = tuple(_stage(entry) for entry in schedule)
    if not stages:
        raise InputError("The schedule is empty. Give at least one stage, as [minutes, percent].")
    for before, after in pairwise(stages):
        if after.percent <= before.percent:
            raise InputError(
                f"The schedule goes from {before.percent:g} % to {after.percent:g} %. The percentages of a schedule "
                "rise; to go back is what happens when a stage does badly."
            )
    return stages


def is_due(stage: Stage, since: datetime, now: datetime) -> bool:
    """Whether the stage has lasted as long as it should."""
    return now - since >= stage.length


def _stage(entry: Sequence[float]) -> Stage:
    if len(entry) != 2:
        raise InputError(f"The stage {list(entry)} is not a pair. Write each stage as [minutes, percent].")
    minutes, percent = entry
    if not 0 < percent <= 100:  # NaN is refused too
        raise InputError(f"A stage has {percent} percent of the traffic; give a number above 0 and at most 100.")
    if not 0 <= minutes <= 525_600:
        raise InputError(f"A stage lasts {minutes} minutes; give a number from 0 to 525600 (a year).")
    return Stage(float(minutes), float(percent))
