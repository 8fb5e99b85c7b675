"""Fixed-horizon tests: valid at one look that was planned beforehand, and at no other.

They are here because people know them and for data that will not grow. An experiment that is looked at while it runs
is judged by `driftline.experiments.analysis`.

References
----------
.. [1] Newcombe (1998), "Interval estimation for the difference between independent proportions: comparison of eleven
   methods", Statistics in Medicine 17, method 10.
.. [2] Agresti and Caffo (2000), "Simple and effective confidence intervals for proportions", American Statistician 54.
.. [3] Welch (1947), "The generalization of Student's problem when several different population variances are
   involved", Biometrika 34.
.. [4] Hodges and Lehmann (1963), "Estimates of location based on rank tests", Annals of Mathematical Statistics 34.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftline.errors import InputError

FIXED_HORIZON = "fixed horizon: valid at one look planned beforehand, not under peeking"


class ProportionInterval(StrEnum):
    """Which interval of a difference of proportions."""

    NEWCOMBE = "newcomb"
    """[1]_, by statsmodels' name for it."""
    AGRESTI_CAFFO = "agresti-caffo"
    """[2]_"""


@dataclass(frozen=True, kw_only=True)
class FixedHorizonResult:
    """Treatment minus control.

    Attributes
    ----------
    statistic:
        z or t of the difference, or U.
    interval:
        Of the difference; None where it has none.
    method:
        Which test, and that it is a fixed-horizon one.
    """

    effect: float
    interval: tuple[float, float] | None
    statistic: float
    p_value: float
    method: str


def compare_proportions(
    control: tuple[int, int],
    treatment: tuple[int, int],
    *,
    alpha: float = 0.05,
    interval: ProportionInterval = ProportionInterval.NEWCOMBE,
) -> FixedHorizonResult:
    """Pooled two-proportion z test of ``(successes, size)`` of each arm."""
    for successes, size in (control, treatment):
        if not 0 <= successes <= size or size == 0:
            raise InputError(f"{successes} of {size} is no share: give successes of at least one row.")
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

    counts, sizes = [treatment[0], control[0]], [treatment[1], control[1]]
    is_constant = sum(counts) in {0, sum(sizes)}
    z, p_value = (0.0, 1.0) if is_constant else proportions_ztest(counts, sizes)
    low, high = confint_proportions_2indep(*treatment, *control, method=interval.value, compare="diff", alpha=alpha)
    return FixedHorizonResult(
        effect=treatment[0] / treatment[1] - control[0] / control[1],
        interval=(float(low), float(high)),
        statistic=float(z),
        p_value=float(p_value),
        method=f"pooled z test, {interval.name.title().replace('_', '-')} interval ({FIXED_HORIZON})",
    )


def compare_means(
    control: tuple[float, float, int], treatment: tuple[float, float, int], *, alpha: float = 0.05
) -> FixedHorizonResult:
    """Welch's t test [3]_ of ``(mean, unbiased variance, size)`` of each arm."""
    for _, variance, size in (control, treatment):
        if size < 2 or not variance >= 0:
            raise InputError(f"A variance of {variance} of {size} values cannot be tested: give at least two values.")
    from scipy.stats import t as student
    from scipy.stats import ttest_ind_from_stats

    effect = treatment[0] - control[0]
    parts = [variance / size for _, variance, size in (control, treatment)]
    error = math.sqrt(sum(parts))
    if error == 0:
        statistic, p_value, half = (math.copysign(math.inf, effect) if effect else 0.0), float(effect == 0), 0.0
    else:
        found = ttest_ind_from_stats(
            treatment[0], math.sqrt(treatment[1]), treatment[2], control[0], math.sqrt(control[1]), control[2], False
        )
        statistic, p_value = float(found.statistic), float(found.pvalue)
        freedom = sum(parts) ** 2 / (parts[0] ** 2 / (control[2] - 1) + parts[1] ** 2 / (treatment[2] - 1))
        half = float(student.isf(alpha / 2, freedom)) * error
    return FixedHorizonResult(
        effect=effect,
        interval=(effect - half, effect + half),
        statistic=statistic,
        p_value=p_value,
        method=f"Welch's t test ({FIXED_HORIZON})",
    )


def compare_estimates(
    control: tuple[float, float], treatment: tuple[float, float], name: str, *, alpha: float = 0.05
) -> FixedHorizonResult:
    """z test of two independent estimates ``(value, variance)``: ROC-AUC by DeLong, log quantiles, clustered ratios."""
    from scipy.special import ndtr, ndtri

    effect, error = treatment[0] - control[0], math.sqrt(control[1] + treatment[1])
    z = effect / error if error else (math.copysign(math.inf, effect) if effect else 0.0)
    half = -float(ndtri(alpha / 2)) * error
    return FixedHorizonResult(
        effect=effect,
        interval=(effect - half, effect + half),
        statistic=z,
        p_value=float(2 * ndtr(-abs(z))),
        method=f"{name} ({FIXED_HORIZON})",
    )


def compare_ranks(control: Sequence[float], treatment: Sequence[float], *, alpha: float = 0.05) -> FixedHorizonResult:
    """Mann-Whitney test, with the Hodges-Lehmann shift and its interval [4]_: for values with long tails."""
    if not control or not treatment or not all(map(math.isfinite, [*control, *treatment])):
        raise InputError("Ranks need at least one value in each arm, and finite numbers only.")
    from scipy.stats import mannwhitneyu

    found = mannwhitneyu(treatment, control)
    shifts = sorted(one - other for one in treatment for other in control)
    middle = len(shifts) // 2
    outer = _critical_rank(len(treatment), len(control), alpha)
    return FixedHorizonResult(
        effect=(shifts[middle] + shifts[-middle - 1]) / 2,
        interval=(shifts[outer - 1], shifts[-outer]) if outer else None,
        statistic=float(found.statistic),
        p_value=float(found.pvalue),
        method=f"Mann-Whitney test, Hodges-Lehmann shift ({FIXED_HORIZON})",
    )


def _critical_rank(one: int, other: int, alpha: float) -> int:
    """Which of the sorted differences, from either end, bounds the interval (0: none does, there are too few)."""
    if one * other > 400:
        from scipy.special import ndtri

        deviation = math.sqrt(one * other * (one + other + 1) / 12)
        return max(math.floor(one * other / 2 + float(ndtri(alpha / 2)) * deviation), 0)
    counts = _arrangements(one, other)
    below, total = 0, sum(counts)
    for rank, count in enumerate(counts):
        below += count
        if below / total > alpha / 2:
            return rank
    return 0


def _arrangements(one: int, other: int) -> list[int]:
    """In how many orders of two samples U takes each of its values (the Gaussian binomial's coefficients)."""
    counts = [1] + [0] * (one * other)
    for step in range(1, one + 1):
        for value in range(one * other, other + step - 1, -1):
            counts[value] -= counts[value - other - step]
        for value in range(step, one * other + 1):
            counts[value] += counts[value - step]
    return counts
