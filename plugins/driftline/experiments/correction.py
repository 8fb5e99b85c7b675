"""Several comparisons at once: the chance that any of them errs stays at alpha.

References
----------
.. [1] Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values as Holm [1]_ corrects them: below alpha, the comparison is significant among all of them.

    Not by statsmodels, whose `multipletests` collects all garbage at every call: a quarter of a second of a thousandth.
    """
    corrected: dict[str, float] = {}
    worst = 0.0
    for rank, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda each: each[1])):
        worst = max(worst, min((len(p_values) - rank) * p_value, 1.0))
        corrected[name] = worst
    return {name: corrected[name] for name in p_values}
