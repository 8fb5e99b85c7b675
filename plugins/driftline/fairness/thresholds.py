"""What counts as unfair, per model."""

from __future__ import annotations

from dataclasses import dataclass

from driftline.errors import InputError
from driftline.fairness.criteria import Criterion


@dataclass(frozen=True, kw_only=True)
class FairnessThresholds:
    """The limits that a window's groups are held against.

    Attributes
    ----------
    criteria:
        What is asked; ``None`` for all of the task (`BINARY_CRITERIA`, `MULTICLASS_CRITERIA`, `REGRESSION_CRITERIA`).
    false_alarm_rate:
        Share of windows that may alarm though no group fares otherwise than before, over all that is judged.
    minimum_rows:
        With fewer rows of those that a rate rests on (positive labels, say) a group is `not_evaluated`.
    maximum_increase:
        How far a group may move away from the others, in points of a share (0.05 is 5 points).
    maximum_error_increase:
        The same for errors of a regression, in shares of the reference's mean absolute error (0.1 is a tenth).
    maximum_difference, minimum_ratio:
        Absolute limits of the largest difference (points) and the smallest ratio between groups; ``None``: none.
    calls:
        How many calls (versions, attributes and comparisons of a window) share the false-alarm budget.
    """

    criteria: tuple[Criterion, ...] | None = None
    false_alarm_rate: float = 0.01
    minimum_rows: int = 50
    maximum_increase: float = 0.05
    maximum_error_increase: float = 0.1
    maximum_difference: float | None = None
    minimum_ratio: float | None = None
    calls: int = 1

    def __post_init__(self) -> None:
        _require(0 < self.false_alarm_rate < 1, "false_alarm_rate", self.false_alarm_rate, "above 0 and below 1")
        _require(self.minimum_rows >= 2, "minimum_rows", self.minimum_rows, "at least 2")
        _require(0 < self.maximum_increase <= 1, "maximum_increase", self.maximum_increase, "above 0 and at most 1")
        _require(self.maximum_error_increase > 0, "maximum_error_increase", self.maximum_error_increase, "above 0")
        _require(self.calls >= 1, "calls", self.calls, "at least 1")
        for name in ("maximum_difference", "minimum_ratio"):
            limit = getattr(self, name)
            _require(limit is None or 0 < limit <= 1, name, limit, "above 0 and at most 1")


def _require(is_met: bool, name: str, value: object, allowed: str) -> None:
    if not is_met:
        raise InputError(f"{name} is {value}; it must be {allowed}.")
