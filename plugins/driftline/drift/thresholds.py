"""The limits that make a difference a drift."""

from __future__ import annotations

from dataclasses import dataclass, fields

from driftline.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DriftThresholds:
    """Effect floors per test, the false-alarm budget of a window, and the fewest rows that are judged.

    A floor says what is too small to matter, however certain. Evidence is a matter of `false_alarm_rate`.

    Raises
    ------
    InputError
        When a value is out of its range.
    """

    psi: float = 0.1
    """Population stability index (any number above 0); 0.1 is the customary "moderate change"."""
    jensen_shannon: float = 0.1
    """Jensen-Shannon divergence, base 2 (0 to 1)."""
    kolmogorov_smirnov: float = 0.1
    """Largest distance of the two distribution functions (0 to 1); a shift of 0.25 standard deviations."""
    wasserstein: float = 0.1
    """Mean distance moved, in standard deviations of the reference."""
    spread: float = 0.1
    """Change of the spread, as the absolute logarithm of the ratio (0.1 is about 10 %)."""
    total_variation: float = 0.03
    """Share of a categorical feature's rows that would have to change their level (0 to 1)."""
    null_share: float = 0.02
    """Change of the share of rows without a usable number (0.02 = 2 points)."""
    new_level_share: float = 0.01
    """Share of rows with levels that the reference never had."""
    false_alarm_rate: float = 0.01
    """Share of clean windows that may alarm, over all features and tests together."""
    minimum_rows: int = 200
    """With fewer rows on either side nothing is judged."""

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            if not getattr(self, name) >= 0:
                raise InputError(f"The drift threshold {name} is {getattr(self, name)!r}; it must be 0 or more.")
        if not 0 < self.false_alarm_rate < 1:
            raise InputError(f"false_alarm_rate is {self.false_alarm_rate}; it must lie between 0 and 1.")
        if self.minimum_rows < 2:
            raise InputError(f"minimum_rows is {self.minimum_rows}; a distribution needs at least 2 rows.")
