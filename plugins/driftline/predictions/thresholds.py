"""What counts as an anomaly of a model's outputs."""

from __future__ import annotations

from dataclasses import dataclass

from driftline.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PredictionThresholds:
    """The limits that a window's outputs are held against.

    Attributes
    ----------
    false_alarm_rate:
        Share of clean windows that may alarm, over all tests of the window together.
    minimum_rows:
        With fewer rows on either side a test is not evaluated.
    class_balance_shift:
        A move of the positive share by less (in shares, 0.05 is 5 points) is not an anomaly.
    lowest, highest:
        Predictions of a regression beyond these are impossible, for example a ``lowest`` of 0.
    """

    false_alarm_rate: float = 0.01
    minimum_rows: int = 200
    class_balance_shift: float = 0.05
    lowest: float | None = None
    highest: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.false_alarm_rate < 1:
            raise InputError(f"false_alarm_rate is {self.false_alarm_rate}; it must be above 0 and below 1, as 0.01.")
        if self.minimum_rows < 2:
            raise InputError(f"minimum_rows is {self.minimum_rows}; it must be at least 2.")
        if not 0 <= self.class_balance_shift <= 1:
            raise InputError(f"class_balance_shift is {self.class_balance_shift}; it must be a share, as 0.05.")
        if self.lowest is not None and self.highest is not None and self.lowest >= self.highest:
            raise InputError(f"lowest ({self.lowest}) must be below highest ({self.highest}).")
