"""Sample-ratio mismatch: do the arms have the shares of units that they were given?

If not, units went missing in a way that has to do with their arm, and no comparison of the arms can be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALARM_BELOW = 0.001
"""The p-value that holds an experiment: so low because it is looked at again and again."""
SMALLEST_EXPECTED = 5
"""Below so many expected units in an arm the chi-square distribution does not hold."""


@dataclass(frozen=True, kw_only=True)
class SampleRatio:
    """The logged split beside the planned one.

    Attributes
    ----------
    p_value:
        Of the chi-square test; None where it was not made, for ``reason``.
    """

    observed: Mapping[str, int]
    planned: Mapping[str, float]
    p_value: float | None
    reason: str = ""

    @property
    def is_mismatch(self) -> bool:
        return self.p_value is not None and self.p_value < ALARM_BELOW


def sample_ratio(observed: Mapping[str, int], weights: Mapping[str, float]) -> SampleRatio:
    """Tests the units per arm against the arms' weights (of any sum); an arm without weight is left out."""
    weighted = {arm: weight for arm, weight in weights.items() if weight > 0}
    total_weight = sum(weighted.values())
    counts = {arm: observed.get(arm, 0) for arm in weighted}
    total = sum(counts.values())
    planned = {arm: weight / total_weight for arm, weight in weighted.items()}
    if len(planned) < 2:
        return SampleRatio(observed=counts, planned=planned, p_value=None, reason="fewer than two arms have a weight")
    if total * min(planned.values()) < SMALLEST_EXPECTED:
        reason = f"{total} units are too few to tell a wrong split"
        return SampleRatio(observed=counts, planned=planned, p_value=None, reason=reason)
    from scipy.special import chdtrc

    statistic = sum((counts[arm] - share * total) ** 2 / (share * total) for arm, share in planned.items())
    p_value = float(chdtrc(len(planned) - 1, statistic))
    return SampleRatio(observed=counts, planned=planned, p_value=p_value)
