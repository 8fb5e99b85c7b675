"""Confidence sequences: intervals that hold at every look at once, however often and for however long one looks.

The chance that the interval ever leaves the truth out, over all looks together, is at most alpha (as samples grow).
The price is width: at the number of samples that it is tuned for, about 1.4 times a fixed-horizon interval.

References
----------
.. [1] Howard, Ramdas, McAuliffe and Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic confidence sequences",
   Annals of Statistics 49: the two-sided normal mixture.
.. [2] Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory and asymptotic
   confidence sequences", Annals of Statistics 52.
"""

from __future__ import annotations

import math

DEFAULT_TUNING = 5_000
"""Samples at which the interval is narrowest where no horizon says otherwise."""


def mixture_rho(tuned_for: float, alpha: float) -> float:
    """The mixture's parameter for which the bound is tightest at the intrinsic time ``tuned_for`` [1]_."""
    spread = -2 * math.log(alpha)
    return tuned_for / (spread + math.log1p(spread))


def mixture_bound(time: float, rho: float, alpha: float) -> float:
    """What a sum of variance ``time`` stays below in size, at all times at once, with probability 1 - alpha [1]_."""
    return math.sqrt((time + rho) * math.log((time + rho) / (rho * alpha * alpha)))


def critical_multiple(samples: float, alpha: float, tuned_for: float = DEFAULT_TUNING) -> float:
    """How many standard errors the interval reaches to each side after so many ``samples`` [2]_.

    It is what 1.96 is to one look at alpha 0.05.
    """
    return mixture_bound(samples, mixture_rho(tuned_for, alpha), alpha) / math.sqrt(samples)


def always_valid_p(z: float, samples: float, alpha: float, tuned_for: float = DEFAULT_TUNING) -> float:
    """The smallest level at which the sequence, tuned as for ``alpha``, leaves 0 out; for an estimate ``z`` standard
    errors from 0."""
    rho = mixture_rho(tuned_for, alpha)
    ratio = (samples + rho) / rho
    return min(1.0, math.sqrt(ratio) * math.exp(-z * z * samples / (2 * (samples + rho))))
