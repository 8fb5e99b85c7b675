"""From a statistic and its evidence to a result: the one rule by which every test decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftline.drift.movement import missing_in_words, movement_in_words, recommendation_for
from driftline.drift.pairs import Pair
from driftline.drift.result import DriftResult, DriftSeverity, DriftStatus
from driftline.drift.severity import severity_of


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A statistic on a pair, before anything is decided.

    Attributes
    ----------
    pair:
        What was measured.
    statistic, effect:
        In the units that the test documents; `effect` is what the floor is held against.
    reference_size, current_size:
        Rows that the statistic is made of.
    degrees_of_freedom:
        Of the chi-square test on the same cells, where the test rests on cells.
    """

    pair: Pair
    statistic: float
    effect: float
    reference_size: int
    current_size: int
    degrees_of_freedom: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def effective_size(self) -> float:
        """``n m / (n + m)``: what a two-sample statistic's variance falls with."""
        return self.reference_size * self.current_size / (self.reference_size + self.current_size)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a statistic is, if nothing has drifted.

    Attributes
    ----------
    critical_value:
        The statistic is evidence from here on.
    p_value:
        Probability of such a statistic or a larger one.
    is_evident:
        Whether the statistic is beyond chance at the budget.
    source:
        ``calibrated`` (on the baseline's own windows) or ``analytic`` (two independent samples).
    """

    critical_value: float
    p_value: float
    is_evident: bool
    source: str


def judged(
    test: str,
    feature_name: str,
    measurement: Measurement,
    evidence: Evidence,
    floor: float,
    *,
    decides: bool = True,
    has_support: bool = True,
) -> DriftResult:
    """Detected if the evidence is there *and* statistic and effect reach their limits; severity only then.

    A test that does not decide detects nothing where none that decides did (``has_support``): it says so.
    """
    threshold = max(evidence.critical_value, floor if measurement.effect == measurement.statistic else 0.0)
    detected = evidence.is_evident and measurement.statistic >= threshold and measurement.effect >= floor
    details = {
        **measurement.details,
        "floor": floor,
        "critical_value": evidence.critical_value,
        "evidence": evidence.source,
    }
    if not decides:
        details["decides"] = False
    description = f"{TITLES[test]} {measurement.statistic:.3g}, limit {threshold:.3g}"
    if not detected:
        description = f"No drift: {description}."
    elif not has_support:
        detected, description = False, f"Supports no deciding test by itself: {description}."
    else:
        description = f"{description}: {_moved(test, measurement.pair)}"
    severity = severity_of(test, measurement.effect, evidence.p_value) if detected else DriftSeverity.NONE
    return DriftResult(
        feature_name=feature_name,
        test=test,
        status=DriftStatus.DETECTED if detected else DriftStatus.OK,
        severity=severity,
        statistic=measurement.statistic,
        p_value=evidence.p_value,
        threshold=threshold,
        effect=measurement.effect,
        reference_size=measurement.reference_size,
        current_size=measurement.current_size,
        minimum_detectable_shift=_minimum_detectable(test, measurement, evidence, floor),
        description=description,
        recommendation=recommendation_for(test, severity, feature_name) if detected else "",
        details=details,
    )


def _moved(test: str, pair: Pair) -> str:
    return f"{missing_in_words(pair)}." if test == "null_share" else movement_in_words(pair)


def not_evaluated(test: str, feature_name: str, reason: str, sizes: tuple[int, int] = (0, 0)) -> DriftResult:
    """The result of a test that could not be computed."""
    return DriftResult(
        feature_name=feature_name,
        test=test,
        status=DriftStatus.NOT_EVALUATED,
        reason=reason,
        reference_size=sizes[0],
        current_size=sizes[1],
        description=f"Not evaluated: {reason}",
    )


TITLES: Mapping[str, str] = {
    "kolmogorov_smirnov": "Kolmogorov-Smirnov distance",
    "cramer_von_mises": "Cramér-von Mises statistic",
    "wasserstein": "Wasserstein distance (reference sd)",
    "spread": "Change of the spread (log ratio)",
    "population_stability_index": "Population stability index",
    "jensen_shannon": "Jensen-Shannon divergence",
    "hellinger": "Hellinger distance",
    "total_variation": "Total variation",
    "chi_square": "Chi-square",
    "null_share": "Change of the missing share",
    "new_level_share": "Share of never-seen levels",
}
"""How a test's statistic is called in a message."""

POWER_80 = 0.8416
"""Normal quantile of 0.8."""

_DEVIATION_AT: Mapping[str, float] = {
    "kolmogorov_smirnov": 0.5,
    "wasserstein": 1.0,
    "spread": math.sqrt(0.5),
    "hellinger": math.sqrt(1 / 8),
    "total_variation": 0.5,
    "chi_square": 0.5,
    "null_share": 0.5,
    "new_level_share": 0.5,
}
"""Upper bound of the effect's standard deviation, times the root of the effective size."""

_CURVATURE_AT: Mapping[str, float] = {
    "population_stability_index": 2.0,
    "jensen_shannon": 2.0 / math.sqrt(8 * math.log(2)),
    "cramer_von_mises": 2.0 / math.pi,
}
"""The same for squared distances, whose deviation grows with the root of the effect."""


def _minimum_detectable(test: str, measurement: Measurement, evidence: Evidence, floor: float) -> float:
    """The limit, plus what chance may take away from an effect (80 % power, normal approximation)."""
    size = measurement.effective_size
    critical = evidence.critical_value
    if test == "chi_square":
        critical = math.sqrt(critical / size) / 2
    elif test == "cramer_von_mises":
        critical = critical / size
    limit = max(critical, floor)
    if test in _CURVATURE_AT:
        return limit + POWER_80 * _CURVATURE_AT[test] * math.sqrt(limit / size)
    deviation = _DEVIATION_AT[test]
    if test.endswith("share"):
        deviation = math.sqrt(min(limit, 0.5) * (1 - min(limit, 0.5)))
    return limit + POWER_80 * deviation / math.sqrt(size)
