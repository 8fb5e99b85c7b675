"""How low a share may really be, given what was seen: strict enough to look every 20 seconds for years."""

from __future__ import annotations

import math

CONFIDENCE = 1 - 1e-6
"""Of every single look. The guard looks 1.6 million times a year at a model; what lies well within its limit never
alarms, since the chance falls exponentially with the distance."""
_STEPS = 60


def share_lower_bound(hits: int, size: int, confidence: float = CONFIDENCE) -> float:
    """The smallest share (0..1) that ``hits`` of ``size`` leave possible at the one-sided ``confidence``.

    The Chernoff bound, inverted: P(hits or more) <= exp(-size KL(hits/size || share)) for every size and share, so it
    holds also where a normal approximation does not, for a handful of hits far out in the tail.

    Source: Hoeffding (1963), "Probability inequalities for sums of bounded random variables", JASA 58, theorem 1.
    """
    if hits <= 0 or size <= 0:
        return 0.0
    seen, budget = hits / size, -math.log(1 - confidence) / size
    low, high = 0.0, seen
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _divergence(seen, middle) > budget else (low, middle)
    return low


def _divergence(seen: float, supposed: float) -> float:
    """Kullback-Leibler divergence of two Bernoulli distributions (nats)."""
    if supposed <= 0:
        return math.inf
    hit = seen * math.log(seen / supposed)
    return hit if seen >= 1 else hit + (1 - seen) * math.log((1 - seen) / (1 - supposed))
