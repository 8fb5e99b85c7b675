"""Group sequential tests: several looks at one planned horizon that err, all together, with probability alpha.

The boundary at each look is such that the chance of crossing it there for the first time, where there is no effect,
is what the spending function allows to be spent between the last look and this one. Looks may come at any fraction of
the horizon, as long as their times do not depend on the effect.

References
----------
.. [1] Lan and DeMets (1983), "Discrete sequential boundaries for clinical trials", Biometrika 70.
.. [2] Armitage, McPherson and Rowe (1969), "Repeated significance tests on accumulating data", JRSS A 132: the
   recursion. Jennison and Turnbull (2000), "Group Sequential Methods", chapter 19: its integration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from driftline.errors import InputError
from driftline.experiments.design import Spending

Floats = NDArray[np.float64]

FARTHEST = 8.2
"""Standard errors: a boundary beyond is not told apart from this one (both are crossed once in 10^15)."""
_NODES_PER_STEP = 1.5
"""Of the quadrature: more change no bound by more than 4e-10 (measured up to 100 looks)."""
_FEWEST_NODES = 24
"""Even, as their number always is: no node lies in the middle."""


def spent(spending: Spending, alpha: float, fraction: float) -> float:
    """How much of ``alpha`` may be spent by the ``fraction`` (0 to 1) of the horizon [1]_."""
    if fraction <= 0:
        return 0.0
    if fraction >= 1:
        return alpha
    if spending is Spending.QUADRATIC:
        return alpha * fraction * fraction
    # Each side has half of alpha.
    return float(4 * ndtr(ndtri(alpha / 4) / math.sqrt(fraction)))


def boundaries(
    alpha: float,
    fractions: Sequence[float],
    spending: Spending,
    *,
    is_last: bool = False,
    known: Sequence[float] = (),
) -> tuple[float, ...]:
    """Per look the number of standard errors, to either side, at which the test rejects.

    Parameters
    ----------
    fractions
        Of the horizon, rising, above 0. Beyond 1 the horizon has been overrun, and all of alpha is spent.
    is_last
        Whether the last of these looks is the last of all, and may spend what is left.
    known
        The bounds of the first looks, where they have been found before: saves finding them again.

    Raises
    ------
    InputError
        When the fractions do not rise.
    """
    rising = tuple(float(fraction) for fraction in fractions)
    if not rising or rising[0] <= 0 or any(after <= before for before, after in pairwise(rising)):
        raise InputError(f"The looks are at {list(rising)} of the horizon; fractions rise, from above 0.")
    return _boundaries(alpha, rising, spending, is_last, tuple(known))


def crossing_probability(bounds: Sequence[float], fractions: Sequence[float], drift: float) -> float:
    """The chance to cross a bound, to either side, at one of the looks.

    Parameters
    ----------
    drift
        The expected z at fraction 1: 0 without an effect.
    """
    walk = _Walk()
    crossed = 0.0
    for step, (fraction, bound) in enumerate(zip(fractions, bounds, strict=True)):
        crossed += walk.exceeding(bound, fraction, drift)
        walk = walk.after(bound, fraction, _next_step(fractions, step), drift)
    return crossed


@lru_cache(maxsize=4_096)
def _boundaries(
    alpha: float, fractions: tuple[float, ...], spending: Spending, is_last: bool, known: tuple[float, ...]
) -> tuple[float, ...]:
    walk, bounds, already = _Walk(), [], 0.0
    for step, fraction in enumerate(fractions):
        is_end = is_last and step == len(fractions) - 1
        allowed = alpha if is_end else spent(spending, alpha, fraction)
        bound = known[step] if step < len(known) else walk.bound(max(allowed - already, 0.0), fraction)
        bounds.append(bound)
        already = max(allowed, already)
        if step < len(fractions) - 1:
            walk = walk.after(bound, fraction, _next_step(fractions, step), 0.0)
    return tuple(bounds)


def _next_step(fractions: Sequence[float], step: int) -> float:
    return fractions[step + 1] - fractions[step] if step + 1 < len(fractions) else 1.0


class _Walk:
    """The sub-density of a Brownian motion that has crossed no bound so far, on the nodes of a quadrature."""

    def __init__(self, time: float = 0.0, nodes: Floats | None = None, masses: Floats | None = None) -> None:
        self._time = time
        self._nodes = np.zeros(1) if nodes is None else nodes
        self._masses = np.ones(1) if masses is None else masses

    def exceeding(self, bound: float, time: float, drift: float) -> float:
        """The probability to be beyond ``bound`` standard errors at ``time``, for the first time."""
        step = time - self._time
        reach, deviation = bound * math.sqrt(time), math.sqrt(step)
        centers = self._nodes + drift * step
        beyond = ndtr((-reach - centers) / deviation) + ndtr((centers - reach) / deviation)
        return float(self._masses @ beyond)

    def bound(self, probability: float, time: float) -> float:
        """The bound that is exceeded with ``probability`` where there is no drift."""
        if self.exceeding(FARTHEST, time, 0.0) >= probability:
            return FARTHEST
        found = brentq(lambda bound: self.exceeding(bound, time, 0.0) - probability, 0.0, FARTHEST, xtol=1e-10)
        return float(found)

    def after(self, bound: float, time: float, next_step: float, drift: float) -> _Walk:
        """The walk that goes on where it stayed within ``bound`` at ``time``."""
        step = time - self._time
        reach = bound * math.sqrt(time)
        steps = 2 * reach / math.sqrt(min(step, next_step))
        nodes, weights = _quadrature(_FEWEST_NODES + math.ceil(_NODES_PER_STEP * steps / 8) * 8)
        nodes, weights = nodes * reach, weights * reach
        if drift:
            density = self._density(nodes, drift, step)
        else:
            # As far to the one side as to the other: half of it is the mirror of the rest.
            upper = self._density(nodes[nodes.size // 2 :], drift, step)
            density = np.concatenate((upper[::-1], upper))
        return _Walk(time, nodes, density * weights)

    def _density(self, nodes: Floats, drift: float, step: float) -> Floats:
        """At ``nodes``, a ``step`` later. In one array: a thousand experiments ask for it fourteen thousand times."""
        kernel = np.subtract.outer(nodes, self._nodes + drift * step)
        kernel *= kernel
        kernel *= -0.5 / step
        density: Floats = np.exp(kernel, out=kernel) @ self._masses
        return density / math.sqrt(2 * math.pi * step)


@lru_cache(maxsize=256)
def _quadrature(count: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on -1 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights
