"""Ladders from the size of a change to its severity."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from types import MappingProxyType

from driftline.findings import Severity

STEPS = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)

EFFECT_LADDERS: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "kolmogorov_smirnov": (0.1, 0.125, 0.15, 0.3),
        "population_stability_index": (0.1, 0.15, 0.2, 0.5),
        "jensen_shannon": (0.0, 0.1, 0.3, 0.5),
        "wasserstein": (0.1, 0.25, 0.5, 1.0),
        "spread": (0.1, 0.2, 0.4, 0.7),
        "hellinger": (0.1, 0.15, 0.2, 0.4),
        "total_variation": (0.03, 0.1, 0.2, 0.4),
        "chi_square": (0.03, 0.1, 0.2, 0.4),
        "cramer_von_mises": (0.0, 0.01, 0.02, 0.05),
        "null_share": (0.02, 0.05, 0.1, 0.3),
        "new_level_share": (0.01, 0.05, 0.1, 0.3),
        "domain_classifier": (0.55, 0.6, 0.65, 0.75),
        "correlation_change": (0.1, 0.3, 0.5, math.inf),
        "pca_reconstruction": (0.02, 0.05, 0.1, 0.3),
        "score_drift": (0.1, 0.125, 0.15, 0.3),
    }
)
"""Per test, the effects from which a detected drift is low, medium, high and critical.

PSI 0.1 / 0.15 / 0.2 and Jensen-Shannon 0.1 / 0.3 are the published steps; the others sit where a shift of the mean of
a normal variable reaches the same step of the PSI (0.1: 0.32 sd, 0.2: 0.45 sd, 0.5: 0.7 sd). The domain classifier's
0.65 is NannyML's alert; two normal samples a distance of d standard deviations apart have the AUC Phi(d / sqrt(2)), so
that 0.55 / 0.6 / 0.65 / 0.75 are 0.18 / 0.36 / 0.54 / 0.95 sd along the direction that separates best. The
reconstruction error is a mean over all features, which what moves in two of thirty changes by hundredths: its ladder is
our own. The change of a correlation has Cohen's steps for q, small, medium and large; that of one pair of features is
never critical by itself. `score_drift` is Kolmogorov-Smirnov on the model's score, and has its steps.
"""

P_VALUE_LADDER = (0.05, 0.01, 0.001)
"""Kolmogorov-Smirnov p-values below which the evidence allows low, medium, and high or more."""


def severity_of(test: str, effect: float, p_value: float | None) -> Severity:
    """How much a *detected* drift matters: what its effect says, and no more than what its evidence says.

    The two are combined by the lesser: with 100,000 rows every p-value is below 0.001, and an effect of 0.11 is still
    a low one; with 200 rows a large effect at p = 0.02 is no better than low. A detected drift is at least low.
    """
    by_effect = bisect_right(EFFECT_LADDERS[test], effect) - 1
    by_evidence = len(STEPS) - 1 if p_value is None or p_value < P_VALUE_LADDER[2] else _evidence_step(p_value)
    return STEPS[max(0, min(by_effect, by_evidence))]


def _evidence_step(p_value: float) -> int:
    return 1 if p_value < P_VALUE_LADDER[1] else 0
