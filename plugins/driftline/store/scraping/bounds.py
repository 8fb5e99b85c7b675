"""How much one scrape may say: what Prometheus keeps grows with every value of every label."""

from __future__ import annotations

from datetime import timedelta

FEATURES_PER_MODEL = 100
"""Pairs of feature and version that are told of one model: those with drift first, by severity, then by name."""

FEATURES_TOGETHER = 5_000
"""Of all models together: with more than 50 models each gets an equal part, at least one."""

VERSIONS_PER_MODEL = 20
"""Versions that are told of one model: those with the most predictions."""

RECENT = timedelta(days=7)
"""A window that ended longer ago says nothing about now: only when it ended is told."""

LIVE_MINUTES = 5
"""Live figures are those of the last whole minutes, so many."""

COUNTED_WITHIN = timedelta(minutes=10)
"""A model whose log was counted longer ago has no live figures."""


def features_of_each(models: int) -> int:
    """How many pairs of feature and version each of so many models may tell."""
    return max(1, min(FEATURES_PER_MODEL, FEATURES_TOGETHER // max(models, 1)))
