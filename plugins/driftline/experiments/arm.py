"""What an arm of an experiment has shown so far: sufficient statistics, so that no look reads anything twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar, cast

from driftline.errors import InputError
from driftline.experiments.moments import UnitMoments, is_finite

SCORE_CELLS = 1_000
"""A score (0 to 1) is kept to a thousandth; ROC-AUC takes scores of one cell for ties."""

Pair = tuple[int, int]
Counted = TypeVar("Counted", int, Pair)


@dataclass(frozen=True)
class ArmStatistics:
    """Counts and sums of one arm; two sets of units without a common one add up.

    Attributes
    ----------
    units, predictions:
        Units assigned to the arm that were served by its version, and their predictions.
    moments:
        By metric (`accuracy`, `error_rate`, or a name of the application's own).
    latencies:
        Predictions per cell of `driftline.live.latency`.
    scores:
        Per cell of the score, labeled predictions that are negative and positive.
    groups:
        Per group of the protected attribute, predictions and positive ones.
    clusters:
        What `driftline.experiments.clustering` goes by: sums by unit of what each row moves a metric by. Empty where
        units have one row each, or an application collects the figures.
    """

    units: int = 0
    predictions: int = 0
    moments: Mapping[str, UnitMoments] = field(default_factory=dict)
    latencies: Mapping[int, int] = field(default_factory=dict)
    scores: Mapping[int, Pair] = field(default_factory=dict)
    groups: Mapping[str, Pair] = field(default_factory=dict)
    clusters: Mapping[str, UnitMoments] = field(default_factory=dict)

    def __add__(self, other: ArmStatistics) -> ArmStatistics:
        return ArmStatistics(
            units=self.units + other.units,
            predictions=self.predictions + other.predictions,
            moments=_summed(self.moments, other.moments, UnitMoments()),
            latencies=_summed(self.latencies, other.latencies, 0),
            scores=_paired(self.scores, other.scores),
            groups=_paired(self.groups, other.groups),
            clusters=_summed(self.clusters, other.clusters, UnitMoments()),
        )

    def require_possible(self, version: str) -> None:
        """Refuses (`InputError`) statistics that no arm can have."""
        counts = [self.units, self.predictions, *self.latencies.values()]
        counts += [count for pairs in (self.scores, self.groups) for pair in pairs.values() for count in pair]
        if any(count < 0 for count in counts):
            raise InputError(f"The statistics of {version!r} hold a count below 0.")
        for name, moments in self.moments.items():
            if not is_finite(moments) or min(moments.units, moments.n, moments.nn, moments.ss) < 0:
                raise InputError(f"The sums of {name!r} of {version!r} are not finite numbers, or a count is below 0.")

    def to_json(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "predictions": self.predictions,
            "moments": {name: moments.to_json() for name, moments in self.moments.items()},
            "latencies": {str(cell): count for cell, count in self.latencies.items()},
            "scores": {str(cell): list(pair) for cell, pair in self.scores.items()},
            "groups": {name: list(pair) for name, pair in self.groups.items()},
            "clusters": {name: moments.to_json() for name, moments in self.clusters.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            units=document["units"],
            predictions=document["predictions"],
            moments={name: UnitMoments.from_json(each) for name, each in document["moments"].items()},
            latencies=_by_cell(document["latencies"], document["latencies"].values()),
            scores=_by_cell(document["scores"], cast("Iterable[Pair]", map(tuple, document["scores"].values()))),
            groups={name: (pair[0], pair[1]) for name, pair in document["groups"].items()},
            clusters={name: UnitMoments.from_json(each) for name, each in document.get("clusters", {}).items()},
        )


def score_cell(score: float) -> int:
    """The cell of a score from 0 to 1."""
    return min(int(score * SCORE_CELLS), SCORE_CELLS - 1)


def _by_cell(cells: Iterable[str], counted: Iterable[Counted]) -> dict[int, Counted]:
    """Without a step of Python's per cell: of a thousand experiments there are half a million."""
    return dict(zip(map(int, cells), counted, strict=True))


def _summed(left: Mapping[Any, Any], right: Mapping[Any, Any], nothing: Any) -> dict[Any, Any]:
    return {key: left.get(key, nothing) + right.get(key, nothing) for key in {**left, **right}}


def _paired(left: Mapping[Any, Pair], right: Mapping[Any, Pair]) -> dict[Any, Pair]:
    summed = {}
    for key in {**left, **right}:
        one, other = left.get(key, (0, 0)), right.get(key, (0, 0))
        summed[key] = (one[0] + other[0], one[1] + other[1])
    return summed
