"""From a multivariate statistic to a result: evidence against both nulls, effect against its floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy import stats

from driftline.drift.measurement import POWER_80, Evidence
from driftline.drift.multivariate_correlation import MaximumUnit
from driftline.drift.multivariate_null import TWO_SIDED, WindowNull, from_normal_unit, in_normal_unit
from driftline.drift.result import DriftResult, DriftStatus
from driftline.drift.severity import severity_of

SUBJECT = "multivariate"
"""What the results call the features together."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A statistic on two samples, before anything is decided.

    Attributes
    ----------
    value:
        The statistic; signed where the test is two-sided, whose result carries its size.
    analytic:
        What it is worth if all rows are independent.
    deviation:
        Standard deviation of the statistic from sampling alone.
    sizes:
        Rows looked at on either side.
    unit:
        Where the statistic is about normal, if not that of its test (`in_normal_unit`).
    summary, carriers, remark:
        For people: what was measured, the features that carry it, and what to know about them.
    """

    test: str
    value: float
    analytic: Evidence
    deviation: float
    sizes: tuple[int, int]
    summary: str
    carriers: tuple[str, ...] = ()
    remark: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    unit: MaximumUnit | None = None

    @property
    def in_unit(self) -> float:
        return in_normal_unit(self.test, self.value) if self.unit is None else self.unit.of(self.value)

    def from_unit(self, value: float) -> float:
        return from_normal_unit(self.test, value) if self.unit is None else self.unit.back(value)


def judged(observation: Observation, window_null: WindowNull | None, significance: float, floor: float) -> DriftResult:
    """Detected if the statistic is beyond chance, beyond what the baseline's own windows do, and beyond the floor."""
    evidence = _evidence(observation, window_null, significance)
    effect = abs(observation.value)
    threshold = max(evidence.critical_value, floor)
    detected = evidence.is_evident and effect >= threshold
    severity = severity_of(observation.test, effect, evidence.p_value)
    fields: dict[str, Any] = {
        "feature_name": SUBJECT,
        "test": observation.test,
        "statistic": effect,
        "p_value": evidence.p_value,
        "threshold": threshold,
        "effect": effect,
        "reference_size": observation.sizes[0],
        "current_size": observation.sizes[1],
        "minimum_detectable_shift": threshold + POWER_80 * observation.deviation,
        "details": {
            **observation.details,
            "floor": floor,
            "critical_value": evidence.critical_value,
            "evidence": evidence.source,
        },
    }
    summary = f"{observation.summary}, limit {threshold:.3g}"
    if not detected:
        return DriftResult(status=DriftStatus.OK, description=f"No drift: {summary}.", **fields)
    return DriftResult(
        status=DriftStatus.DETECTED,
        severity=severity,
        description=f"{summary}. {observation.remark}".strip(),
        recommendation=_recommendation(observation),
        **fields,
    )


def _evidence(observation: Observation, window_null: WindowNull | None, significance: float) -> Evidence:
    """Days that differ come on top of chance: what has to be beyond both is held against the wider of the two."""
    analytic = observation.analytic
    if window_null is None:
        return analytic
    p_value, critical = _against_windows(observation, window_null, significance)
    return Evidence(
        critical_value=max(critical, analytic.critical_value),
        p_value=max(p_value, analytic.p_value),
        is_evident=max(p_value, analytic.p_value) <= significance,
        source="calibrated",
    )


def _against_windows(observation: Observation, null: WindowNull, significance: float) -> tuple[float, float]:
    value = observation.in_unit
    if observation.test not in TWO_SIDED:
        return null.upper_tail(value), observation.from_unit(null.quantile(significance))
    p_value = 2 * float(stats.t.sf(abs(null.distance(value)), null.windows - 1))
    is_rise = value >= null.mean
    limit = observation.from_unit(null.quantile(significance / 2 if is_rise else 1 - significance / 2))
    return p_value, max(limit if is_rise else -limit, 0.0)


def _recommendation(observation: Observation) -> str:
    if not observation.carriers:
        return (
            "The model answers differently. Compare its inputs' findings and its version; if neither changed, look at "
            "the features it was not checked on."
        )
    return (
        f"Look at {listed(observation.carriers)} together, also where each alone has not moved: a join, a unit or a "
        "rule that ties them may have changed at the source. If the change is real and stays, retrain on recent data."
    )


def listed(names: tuple[str, ...]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
