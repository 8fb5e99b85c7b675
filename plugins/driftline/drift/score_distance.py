"""How far apart the scores of two tables are."""

from __future__ import annotations

from driftline.drift.distances import kolmogorov_smirnov
from driftline.drift.encoding import Table
from driftline.drift.pairs import numeric_pair


def score_distance(reference: Table, current: Table, score: str) -> float:
    """Kolmogorov-Smirnov distance of the scores. Raises `NotEvaluable` without finite values that differ."""
    pair = numeric_pair(reference.numbers[score], current.numbers[score])
    pair.require_finite_values()
    return kolmogorov_smirnov(*pair.cumulative)
