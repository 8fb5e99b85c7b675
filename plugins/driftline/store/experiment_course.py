"""What experiments have shown from look to look: effects with their intervals, thinned to what a chart can show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from driftline.experiments.result import MetricResult
from driftline.store.json_values import json_safe
from driftline.store.tables import experiment_course

FIRST = timedelta(days=1)
"""So long the first look of every `EARLY_STEP` is kept; afterwards that of every `LATE_STEP`."""
EARLY_STEP = timedelta(minutes=15)
LATE_STEP = timedelta(hours=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class CoursePoint:
    """What one look found of one metric of one treatment; None where it found nothing, or no bound."""

    at: datetime
    effect: float | None
    low: float | None
    high: float | None


def is_kept(since: datetime, last: datetime | None, at: datetime) -> bool:
    """Whether a look at ``at`` is the first of its step, where the one before it was at ``last``."""
    step = EARLY_STEP if at - since < FIRST else LATE_STEP
    return last is None or (at - _EPOCH) // step != (last - _EPOCH) // step


def keep_course(connection: Connection, at: datetime, looks: Mapping[tuple[str, int], Iterable[MetricResult]]) -> None:
    """Keeps what looks found, by experiment and counting; the same look again changes nothing."""
    values = [
        {
            "experiment": experiment,
            "counting": counting,
            "at": at,
            "points": json_safe({each.key: [each.effect, *(each.interval or (None, None))] for each in results}),
        }
        for (experiment, counting), results in looks.items()
    ]
    if values:
        connection.execute(insert(experiment_course).on_conflict_do_nothing(), values)


def experiment_points(connection: Connection, experiment: str, counting: int) -> dict[str, list[CoursePoint]]:
    """By `MetricResult.key`, the oldest look first."""
    rows = connection.execute(
        select(experiment_course.c.at, experiment_course.c.points)
        .where(experiment_course.c.experiment == experiment, experiment_course.c.counting == counting)
        .order_by(experiment_course.c.at)
    )
    course: dict[str, list[CoursePoint]] = {}
    for row in rows:
        for key, values in row.points.items():
            course.setdefault(key, []).append(CoursePoint(row.at, *map(_finite, values)))
    return course


def last_points(analysis: Mapping[str, Any]) -> dict[str, CoursePoint]:
    """Of the last look, as it is kept with the experiment."""
    at = datetime.fromisoformat(analysis["at"])
    return {
        "/".join(part for part in (each["treatment"], each["metric"], each["group"]) if part): CoursePoint(
            at, _finite(each["effect"]), *map(_finite, each["interval"] or (None, None))
        )
        for each in analysis["results"]
    }


def _finite(value: Any) -> float | None:
    """Infinities are kept as text."""
    return float(value) if isinstance(value, int | float) else None
