"""Steadies the estimated sizes of many features' deviations by each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

from driftline.drift.residuals import Residuals
from driftline.profiles.binning import Floats

LEAST_FEATURES = 4
LARGEST_PRIOR = 4.0
"""The other features may count at most so many times as much as the feature's own windows: they are not independent."""


@dataclass(frozen=True)
class _Prior:
    """What the features' variances have in common: a value, and the degrees of freedom that it is worth."""

    variance: float
    degrees_of_freedom: float

    @classmethod
    def of(cls, variances: Floats, degrees_of_freedom: Floats) -> _Prior:
        """Fits a scaled F distribution to the variances by the moments of their logarithms.

        Source: Smyth (2004), "Linear models and empirical Bayes methods for assessing differential expression in
        microarray experiments", Statistical Applications in Genetics and Molecular Biology 3, section 6.2.
        """
        half = degrees_of_freedom / 2
        logs = np.log(variances) - special.digamma(half) + np.log(half)
        excess = float(np.var(logs, ddof=1) - special.polygamma(1, half).mean())
        most = LARGEST_PRIOR * float(degrees_of_freedom.mean())
        prior = min(2 * _inverse_trigamma(excess), most) if excess > 0 else most
        correction = special.digamma(prior / 2) - math.log(prior / 2) if excess > 0 else 0.0
        return cls(math.exp(float(logs.mean()) + float(correction)), prior)


def pooled(residuals: Sequence[Residuals]) -> list[Residuals]:
    """The same deviations, those of unusually steady or unsteady features drawn towards the common size.

    The fewer windows a baseline has, the more a feature's own estimate owes to luck; the family-wise threshold would
    be broken by the features whose estimate came out too small.
    """
    variances = np.array([_variance(each) for each in residuals])
    usable = variances > 0
    if np.count_nonzero(usable) < LEAST_FEATURES:
        return list(residuals)
    freedom = np.array([each.degrees_of_freedom for each in residuals])
    prior = _Prior.of(variances[usable], freedom[usable])
    return [
        _drawn(each, variance, prior) if variance > 0 else each
        for each, variance in zip(residuals, variances, strict=True)
    ]


def _drawn(residuals: Residuals, variance: float, prior: _Prior) -> Residuals:
    own = residuals.degrees_of_freedom
    common = (prior.degrees_of_freedom * prior.variance + own * variance) / (prior.degrees_of_freedom + own)
    return replace(
        residuals,
        deviations=residuals.deviations * math.sqrt(common / variance),
        degrees_of_freedom=own + prior.degrees_of_freedom,
    )


def _variance(residuals: Residuals) -> float:
    """Mean squared deviation of the distribution function, weighted by the cells' shares."""
    cumulative = np.cumsum(residuals.deviations, axis=1)
    return float((np.square(cumulative) @ residuals.shares).mean())


def _inverse_trigamma(value: float) -> float:
    return float(optimize.brentq(lambda x: float(special.polygamma(1, x)) - value, 1e-6, 1e8))
