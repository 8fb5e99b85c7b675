"""What a model may do at most before the guard acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The guard's limits for one model; None: not watched.

    Attributes
    ----------
    error_rate:
        Share of predictions that may fail.
    latency_p95_ms:
        What 95 % of the predictions must be answered within.
    performance_drop:
        How much worse than the stable version: in points of accuracy (classification), relative for the mean absolute
        error (regression).
    minimum_predictions, minimum_labels:
        With fewer there is no verdict.
    held, of:
        An excess counts once ``held`` of the last ``of`` looks saw it.
    label_delay:
        Labels of a version that has served for less are those that come fast, and not compared.
    """

    error_rate: float | None = 0.01
    latency_p95_ms: float | None = 500.0
    performance_drop: float | None = 0.02
    minimum_predictions: int = 100
    minimum_labels: int = 200
    held: int = 2
    of: int = 3
    label_delay: timedelta = timedelta(0)
